"""Distances between feature sets against closed forms, scipy's matrix square root and a plain double loop."""

import numpy as np
import pytest

from lama_deploy.evaluation import distribution
from lama_deploy.evaluation.distribution import frechet_distance, kernel_distance

RANDOM = np.random.default_rng(7)


def sample(count: int, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Rows whose sample mean and `np.cov` are exactly these."""
    raw = RANDOM.normal(size=(count, len(mean)))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False)).T)
    return white @ np.linalg.cholesky(covariance).T + mean


@pytest.mark.parametrize("count", [6, 50])
def test_frechet_distance_of_known_gaussians(count: int) -> None:
    a = sample(count, np.array([1.0, -2, 0]), np.diag([4.0, 1, 9]))
    b = sample(count + 3, np.array([1.0, 0, 0]), np.diag([1.0, 1, 16]))
    assert frechet_distance(a, b) == pytest.approx(2**2 + (2 - 1) ** 2 + (3 - 4) ** 2)


def test_frechet_distance_of_covariances_that_do_not_commute() -> None:
    a, b = np.array([[2.0, 1], [1, 3]]), np.array([[1.0, -0.5], [-0.5, 4]])
    # In two dimensions Tr sqrt(A B) = sqrt(Tr(A B) + 2 sqrt(det(A B))).
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    wanted = np.trace(a) + np.trace(b) - 2 * root
    assert frechet_distance(sample(40, np.zeros(2), a), sample(30, np.zeros(2), b)) == pytest.approx(wanted)


@pytest.mark.parametrize("counts", [(60, 60), (60, 9), (9, 9), (2, 2)])
def test_frechet_distance_is_the_reference_formula(counts: tuple[int, int]) -> None:
    linalg = pytest.importorskip("scipy.linalg", reason="scipy is not installed")
    a, b = (RANDOM.normal(size=(count, 12)) @ RANDOM.normal(size=(12, 12)) for count in counts)
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    nudge = 1e-13 * np.eye(12)  # few rows: scipy's root does not exist without it
    trace = np.trace(linalg.sqrtm((first + nudge) @ (second + nudge))).real
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * trace
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-4)


def test_frechet_distance_to_itself_is_zero() -> None:
    a = RANDOM.normal(size=(9, 40)).astype(np.float32)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-10)


def double_loop(a: np.ndarray, b: np.ndarray) -> float:
    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x @ y) / len(x) + 1) ** 3

    total = 0.0
    for i in range(len(a)):
        for j in range(len(a)):
            if i != j:
                total += kernel(a[i], a[j]) + kernel(b[i], b[j]) - kernel(a[i], b[j]) - kernel(a[j], b[i])
    return total / (len(a) * (len(a) - 1))


@pytest.mark.parametrize("block", [1, 4, 1024])
def test_kernel_distance_is_the_double_loop(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distribution, "BLOCK", block)
    a, b = RANDOM.normal(size=(2, 11, 6))
    assert kernel_distance(a, b + 0.5) == pytest.approx(double_loop(a, b + 0.5), rel=1e-12)


def test_kernel_distance_of_equals_is_zero_where_the_usual_estimate_is_not() -> None:
    a = RANDOM.normal(size=(20, 5))
    kernel = (a @ a.T / 5 + 1) ** 3
    usual = 2 * (kernel.sum() - np.trace(kernel)) / (20 * 19) - 2 * kernel.mean()
    assert usual < -0.1
    assert kernel_distance(a, a) == pytest.approx(0, abs=1e-12)
