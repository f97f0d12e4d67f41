"""Bytes and operations of the Fourier unit, by hand."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.spectral.counts import (
    Tiles,
    Unit,
    dense_flops,
    fft_flops,
    folded_flops,
    kernel_tiles,
    least_bytes,
    mixing_flops,
    padded_flops,
    padded_mixing_flops,
)
from lama_deploy.native.op import by_torch_fft

LAMA = Unit(channels=192, height=64, width=64)
SMALL = Unit(channels=1, height=4, width=4)
TILES = Tiles(
    points=16,
    outputs=48,
    columns=64,
    narrow_columns=32,
    most_wide=703,
    mixing=64,
    large_mixing=128,
    enough_blocks=264,
    depth=32,
)


def test_least_bytes() -> None:
    """Of float16 at 64x64: two maps of 1.5 MiB, 288 KiB of weight, 768 bytes of bias."""
    assert least_bytes(LAMA, "float16") == 2 * 192 * 64 * 64 * 2 + 384 * 384 * 2 + 384 * 2
    assert least_bytes(Unit(3, 5, 7, batch=2), "float32") == 4 * (2 * 2 * 3 * 35 + 36 + 6)


def test_mixing_is_one_product() -> None:
    assert mixing_flops(SMALL) == 2 * (4 * 3) * 2 * 2
    spectrum = torch.empty(1, 2 * LAMA.channels, LAMA.height * LAMA.half_width, device="meta")
    weight = torch.empty(1, 2 * LAMA.channels, 2 * LAMA.channels, device="meta")
    with FlopCounterMode(display=False) as counter:
        torch.bmm(weight, spectrum)
    assert mixing_flops(LAMA) == counter.get_total_flops()


def test_the_operator_mixes_as_much_as_is_counted() -> None:
    unit = Unit(channels=3, height=5, width=6, batch=2)
    x, weight, bias = torch.randn(2, 3, 5, 6), torch.randn(6, 6), torch.randn(6)
    with FlopCounterMode(display=False) as counter:
        by_torch_fft(x, weight, bias, None)
    assert mixing_flops(unit) == counter.get_total_flops()


def test_dense_and_folded_transforms_by_hand() -> None:
    """4 points: 3 in the half spectrum, and 3 when folded.

    Dense: a row is two real 3x4 products, 48 operations; a column of complex points four real 4x4 ones, 128. Folded:
    a row two real 3x3 products, 36; a column the same for its real and its imaginary parts, 72.
    """
    assert dense_flops(SMALL) == 2 * (4 * 48) + 2 * (3 * 128)
    assert folded_flops(SMALL) == 2 * (4 * 36) + 2 * (3 * 72)


def test_folding_halves_rows_and_quarters_columns() -> None:
    long_rows, long_columns = Unit(1, 1, 4096), Unit(1, 4096, 1)
    for unit, share in ((long_rows, 1 / 2), (long_columns, 1 / 4)):
        assert folded_flops(unit) / dense_flops(unit) == pytest.approx(share, rel=1e-2)


def test_a_fast_transform_needs_less_than_either() -> None:
    assert fft_flops(SMALL) == 2 * 2.5 * 16 * 4
    assert fft_flops(LAMA) < folded_flops(LAMA) < dense_flops(LAMA)


def test_padding_of_transforms() -> None:
    """64 points fold to 33: three tiles in, 48 points, and one group of three tiles out. 192 = 3 x 64 columns."""
    rows, columns = 64 * 192, 33 * 384
    assert padded_flops(LAMA, TILES) == 2 * (rows + columns) * 4 * 48 * 48
    thin = Unit(channels=1, height=1, width=1)  # everything is padding: one column of 64, one point of 16 x 48
    assert padded_flops(thin, TILES) == 4 * 64 * 4 * 16 * 48


def test_long_transforms_have_narrow_blocks() -> None:
    wide, long = Unit(8, 1, 703), Unit(8, 1, 704)
    for unit, columns in ((wide, 64), (long, 32)):
        in_points = 16 * -(-(unit.width // 2 + 1) // 16)
        out_points = 48 * -(-in_points // 48)
        along_h = 2 * unit.half_width * 64 * 4 * 16 * 48
        assert padded_flops(unit, TILES) == 2 * columns * 4 * in_points * out_points + along_h


def test_padding_of_the_mixing() -> None:
    """2112 rows and 384 outputs: 17 x 3 large blocks, too few, so 33 x 6 small ones; at 512x512 there are enough."""
    assert padded_mixing_flops(LAMA, TILES) == mixing_flops(LAMA)
    large = Unit(192, 512, 512)
    rows = 512 * 257
    assert padded_mixing_flops(large, TILES) == 2 * 384 * 384 * (rows + -rows % 128)
    odd = Unit(channels=9, height=3, width=2)  # 6 rows and 18 outputs of 64, 18 channels of 32
    assert padded_mixing_flops(odd, TILES) == 2 * 64 * 64 * 32


def test_counts_follow_the_kernels() -> None:
    tiles = kernel_tiles()
    assert tiles.most_wide == 703  # as dft_program.h: warps() has it, of 99 KiB
    for unit in (LAMA, Unit(192, 85, 67), Unit(8, 7, 9)):
        assert padded_flops(unit, tiles) >= folded_flops(unit)
        assert padded_mixing_flops(unit, tiles) >= mixing_flops(unit)


def test_kernels_that_changed_are_refused(tmp_path: Path) -> None:
    for name in ("dft_tables.h", "dft_program.h", "mixing_program.h", "tensor_core_unit.cu"):
        (tmp_path / name).write_text("// other tiles\n")
    with pytest.raises(ValueError, match="kTile"):
        kernel_tiles(tmp_path)
