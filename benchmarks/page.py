"""Make benchmarks/README.md from benchmarks/results/*.json: `python benchmarks/page.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def main() -> None:
    records = [(file, json.loads(file.read_text())) for file in sorted((HERE / "results").glob("*.json"))]
    sections = [_section(file.name, record) for file, record in records]
    text = (HERE / "notes.md").read_text().replace("<!-- results -->", "\n".join(sections))
    (HERE / "README.md").write_text(text)


def _section(name: str, record: dict[str, Any]) -> str:
    machine = record["machine"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    table = _runtimes(record["runtimes"]) if "runtimes" in record else _load(record["load"])
    return (
        f"### {record['what']}\n\n{table}\n\n"
        f"{record['date']}; {machine['cpu']} (family/model {machine['cpu_family_model']}), {machine['cores']} cores, "
        f"{' '.join(machine['extensions'])}; {versions}; {machine['system']}. "
        f"Method: {record['method']}. [All numbers](results/{name}).\n"
    )


def _runtimes(rows: dict[str, dict[str, float]]) -> str:
    body = [
        f"| {name} | {row['median_s']:.2f} | {row['min_s']:.2f} | **{row['times_eager']:.2f}** |"
        for name, row in rows.items()
    ]
    return "\n".join(["| runtime | median s | minimum s | times eager |", "|---|---|---|---|", *body])


def _load(cases: dict[str, dict[str, dict[str, float]]]) -> str:
    body = [
        f"| {case}: {what.replace('_', ' ')} | {row['median_s']:.2f} | {row['min_s']:.2f} |"
        for case, rows in cases.items()
        for what, row in rows.items()
    ]
    return "\n".join(["| what | median s | minimum s |", "|---|---|---|", *body])


if __name__ == "__main__":
    main()
