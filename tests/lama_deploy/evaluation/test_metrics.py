"""Similarity metrics against formulas written independently, in float64 NumPy."""

import math

import numpy as np
import pytest
import torch

from lama_deploy.evaluation.metrics import PSNR_LIMIT, l1, l1_hole, psnr, ssim
from lama_deploy.images.scenes import scene


def tensors(original: np.ndarray, result: np.ndarray, hole: np.ndarray) -> tuple[torch.Tensor, ...]:
    """(H, W, 3) in [0, 1], twice, and (H, W) as the metrics take them."""
    images = (torch.tensor(np.moveaxis(x, -1, 0)[None], dtype=torch.float32) for x in (original, result))
    return *images, torch.tensor(hole > 0)[None, None]


def example(height: int = 23, width: int = 31) -> tuple[np.ndarray, ...]:
    images, masks = scene(height, width, 2, seed=5)
    original, other = images / 255
    hole = masks[0]
    return original, np.where(hole[..., None] > 0, 0.3 * original + 0.7 * other, original), hole


def independent_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Pixel by pixel: weighted moments of the 11 x 11 neighbourhood, zeros outside."""
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    values = []
    for channel in range(3):
        x, y = (np.pad(image[..., channel], 5) for image in (a, b))
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                p, q = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
                mp, mq = (window * p).sum(), (window * q).sum()
                vp, vq = (window * p * p).sum() - mp**2, (window * q * q).sum() - mq**2
                covariance = (window * p * q).sum() - mp * mq
                top = (2 * mp * mq + 1e-4) * (2 * covariance + 9e-4)
                values.append(top / ((mp**2 + mq**2 + 1e-4) * (vp + vq + 9e-4)))
    return float(np.mean(values))


def test_ssim_is_the_definition() -> None:
    original, result, hole = example()
    assert ssim(*tensors(original, result, hole)) == pytest.approx(independent_ssim(original, result), abs=2e-6)


def test_ssim_agrees_with_scikit_image_away_from_borders() -> None:
    from skimage.metrics import structural_similarity

    original, result, hole = example(60, 50)
    framed = [np.zeros((90, 80, 3)) for _ in range(2)]  # a black frame: what lies outside makes no difference
    framed[0][15:75, 15:65], framed[1][15:75, 15:65] = original, result
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    _, full = structural_similarity(*framed, channel_axis=-1, full=True, **options)
    assert ssim(*tensors(*framed, np.pad(hole, 15))) == pytest.approx(full.mean(), abs=2e-6)


def test_ssim_of_equals_is_one() -> None:
    original, _, hole = example()
    assert ssim(*tensors(original, original, hole)) == pytest.approx(1, abs=1e-6)


def test_errors_by_hand() -> None:
    original = np.full((4, 5, 3), 0.25)
    result = original.copy()
    hole = np.zeros((4, 5), np.uint8)
    hole[1, 1:3] = 1  # two pixels of twenty
    result[1, 1] = 0.75
    result[1, 2, 0] = 0.0
    inputs = tensors(original, result, hole)
    assert l1(*inputs) == pytest.approx((3 * 0.5 + 0.25) / 60)
    assert l1_hole(*inputs) == pytest.approx((3 * 0.5 + 0.25) / 6)
    assert psnr(*inputs) == pytest.approx(-10 * math.log10((3 * 0.25 + 0.0625) / 60))


def test_perfect_results_and_empty_holes_are_finite() -> None:
    original, result, hole = example()
    assert psnr(*tensors(original, original, hole)) == PSNR_LIMIT
    assert l1_hole(*tensors(original, result, np.zeros_like(hole))) == 0
