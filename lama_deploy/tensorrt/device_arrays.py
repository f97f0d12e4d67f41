"""Images and masks that callers hold on an NVIDIA GPU: torch, CuPy, PyCUDA, Numba, JAX, whatever says where it lies."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from lama_deploy.errors import ImageError, MissingDependencyError
from lama_deploy.images.inputs import is_on_device, is_torch
from lama_deploy.shapes import Shape
from lama_deploy.tensorrt.cuda_driver import LEGACY_STREAM, Cuda, Memory
from lama_deploy.tensorrt.stream import Block


@dataclass(frozen=True)
class DeviceCall:
    """One call's tensors on the device. shape: pictures, height, width. result: makes the caller's kind of array.

    blocks: image, mask, result, dense, as the engine takes them. stream: a CUstream in whose order the result is made.
    after: those whose work comes first, `stream` among them.
    """

    shape: Shape
    blocks: tuple[Block, Block, Block]
    stream: int
    after: tuple[int, ...]
    result: Callable[[], Any]

    @classmethod
    def of(cls, image: Any, mask: Any, io: str, cuda: Cuda, stream: Any = None) -> Self:
        """io "uint8": image (N, H, W, 3) or (H, W, 3), mask (N, H, W) or (H, W), uint8 or bool, nonzero = hole.

        io "float": float32 image (N, 3, H, W) in [0, 1], mask (N, 1, H, W). torch: (3, H, W) or (N, 3, H, W), uint8 or
        floats in [0, 1], mask (H, W), (1, H, W) or (N, 1, H, W), for either. All dense (C order). stream: a handle, or
        an object of torch, CuPy, PyCUDA or cuda-python; None for the current one of torch, the one that the image
        names, or the default stream. What the streams that image and mask are named or made on hold is waited for too;
        both must stay as they are until the work of `stream` is done. Raises ImageError.
        """
        handle = _stream_of(image, stream)
        if cuda.is_capturing(handle):
            raise ImageError("the stream is being captured into a CUDA graph, and engines keep their own: call outside")
        own = (_own_stream(array) for array in (image, mask))
        after = tuple(dict.fromkeys([handle, *(one for one in own if one is not None)]))
        with in_order_of(handle, image):
            if is_torch(image) and is_torch(mask):
                from lama_deploy.tensorrt.torch_arrays import call_arguments, used_here

                used_here(image, mask)
                given, hole, restore = call_arguments(image, mask, io)
            else:
                given, hole, restore = image, mask, lambda result: result
            return cls._dense(given, hole, restore, io, cuda, (handle, *after))

    @classmethod
    def _dense(
        cls, image: Any, mask: Any, restore: Callable[[Any], Any], io: str, cuda: Cuda, streams: tuple[int, ...]
    ) -> Self:
        """streams: `stream` and `after`."""
        stream, *after = streams
        given, hole = _view(image, stream), _view(mask, stream)
        shape = _checked(given, hole, io)
        made, target = _like(image, given, cuda)
        blocks = (_block(given, target.shape), _block(hole, _mask_shape(shape, io)), target)

        def result() -> Any:
            with in_order_of(stream, image):
                return restore(made)

        return cls(shape, blocks, stream, tuple(after), result)


@dataclass(frozen=True)
class View:
    """Where a dense array lies."""

    address: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class DeviceArray:
    """A result for callers whose kind of array cannot be made: memory with `__cuda_array_interface__`, version 3."""

    def __init__(self, memory: Memory, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._memory = memory
        self.__cuda_array_interface__ = {
            "shape": shape,
            "typestr": dtype.str,
            "data": (memory.address, False),
            "strides": None,
            "version": 3,
        }


def _view(array: Any, stream: int) -> View:
    interface = getattr(array, "__cuda_array_interface__", None)
    if interface is None:
        return _view_by_dlpack(array, stream)
    shape, dtype = tuple(interface["shape"]), np.dtype(interface["typestr"])
    _require_dense(shape, interface.get("strides"), dtype.itemsize)
    return View(int(interface["data"][0]), shape, dtype)


def _view_by_dlpack(array: Any, stream: int) -> View:
    if not is_on_device(array):
        raise ImageError(f"the image is on the GPU, but {type(array).__name__} is not; give both on one side")
    try:
        from cuda.core.utils import StridedMemoryView
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{type(array).__name__} lies on the GPU by DLPack alone, which needs cuda-core: pip install cuda-core"
        ) from error

    view = StridedMemoryView.from_dlpack(array, stream_ptr=stream)
    strides = None if view.strides is None else tuple(step * view.dtype.itemsize for step in view.strides)
    _require_dense(view.shape, strides, view.dtype.itemsize)
    return View(view.ptr, view.shape, view.dtype)


def _require_dense(shape: tuple[int, ...], strides: tuple[int, ...] | None, itemsize: int) -> None:
    """strides: in bytes; None says dense. Those of axes with one element mean nothing."""
    step = itemsize
    for size, stride in zip(reversed(shape), reversed(strides or ()), strict=False):
        if size > 1 and stride != step:
            raise ImageError(f"an array of shape {shape} is not dense (C order); make it contiguous first")
        step *= size


def _checked(image: View, mask: View, io: str) -> Shape:
    """Pictures, height and width of both."""
    if io == "uint8":
        n, h, w, channels = (1, *image.shape)[-4:] if len(image.shape) in (3, 4) else (0, 0, 0, 0)
        fits = channels == 3 and image.dtype == np.uint8
        allowed = "uint8 (N, H, W, 3) or (H, W, 3)"
    else:
        n, channels, h, w = image.shape if len(image.shape) == 4 else (0, 0, 0, 0)
        fits = channels == 3 and image.dtype == np.float32
        allowed = "float32 (N, 3, H, W), since this engine has the float interface"
    if not fits or 0 in (n, h, w):
        raise ImageError(f"the image is {image.dtype} {image.shape}; allowed on the GPU: {allowed}")
    kinds = ("uint8", "bool") if io == "uint8" else ("float32",)
    if mask.dtype.name not in kinds or math.prod(mask.shape) != n * h * w or mask.shape[-2:] != (h, w):
        raise ImageError(
            f"the mask is {mask.dtype} {mask.shape}; allowed with this image: {' or '.join(kinds)} of "
            f"{_mask_shape((n, h, w), io)}"
        )
    return n, h, w


def _mask_shape(shape: Shape, io: str) -> tuple[int, ...]:
    n, h, w = shape
    return (n, h, w) if io == "uint8" else (n, 1, h, w)


def _block(view: View, shape: tuple[int, ...]) -> Block:
    return Block(view.address, math.prod(shape) * view.dtype.itemsize, shape)


def _like(image: Any, view: View, cuda: Cuda) -> tuple[Any, Block]:
    """An array of the image's kind and shape to write to, and where it lies, with the batch that the engine needs."""
    made = _empty_like(image, view, cuda)
    shape = view.shape if len(view.shape) == 4 else (1, *view.shape)
    return made, _block(_view(made, LEGACY_STREAM), shape)


