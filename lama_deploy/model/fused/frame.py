"""Reflect padding that copies no map: whatever makes a map writes it into the middle of a frame.

`torch.nn.functional.pad` reads and writes the whole map; on CUDA it may also reorder a channels-last one there and
back. Here only the border is copied, in the same pass that adds the bias (`lama_deploy.native.frames`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from lama_deploy.native.frames import inside, reflect_border_, update_frame_


def empty_frame(like: Tensor, channels: int, border: int, dtype: torch.dtype | None = None) -> Tensor:
    """A frame for a map of `channels` and of the height and width of `like`, with nothing in it yet."""
    n, _, h, w = like.shape
    shape = (n, channels, h + 2 * border, w + 2 * border)
    return torch.empty(shape, dtype=dtype or like.dtype, device=like.device, memory_format=torch.channels_last)


def framed_relu(x: Tensor, bias: Tensor | None, border: int) -> Tensor:
    """ReLU of x + bias, x (N, C, h, w), reflect-padded. Overwrites x, and gives it back where there is no border."""
    frame = empty_frame(x, x.shape[1], border) if border else x.contiguous(memory_format=torch.channels_last)
    return update_frame_(frame, border, [x], bias)


def reflect_padded(x: Tensor, border: int, dtype: torch.dtype | None = None) -> Tensor:
    """x (N, C, h, w), reflect-padded and in `dtype` where given. Copies it: for small maps only."""
    frame = empty_frame(x, x.shape[1], border, dtype)
    inside(frame, border).copy_(x)
    return reflect_border_(frame, border)
