"""Every kernel once, at sizes that fill no tile: what compute-sanitizer watches (`python -m` this module, on a GPU)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from lama_deploy.native.frames import update_frame_
from lama_deploy.native.op import spectral_conv

# x, weight, bias, residual, backend -> y
Unit = Callable[[Tensor, Tensor, Tensor, Tensor, str], Tensor]
# frame, border, parts, bias -> frame
Update = Callable[[Tensor, int, list[Tensor], Tensor], Tensor]

FORMATS = (torch.contiguous_format, torch.channels_last)
HALVES = product(("cufft", "tensor_core"), (torch.float16, torch.bfloat16))
TYPES = (("cufft", torch.float32), *HALVES)
SMALL = ((8, 16, 17), (8, 31, 8))  # channels, height, width
TWO_WARPS = ((8, 1, 720), (8, 720, 1))  # lines of more than 703 points
LARGE_MIXING = ((192, 150, 150),)  # 270 tiles of 128 x 128: more than two for each multiprocessor


def check_units(unit: Unit, device: str, sizes: tuple[tuple[int, int, int], ...]) -> None:
    """Finite results of both implementations, in every dtype and layout; two images, but for the large maps one."""
    for (channels, h, w), (backend, dtype), memory_format in product(sizes, TYPES, FORMATS):
        if (channels, h, w) in LARGE_MIXING and backend == "cufft":
            continue  # its copies and cuBLASLt are the same at any size
        n = 1 if (channels, h, w) in LARGE_MIXING else 2
        x = torch.randn(n, channels, h, w).to(device, dtype, memory_format=memory_format)
        weight, bias = torch.randn(2 * channels, 2 * channels) / (2 * channels) ** 0.5, torch.randn(2 * channels)
        y = unit(x, weight.to(device, dtype), bias.to(device, dtype), x, backend)
        assert torch.isfinite(y).all(), (channels, h, w, backend, dtype)


def check_frames(update: Update, device: str) -> None:
    """Frames of whole 16-byte vectors and of single values, of one part and of two."""
    for dtype, channels in product((torch.float32, torch.float16, torch.bfloat16), ((8, 24), (16, 0), (3, 5))):
        parts = [torch.randn(2, c, 5, 9) for c in channels if c]
        made = [part.to(device, dtype, memory_format=torch.channels_last) for part in parts]
        frame = torch.full((2, sum(channels), 11, 15), torch.nan, dtype=dtype, device=device)
        frame = frame.contiguous(memory_format=torch.channels_last)
        update(frame, 3, made, torch.randn(sum(channels)).to(device, dtype))
        assert torch.isfinite(frame).all(), (dtype, channels)


def _unit(x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor, backend: str) -> Tensor:
    return spectral_conv(x, weight, bias, residual=residual, backend=backend)


if __name__ == "__main__":
    with torch.inference_mode():
        check_units(_unit, "cuda", SMALL + TWO_WARPS + LARGE_MIXING)
        check_frames(update_frame_, "cuda")
        torch.cuda.synchronize()
    print("ran")
