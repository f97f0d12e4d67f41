"""OpenVINO on a CPU, in the precision of the bundle or the nearest that the CPU computes."""

from __future__ import annotations

import logging
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

import openvino as ov

from lama_deploy.arrays import Array
from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.cache import cache_directory
from lama_deploy.errors import BundleError, LamaDeployError
from lama_deploy.images.pixels import unit_planes
from lama_deploy.runtime.backends.openvino_core import openvino_core

log = logging.getLogger(__name__)
# A bundle's precision -> OpenVINO's hint. What int8 leaves out runs in bf16.
HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "int8": "bf16"}
CAPABILITIES = {"f16": "FP16", "bf16": "BF16"}
# From this size on a model is compiled for the picture's own shape: OpenVINO plans memory for known shapes only, and at
# 2048x2048 that takes a third to a half off the peak, for the few seconds that compiling takes.
PIXELS_WORTH_COMPILING = 4_000_000


class OpenVinoBackend:
    """A `model.xml` written by lama-export --to openvino, either interface. Safe to call from several threads.

    threads: of all streams together; None leaves it to OpenVINO. streams: pictures computed at the same time, each with
    its share of the threads. cache: a folder for compiled models, which makes later starts fast; None for the user's
    cache, "" for none. precision: "f32" to overrule the file's hint. `hint` is what it runs in,
    `made_for` what the file names.
    """

    name = "openvino"
    device = "cpu"

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
        self._io, self.made_for = _properties(Path(model))
        core = openvino_core()
        self.hint = precision or _supported_hint(core, self.made_for)
        properties: dict[str, object] = {"INFERENCE_PRECISION_HINT": self.hint, "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            properties["INFERENCE_NUM_THREADS"] = threads
        if streams is not None:
            properties["NUM_STREAMS"] = streams
        self._large = _LargePictures(core, Path(model), properties)
        compiled = _compile(core, Path(model), properties | _cache_properties(cache))
        requests = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self.workers = requests + 1  # one reads or writes pictures while the others wait for theirs
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
        if feeds["mask"].size >= PIXELS_WORTH_COMPILING:
            return self._large.infer(feeds)
        with self._request() as request:
            return _result(request, feeds)

    @contextmanager
    def _request(self) -> Iterator[ov.InferRequest]:
        request = self._idle.get()
        try:
            yield request
        finally:
            self._idle.put(request)


class _LargePictures:
    """A model compiled for the shape of its last picture; one at a time, whatever the streams."""

    def __init__(self, core: ov.Core, model: Path, properties: dict[str, object]) -> None:
        self._core, self._model = core, model
        self._properties = properties | {"NUM_STREAMS": 1}
        self._lock = Lock()
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._request: ov.InferRequest | None = None

    def infer(self, feeds: dict[str, Array]) -> Array:
        shapes = {name: values.shape for name, values in feeds.items()}
        with self._lock:
            if self._request is None or shapes != self._shapes:
                self._request = None  # its memory goes before the next one's comes
                loaded = self._core.read_model(self._model)
                loaded.reshape(shapes)
                self._request = self._core.compile_model(loaded, "CPU", self._properties).create_infer_request()
                self._shapes = shapes
            return _result(self._request, feeds)


def _result(request: ov.InferRequest, feeds: dict[str, Array]) -> Array:
    request.start_async(feeds)
    request.wait()
    result: Array = request.get_tensor("result").data.copy()
    return result


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
    if CAPABILITIES.get(hint, "FP32") in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return hint
    log.warning("this CPU does not compute in %s; %s runs in f32 instead, right and slower", hint, precision)
    return "f32"
