"""OpenVINO on a CPU, in the precision of the bundle or the nearest that the CPU computes."""

from __future__ import annotations

import logging
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import openvino as ov

from lama_deploy.arrays import Array
from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.cache import cache_directory
from lama_deploy.errors import BundleError, LamaDeployError
from lama_deploy.images.pixels import unit_planes
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.runtime.backends.openvino_core import openvino_core
from lama_deploy.shapes import Shape, ShapeRange

log = logging.getLogger(__name__)
# A bundle's precision -> OpenVINO's hint. What int8 leaves out runs in bf16.
HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "int8": "bf16"}
PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16"}
FEATURES = {"f16": "FP16", "bf16": "BF16"}  # what OpenVINO calls a CPU that computes in them
# From this size on a model that is compiled for the picture's own shape pays: OpenVINO plans memory for known shapes
# only, and at 2048x2048 that takes a third to a half off the peak, for the few seconds that compiling takes.
PIXELS_WORTH_COMPILING = 4_000_000


class CompiledModel:
    """A model that OpenVINO has compiled, as a Backend. Safe to call from several threads."""

    name = "openvino"
    device = "cpu"

    def __init__(self, compiled: ov.CompiledModel, io: str, capabilities: Capabilities) -> None:
        """io: "uint8" or "float". capabilities: but for workers, which follow from the compiled model's requests."""
        self._io = io
        requests = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        # One reads or writes pictures while the others wait for theirs.
        self.capabilities = replace(capabilities, workers=requests + 1)
        self._idle: SimpleQueue[ov.InferRequest] = SimpleQueue()
        for _ in range(requests):
            self._idle.put(compiled.create_infer_request())

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run. Waits for a free request where more threads call than there are streams."""
        if self._io == "uint8":
            return self._infer({"image": images, "mask": masks})
        image, mask = unit_planes(images, masks)
        return self._infer({"image": image, "mask": mask}).transpose(0, 2, 3, 1)

    def _infer(self, feeds: dict[str, Array]) -> Array:
        with self._request() as request:
            request.start_async(feeds)
            request.wait()
            result: Array = request.get_tensor("result").data.copy()
        return result

    @contextmanager
    def _request(self) -> Iterator[ov.InferRequest]:
        request = self._idle.get()
        try:
            yield request
        finally:
            self._idle.put(request)


class OpenVinoBackend(CompiledModel):
    """A `model.xml` written by lama-export --to openvino, either interface.

    threads: of all streams together; None leaves it to OpenVINO. streams: pictures computed at the same time, each with
    its share of the threads. cache: a folder for compiled models, which makes later starts fast; None for the user's
    cache, "" for none. precision: "f32" to overrule the file's hint.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        device: str | None = None,
        threads: int | None = None,
        streams: int | None = None,
        cache: str | os.PathLike[str] | None = None,
        precision: str | None = None,
    ) -> None:
        if device not in (None, "cpu"):
            raise LamaDeployError(f"the openvino backend runs on the CPU, not on {device!r}; leave the device out")
        self._model, self._core = Path(model), openvino_core()
        io, made_for = _properties(self._model)
        hint = precision or _supported_hint(self._core, made_for)
        self._config: dict[str, object] = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            self._config["INFERENCE_NUM_THREADS"] = threads
        streams_config = {} if streams is None else {"NUM_STREAMS": streams}
        compiled = _compile(self._core, self._model, self._config | streams_config | _cache_properties(cache))
        takes = Capabilities(
            fixed_from=PIXELS_WORTH_COMPILING, precision=PRECISIONS.get(hint), hint=hint, made_for=made_for
        )
        super().__init__(compiled, io, takes)

    def fixed(self, shape: Shape) -> CompiledModel:
        """The model compiled for one shape, with one stream, since each would hold the memory of a large picture."""
        n, h, w = shape
        sizes = {"uint8": ((n, h, w, 3), (n, h, w)), "float": ((n, 3, h, w), (n, 1, h, w))}[self._io]
        loaded = self._core.read_model(self._model)
        loaded.reshape(dict(zip(("image", "mask"), sizes, strict=True)))
        compiled = self._core.compile_model(loaded, "CPU", self._config | {"NUM_STREAMS": 1})
        takes = replace(self.capabilities, shapes=(ShapeRange(shape, shape, shape),), fixed_from=None)
        return CompiledModel(compiled, self._io, takes)


def _properties(model: Path) -> tuple[str, str]:
    """(interface, precision) that lama-export wrote into the file."""
    if not model.is_file():
        raise BundleError(f"{model}: no such file")
    try:
        root = ElementTree.parse(model).getroot()
    except ElementTree.ParseError as error:
        raise BundleError(f"{model}: damaged ({error}); export it again") from error
    found = [root.find("rt_info/" + name.replace(".", "/")) for name in (IO_PROPERTY, PRECISION_PROPERTY)]
    io, precision = ("" if element is None else element.get("value", "") for element in found)
    if io not in ("uint8", "float") or precision not in HINTS:
        raise BundleError(f"{model}: not a LaMa model of lama-export; make one with lama-export --to openvino")
    return io, precision


def _cache_properties(cache: str | os.PathLike[str] | None) -> dict[str, object]:
    """Compiled models without their weights, a few megabytes each. No cache where the user's cannot be written."""
    if cache == "":
        return {}
    folder = Path(cache or cache_directory() / "openvino")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if cache:
            raise LamaDeployError(f"{folder}: cannot be a cache ({error.strerror}); give a folder, or none") from error
        return {}
    return {"CACHE_DIR": str(folder), "CACHE_MODE": "OPTIMIZE_SIZE"}


def _compile(core: ov.Core, model: Path, properties: dict[str, object]) -> ov.CompiledModel:
    try:
        return core.compile_model(model, "CPU", properties)
    except RuntimeError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise BundleError(f"{model}: OpenVINO cannot open it ({lines[-1]}); export it again") from error


def _supported_hint(core: ov.Core, precision: str) -> str:
    hint = HINTS[precision]
    if FEATURES.get(hint, "FP32") in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return hint
    log.warning("this CPU does not compute in %s; %s runs in f32 instead, right and slower", hint, precision)
    return "f32"
