"""Make benchmarks/claims.md from the newest record of each size: `python -m benchmarks.claims.page`.

Everything on the page, verdicts included, comes from the records in `results/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parents[1]
ORDER = ("gpu", "cpu", "smoke")
DECIMALS = {"KID-EffLite0": 5, "hole correlation": 2}
HEAD = """# The paper's claims, in small

What LaMa's paper says of its architecture and its masks, tried again at a size that this page's hardware can train.
Small models trained briefly can bear a claim out or fail to; they cannot refute the paper, whose generators train for a
million steps. Made by `claims/run.py`, verdicts by rule from the numbers; nothing here is written by hand.
"""


def main() -> None:
    print(f"wrote {write(HERE)}")


def write(folder: Path) -> Path:
    """FOLDER/claims.md from FOLDER/results."""
    records = {}
    for file in sorted(folder.glob("results/*-claims-*.json")):
        record = json.loads(file.read_text())
        records[record["size"]] = (file.name, record)
    sections = [section(*records[size]) for size in ORDER if size in records]
    page = folder / "claims.md"
    page.write_text("\n".join([HEAD, *sections]))
    return page


def section(name: str, record: Mapping[str, Any]) -> str:
    parts = (
        f"## Size {record['size']}, {record['date']}",
        verdicts(record["claims"]),
        f"{record['method'][0].upper()}{record['method'][1:]}. {record['rule']}",
        "### The numbers behind the verdicts",
        comparisons(record["claims"]),
        "### Quality against resolution",
        "\n".join(f"![{curve['caption']}]({curve['file']})" for curve in record["pictures"]["curves"]),
        "The same photographs and holes at every size; bars are 95 % intervals.",
        "### Budgets",
        budgets(record),
        "### All means",
        means(record),
        "### Pictures",
        *(f"{strip['caption']}:\n\n![{strip['caption']}]({strip['file']})" for strip in record["pictures"]["strips"]),
        credits(record["pictures"]["credits"]),
        provenance(name, record),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def verdicts(claims: Sequence[Mapping[str, Any]]) -> str:
    return table(
        ["claim", "in the paper", "at this scale"],
        [[claim["text"], claim["paper"], f"**{claim['verdict']}**"] for claim in claims],
    )


def comparisons(claims: Sequence[Mapping[str, Any]]) -> str:
    """The deciding metric in full, the others' verdicts beside it."""
    rows = []
    for claim in claims:
        for row in claim["comparisons"]:
            (decides, numbers), *others = [(key, value) for key, value in row.items() if isinstance(value, dict)]
            low, high = numbers["interval"]
            rows.append(
                [
                    claim["key"],
                    f"{row['better']} over {row['worse']}",
                    f"{row['test']}{', log growth' if row['base'] else ''}",
                    f"{numbers['better']:.4f}",
                    f"{numbers['worse']:.4f}",
                    f"{numbers['advantage']:+.4f} [{low:+.4f}, {high:+.4f}]",
                    f"**{numbers['verdict']}**",
                    ", ".join(f"{metric} {value['verdict']}" for metric, value in others),
                ]
            )
    header = ["claim", "comparison", "test", f"first's {decides}", "second's", "advantage", "verdict", "by others"]
    return table(header, rows)


def budgets(record: Mapping[str, Any]) -> str:
    rows = []
    for name, run in record["runs"].items():
        generator, seconds = run["config"]["generator"], [s for s in run["seconds_per_step"] if s is not None]
        shape = f"{generator['kind']}, width {generator['width']}, {generator['blocks']} blocks"
        pace = f"{np.mean(seconds):.2f}" if seconds else "-"
        rows.append([name, shape, f"{run['parameters']:,}", run["config"]["data"]["masks"], pace])
    note = (
        "Equal for all: pictures, their order and crops, steps, losses, discriminator, optimizers. The trainings ran "
        "one after the other, so that a busy machine shows in their seconds."
    )
    return table(["generator", "shape", "parameters", "training masks", "seconds a step"], rows) + f"\n\n{note}"


def means(record: Mapping[str, Any]) -> str:
    """Over pictures and seeds. ST-LPIPS, L1-hole and KID: lower is better; SSIM and hole correlation: higher."""
    tests = record["tests"]
    metrics = list(dict.fromkeys(m for test in tests.values() for row in test["scores"].values() for m in row))
    rows = [
        [test, str(len(value["pairs"])), model, *(_mean(scores.get(metric), metric) for metric in metrics)]
        for test, value in tests.items()
        for model, scores in value["scores"].items()
    ]
    note = (
        "Lower is better, but for SSIM and hole correlation (of brightness inside the hole: 1 where a pattern goes on "
        "in phase, 0 for a blur). None of these is comparable with published LPIPS or FID."
    )
    return table(["test", "pairs", "model", *metrics], rows) + f"\n\n{note}"


def _mean(values: Any, metric: str) -> str:
    return "-" if values is None else f"{np.mean(values):.{DECIMALS.get(metric, 4)}f}"


def credits(lines: Sequence[str]) -> str:
    """Of the photographs shown, which are in the public domain or CC0."""
    return "Photographs: " + "; ".join(lines) + "." if lines else ""


def provenance(name: str, record: Mapping[str, Any]) -> str:
    machine = record["machine"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['device']}; {versions}. "
        f"Again: `python -m benchmarks.claims.run CORPUS --size {record['size']} --seeds {record['seeds']}`. "
        f"[All numbers](results/{name}), every picture's scores among them."
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))


if __name__ == "__main__":
    main()
