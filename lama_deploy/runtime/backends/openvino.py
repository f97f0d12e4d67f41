"""OpenVINO on a CPU, in the precision of the bundle or the nearest that the CPU computes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import openvino as ov

from lama_deploy.arrays import Array
from lama_deploy.bundle import bundle_beside
from lama_deploy.errors import BundleError, brief
from lama_deploy.images.pixels import unit_planes
from lama_deploy.runtime.backend import Capabilities, Recipe
from lama_deploy.runtime.backends.openvino_core import openvino_core
from lama_deploy.runtime.backends.openvino_files import ModelFiles
from lama_deploy.runtime.devices import parse_device
from lama_deploy.runtime.failures import engine_failures
from lama_deploy.runtime.interface import Value, check_interface
from lama_deploy.runtime.memory import estimated_memory
from lama_deploy.shapes import Shape, ShapeRange

log = logging.getLogger(__name__)
# A bundle's precision -> OpenVINO's hint. What int8 leaves out runs in bf16.
HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "int8": "bf16"}
PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16"}
FEATURES = {"f16": "FP16", "bf16": "BF16"}  # what OpenVINO calls a CPU that computes in them
# From this size on a model that is compiled for the picture's own shape pays: OpenVINO plans memory for known shapes
# only, and at 2048x2048 that takes a third to a half off the peak, for the few seconds that compiling takes.
PIXELS_WORTH_COMPILING = 4_000_000
# Values of the graph that lama-export writes: from the first cell to the last, and nothing around it.
WHOLE_WINDOW = {
    "generator/window/starts": [0] * 2,
    "generator/window/ends": [2**31 - 1] * 2,
    "generator/window/pads": [0] * 8,
}
# What OpenVINO prepares for a shape and keeps, by layer; it would keep 5000 a stream. With lama-demo, 200 sizes that it
# had not met before took the process from 205 to 806 MiB then, and take it to 378 now; pictures of four sizes in turn
# are as fast.
KEPT_LAYERS = 128


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
        """As Backend.run. Waits for a free request where more threads call than there are streams.

        Raises EngineError, DeviceMemoryError.
        """
        with engine_failures("OpenVINO", (masks.shape[0], masks.shape[1], masks.shape[2])):
            return self._run(images, masks)

    def _run(self, images: Array, masks: Array) -> Array:
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
        parse_device(device, ("cpu",), "the openvino backend")
        self._files, self._core = ModelFiles.read(Path(model)), openvino_core()
        io, made_for = self._files.properties()
        hint = precision or _supported_hint(self._core, _known(self._files.path, made_for))
        self._config: dict[str, object] = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        self._config["CPU_RUNTIME_CACHE_CAPACITY"] = KEPT_LAYERS
        if threads is not None:
            self._config["INFERENCE_NUM_THREADS"] = threads
        streams_config = {} if streams is None else {"NUM_STREAMS": streams}
        compiled = _compile(
            self._core, self._files, self._config | streams_config | self._files.cache_properties(cache)
        )
        io = check_interface(model, io, dict(map(_described, (*compiled.inputs, *compiled.outputs))), "openvino")
        computed = made_for if made_for in HINTS and HINTS[made_for] == hint else PRECISIONS.get(hint)
        bundle = bundle_beside(self._files.path)
        options = {"backend": self.name, "threads": threads, "streams": streams, "precision": precision}
        options |= {"cache": ""} if cache == "" else {}
        takes = Capabilities(
            fixed_from=PIXELS_WORTH_COMPILING,
            precision=PRECISIONS.get(hint),
            hint=hint,
            made_for=made_for,
            memory=estimated_memory(self.name, bundle, computed),
            recipe=Recipe(str(Path(model).absolute()), options, recorded=bundle.memory if bundle else {}),
        )
        super().__init__(compiled, io, takes)

    def fixed(self, shape: Shape) -> CompiledModel:
        """The model compiled for one shape, with one stream, since each would hold the memory of a large picture."""
        n, h, w = shape
        sizes = {"uint8": ((n, h, w, 3), (n, h, w)), "float": ((n, 3, h, w), (n, 1, h, w))}[self._io]
        with engine_failures("OpenVINO", shape):
            loaded = self._core.read_model(self._files.xml, self._files.weights)
            loaded.reshape(dict(zip(("image", "mask"), sizes, strict=True)))
            _decode_whole(loaded)
            compiled = self._core.compile_model(loaded, "CPU", self._config | {"NUM_STREAMS": 1})
        takes = replace(self.capabilities, shapes=(ShapeRange(shape, shape, shape),), fixed_from=None)
        return CompiledModel(compiled, self._io, takes)


def _decode_whole(model: ov.Model) -> None:
    """Fix the window of a decoder for holes alone to the whole picture; a model without one stays as it is.

    Memory is planned for known shapes only. At 2048x2048 with a hole of 3%, lama-demo takes 188 bytes a pixel so, and
    with a window that depends on the mask 242; with a hole of 100%, 513.
    """
    nodes = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
    for name, values in WHOLE_WINDOW.items():
        if name in nodes:
            nodes[name].output(0).replace(ov.opset13.constant(np.asarray(values, np.int64)).output(0))


def _known(model: Path, precision: str | None) -> str:
    if precision not in HINTS:
        raise BundleError(f"{model}: not a LaMa model of lama-export; make one with lama-export --to openvino")
    return precision


def _described(port: ov.ConstOutput) -> tuple[str, Value]:
    name = next(iter(sorted(port.get_names())), "without a name")
    rank = port.get_partial_shape().rank
    return name, (port.get_element_type().to_dtype().name, rank.get_length() if rank.is_static else None)


def _compile(core: ov.Core, files: ModelFiles, properties: dict[str, object]) -> ov.CompiledModel:
    try:
        return core.compile_model(files.xml, "CPU", properties, weights=files.weights)
    except RuntimeError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise BundleError(f"{files.path}: OpenVINO cannot open it ({brief(lines[-1])}); export it again") from error


def _supported_hint(core: ov.Core, precision: str) -> str:
    hint = HINTS[precision]
    if FEATURES.get(hint, "FP32") in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return hint
    runs = "what its 8-bit convolutions leave runs" if precision == "int8" else f"{precision} runs"
    log.warning("OpenVINO does not compute in %s on this CPU; %s in f32 instead, right and slower", hint, runs)
    return "f32"
