"""Reflect padding that copies no map: whatever makes a map writes it into the middle of a frame.

`torch.nn.functional.pad` reads and writes the whole map; on CUDA it may also reorder a channels-last one there and
back. Here only the border is copied, from inside the same buffer. A frame is (N, C, h + 2b, w + 2b), channels-last;
its inside is the map.
"""

from __future__ import annotations

import torch
from torch import Tensor


def empty_frame(like: Tensor, channels: int, border: int, dtype: torch.dtype | None = None) -> Tensor:
    """A frame for a map of `channels` and of the height and width of `like`, with nothing in it yet."""
    n, _, h, w = like.shape
    shape = (n, channels, h + 2 * border, w + 2 * border)
    return torch.empty(shape, dtype=dtype or like.dtype, device=like.device, memory_format=torch.channels_last)


def inside(frame: Tensor, border: int) -> Tensor:
    """The map in a frame, a view."""
    height, width = frame.shape[2:]
    return frame[:, :, border : height - border, border : width - border]


def reflect_border_(frame: Tensor, border: int) -> Tensor:
    """Fill the border by reflection without repeating the edge; rows first, so that columns bring the corners."""
    for axis in (2, 3):
        last = frame.shape[axis] - 1
        for i in range(border):
            frame.select(axis, i).copy_(frame.select(axis, 2 * border - i))
            frame.select(axis, last - i).copy_(frame.select(axis, last - 2 * border + i))
    return frame


def relu_into(frame: Tensor, border: int, *parts: Tensor) -> Tensor:
    """Fill a frame with the ReLU of maps beside each other on the channels."""
    middle, first = inside(frame, border), 0
    for part in parts:
        torch.clamp_min(part, 0, out=middle[:, first : first + part.shape[1]])
        first += part.shape[1]
    return reflect_border_(frame, border)


def framed_relu(x: Tensor, border: int) -> Tensor:
    """ReLU of x (N, C, h, w), reflect-padded; in place where there is no border."""
    if border == 0:
        return x.relu_()
    return relu_into(empty_frame(x, x.shape[1], border), border, x)


def reflect_padded(x: Tensor, border: int, dtype: torch.dtype | None = None) -> Tensor:
    """x (N, C, h, w), reflect-padded and in `dtype` where given. Copies it: for small maps only."""
    frame = empty_frame(x, x.shape[1], border, dtype)
    inside(frame, border).copy_(x)
    return reflect_border_(frame, border)
