"""MNN on a CPU: a `model.mnn` written by lama-export, either interface, pictures of any size."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.bundle import bundle_beside
from lama_deploy.errors import BundleError, LamaDeployError, brief
from lama_deploy.images.pixels import unit_planes
from lama_deploy.runtime.backend import Capabilities, Recipe
from lama_deploy.runtime.backends.engine_words import kept_from_stdout
from lama_deploy.runtime.devices import parse_device
from lama_deploy.runtime.failures import engine_failures
from lama_deploy.runtime.interface import Value, check_interface
from lama_deploy.runtime.memory import estimated_memory
from lama_deploy.shapes import Shape, ShapeRange

with kept_from_stdout():  # MNN tells what the processor has, in the middle of what goes to a pipe
    import MNN.expr as expr
    import MNN.nn as nn

OURS = "lama_deploy"  # what the file's business code begins with
RESULTS: Mapping[str, Value] = {"uint8": ("uint8", 4), "float": ("float32", 4)}  # the file names no type of its result
TYPES: Mapping[Any, str] = {expr.uint8: "uint8", expr.float: "float32"}
# MNN's hint by number, and its value: Winograd's sums are off by ten times what eager float32 PyTorch is, which the
# gate refuses in float32; without them big convolutions take a quarter longer.
WINOGRAD, NEVER = 3, 0
EXACT = "high"
PRECISIONS = ("high", "normal", "low")


def business_code(io: str, precision: str) -> str:
    """What an .mnn file says of itself, the only text of ours that the format has a place for."""
    return f"{OURS}/{io}/{precision}"


class MnnBackend:
    """device: "cpu" or None, the same. threads: None for one a core. Safe to call from several threads, one at a time.

    precision: "high", the default: float32, exact sums, as the file was proven. "normal": with MNN's own choice of sums
    (Winograd's), faster. "low": ARM processors may compute in half.
    """

    name = "mnn"
    device = "cpu"

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        device: str | None = None,
        threads: int | None = None,
        precision: Literal["high", "normal", "low"] = "high",
    ) -> None:
        parse_device(device, ("cpu",), "the mnn backend")
        path = Path(model)
        self._module = _opened(path, threads or os.cpu_count() or 1, precision)
        info = self._module.get_info()
        io, made_for = _said_by(info["bizCode"])
        self._io = check_interface(path, io, _described(info, io), "mnn")
        self._turn = Lock()
        bundle = bundle_beside(path)
        shapes, recorded = _shapes(info), bundle.memory if bundle else {}
        options = {"backend": self.name, "threads": threads, "precision": precision}
        self.capabilities = Capabilities(
            made_for=made_for,
            memory=estimated_memory(self.name, bundle, made_for),
            recipe=None if shapes else Recipe(str(path.absolute()), options, recorded=recorded),
            shapes=shapes,
        )

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run. Raises EngineError, DeviceMemoryError."""
        with engine_failures("MNN", (masks.shape[0], masks.shape[1], masks.shape[2])), self._turn:
            return self._run(images, masks)

    def _run(self, images: Array, masks: Array) -> Array:
        if self._io == "float":
            images, masks = unit_planes(images, masks)
        inputs = [_variable(values) for values in (images, masks)]
        found = self._module.forward(inputs)
        result = found[0].read() if found else None
        if result is None:
            raise RuntimeError("it computed nothing")
        copied: Array = np.array(result).reshape(images.shape)  # MNN's own memory, which the next run overwrites
        return copied if self._io == "uint8" else copied.transpose(0, 2, 3, 1)


def _opened(path: Path, threads: int, precision: str) -> nn._Module:
    """Raises BundleError, LamaDeployError."""
    if precision not in PRECISIONS:
        raise LamaDeployError(f"precision is '{brief(precision)}'; MNN has {', '.join(PRECISIONS)}")
    if not path.is_file():
        raise BundleError(f"{path}: no such file")
    try:
        with kept_from_stdout():
            runtime = nn.create_runtime_manager(({"backend": "CPU", "precision": precision, "numThread": threads},))
            if precision == EXACT:
                runtime.set_hint(WINOGRAD, NEVER)
            return nn.load_module_from_file(os.fspath(path), [], [], runtime_manager=runtime)
    except (SystemError, RuntimeError, ValueError) as error:  # the first is how MNN's own failures arrive
        raise BundleError(f"{path}: MNN cannot open it; it is damaged or no model of MNN; export it again") from error


def _said_by(code: str) -> tuple[str, str | None]:
    """(interface, precision) as lama-export wrote them into the file; "" and None where it did not."""
    ours, *said = code.split("/")
    return (said[0], said[1]) if ours == OURS and len(said) == 2 else ("", None)


def _described(info: Mapping[str, Any], io: str) -> dict[str, Value]:
    found = {
        name: (TYPES.get(value.dtype, str(value.dtype)), len(value.shape))
        for name, value in zip(info["inputNames"], info["inputs"], strict=True)
    }
    return found | dict.fromkeys(info["outputNames"], RESULTS.get(io, ("", 0)))


def _shapes(info: Mapping[str, Any]) -> tuple[ShapeRange, ...]:
    """The one that the file was made for, or none where it takes any: its sides are -1 then, whatever its batch."""
    pictures, *_, height, width = info["inputs"][info["inputNames"].index("mask")].shape
    shape: Shape = (pictures, height, width)
    return (ShapeRange(shape, shape, shape),) if height > 0 and width > 0 else ()


def _variable(values: Array) -> expr.Var:
    dtype = expr.uint8 if values.dtype == np.uint8 else expr.float
    return expr.const(np.ascontiguousarray(values), list(values.shape), expr.NCHW, dtype)
