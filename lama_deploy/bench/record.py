"""A benchmark as a record, which JSON keeps and the table and the page are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lama_deploy.bench.candidates import Candidate
from lama_deploy.bench.compare import METHOD, NOT_MEASURED, Row, Schedule
from lama_deploy.reports.machine import package_version
from lama_deploy.reports.text import aligned

HEADER = (
    "size",
    "model",
    "runs on",
    "precision",
    "first ms",
    "min ms",
    "median ms",
    "p90 ms",
    "rounds",
    "max error",
    "times baseline",
    "",
)
LEFT = (0, 1, 2, 3, 10, 11)
Record = dict[str, Any]


def bench_record(
    candidates: Sequence[Candidate],
    rows: Sequence[Row],
    plan: Schedule,
    *,
    left_out: Sequence[str],
    threads: int | None,
    machine: Mapping[str, Any],
) -> Record:
    """left_out: a line for each model that is missing. threads: as asked for. machine: of `reports.machine`, before."""
    return {
        "what": "lama-bench",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": package_version(),
        "method": METHOD,
        "not_measured": NOT_MEASURED,
        "plan": {**plan.to_dict(), "threads": threads},
        "machine": dict(machine),
        "candidates": [candidate.to_dict() for candidate in candidates],
        "left_out": list(left_out),
        "rows": [row.to_dict() for row in rows],
    }


def bench_table(record: Record) -> str:
    """One row for each size and candidate."""
    return aligned([HEADER, *cells(record)], LEFT)


def cells(record: Record) -> list[tuple[str, ...]]:
    """The texts under HEADER, row by row."""
    candidates = {candidate["name"]: candidate for candidate in record["candidates"]}
    return [_cells(row, candidates[row["candidate"]]) for row in record["rows"]]


def _cells(row: Record, candidate: Record) -> tuple[str, ...]:
    summary = row["summary"]
    times = [summary[name] for name in ("min_s", "median_s", "p90_s")] if summary else [None] * 3
    return (
        row["size"],
        row["candidate"],
        f"{candidate['engine']}, {candidate['device']}",
        candidate["precision"],
        *map(milliseconds, [row["first_s"], *times]),
        str(summary["rounds"]) if summary else "-",
        "-" if row["found"] is None or row["is_baseline"] else f"{row['found']['largest']:.1e}",
        _speedup(row),
        row["failure"] or "",
    )


def milliseconds(seconds: float | None) -> str:
    """Three digits, of longer times all before the point."""
    if seconds is None:
        return "-"
    value = 1e3 * seconds
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def _speedup(row: Record) -> str:
    if row["speedup"] is None:
        return "-"
    if row["is_baseline"]:
        return "1 (baseline)"
    return "{ratio:.2f} ({low:.2f} to {high:.2f})".format(**row["speedup"])
