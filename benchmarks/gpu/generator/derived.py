"""What follows from the times that `run.py` measured: ratios, shares of the half-precision peak, targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.gpu.generator.counts import generator_flops
from benchmarks.gpu.generator.fillers import COMPILED, EAGER, EAGER_AGAIN, HALF, precision_of
from lama_deploy.proof.hole_errors import HoleErrors
from lama_deploy.proof.tolerance import Limits, tolerance_of
from lama_deploy.variants import GeneratorConfig

Row = dict[str, Any]


def eager_error(rows: list[Row]) -> Row | None:
    """What eager float32 was off by, by which the gate measures all others; None before it was run."""
    return next((row["error"] for row in rows if _measured(row, EAGER) and "error" in row), None)


def limits_of(candidate: str, eager: Row | None) -> Limits:
    """The gate's, for one drawn scene. eager: of `eager_error`.

    For eager float32 itself, the measure: what the table gives to float32 on another's terms, for cuDNN's fastest
    algorithms round more than a CPU.
    """
    own = is_measure(candidate)
    tolerance = tolerance_of("fp32", "dft") if own else tolerance_of(precision_of(candidate))
    return tolerance.drawn.limits(HoleErrors.from_dict(eager) if eager and not own else None)


def is_measure(candidate: str) -> bool:
    return candidate in (EAGER, EAGER_AGAIN)


def with_ratios(rows: list[Row], config: GeneratorConfig, ceilings: Mapping[str, float]) -> list[Row]:
    """times_eager: how many times as fast as eager float32 without TF32; share_of_half_peak: of half precision only."""
    eager = {(row["size"], row["batch"]): row["median_us"] for row in rows if _measured(row, EAGER)}
    return [_with_ratios(row, eager, config, ceilings) if "median_us" in row else row for row in rows]


def _with_ratios(
    row: Row, eager: Mapping[tuple[int, int], float], config: GeneratorConfig, ceilings: Mapping[str, float]
) -> Row:
    flops = generator_flops(config, row["size"], row["size"], row["batch"])
    found: Row = {"flops": flops, "times_eager": None, "share_of_half_peak": None}
    if (row["size"], row["batch"]) in eager:
        found["times_eager"] = eager[row["size"], row["batch"]] / row["median_us"]
    dtype = HALF.get(precision_of(row["candidate"]))
    if dtype and "TF32" not in row["candidate"]:
        found["share_of_half_peak"] = flops / (row["median_us"] / 1e6) / ceilings[f"{dtype}_flops_per_s"]
    return {**row, **found}


def targets(rows: list[Row]) -> Iterator[Row]:
    """Of the issue, for ours in fp16."""
    at = {(row["candidate"], row["size"], row["batch"]): row for row in rows if "median_us" in row}

    def own(size: int, batch: int, key: str) -> float | None:
        return at.get(("ours fp16", size, batch), {}).get(key)

    yield {"what": "512x512, times eager fp32", "target": 6.0, "measured": own(512, 1, "times_eager")}
    yield {"what": "512x512, times torch.compile in half precision", "target": 2.0, "measured": _times_compiled(at)}
    yield {"what": "2048x2048, times eager fp32", "target": 3.0, "measured": own(2048, 1, "times_eager")}
    for size, batch, share in ((2048, 1, 0.4), (512, 8, 0.5)):
        what = f"{size}x{size}, batch {batch}, share of the measured half-precision peak"
        yield {"what": what, "target": share, "measured": own(size, batch, "share_of_half_peak")}


def _times_compiled(at: Mapping[tuple[str, int, int], Row]) -> float | None:
    """The better of the two half precisions is the rival."""
    rivals = [at[name, 512, 1]["median_us"] for name in COMPILED if (name, 512, 1) in at]
    own = at.get(("ours fp16", 512, 1))
    return min(rivals) / own["median_us"] if rivals and own else None


def _measured(row: Row, candidate: str) -> bool:
    return row["candidate"] == candidate and "median_us" in row
