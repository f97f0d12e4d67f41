"""float16 units keep the digits of small values and hold the largest ones: both ends of the range at once."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lama_deploy.arrays import Array
from lama_deploy.native.library import SpectralLibrary
from tests.kernels.half_precision import CHANNELS, definition, halves, relative_error, run_half, stored_with_gain

BACKENDS = ("tensor_core", "cufft")
SIDE = 32
TOLERANCE = 1e-3
ROWS, COLUMNS = np.arange(SIDE)[:, None], np.arange(SIDE)


@pytest.fixture(scope="module")
def library(emulated_library: Path) -> SpectralLibrary:
    return SpectralLibrary(emulated_library)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("amplitude", "allowed"), [(1e-4, 6e-3), (1e-3, TOLERANCE), (1e4, TOLERANCE)])
def test_small_values_keep_their_digits(
    library: SpectralLibrary, backend: str, amplitude: float, allowed: float
) -> None:
    """By 1/(hw) alone the first two are 3e-2 and 3e-3."""
    assert relative_error(partial(run_half, library, backend), 64, amplitude) <= allowed


@pytest.mark.parametrize("amplitude", [1e-4, 1.0])
def test_what_is_stored_explains_the_error(library: SpectralLibrary, amplitude: float) -> None:
    """So that NumPy may stand for kernels at sizes that take too long to emulate."""
    emulated = relative_error(partial(run_half, library, "tensor_core"), 64, amplitude)
    assert relative_error(stored_with_gain, 64, amplitude) == pytest.approx(emulated, rel=0.05)


PICTURES = {
    "largest constant": np.full((SIDE, SIDE), 65504.0),
    "largest impulse": 65504.0 * ((ROWS == SIDE // 3) & (COLUMNS == SIDE // 2)),
    "one bright row": 65504.0 * (ROWS == 5) * np.ones(SIDE),
    "one bright column": 65504.0 * (COLUMNS == 5) * np.ones((SIDE, 1)),
    "a checkerboard": 4094.0 * (-1) ** (ROWS + COLUMNS),
    "a wave": 8000 * np.cos(2 * np.pi * (3 * ROWS / SIDE + 5 * COLUMNS / SIDE)),
    "a wave on a large mean": 8000 * np.cos(2 * np.pi * (7 * ROWS / SIDE + COLUMNS / SIDE)) + 50000,
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PICTURES)
def test_large_values_stay_in_range(library: SpectralLibrary, backend: str, name: str) -> None:
    x = halves(np.broadcast_to(PICTURES[name], (2, CHANNELS, SIDE, SIDE)))
    weight, bias = halves(0.5 * np.eye(2 * CHANNELS)), halves(np.linspace(0, 1, 2 * CHANNELS))
    assert_near(run_half(library, backend, x, weight, bias), definition(x, weight, bias))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_large_mean_may_grow(library: SpectralLibrary, backend: str) -> None:
    """The mixed spectrum of the largest constant result."""
    x, weight = halves(np.full((1, CHANNELS, SIDE, SIDE), 4000.0)), halves(16 * np.eye(2 * CHANNELS))
    bias = halves(np.full(2 * CHANNELS, -3.0))
    assert_near(run_half(library, backend, x, weight, bias), definition(x, weight, bias))


def assert_near(y: Array, exact: Array) -> None:
    assert np.isfinite(y).all()
    assert np.linalg.norm(y - exact) <= TOLERANCE * np.linalg.norm(exact)
