"""What a Core ML program computes, operation by operation, in PyTorch: no other system than Apple's runs the package.

What a device rounds in other ways is not seen: here float16 programs store every value in float16 and sum in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (its usual name)

from lama_deploy.arrays import Array
from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.errors import BundleError, ImageError
from lama_deploy.images.pixels import unit_planes
from lama_deploy.proof.coreml_package import FLOAT16, CoreMlPackage, shape_of
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.shapes import Shape, ShapeRange

Values = Mapping[str, Any]
CASTS = {"fp16": torch.float16, "fp32": torch.float32, "int32": torch.int32, "bool": torch.bool}


class CoreMlProgram:
    """A `model.mlpackage` of lama-export, as a Backend on this CPU, for proofs: exact and slow."""

    name = "the program of the package in PyTorch, which no Apple device has run"
    device = "cpu"

    def __init__(self, model: Path) -> None:
        """Raises BundleError."""
        self._package = CoreMlPackage.read(model)
        sizes = {one.name: shape_of(one.type) for one in self._package.model.mlProgram.functions["main"].inputs}
        if set(sizes) != {"image", "mask"}:
            raise BundleError(f"{model}: takes {', '.join(sizes)} and not image and mask; export it again")
        properties = self._package.properties
        self._io, shape = properties.get(IO_PROPERTY), (1, *sizes["mask"][2:])
        self._shape: Shape = (shape[0], shape[1], shape[2])
        takes = ShapeRange(self._shape, self._shape, self._shape)
        self.capabilities = Capabilities(shapes=(takes,), made_for=properties.get(PRECISION_PROPERTY))

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run."""
        if masks.shape != self._shape:
            raise ImageError(
                f"pictures are {masks.shape}, and this program takes {self._shape}; a strategy makes them fit"
            )
        if self._io == "float":
            return self._computed(*unit_planes(images, masks)).transpose(0, 2, 3, 1)
        planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32)
        return self._computed(planes, masks[:, None].astype(np.float32)).transpose(0, 2, 3, 1).astype(np.uint8)

    @torch.inference_mode()
    def _computed(self, image: Array, mask: Array) -> Array:
        values: dict[str, Any] = {"image": torch.from_numpy(image), "mask": torch.from_numpy(mask)}
        for operation in self._package.block.operations:
            self._run_one(operation, values)
        result: Array = values[self._package.block.outputs[0]].float().numpy()
        return result

    def _run_one(self, operation: Any, values: dict[str, Any]) -> None:
        if operation.type == "const":
            values[operation.outputs[0].name] = self._package.constant(operation.attributes["val"])
            return
        given = {name: self._argument(argument, values) for name, argument in operation.inputs.items()}
        given |= {name: self._package.constant(value) for name, value in operation.attributes.items() if name != "name"}
        if operation.type not in OPERATIONS:
            raise BundleError(
                f"{self._package.path}: has the operation {operation.type}, which lama-export does not write"
            )
        made = OPERATIONS[operation.type](given)
        made = made if isinstance(made, (list, tuple)) else [made]
        for output, value in zip(operation.outputs, made, strict=True):
            values[output.name] = _stored(value, output.type.tensorType.dataType)

    def _argument(self, argument: Any, values: Values) -> Any:
        found = [
            values[one.name] if one.WhichOneof("binding") == "name" else self._package.constant(one.value)
            for one in argument.arguments
        ]
        return found[0] if len(found) == 1 else found


def _stored(value: Tensor, kind: int) -> Tensor:
    """A float16 value is kept in float32 and rounded, since sums are to be exact."""
    return value.half().float() if kind == FLOAT16 else value


def _tensor(value: Any) -> Tensor:
    """Constants of float16 in float32, as values are."""
    tensor = value if isinstance(value, Tensor) else torch.from_numpy(np.array(value))
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def _conv(given: Values) -> Tensor:
    top, bottom, left, right = _ints(given["pad"]) if given["pad_type"] == "custom" else (0, 0, 0, 0)
    x = F.pad(_tensor(given["x"]), (left, right, top, bottom))
    bias = _tensor(given["bias"]) if "bias" in given else None
    return F.conv2d(x, _tensor(given["weight"]), bias, _ints(given["strides"]), 0, _ints(given["dilations"]))


def _conv_transpose(given: Values) -> Tensor:
    """All of it, and then what `pad` cuts off."""
    top, bottom, left, right = _ints(given["pad"])
    bias = _tensor(given["bias"]) if "bias" in given else None
    whole = F.conv_transpose2d(_tensor(given["x"]), _tensor(given["weight"]), bias, _ints(given["strides"]))
    return whole[..., top : whole.shape[2] - bottom, left : whole.shape[3] - right]


def _pad(given: Values) -> Tensor:
    pads = _ints(given["pad"])
    top, bottom, left, right = pads[-4:]
    return F.pad(_tensor(given["x"]), (left, right, top, bottom), mode=given["mode"])


def _slice_by_size(given: Values) -> Tensor:
    x = _tensor(given["x"])
    for axis, (begin, size) in enumerate(zip(_ints(given["begin"]), _ints(given["size"]), strict=True)):
        x = x.narrow(axis, begin, size)
    return x


def _dequantised(given: Values) -> Tensor:
    """Weights of 8 bits, by channel."""
    data = _tensor(given["quantized_data"]).float()
    shape = [-1 if axis == int(given["axis"]) else 1 for axis in range(data.dim())]
    scale, zero = _tensor(given["scale"]).float(), _tensor(given["zero_point"]).float()
    return (data - zero.reshape(shape if zero.dim() else [])) * scale.reshape(shape if scale.dim() else [])


def _ints(values: Any) -> list[int]:
    return [int(value) for value in np.atleast_1d(np.asarray(values))]


def _of_two(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Values], Tensor]:
    return lambda given: function(_tensor(given["x"]), _tensor(given["y"]))


OPERATIONS: Mapping[str, Callable[[Values], Any]] = {
    "add": _of_two(torch.add),
    "sub": _of_two(torch.sub),
    "mul": _of_two(torch.mul),
    "matmul": _of_two(torch.matmul),
    "greater": _of_two(torch.gt),
    "relu": lambda given: torch.relu(given["x"]),
    "sigmoid": lambda given: torch.sigmoid(given["x"]),
    "floor": lambda given: torch.floor(given["x"]),
    "cast": lambda given: _tensor(_tensor(given["x"]).to(CASTS[given["dtype"]])),
    "select": lambda given: torch.where(_tensor(given["cond"]), _tensor(given["a"]), _tensor(given["b"])),
    "reshape": lambda given: given["x"].reshape(_ints(given["shape"])),
    "concat": lambda given: torch.cat([_tensor(one) for one in given["values"]], int(given["axis"])),
    "split": lambda given: given["x"].chunk(int(given["num_splits"]), int(given["axis"])),
    "gather": lambda given: given["x"].index_select(int(given["axis"]), torch.tensor(_ints(given["indices"]))),
    "pixel_shuffle": lambda given: F.pixel_shuffle(given["x"], int(given["upscale_factor"])),
    "slice_by_size": _slice_by_size,
    "pad": _pad,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "constexpr_affine_dequantize": _dequantised,
}
