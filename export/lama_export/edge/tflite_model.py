"""A generator's configuration and weights -> a LiteRT file for pictures of one size, as `graph.picture` has them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.bundle import DECODER_PROPERTY, IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.proof.subjects import Size
from lama_deploy.shapes import Shape
from lama_deploy.variants import GeneratorConfig
from lama_export.edge.network import Network
from lama_export.edge.tflite_file import TfliteBuilder, schema
from lama_export.edge.tflite_ops import TfliteOperators
from lama_export.graph.picture import IMAGE, MASK, RESULT, Interface

TYPES = schema.TensorType


def tflite_from_state(
    config: GeneratorConfig,
    state_dict: Mapping[str, Array],
    size: Size,
    *,
    io: Interface = "uint8",
    precision: str = "fp32",
) -> bytes:
    """Images of `size` in and out, any height and width.

    precision: recorded in the file. In fp16 the weights of convolutions are stored in float16, and everything is in
    float32 where a kernel has no other; for int8 the file is in float32, to be quantised.
    """
    picture = _Picture(config, (size.batch, size.height, size.width), io, halves=precision == "fp16")
    ops = picture.ops
    hole, levels, x = picture.inputs()
    y = Network(ops, config, state_dict).emit(x)
    result = picture.result(y, hole, levels)
    properties = {IO_PROPERTY: io, PRECISION_PROPERTY: precision, DECODER_PROPERTY: "whole"}
    return ops.file.finish({IMAGE: picture.image, MASK: picture.mask}, {RESULT: result}, properties)


class _Picture:
    """What surrounds the generator. Maps are padded to its multiple, if they have to be, and cropped again."""

    def __init__(self, config: GeneratorConfig, shape: Shape, io: Interface, *, halves: bool) -> None:
        self.ops = TfliteOperators(TfliteBuilder(), halves=halves)
        self._io, self._shape = io, shape
        multiple = config.multiple
        self._padded = [-(-max(side, config.minimum_size) // multiple) * multiple for side in shape[1:]]
        n, h, w = shape
        file = self.ops.file
        if io == "uint8":
            self.image, self.mask = file.tensor(IMAGE, (n, h, w, 3), "uint8"), file.tensor(MASK, (n, h, w), "uint8")
        else:
            self.image, self.mask = file.tensor(IMAGE, (n, 3, h, w)), file.tensor(MASK, (n, 1, h, w))

    def inputs(self) -> tuple[int, int, int]:
        """The hole (N, H, W, 1) bool, the image (N, H, W, 3) as the interface has it, the generator's input."""
        n, h, w = self._shape
        file, ops = self.ops.file, self.ops
        if self._io == "uint8":
            image, mask = self._float("image", self.image), self._float("mask", self.mask)
            mask = ops.reshape("mask/plane", mask, (n, h, w, 1))
        else:
            image = self._transposed("image/nhwc", self.image, (0, 2, 3, 1))
            mask = ops.reshape("mask/plane", self.mask, (n, h, w, 1))
        image, mask = self._pad("image", image), self._pad("mask", mask)
        zero = file.constant("zero", np.zeros(1))
        hole = file.op("GREATER", "picture/hole", [mask, zero], file.shape(mask), "bool")
        unit = image
        if self._io == "uint8":
            most = file.constant("255", np.full(1, 255))
            unit = file.op("DIV", "picture/unit", [image, most], file.shape(image), fusedActivationFunction=0)
        masked = file.op("SELECT_V2", "picture/masked", [hole, zero, unit], file.shape(image))
        as_float = self._float("picture/hole", hole)
        return hole, image, ops.concat("picture/input", [masked, as_float])

    def result(self, y: int, hole: int, image: int) -> int:
        file, (n, h, w) = self.ops.file, self._shape
        if self._io == "uint8":
            most = file.constant("255", np.full(1, 255))
            y = file.op("MUL", "result/levels", [y, most], file.shape(y), fusedActivationFunction=0)
            y = file.op("FLOOR", "result/floor", [y], file.shape(y))
        y = file.op("SELECT_V2", "result/composite", [hole, y, image], file.shape(y))
        if file.shape(y) != (n, h, w, 3):
            y = self.ops.slice("result/crop", y, (0, 0, 0, 0), (n, h, w, 3))
        if self._io == "float":
            return self._transposed(RESULT, y, (0, 3, 1, 2))
        return file.op("CAST", RESULT, [y], (n, h, w, 3), "uint8", inDataType=TYPES.FLOAT32, outDataType=TYPES.UINT8)

    def _float(self, name: str, x: int) -> int:
        file = self.ops.file
        of = file.graph.tensors[x].type
        return file.op("CAST", f"{name}/float", [x], file.shape(x), inDataType=of, outDataType=TYPES.FLOAT32)

    def _transposed(self, name: str, x: int, order: tuple[int, ...]) -> int:
        file = self.ops.file
        shape = [file.shape(x)[axis] for axis in order]
        return file.op("TRANSPOSE", name, [x, file.constant("order", order, "int32")], shape)

    def _pad(self, name: str, x: int) -> int:
        """NumPy's mode "symmetric", on the right and below."""
        file = self.ops.file
        for axis, padded in enumerate(self._padded, 1):
            shape = list(file.shape(x))
            if shape[axis] != padded:
                position = np.arange(padded) % (2 * shape[axis])
                rows = file.constant("rows", np.minimum(position, 2 * shape[axis] - 1 - position), "int32")
                shape[axis] = padded
                x = file.op("GATHER", f"{name}/padded{axis}", [x, rows], shape, axis=axis, batchDims=0)
        return x
