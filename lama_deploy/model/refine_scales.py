"""Pictures and holes at half the size, as official `refinement.py` makes them; each step is a product with matrices.

So a gradient through them is a product too, in an order that never changes. All are in the dtype and on the device of
what they are given.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lama_deploy.model.predict import padded_size
from lama_deploy.variants import GeneratorConfig

RADIUS = 2  # of the blur, pixels
SIGMA = 1.0
ELLIPSE = 15  # pixels across
ALL_BUT_ROUNDING = 1e-8


def count_of_scales(height: int, width: int, min_side: int, most: int) -> int:
    """1 for pictures whose shorter side is below `min_side` times the square root of 2."""
    return min(1 + round(max(0.0, math.log2(min(height, width) / min_side))), most)


def pyramid(image: Tensor, hole: Tensor, count: int) -> list[tuple[Tensor, Tensor]]:
    """(N, 3, H, W) and (N, 1, H, W) of 0 and 1 -> `count` of them, the smallest first.

    A small pixel is hole if anything of the hole reaches it.
    """
    scales = [(image, hole)]
    for _ in range(count - 1):
        image, hole = scales[-1]
        scales.append((halved(image), (halved(hole) >= ALL_BUT_ROUNDING).to(hole.dtype)))
    return scales[::-1]


def halved(planes: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, H // 2, W // 2): blurred, then bilinear."""
    rows, columns = (_bilinear(planes, axis) @ _blur(planes, axis) for axis in (-2, -1))
    return rows @ planes @ columns.mT


def inside(hole: Tensor) -> Tensor:
    """(N, 1, H, W) of 0 and 1 -> (N, 1, H // 2, W // 2): pixels all hole, and seven pixels from any other."""
    whole = _bilinear(hole, -2) @ hole @ _bilinear(hole, -1).mT >= 1 - ALL_BUT_ROUNDING
    kernel = _ellipse(hole)
    near = torch.nn.functional.conv2d((~whole).to(hole.dtype), kernel[None, None], padding=ELLIPSE // 2)
    return (near < 0.5).to(hole.dtype)  # nothing beyond the picture counts


def reflected(planes: Tensor, config: GeneratorConfig) -> Tensor:
    """At the next size that the generator accepts, mirrored at the lower and right edge, which do not repeat."""
    height, width = planes.shape[-2:]
    rows = _mirrored(torch.arange(padded_size(config, height), device=planes.device), height)
    columns = _mirrored(torch.arange(padded_size(config, width), device=planes.device), width)
    return planes[..., rows, :][..., columns]


def _mirrored(positions: Tensor, size: int) -> Tensor:
    """Index of the pixel that lies at each position, also below 0 and beyond the last."""
    period = max(1, 2 * (size - 1))
    folded = positions.remainder(period)
    return torch.minimum(folded, period - folded).clamp(max=size - 1)


def _blur(planes: Tensor, axis: int) -> Tensor:
    """(n, n): a Gaussian of 5 pixels, mirrored at the edges."""
    size = planes.shape[axis]
    offsets = torch.arange(-RADIUS, RADIUS + 1, device=planes.device)
    weights = torch.exp(-((offsets.to(planes.dtype) / SIGMA) ** 2) / 2)
    places = _mirrored(torch.arange(size, device=planes.device)[:, None] + offsets, size)
    return _matrix(places, (weights / weights.sum()).expand(size, -1), size)


def _bilinear(planes: Tensor, axis: int) -> Tensor:
    """(n // 2, n), as `torch.nn.functional.interpolate` without aligned corners."""
    size = planes.shape[axis]
    count = size // 2
    positions = torch.arange(count, device=planes.device, dtype=planes.dtype)
    source = ((positions + 0.5) * (size / count) - 0.5).clamp(min=0)
    low = source.floor()
    share = source - low
    places = torch.stack((low.long(), (low.long() + 1).clamp(max=size - 1)), dim=1)
    return _matrix(places, torch.stack((1 - share, share), dim=1), size)


def _matrix(places: Tensor, weights: Tensor, size: int) -> Tensor:
    """Rows that hold `weights` at `places`, whose sum where places coincide."""
    rows = torch.nn.functional.one_hot(places, size).to(weights.dtype)
    return (rows * weights[..., None]).sum(dim=1)


def _ellipse(like: Tensor) -> Tensor:
    """OpenCV's ellipse of 15x15."""
    radius = ELLIPSE // 2
    offsets = range(-radius, radius + 1)
    reach = [round(math.sqrt(radius**2 - offset**2)) for offset in offsets]
    inside = [[abs(offset) <= most for offset in offsets] for most in reach]
    return torch.tensor(inside, device=like.device).to(like.dtype)
