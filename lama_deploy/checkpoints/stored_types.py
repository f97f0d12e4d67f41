"""Element types of tensors in files, and arrays made from their bytes. Every bound is checked in Python's integers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from lama_deploy.arrays import Array

# By torch's names of storages: bytes of an element.
ITEM_BYTES: Mapping[str, int] = {
    "BFloat16Storage": 2,
    "FloatStorage": 4,
    "DoubleStorage": 8,
    "HalfStorage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
}
# Storages that other parts of a checkpoint may have; no weight can.
UNREADABLE = {
    "ComplexFloatStorage",
    "ComplexDoubleStorage",
    "QInt8Storage",
    "QInt32Storage",
    "QUInt8Storage",
    "QUInt4x2Storage",
    "QUInt2x4Storage",
}
_NUMPY: Mapping[str, str] = {
    "BFloat16Storage": "<u2",
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|u1",
}
ALLOWED = "float32, float64, float16, bfloat16, int8 to int64, uint8 and bool"


def elements(raw: bytes | Array, kind: str) -> Array:
    """The bytes of a storage as a flat array that shares them, aligned where they are; `values` makes numbers of it."""
    size = ITEM_BYTES[kind]
    return np.frombuffer(raw, np.dtype(_NUMPY[kind]), count=len(raw) // size)


def values(array: Array, kind: str) -> Array:
    """What the elements mean: bfloat16 as float32, bool as bool; all others are what they are."""
    if kind == "BFloat16Storage":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array != 0 if kind == "BoolStorage" else array


def reaches_out(offset: int, shape: tuple[int, ...], strides: tuple[int, ...], count: int) -> bool:
    """Whether a tensor is empty, strange or reaches outside the `count` elements that there are."""
    if len(shape) != len(strides) or min((offset, *strides)) < 0 or min((1, *shape)) < 1:
        return True
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    return last >= count or math.prod(shape) > count


def strided(flat: Array, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """A copy of a tensor that does not reach out (`reaches_out`), which is checked once more."""
    if reaches_out(offset, shape, strides, flat.size):
        raise AssertionError("unchecked layout")
    steps = [stride * flat.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, steps).copy()
