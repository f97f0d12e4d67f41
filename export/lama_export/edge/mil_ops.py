"""The layers of a generator as operators of Core ML's intermediate language (MIL). Maps are (N, C, h, w)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from coremltools.converters.mil import Builder

from lama_deploy.arrays import Array
from lama_export.edge.dft import DftByRows


class MilOperators:
    """`network.Operators`, of values that are MIL's; to be used while a program is built."""

    def conv(
        self,
        name: str,
        x: Any,
        weight: Array,
        bias: Array | None,
        *,
        stride: int = 1,
        dilation: int = 1,
        zeros: int = 0,
        relu: bool = False,
    ) -> Any:
        given = {} if bias is None else {"bias": _float(bias)}
        y = Builder.conv(
            x=x,
            weight=_float(weight),
            strides=[stride] * 2,
            dilations=[dilation] * 2,
            pad_type="custom",
            pad=[zeros] * 4,
            name=f"{name}/conv" if relu else name,
            **given,
        )
        return Builder.relu(x=y, name=name) if relu else y

    def double(self, name: str, x: Any, weight: Array, bias: Array) -> Any:
        n, _, h, w = x.shape
        y = Builder.conv_transpose(
            x=x,
            weight=_float(weight),
            bias=_float(bias),
            strides=[2, 2],
            pad_type="custom",
            pad=[1, 0, 1, 0],  # one less at the end is PyTorch's output padding
            output_shape=[n, weight.shape[1], 2 * h, 2 * w],
            name=f"{name}/conv",
        )
        return Builder.relu(x=y, name=name)

    def reflect(self, name: str, x: Any, begin: int, end: int) -> Any:
        return Builder.pad(x=x, pad=[0, 0, 0, 0, begin, end, begin, end], mode="reflect", name=name)

    def add(self, name: str, a: Any, b: Any, *, relu: bool = False) -> Any:
        y = Builder.add(x=a, y=b, name=f"{name}/add" if relu else name)
        return Builder.relu(x=y, name=name) if relu else y

    def concat(self, name: str, parts: Sequence[Any]) -> Any:
        return Builder.concat(values=list(parts), axis=1, name=name)

    def split(self, name: str, x: Any, parts: int) -> Sequence[Any]:
        found: Sequence[Any] = Builder.split(x=x, num_splits=parts, axis=1, name=name)
        return found

    def fourier_unit(self, name: str, x: Any, weight: Array, bias: Array) -> Any:
        """The form of `graph.spectral`: all changes of layout are reshapes, but for one concatenation."""
        n, channels, h, w = x.shape
        matrices, half = _matrices(h, w), w // 2 + 1
        parts = [
            Builder.matmul(x=x, y=_float(matrix), name=f"{name}/dft_w_{part}")
            for part, matrix in (("re", matrices.forward_re), ("im", matrices.forward_im))
        ]
        stacked = Builder.concat(values=parts, axis=2, name=f"{name}/stack")
        spectrum = Builder.matmul(x=_float(matrices.forward_h), y=stacked, name=f"{name}/dft_h")
        planes = Builder.reshape(x=spectrum, shape=[n, 2 * channels, h, half], name=f"{name}/planes")
        mixed = self.conv(f"{name}/mix", planes, weight, bias, relu=True)
        columns = Builder.reshape(x=mixed, shape=[n, channels, 2 * h, half], name=f"{name}/columns")
        rows = Builder.matmul(x=_float(matrices.inverse_h), y=columns, name=f"{name}/idft_h")
        rows = Builder.reshape(x=rows, shape=[n, channels, h, 2 * half], name=f"{name}/rows")
        return Builder.matmul(x=rows, y=_float(matrices.inverse_w), name=name)

    def pixels(self, name: str, x: Any, weight: Array, bias: Array) -> Any:
        y = self.conv(name, x, weight, bias, stride=2)
        return Builder.pixel_shuffle(x=y, upscale_factor=2, name=f"{name}/pixels")

    def sigmoid(self, name: str, x: Any) -> Any:
        return Builder.sigmoid(x=x, name=name)


def _float(values: Array) -> Array:
    return np.asarray(values, np.float32)


@cache
def _matrices(h: int, w: int) -> DftByRows:
    return DftByRows.of(h, w)
