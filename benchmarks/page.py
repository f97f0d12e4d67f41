"""Make benchmarks/README.md from benchmarks/results/*.json: `python -m benchmarks.page`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.gpu.page import TABLES as GPU_TABLES
from benchmarks.gpu.page import hardware

HERE = Path(__file__).parent
LOADED = 0  # pixels
USUAL_PASSES = 15  # of refinement, at each size
PLAIN_PASSES = 1.25  # in inferences: the last one of all, and that at half the size; every other has a gradient
OWN, STILL = "each frame's own", "held still"  # windows of clips
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


def _memory_predicted(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| model | backend | shapes | median error | worst error | measured at the worst |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        worst = max(row["runs"], key=lambda run: abs(run["foretold"] / run["measured"] - 1))
        count, height, width = worst["shape"]
        at = f"{count} of {height}x{width}: {worst['measured'] / 2**20:,.0f} MiB"
        errors = f"{row['median']:.1%} | **{row['worst']:+.1%}**"
        lines.append(f"| {row['model']} | {row['backend']} | {len(row['runs'])} | {errors} | {at} |")
    return "\n".join(lines)


def _refinement(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| model | size | peak GiB | without refinement | times the time | by 15 passes |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        peaks = [row[kind]["peak"] / 2**30 for kind in ("refined", "plain")]
        once = row["plain"]["seconds"]
        times = row["refined"]["seconds"] / once
        usual = times + (USUAL_PASSES - row["passes"]) * (times - PLAIN_PASSES) / (row["passes"] - 1)
        name = f"{row['model']} | {row['size']}x{row['size']}"
        lines.append(f"| {name} | **{peaks[0]:.2f}** | {peaks[1]:.2f} | {times:.1f} | {usual:.0f} |")
    return "\n".join(lines)


def _large_photographs(rows: dict[str, dict[str, float]]) -> str:
    body = [
        f"| {case} | {row['seconds']:.1f} | **{row['times_eager']:.1f}** | {row['peak_bytes'] / 2**30:.2f} |"
        for case, row in rows.items()
    ]
    head = ["case", "seconds", "times eager on 12 megapixels", "peak GiB"]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *body])


def _strategies(rows: list[dict[str, Any]]) -> str:
    names = {"l1": "L1 in the hole", "st_lpips": "ST-LPIPS", "seam": "seam", "sharpness": "sharpness", "seconds": "s"}
    head = ["megapixels", "hole", "strategy", *names.values()]
    body = [
        f"| {row['megapixels']} | {row['holes']} | {row['strategy']} | "
        + " | ".join(f"{row[name]:.3g}" for name in names)
        + " |"
        for row in rows
    ]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *body])


def _precisions(rows: dict[str, dict[str, float | None]]) -> str:
    metrics = list(next(iter(rows.values())))
    cells = lambda row: " | ".join("equal" if row[metric] is None else f"{row[metric]:.4g}" for metric in metrics)  # noqa: E731
    body = [f"| {name} | {cells(row)} |" for name, row in rows.items()]
    return "\n".join([f"| precision | {' | '.join(metrics)} |", "|---" * (len(metrics) + 1) + "|", *body])


def _folder(found: dict[str, Any]) -> str:
    rows, levels = found["rows"], found["png_levels"]
    cells = lambda row: " | ".join(f"{row[name]:.1f}" for name in ("whole", "read", "infer", "write"))  # noqa: E731
    body = [
        f"| {name} | {row['pictures']} | **{row['per_second']:.2f}** | {cells(row)} |" for name, row in rows.items()
    ]
    head = ["case", "pictures", "pictures a second", "seconds", "of reading", "of inference", "of writing"]
    png = ", ".join(
        f"{level}: {row['s_a_megapixel']:.2f} s and {row['bytes_a_pixel']:.2f} MB" for level, row in levels.items()
    )
    table = "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *body])
    return f"{table}\n\nPNG of photographs, a megapixel by level of compression: {png}."


def _flat_memory(found: dict[str, Any]) -> str:
    """MiB after some counts, and the growth over the last half of the pictures."""
    every, rows = found["every"], found["rows"]
    places = [0, 1, *(index for index in (4, 8, 12, 16, 20) if index < len(next(iter(rows.values()))))]
    head = ["backend", "loaded, MiB", *(f"after {index * every:,}" for index in places[1:]), "growth of the last half"]
    body = [
        f"| {name} | {' | '.join(str(row[index]) for index in places)} | **{row[-1] - row[len(row) // 2]}** |"
        for name, row in rows.items()
    ]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *body])


def _flicker(clips: dict[str, dict[str, float]]) -> str:
    body = [
        f"| {clip} | {row[OWN]:.2f} | {row[STILL]:.2f} | **{row[STILL] / row[OWN]:.2f}** | "
        f"{row[f'{OWN}: windows moved']:.0f} and {row[f'{STILL}: windows moved']:.0f} |"
        for clip, row in clips.items()
    ]
    head = "| clip | each frame's own windows | held still | ratio | windows moved |"
    return "\n".join([head, "|---|---|---|---|---|", *body])


TABLES = {
    "folder": _folder,
    "large_photographs": _large_photographs,
    "strategies": _strategies,
    "flat_memory": _flat_memory,
    "flicker": _flicker,
    "memory": _memory,
    "memory_growth": _memory_growth,
    "memory_predicted": _memory_predicted,
    "refinement": _refinement,
    "precisions": _precisions,
    "runtimes": _runtimes,
    "load": _load,
    "claims": _claims,
    "defects": _defects,
    "variants": _variants,
    "training": _training,
    "quality": _quality,
    **GPU_TABLES,
}


if __name__ == "__main__":
    main()
