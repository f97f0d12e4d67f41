"""The layers of a generator as LiteRT's operators. Maps are (N, h, w, C), which is how its kernels have them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from lama_deploy.arrays import Array
from lama_export.edge.dft import DftMatrices, parts_apart
from lama_export.edge.tflite_file import TfliteBuilder, schema

NONE, RELU = schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU
VALID = schema.Padding.VALID
REFLECT = schema.MirrorPadMode.REFLECT


class TfliteOperators:
    """`network.Operators`, of values that are a builder's tensors."""

    def __init__(self, file: TfliteBuilder, *, halves: bool = False) -> None:
        """halves: store the weights of convolutions in float16."""
        self.file, self._halves = file, halves

    def conv(
        self,
        name: str,
        x: int,
        weight: Array,
        bias: Array | None,
        *,
        stride: int = 1,
        dilation: int = 1,
        zeros: int = 0,
        relu: bool = False,
    ) -> int:
        if zeros:
            n, h, w, c = self.file.shape(x)
            pads = self.file.constant("pads", [[0, 0], [zeros] * 2, [zeros] * 2, [0, 0]], "int32")
            x = self.file.op("PAD", f"{name}/pad", [x, pads], (n, h + 2 * zeros, w + 2 * zeros, c))
        n, h, w, _ = self.file.shape(x)
        reach = dilation * (weight.shape[2] - 1)
        return self.file.op(
            "CONV_2D",
            name,
            [x, *self._weights(name, weight.transpose(0, 2, 3, 1), bias)],
            (n, (h - reach - 1) // stride + 1, (w - reach - 1) // stride + 1, weight.shape[0]),
            version=1,
            padding=VALID,
            strideW=stride,
            strideH=stride,
            dilationWFactor=dilation,
            dilationHFactor=dilation,
            fusedActivationFunction=RELU if relu else NONE,
        )

    def double(self, name: str, x: int, weight: Array, bias: Array) -> int:
        """The result's first row and column are cut off: PyTorch's padding has no name here."""
        n, h, w, _ = self.file.shape(x)
        channels = weight.shape[1]
        whole = (n, 2 * h + 1, 2 * w + 1, channels)
        kernel, offset = self._weights(name, weight.transpose(1, 2, 3, 0), bias)
        y = self.file.op(
            "TRANSPOSE_CONV",
            f"{name}/whole",
            [self.file.constant(f"{name}/shape", whole, "int32"), kernel, x, offset],
            whole,
            version=4,
            padding=VALID,
            strideW=2,
            strideH=2,
            fusedActivationFunction=RELU,
        )
        return self.slice(name, y, (0, 1, 1, 0), (n, 2 * h, 2 * w, channels))

    def slice(self, name: str, x: int, begin: Sequence[int], size: Sequence[int]) -> int:
        begins, sizes = self.file.constant("begin", begin, "int32"), self.file.constant("size", size, "int32")
        return self.file.op("SLICE", name, [x, begins, sizes], size)

    def reflect(self, name: str, x: int, begin: int, end: int) -> int:
        """Of one cell as slices and concatenations, which XNNPACK runs, while MIRROR_PAD would part its graph: the
        demo at 512x512 takes a quarter less time so. Of more, which only few layers ask for, as MIRROR_PAD.
        """
        if begin == 1:
            return self._reflect_one(f"{name}/rows", self._reflect_one(name, x, 2, end), 1, end)
        n, h, w, c = self.file.shape(x)
        pads = self.file.constant("pads", [[0, 0], [begin, end], [begin, end], [0, 0]], "int32")
        return self.file.op("MIRROR_PAD", name, [x, pads], (n, h + begin + end, w + begin + end, c), mode=REFLECT)

    def _reflect_one(self, name: str, x: int, axis: int, end: int) -> int:
        shape = list(self.file.shape(x))
        size, line = shape[axis], [*shape]
        line[axis], shape[axis] = 1, size + 1 + end
        begin, last = [0] * 4, [0] * 4
        begin[axis], last[axis] = 1, size - 2
        parts = [self.slice(f"{name}/before", x, begin, line), x]
        if end:
            parts.append(self.slice(f"{name}/after", x, last, line))
        return self.file.op("CONCATENATION", name, parts, shape, axis=axis, fusedActivationFunction=NONE)

    def add(self, name: str, a: int, b: int, *, relu: bool = False) -> int:
        return self.file.op("ADD", name, [a, b], self.file.shape(a), fusedActivationFunction=RELU if relu else NONE)

    def concat(self, name: str, parts: Sequence[int]) -> int:
        shapes = [self.file.shape(part) for part in parts]
        shape = (*shapes[0][:3], sum(shape[3] for shape in shapes))
        return self.file.op("CONCATENATION", name, parts, shape, axis=3, fusedActivationFunction=NONE)

    def split(self, name: str, x: int, parts: int) -> list[int]:
        *rest, channels = self.file.shape(x)
        axis = self.file.constant("channels", 3, "int32")
        outputs = [self.file.tensor(f"{name}/{part}", (*rest, channels // parts)) for part in range(parts)]
        self.file.operator("SPLIT", [axis, x], outputs, numSplits=parts)
        return outputs

    def fourier_unit(self, name: str, x: int, weight: Array, bias: Array) -> int:
        """As `dft` says: four products, and reshapes that move nothing."""
        n, h, w, channels = self.file.shape(x)
        half, order = w // 2 + 1, parts_apart(channels)
        matrices = _matrices(h, w)
        y = self.reshape(f"{name}/rows", x, (n, h, w * channels))
        y = self._product(f"{name}/dft_h", matrices.forward_h, y)
        y = self.reshape(f"{name}/columns", y, (n * h, 2 * w, channels))
        y = self._product(f"{name}/dft_w", matrices.forward_w, y)
        y = self.reshape(f"{name}/spectrum", y, (n, h, half, 2 * channels))
        y = self.conv(f"{name}/mix", y, weight[order][:, order], bias[order], relu=True)
        y = self.reshape(f"{name}/columns_back", y, (n * h, 2 * half, channels))
        y = self._product(f"{name}/idft_w", matrices.inverse_w, y)
        y = self.reshape(f"{name}/rows_back", y, (n, 2 * h, w * channels))
        y = self._product(f"{name}/idft_h", matrices.inverse_h, y)
        return self.reshape(name, y, (n, h, w, channels))

    def _product(self, name: str, matrix: Array, x: int) -> int:
        batch, _, columns = self.file.shape(x)
        left = self.file.constant(f"{name}/matrix", matrix[None])
        return self.file.op("BATCH_MATMUL", name, [left, x], (batch, matrix.shape[0], columns))

    def reshape(self, name: str, x: int, shape: Sequence[int]) -> int:
        wanted = self.file.constant(f"{name}/shape", shape, "int32")
        return self.file.op("RESHAPE", name, [x, wanted], shape, newShape=list(shape))

    def pixels(self, name: str, x: int, weight: Array, bias: Array) -> int:
        """DEPTH_TO_SPACE wants them as (row, column, channel)."""
        order = np.arange(len(bias)).reshape(-1, 4).T.ravel()
        y = self.conv(name, x, weight[order], bias[order], stride=2)
        n, h, w, channels = self.file.shape(y)
        return self.file.op("DEPTH_TO_SPACE", f"{name}/pixels", [y], (n, 2 * h, 2 * w, channels // 4), blockSize=2)

    def sigmoid(self, name: str, x: int) -> int:
        return self.file.op("LOGISTIC", name, [x], self.file.shape(x))

    def _weights(self, name: str, weight: Array, bias: Array | None) -> tuple[int, int]:
        offset = np.zeros(weight.shape[0]) if bias is None else bias
        return self._weight(f"{name}/weight", weight), self.file.constant(f"{name}/bias", offset)

    def _weight(self, name: str, weight: Array) -> int:
        if not self._halves:
            return self.file.constant(name, weight)
        stored = self.file.constant(f"{name}/half", weight, "float16")
        return self.file.op("DEQUANTIZE", name, [stored], weight.shape)


@cache
def _matrices(h: int, w: int) -> DftMatrices:
    return DftMatrices.of(h, w)
