"""Scores of one result against its original that need no network.

All take original and result (1, 3, H, W) float32 RGB in [0, 1] and the hole (1, 1, H, W) bool, and return a float.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2
PSNR_LIMIT = 100.0  # dB; that of identical pictures, where the formula gives infinity and would spoil every mean


def ssim(original: Tensor, result: Tensor, hole: Tensor) -> float:
    """Structural similarity as official LaMa has it (`saicinpainting/evaluation/losses/ssim.py`).

    11 x 11 Gaussian window of sigma 1.5, each RGB channel by itself, zeros around the picture, mean over all pixels.
    """
    window = _window(original)

    def blur(x: Tensor) -> Tensor:
        return functional.conv2d(x, window, padding=SSIM_WINDOW // 2, groups=3)

    mean_a, mean_b = blur(original), blur(result)
    variance_a = blur(original * original) - mean_a.square()
    variance_b = blur(result * result) - mean_b.square()
    covariance = blur(original * result) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a.square() + mean_b.square() + C1)
    contrast = (2 * covariance + C2) / (variance_a + variance_b + C2)
    return float((luminance * contrast).mean())


def psnr(original: Tensor, result: Tensor, hole: Tensor) -> float:
    """Peak signal-to-noise ratio in dB over the whole picture, at most PSNR_LIMIT."""
    squared = float((original.double() - result.double()).square().mean())
    return min(PSNR_LIMIT, -10 * math.log10(squared)) if squared > 0 else PSNR_LIMIT


def l1(original: Tensor, result: Tensor, hole: Tensor) -> float:
    """Mean absolute error over the whole picture."""
    return float((original.double() - result.double()).abs().mean())


def l1_hole(original: Tensor, result: Tensor, hole: Tensor) -> float:
    """Mean absolute error inside the hole; 0 for an empty one."""
    difference = (original.double() - result.double()).abs().mean(dim=1, keepdim=True)
    return float(difference[hole].mean()) if bool(hole.any()) else 0.0


def _window(like: Tensor) -> Tensor:
    """(3, 1, 11, 11): the same window for each channel."""
    offsets = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    line = torch.exp(-offsets.square() / (2 * SSIM_SIGMA**2))
    line = line / line.sum()
    return torch.outer(line, line).to(like).expand(3, 1, -1, -1)