def _empty_like(image: Any, view: View, cuda: Cuda) -> Any:
    package = "torch" if is_torch(image) else type(image).__module__.split(".")[0]
    if package in ("torch", "cupy"):
        return sys.modules[package].empty_like(image)
    if package == "pycuda":
        return type(image)(view.shape, view.dtype)
    return DeviceArray(cuda.allocate(math.prod(view.shape) * view.dtype.itemsize), view.shape, view.dtype)


def in_order_of(stream: int, image: Any) -> AbstractContextManager[Any]:
    """What the image's library allocates and computes there is in this stream's order.

    torch and CuPy hand out freed memory again to the stream that it was allocated on, while that may still use it.
    """
    if is_torch(image):
        from lama_deploy.tensorrt.torch_arrays import current_stream

        return current_stream(stream, image.device)
    if type(image).__module__.split(".")[0] == "cupy":
        streams = sys.modules["cupy"].cuda
        found: AbstractContextManager[Any]
        found = streams.Stream.null if stream == LEGACY_STREAM else streams.ExternalStream(stream)
        return found
    return nullcontext()


def _stream_of(image: Any, stream: Any) -> int:
    """0 and None are the legacy default stream, as in CUDA."""
    for attribute in ("cuda_stream", "ptr", "handle"):  # torch; CuPy; PyCUDA and cuda-python
        stream = getattr(stream, attribute, stream)
    return int(stream or 0) or (_own_stream(image) if stream is None else None) or LEGACY_STREAM


def _own_stream(array: Any) -> int | None:
    """The one that it names (CUDA Array Interface, version 3: to be waited for), or torch's current one."""
    if is_torch(array):
        return int(sys.modules["torch"].cuda.current_stream(array.device).cuda_stream) or LEGACY_STREAM
    named = (getattr(array, "__cuda_array_interface__", None) or {}).get("stream")
    return None if named is None else int(named) or LEGACY_STREAM
