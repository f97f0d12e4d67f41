"""The record as a page."""

from __future__ import annotations

from typing import Any

from benchmarks.quality.gate.verdicts import PASSED

Record = dict[str, Any]
OF_LARGE_HOLES = ("shift", "wave", "missing levels", "times, shift")  # asked of all photographs together alone
NOTES = """\
# The gate

`lama-export`, `lama-verify` and `lama-bench` hold every artefact to one table (`lama_deploy/proof/tolerance.py`). A
gate is as good as what it refuses, so it is tested by mistakes: generators and pictures with one defect each
(`tests/defects`), added to right artefacts of every precision. This page is written by
`python -m benchmarks.quality.gate.run`.
"""
READING = """\
**Alone**: PSNR inside the holes of the seven photographs of what the defect does to float32; 48 dB are one grey level.
A cell has the verdict of the gate until November 2026, which looked at drawn scenes alone, and today's. What passes
today is named with the PSNR that it leaves: it costs less than the precision itself, and nobody sees it.
"""
RIGHT = """\
The other side of the gate: what is right must pass, whatever the network. A cell has the verdict, the PSNR in the holes
of the seven photographs together, and how much of its limit the worst case used up (of rms errors). Written by
`python -m benchmarks.quality.gate.variants`.
"""


def page(record: Record, variants: Record) -> str:
    """record: of `run`. variants: of `variants`."""
    return "\n".join(
        [
            NOTES,
            _measured(record),
            f"\n## {len(record['defects']) - 1} defects, before and after\n",
            READING,
            _summary(record),
            _defects(record),
            "\n## What right artefacts show\n",
            f"The worst of {record['cases']} drawn cases (any picture, any hole, 16 to 700 px) and of the photographs. "
            "Errors are absolute, in [0, 1]; times: in units of what eager float32 PyTorch is off by on the same "
            "picture, times 2^13 for fp16 and 2^16 for bf16.\n",
            _right(record["right"]),
            "\n## Right artefacts of every generator\n",
            RIGHT,
            f"{_measured(variants)}.\n",
            right_of_each(variants["variants"]),
            "",
        ]
    )


def _measured(record: Record) -> str:
    machine = record["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return f"Measured on {record['date']}: {machine['cpu']}, {versions}. {record['method']}"


def right_of_each(variants: Record) -> str:
    """A row for each form of an artefact, a column for each generator."""
    forms = list(dict.fromkeys(form for rows in variants.values() for form in rows))
    lines = ["| | " + " | ".join(variants) + " |", "|---" * (1 + len(variants)) + "|"]
    for form in forms:
        lines.append(f"| {form} | " + " | ".join(_verdict(rows.get(form)) for rows in variants.values()) + " |")
    return "\n".join(lines)


def _verdict(row: Record | None) -> str:
    if row is None:
        return "-"
    if not row["passed"]:
        return f"**refused**: {'; '.join(row['broken'])}"
    return f"passes, {_decibels(row['psnr'])} dB, {row['used']['rms']:.0%}"


def _summary(record: Record) -> str:
    rows = record["defects"][1:]
    lines = ["| | " + " | ".join(record["artefacts"]) + " |", "|---" * (1 + len(record["artefacts"])) + "|"]
    for when, title in (("before", "passed before"), ("after", "pass today")):
        counts = [sum(row[when][name] == PASSED for row in rows) for name in record["artefacts"]]
        lines.append(f"| {title} | " + " | ".join(f"{count} of {len(rows)}" for count in counts) + " |")
    return "\n".join([*lines, ""])


def _defects(record: Record) -> str:
    names = record["artefacts"]
    lines = ["| defect | alone, dB | " + " | ".join(names) + " |", "|---" * (2 + len(names)) + "|"]
    for row in record["defects"]:
        cells = [_cell(row, name) for name in names]
        lines.append(f"| {row['defect']} | {_decibels(row['alone'])} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: Record, name: str) -> str:
    before, after = row["before"][name], row["after"][name]
    if after == PASSED:
        return f"{before}, passes ({_decibels(row['psnr'][name])} dB)"
    return f"{before}, **refused**"


def _decibels(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _right(right: Record) -> str:
    columns = (
        "largest",
        "mean",
        "rms",
        "shift",
        "wave",
        "missing levels",
        "times, largest",
        "times, rms",
        "times, shift",
    )
    lines = ["| artefact | of | " + " | ".join(columns) + " |", "|---" * (2 + len(columns)) + "|"]
    for name, kinds in right.items():
        for kind, values in kinds.items():
            asked = [column for column in columns if kind == "photographs" or column not in OF_LARGE_HOLES]
            cells = [f"{values[column]:.2g}" if column in asked else "-" for column in columns]
            lines.append(f"| {name} | {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
