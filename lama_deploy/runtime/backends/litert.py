"""LiteRT (TensorFlow Lite) on a CPU, by its XNNPACK kernels: what phones run, checked where the file was made."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from lama_deploy.arrays import Array
from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.errors import BundleError, ImageError, brief
from lama_deploy.images.pixels import unit_planes
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.runtime.backends.litert_file import checked_content, properties_of
from lama_deploy.runtime.devices import parse_device
from lama_deploy.runtime.failures import engine_failures
from lama_deploy.runtime.interface import Value, check_interface
from lama_deploy.shapes import ShapeRange, described


class LiteRtBackend:
    """A `model.tflite` written by lama-export --to litert, either interface. One run at a time; others wait.

    threads: None for one a core. A file takes pictures of one shape alone; strategies cut and pad others to it.
    """

    name = "litert"
    device = "cpu"

    def __init__(self, model: str | os.PathLike[str], *, device: str | None = None, threads: int | None = None) -> None:
        """Raises BundleError."""
        parse_device(device, ("cpu",), "the litert backend")
        path = Path(model)
        content = checked_content(path)
        properties = properties_of(path, content)
        self._interpreter = _opened(path, content, threads or os.cpu_count() or 1)
        self._inputs = {one["name"]: one for one in self._interpreter.get_input_details()}
        self._outputs = {one["name"]: one for one in self._interpreter.get_output_details()}
        values = {name: _described(one) for name, one in (self._inputs | self._outputs).items()}
        self._io = check_interface(path, properties.get(IO_PROPERTY), values, "litert")
        n, *_, h, w = (int(side) for side in self._inputs["mask"]["shape"])
        self._takes = ShapeRange((n, h, w), (n, h, w), (n, h, w))
        self.capabilities = Capabilities(shapes=(self._takes,), made_for=properties.get(PRECISION_PROPERTY))
        self._free = Lock()

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run. Raises ImageError, EngineError, DeviceMemoryError."""
        shape = (masks.shape[0], masks.shape[1], masks.shape[2])
        if shape != self._takes.best:
            raise ImageError(
                f"pictures are {shape}, and this file takes {described([self._takes])}; a strategy makes others fit"
            )
        with self._free, engine_failures("LiteRT", shape):
            if self._io == "uint8":
                return self._run(images, masks)
            return self._run(*unit_planes(images, masks)).transpose(0, 2, 3, 1)

    def _run(self, image: Array, mask: Array) -> Array:
        for name, values in (("image", image), ("mask", mask)):
            self._interpreter.set_tensor(self._inputs[name]["index"], np.ascontiguousarray(values))
        self._interpreter.invoke()
        result: Array = self._interpreter.get_tensor(self._outputs["result"]["index"])
        return result


def _opened(path: Path, content: bytes, threads: int) -> Interpreter:
    try:
        interpreter = Interpreter(model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise BundleError(f"{path}: LiteRT cannot open it ({brief(error)}); export it again") from error
    return interpreter


def _described(tensor: Any) -> Value:
    return tensor["dtype"].__name__, len(tensor["shape"])
