"""Make benchmarks/README.md from benchmarks/results/*.json: `python -m benchmarks.page`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.gpu.page import TABLES as GPU_TABLES
from benchmarks.gpu.page import hardware
from benchmarks.picture_tables import TABLES as PICTURE_TABLES

HERE = Path(__file__).parent
LOADED = 0  # pixels
NO_GPU = "No GPU has been measured yet: there is no number here until a record exists ([how](GPU.md)).\n"


def main() -> None:
    (HERE / "README.md").write_text(page((HERE / "notes.md").read_text(), HERE / "results"))


def page(notes: str, results: Path) -> str:
    """The text with a section for each record of the folder."""
    records = [(file.name, json.loads(file.read_text())) for file in sorted(results.glob("*.json"))]
    on_gpu = [_section(name, record) for name, record in records if "gpu" in record["machine"]]
    others = [_section(name, record) for name, record in records if "gpu" not in record["machine"]]
    return notes.replace("<!-- results -->", "\n".join(others)).replace("<!-- gpu -->", "\n".join(on_gpu) or NO_GPU)


def _section(name: str, record: dict[str, Any]) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in record["machine"]["versions"].items())
    picture = f"\n\n{_picture(record)}" if "picture" in record else ""
    table = next(make(record[kind]) for kind, make in TABLES.items() if kind in record)
    return (
        f"### {record['what']}\n\n{table}{picture}\n\n"
        f"{record['date']}; {_hardware(record['machine'])}; {versions}; {record['machine']['system']}. "
        f"Method: {record['method']}. [All numbers](results/{name}).\n"
    )


def _hardware(machine: dict[str, Any]) -> str:
    if "gpu" in machine:
        return hardware(machine)
    return (
        f"{machine['cpu']} (family/model {machine['cpu_family_model']}), {machine['cores']} cores, "
        f"{' '.join(machine['extensions'])}"
    )


def _picture(record: dict[str, Any]) -> str:
    return (
        f"![Columns: hole, float32, bf16, int8, int8's difference from float32 times 8]({record['picture']})\n\n"
        "Columns: hole, float32, bf16, int8, int8's difference from float32 times 8; rows: the 90th, 50th and 10th per "
        f"cent of int8's PSNR. Photographs: {'; '.join(record['credits'])}."
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


def _claims(rows: list[dict[str, Any]]) -> str:
    body = [f"| {row['text']} | **{row['verdict']}** |" for row in rows]
    return "\n".join(["| claim | at this scale |", "|---|---|", *body, "", "[Curves and pictures](claims.md)."])


def _defects(rows: list[dict[str, Any]]) -> str:
    """How many the gate let pass; its page has each of them."""
    names, broken = list(rows[0]["after"]), rows[1:]
    lines = [f"| of {len(broken)} defects, [each on its page](gate.md) | {' | '.join(names)} |"]
    lines.append("|---" * (len(names) + 1) + "|")
    for when, title in (("before", "passed before"), ("after", "pass today")):
        counts = [str(sum(row[when][name] == "passes" for row in broken)) for name in names]
        lines.append(f"| {title} | {' | '.join(counts)} |")
    return "\n".join(lines)


def _variants(rows: dict[str, Any]) -> str:
    """How many right artefacts the gate let pass; its page has each of them."""
    names = list(rows)
    counts = [f"{sum(row['passed'] for row in forms.values())} of {len(forms)}" for forms in rows.values()]
    lines = [f"| right artefacts, [each on its page](gate.md) | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    return "\n".join([*lines, f"| pass | {' | '.join(counts)} |"])


def _engines(rows: dict[str, Any]) -> str:
    """How many cases of how many engines and tools ended how; their page has each of them."""
    verdicts = [case["verdict"] for row in rows.values() for cases in row["forms"].values() for case in cases.values()]
    counts = {verdict: str(verdicts.count(verdict)) for verdict in sorted(set(verdicts))}
    lines = [f"| of {len(rows)} engines and tools, [each on its page](../docs/engines.md) | {' | '.join(counts)} |"]
    return "\n".join([*lines, "|---" * (len(counts) + 1) + "|", f"| files at a size | {' | '.join(counts.values())} |"])


def _forms(engines: dict[str, dict[str, dict[str, float]]]) -> str:
    body = [
        f"| {engine} | {form} | {row['megabytes']:.1f} | {row['load_s']:.2f} | {row['run_s']:.2f} | "
        f"**{row['times_default']:.3f}** |"
        for engine, rows in engines.items()
        for form, row in rows.items()
    ]
    head = "| engine | form | MB | seconds to open | seconds to run | times the default |"
    return "\n".join([head, "|---|---|---|---|---|---|", *body])


def _phones(rows: dict[str, dict[str, float]]) -> str:
    body = [
        f"| {name} | {row['megabytes']:.1f} | {row['median_s']:.3f} | **{row['times_onnxruntime']:.2f}** |"
        for name, row in rows.items()
    ]
    return "\n".join(["| engine | MB | seconds | times ONNX Runtime's |", "|---|---|---|---|", *body])


def _training(cases: dict[str, dict[str, float]]) -> str:
    body = [
        f"| {name} | {row['pictures_per_second']:.2f} | {row['best_pictures_per_second']:.2f} | "
        f"{row['data_wait_share']:.1%} |"
        for name, row in cases.items()
    ]
    return "\n".join(["| case | pictures a second | best round | time waiting for data |", "|---|---|---|---|", *body])


def _quality(models: dict[str, dict[str, float]]) -> str:
    metrics = list(next(iter(models.values())))
    body = [
        f"| {name} | " + " | ".join(f"{row[metric]:.4f}" for metric in metrics) + " |" for name, row in models.items()
    ]
    return "\n".join([f"| model | {' | '.join(metrics)} |", "|---" * (len(metrics) + 1) + "|", *body])


def _memory(rows: dict[str, float]) -> str:
    eager = next(iter(rows.values()))
    body = [f"| {name} | {peak:.2f} | **{peak / eager:.0%}** |" for name, peak in rows.items()]
    return "\n".join(["| model | peak GiB | share of eager's |", "|---|---|---|", *body])


def _memory_growth(rows: list[dict[str, Any]]) -> str:
    """Bytes a pixel by which the peak after a run is above that after loading."""
    by_case: dict[str, dict[int, float]] = {}
    for row in rows:
        loaded = row["loaded"]["VmHWM"]
        found = by_case.setdefault(
            f"{row['generator']} | {row['backend']} {row['precision']}", {LOADED: loaded / 2**20}
        )
        found[row["pixels"]] = (row["run"]["VmHWM"] - loaded) / row["pixels"]
    sizes = sorted({row["pixels"] for row in rows})
    head = ["generator", "backend", "loaded, MiB", *(f"bytes a pixel at {size / 1e6:.2f} MP" for size in sizes)]
    cells = lambda found: [f"{found[size]:.0f}" if size in found else "" for size in (LOADED, *sizes)]  # noqa: E731
    body = [f"| {case} | {' | '.join(cells(found))} |" for case, found in by_case.items()]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *body])


def _precisions(rows: dict[str, dict[str, float | None]]) -> str:
    metrics = list(next(iter(rows.values())))
    cells = lambda row: " | ".join("equal" if row[metric] is None else f"{row[metric]:.4g}" for metric in metrics)  # noqa: E731
    body = [f"| {name} | {cells(row)} |" for name, row in rows.items()]
    return "\n".join([f"| precision | {' | '.join(metrics)} |", "|---" * (len(metrics) + 1) + "|", *body])


def _serving(found: dict[str, Any]) -> str:
    body = [
        f"| {size} | {way} | {row['p50_ms']:,.0f} | {row['p99_ms']:,.0f} | **{row['per_second']:.2f}** |"
        for size, rows in found["rows"].items()
        for way, row in rows.items()
    ]
    load = found["load"]
    memory = ", ".join(f"{mib:.0f}" for mib in load["rss_mib"])
    together = "; ".join(
        f"{size}: " + ", ".join(f"{ms:.1f} for {count}" for count, ms in row.items())
        for size, row in found["together"].items()
    )
    return "\n".join(
        [
            "| picture | way | p50 ms | p99 ms | pictures a second |",
            "|---|---|---|---|---|",
            *body,
            "",
            f"Under load: {load['requests']:,} requests, {load['lost']} lost, {load['different']} answers other than "
            f"the first; resident MiB after every {load['every']}: {memory}.",
            "",
            f"Milliseconds of one thread's processor time a picture, where so many run as one batch: {together}.",
        ]
    )


TABLES = {
    "serving": _serving,
    "memory": _memory,
    "memory_growth": _memory_growth,
    "precisions": _precisions,
    "runtimes": _runtimes,
    "load": _load,
    "claims": _claims,
    "defects": _defects,
    "variants": _variants,
    "engines": _engines,
    "forms": _forms,
    "phones": _phones,
    "training": _training,
    "quality": _quality,
    **PICTURE_TABLES,
    **GPU_TABLES,
}


if __name__ == "__main__":
    main()
