"""Bytes and floating-point operations of a Fourier unit, counted: what it must do, and what our kernels do of it.

A multiplication and an addition count as two operations. The shape of our products, their tiles included, is read from
kernels/src, so that the counts follow the kernels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import log2, prod
from pathlib import Path

SOURCES = Path(__file__).parents[3] / "kernels" / "src"
ELEMENT_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Unit:
    """x of batch x channels x height x width."""

    channels: int
    height: int
    width: int
    batch: int = 1

    @property
    def half_width(self) -> int:
        return self.width // 2 + 1

    @property
    def spectrum_points(self) -> int:
        return self.batch * self.height * self.half_width


@dataclass(frozen=True)
class Tiles:
    """How the tensor-core kernels cut their products; sides in values."""

    points: int  # of an operand: folded points in
    outputs: int  # folded points that a warp computes at once
    columns: int  # of a block, up to `most_wide` points along the axis
    narrow_columns: int  # beyond
    most_wide: int
    mixing: int  # rows and outputs of a block of the mixing
    large_mixing: int  # the same, where it makes `enough_blocks`
    enough_blocks: int
    depth: int  # input channels of one stage of the mixing

    def columns_at(self, length: int) -> int:
        return self.columns if length <= self.most_wide else self.narrow_columns


def kernel_tiles(sources: Path = SOURCES) -> Tiles:
    """ValueError: the kernels are no longer written as this expects."""
    tables, transform, mixing, unit = (
        (sources / name).read_text()
        for name in ("dft_tables.h", "dft_program.h", "mixing_program.h", "tensor_core_unit.cu")
    )
    points = _number(r"kTile = (\d+);", tables)
    warp_columns = _number(r"return (\d+) \* warps;", transform)
    wide, narrow = (_number(rf"kLeastShared {sign} (\d+)", transform) for sign in (r"\?", r"\? \d+ :"))
    row_bytes = 2 * (warp_columns * wide + _number(r"kPadding = (\d+);", transform))
    rows = _number(r"kLeastShared = (\d+) \* 1024;", transform) * 1024 // row_bytes  # even parts, then odd ones
    large, small = (_number(rf"{name}Mixing = MixingProgram<T, (\d+),", unit) for name in ("Large", "Small"))
    return Tiles(
        points=points,
        outputs=points * _number(r"kTilesPerGroup = (\d+);", tables),
        columns=warp_columns * wide,
        narrow_columns=warp_columns * narrow,
        most_wide=2 * (rows // 2 // points * points) - 1,  # folded points in whole tiles
        mixing=small,
        large_mixing=large,
        enough_blocks=_number(r"kEnoughBlocks = (\d+);", unit),
        depth=_number(r"kDepth = (\d+);", mixing),
    )


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"no {pattern!r} in the kernels' sources; spectral/counts.py has to follow them")
    return int(found[1])


def least_bytes(unit: Unit, dtype: str) -> int:
    """x, weight and bias read once, y written once."""
    maps = 2 * unit.batch * unit.channels * unit.height * unit.width
    return ELEMENT_BYTES[dtype] * (maps + (2 * unit.channels) ** 2 + 2 * unit.channels)


def mixing_flops(unit: Unit) -> int:
    return 2 * unit.spectrum_points * (2 * unit.channels) ** 2


def fft_flops(unit: Unit) -> float:
    """Both transforms by the usual count of a fast one: 2.5 n log2 n for n real points."""
    points = unit.height * unit.width
    return 2 * 2.5 * unit.batch * unit.channels * points * log2(points)


def dense_flops(unit: Unit) -> int:
    """The four transforms as plain matrix products: real to complex and back along w, complex along h."""
    rows = 4 * unit.half_width * unit.width * unit.channels * unit.batch * unit.height
    columns = 8 * unit.height**2 * unit.channels * unit.batch * unit.half_width
    return 2 * rows + 2 * columns


def folded_flops(unit: Unit) -> int:
    """The four transforms as kernels/src/dft_tables.h folds them, without padding."""
    return sum(lines * columns * 4 * (length // 2 + 1) ** 2 for lines, columns, length in _passes(unit))


def padded_flops(unit: Unit, tiles: Tiles) -> int:
    """The same with what the tiles add."""
    total = 0
    for lines, columns, length in _passes(unit):
        folded = length // 2 + 1
        in_points = _rounded(folded, tiles.points)
        out_points = _rounded(in_points, tiles.outputs)
        total += lines * _rounded(columns, tiles.columns_at(length)) * 4 * in_points * out_points
    return total


def padded_mixing_flops(unit: Unit, tiles: Tiles) -> int:
    rows, channels = unit.spectrum_points, 2 * unit.channels
    blocks = prod(-(-size // tiles.large_mixing) for size in (rows, channels))
    side = tiles.large_mixing if blocks >= tiles.enough_blocks else tiles.mixing
    return 2 * _rounded(rows, side) * _rounded(channels, side) * _rounded(channels, tiles.depth)


def _passes(unit: Unit) -> list[tuple[int, int, int]]:
    """(lines, real columns of a line, points along it) of each transform: rows, columns, columns back, rows back."""
    along_w = (unit.batch * unit.height, unit.channels, unit.width)
    along_h = (unit.batch * unit.half_width, 2 * unit.channels, unit.height)
    return [along_w, along_h, along_h, along_w]


def _rounded(size: int, multiple: int) -> int:
    """Up."""
    return -(-size // multiple) * multiple
