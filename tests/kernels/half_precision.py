"""How far float16 units are from float64, by the size of their values: the table in kernels/README.md.

    python -m tests.kernels.half_precision build/kernels/emulation/liblama_spectral_emulated.so

runs the CUDA kernels on the CPU, a second for a number at 64x64, many minutes at 512x512. Without a library, NumPy
rounds what they store (half_storage.py), by 1/(hw) alone and with the gain that they keep spectra with.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.native.library import Description, SpectralLibrary
from lama_deploy.spectral import spectral_conv_reference
from tests.kernels.half_storage import run_stored, spectrum_gain

Half = Callable[[Array, Array, Array], Array]  # x (1, C, h, w), weight, bias -> y in float64

CHANNELS = 8
AMPLITUDES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e2, 1e4)
SIZES = (64, 128, 256, 512)
LARGEST = 65504.0


def aligned(shape: tuple[int, ...], dtype: type) -> Array:
    """Memory as a device gives it: aligned to 256 bytes, and full of NaN."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.full(size + 256, 255, np.uint8)
    start = -memory.ctypes.data % 256
    return memory[start : start + size].view(dtype).reshape(shape)


def halves(values: Array) -> Array:
    array = aligned(values.shape, np.float16)
    array[...] = values
    return array


def run_half(library: SpectralLibrary, backend: str, x: Array, weight: Array, bias: Array) -> Array:
    """y, float64, of float16 x (N, C, h, w), weight (2C, 2C) and bias (2C,), which `halves` made; no residual."""
    n, c, h, w = x.shape
    y = aligned(x.shape, np.float16)
    with library.plan(Description(n, c, h, w, "float16", "nchw", backend)) as plan:
        plan.prepare()
        workspace = aligned((plan.workspace_bytes,), np.uint8)
        addresses = [array.ctypes.data for array in (x, weight, bias, y)]
        plan.run(*addresses, workspace=workspace.ctypes.data, workspace_bytes=workspace.size)
    return y.astype(np.float64)


def definition(x: Array, weight: Array, bias: Array) -> Array:
    """The same in float64."""
    return spectral_conv_reference(*(array.astype(np.float64) for array in (x, weight, bias)))


def noise_unit(side: int, amplitude: float) -> tuple[Array, Array, Array]:
    """x of this standard deviation, half of it its mean, with weight and bias; y fits float16.

    The impulse that a ReLU'd spectrum makes at the origin leaves float16 first, so large x meet small weights.
    """
    random = np.random.default_rng(0)
    x = halves(amplitude * (random.standard_normal((1, CHANNELS, side, side)) + 0.5))
    weight = random.standard_normal((2 * CHANNELS, 2 * CHANNELS)) / (2 * CHANNELS) ** 0.5
    bias = amplitude * random.standard_normal(2 * CHANNELS) / 4
    largest = np.abs(definition(x, weight, bias)).max()
    shrink = 2.0 ** min(0, np.floor(np.log2(LARGEST / 2 / largest)))
    return x, halves(weight * shrink), halves(bias * shrink)


def relative_error(half: Half, side: int, amplitude: float) -> float:
    """Relative L2 error over the map; infinite or NaN where something overflowed."""
    unit = noise_unit(side, amplitude)
    exact = definition(*unit)
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.linalg.norm(half(*unit) - exact) / np.linalg.norm(exact))


def stored_with_gain(x: Array, weight: Array, bias: Array) -> Array:
    return run_stored(x, weight, bias, spectrum_gain(*x.shape[2:]))


def table(implementations: Iterable[Half], sizes: Iterable[int], amplitudes: Iterable[float]) -> str:
    """Markdown: a line for each amplitude; a column for each size, with one number for each implementation."""
    compared, sides = list(implementations), list(sizes)
    lines = [f"| std of x | {' | '.join(f'{side}x{side}' for side in sides)} |", "|---" * (len(sides) + 1) + "|"]
    for amplitude in amplitudes:
        found = [" → ".join(f"{relative_error(half, side, amplitude):.0e}" for half in compared) for side in sides]
        lines.append(f"| {amplitude:.0e} | {' | '.join(found)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="*", type=Path, help="emulated liblama_spectral, several to compare")
    parser.add_argument("--backend", choices=("tensor_core", "cufft"), default="tensor_core")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--amplitudes", nargs="+", type=float, default=AMPLITUDES)
    arguments = parser.parse_args()
    simulated = (partial(run_stored, gain=1.0), stored_with_gain)
    emulated = [partial(run_half, SpectralLibrary(path), arguments.backend) for path in arguments.libraries]
    print(table(emulated or simulated, arguments.sizes, arguments.amplitudes))


if __name__ == "__main__":
    main()
