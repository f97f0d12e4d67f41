"""What follows from the times that `run.py` measured: shares of the ceilings, crossovers, targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.gpu.names import CUFFT, MODEL, TENSOR_CORE
from benchmarks.gpu.spectral.counts import (
    Tiles,
    Unit,
    fft_flops,
    folded_flops,
    least_bytes,
    mixing_flops,
    padded_flops,
    padded_mixing_flops,
)

Row = dict[str, Any]


def with_shares(row: Row, channels: int, tiles: Tiles, ceilings: Mapping[str, float]) -> Row:
    """The row with its counts, its floor in microseconds and the shares of both ceilings that it reached.

    flops: of the candidate's method, transforms folded products on tensor cores and fast ones elsewhere.
    """
    if "failed" in row:
        return row
    unit = Unit(channels, row["height"], row["width"], row["batch"])
    counts = {"least_bytes": least_bytes(unit, row["dtype"]), "flops": mixing_flops(unit) + fft_flops(unit)}
    if row["candidate"] == TENSOR_CORE:
        counts["flops"] = mixing_flops(unit) + folded_flops(unit)
        counts["padded_flops"] = padded_mixing_flops(unit, tiles) + padded_flops(unit, tiles)
    moving = counts["least_bytes"] / ceilings["bytes_per_s"]
    computing = counts["flops"] / ceilings[f"{row['dtype']}_flops_per_s"]
    seconds = row["median_us"] / 1e6
    shares = {
        "floor_us": round(1e6 * max(moving, computing), 3),
        "share_of_bandwidth": moving / seconds,
        "share_of_peak": computing / seconds,
    }
    return {**row, **counts, **shares}


def median_of(rows: list[Row], candidate: str, launch: str, **wanted: object) -> float | None:
    """Microseconds of the one row that is meant, None if it failed or was not measured."""
    wanted |= {"candidate": candidate, "launch": launch}
    found = (row["median_us"] for row in rows if "failed" not in row and all(row[k] == v for k, v in wanted.items()))
    return next(found, None)


def crossover(rows: list[Row]) -> int | None:
    """The longest side measured up to which our tensor-core kernel beats our cuFFT kernel in every case.

    By graphs, with the input in the cache, as the network runs them. 0: it is slower at the smallest side already;
    None: nothing was measured.
    """
    faster: dict[int, bool] = {}
    for row in rows:
        if row["candidate"] != TENSOR_CORE or (row.get("launch"), row.get("cache")) != ("graph", "warm"):
            continue
        case = {key: row[key] for key in ("batch", "height", "width", "dtype", "layout", "cache")}
        rival = median_of(rows, CUFFT, "graph", **case)
        if rival is not None:
            side = max(row["height"], row["width"])
            faster[side] = faster.get(side, True) and row["median_us"] < rival
    if not faster:
        return None
    slower = [side for side, found in faster.items() if not found]
    return max((side for side in faster if not slower or side < min(slower)), default=0)


def targets(rows: list[Row]) -> Iterator[Row]:
    """Of the issue: float16, 64x64, batch 1, channels last, inputs not in the cache."""
    case = {"batch": 1, "height": 64, "width": 64, "dtype": "float16", "layout": "NHWC", "cache": "cold"}
    for text, least, (rival, rival_launch), launch in (
        ("against torch.fft, both called from Python", 5.0, (MODEL, "calls"), "calls"),
        ("as a graph against torch.fft called from Python", 5.0, (MODEL, "calls"), "graph"),
        ("against our cuFFT kernel, both as graphs", 2.0, (CUFFT, "graph"), "graph"),
    ):
        own, other = median_of(rows, TENSOR_CORE, launch, **case), median_of(rows, rival, rival_launch, **case)
        measured = None if own is None or other is None else other / own
        yield {"what": f"unit in float16 at 64x64 {text}, times", "target": least, "measured": measured}
