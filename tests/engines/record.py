"""The record of what became of every engine: one JSON file in benchmarks/results."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lama_deploy.reports.machine import machine, package_version
from tests.engines.table import ENGINES

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
NAME = "engines"
METHOD = (
    "each engine in an environment of its own, in the versions of the table, each file in a process of its own that "
    "runs all sizes one after the other; compared with eager PyTorch in float64: bytes at most one level off inside of "
    "holes, floats at most 1e-4, and equal outside of them to the last bit"
)


def latest() -> dict[str, Any]:
    """The newest record; one without engines where there is none."""
    files = sorted(RESULTS.glob(f"*-{NAME}.json"))
    return json.loads(files[-1].read_text()) if files else {"engines": {}}


def merged(before: dict[str, Any], found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A record with the engines that were tried now. before: engines of another, whose other forms stay."""
    rows: dict[str, Any] = {}
    for engine in ENGINES:
        old, new = before.get(engine.name), found.get(engine.name)
        if new and old and not new["not_installed"]:
            new = {**new, "versions": {**old["versions"], **new["versions"]}, "forms": {**old["forms"], **new["forms"]}}
        if row := new or old:
            tried = {form: row["forms"][form] for form in engine.tried if form in row["forms"]}
            rows[engine.name] = {**row, "title": engine.title, "forms": tried}
    return {
        "what": "engines that others wrote, on files of lama-demo",
        "date": datetime.now(UTC).date().isoformat(),
        "method": METHOD,
        "machine": machine(("torch", "numpy", "onnx")),
        "package": package_version(),
        "engines": rows,
    }


def save(record: dict[str, Any]) -> None:
    """In place of all older ones."""
    text = json.dumps(record, indent=1) + "\n"
    for old in RESULTS.glob(f"*-{NAME}.json"):
        old.unlink()
    (RESULTS / f"{record['date']}-{NAME}.json").write_text(text)
