"""Bias, ReLU, residual and reflect padding of channels-last maps: one kernel of the library, or PyTorch's operators.

A frame is (N, C, h + 2b, w + 2b), channels-last; its inside is the map, its border the map's reflection
(kernels/include/lama/frame.h).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lama_deploy.native.library import SpectralLibrary
from lama_deploy.native.loaded import library_of
from lama_deploy.native.plans import DTYPES


class Copies(NamedTuple):
    """Some of a frame's channels, for who reads no others.

    leading: a frame of the first ones, with the same border. rest: a map (N, C'', h, w) of the other ones.
    """

    leading: Tensor
    rest: Tensor


def update_frame_(
    frame: Tensor,
    border: int,
    parts: Sequence[Tensor],
    bias: Tensor | None,
    *,
    relu: bool = True,
    accumulate: bool = False,
    copies: Copies | None = None,
) -> Tensor:
    """inside(frame) = [inside(frame) +] [relu](parts beside each other + bias); then the border. Returns the frame.

    parts: one or two maps (N, C', h, w) that make the frame's channels, of its dtype; overwritten. bias: (C,). border
    is less than h and w. With border 0 the frame may be its only part. copies: written with the frame, channels-last.
    """
    library = library_of(frame.device, required=False) if frame.is_cuda and frame.dtype in DTYPES else None
    if library is None:
        return by_torch_(frame, border, parts, bias, relu=relu, accumulate=accumulate, copies=copies)
    with torch.cuda.device(frame.device):
        return on_library_(library, frame, border, parts, bias, relu=relu, accumulate=accumulate, copies=copies)


def inside(frame: Tensor, border: int) -> Tensor:
    """The map in a frame, a view."""
    height, width = frame.shape[2:]
    return frame[:, :, border : height - border, border : width - border]


def by_torch_(
    frame: Tensor,
    border: int,
    parts: Sequence[Tensor],
    bias: Tensor | None,
    *,
    relu: bool,
    accumulate: bool,
    copies: Copies | None = None,
) -> Tensor:
    """As `update_frame_`, on any device and in any dtype."""
    middle, first = inside(frame, border), 0
    for part in parts:
        last = first + part.shape[1]
        place = middle[:, first:last]
        if bias is not None:
            part.add_(bias[first:last, None, None])
        if accumulate:
            place.add_(part.relu_() if relu else part)
        elif relu:
            torch.clamp_min(part, 0, out=place)
        else:
            place.copy_(part)
        first = last
    reflect_border_(frame, border)
    if copies:
        split = copies.leading.shape[1]
        copies.leading.copy_(frame[:, :split])
        copies.rest.copy_(middle[:, split:])
    return frame


def reflect_border_(frame: Tensor, border: int) -> Tensor:
    """Fill the border by reflection without repeating the edge; rows first, so that columns bring the corners."""
    for axis in (2, 3):
        last = frame.shape[axis] - 1
        for i in range(border):
            frame.select(axis, i).copy_(frame.select(axis, 2 * border - i))
            frame.select(axis, last - i).copy_(frame.select(axis, last - 2 * border + i))
    return frame


def on_library_(
    library: SpectralLibrary,
    frame: Tensor,
    border: int,
    parts: Sequence[Tensor],
    bias: Tensor | None,
    *,
    relu: bool,
    accumulate: bool,
    copies: Copies | None = None,
) -> Tensor:
    """As `update_frame_`, in one kernel on the current stream: float32, float16 or bfloat16, one or two parts."""
    first, *rest = (part.contiguous(memory_format=torch.channels_last) for part in parts)
    n, c, h, w = first.shape
    second = rest[0] if rest else None
    tensors = (first, second, bias, frame, *(copies or (None, None)))
    addresses = [0 if tensor is None else tensor.data_ptr() for tensor in tensors]
    library.update_frame(
        *(n, h, w),
        (c, 0 if second is None else second.shape[1]),
        border,
        DTYPES[frame.dtype],
        (addresses[0], addresses[1], addresses[2], addresses[3], addresses[4], addresses[5]),
        relu=relu,
        accumulate=accumulate,
        split=copies.leading.shape[1] if copies else 0,
        stream=torch.cuda.current_stream().cuda_stream if frame.is_cuda else 0,
    )
    return frame
