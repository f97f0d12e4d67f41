"""Tables of records on photographs, folders and videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

USUAL_PASSES = 15  # of refinement, at each size
PLAIN_PASSES = 1.25  # in inferences: the last one of all, and that at half the size; every other has a gradient
OWN, STILL = "each frame's own", "held still"  # windows of clips


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


def _video_memory(held: dict[str, float]) -> str:
    body = [f"| {frames} | {mebibytes:.0f} |" for frames, mebibytes in held.items()]
    return "\n".join(["| frames | MiB |", "|---|---|", *body])


def _embedding(rows: dict[str, dict[str, float]]) -> str:
    body = [
        f"| {case} | {row['engine_ms']:,.0f} | **{row['c_ms']:.2f}** ({row['c_share']:.2%}) | "
        f"{row['python_ms']:.2f} ({row['python_share']:.2%}) |"
        for case, row in rows.items()
    ]
    head = ["engine, picture", "ms of the engine", "ms besides, liblama", "ms besides, Python"]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *body])


def _large_photographs(rows: dict[str, dict[str, float]]) -> str:
    body = [
        f"| {case} | {row['seconds']:.1f} | **{row['times_eager']:.1f}** | {row['peak_bytes'] / 2**30:.2f} |"
        for case, row in rows.items()
    ]
    head = ["case", "seconds", "times eager on 12 megapixels", "peak GiB"]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *body])


def _strategies(rows: list[dict[str, Any]]) -> str:
    names = {"l1": "L1 in the hole", "st_lpips": "ST-LPIPS", "seam": "seam", "sharpness": "sharpness"}
    head = ["megapixels", "hole", "strategy", *names.values()]
    body = [
        f"| {row['megapixels']} | {row['holes']} | {row['strategy']} | "
        + " | ".join(f"{row[name]:.3g}" for name in names)
        + " |"
        for row in rows
    ]
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


def _decoder_windows(rows: list[dict[str, Any]]) -> str:
    body = [
        f"| {row['model']}, {row['engine']} | {row['side']} | {row['hole']} | {name} | "
        f"{seconds:.2f} | {row['bytes_per_pixel'][name]:.0f} |"
        for row in rows
        for name, seconds in row["processor_seconds"].items()
    ]
    head = "| model, engine | side | hole | decoder for | processor seconds | bytes a pixel |"
    return "\n".join([head, "|---|---|---|---|---|---|", *body])


def _detail(rows: dict[str, dict[str, float]]) -> str:
    names = {"l1": "L1 in the hole", "st_lpips": "ST-LPIPS", "seam": "seam", "sharpness": "sharpness"}
    body = [f"| {name} | " + " | ".join(f"{row[key]:.3g}" for key in names) + " |" for name, row in rows.items()]
    return "\n".join([f"| fill | {' | '.join(names.values())} |", "|---" * (len(names) + 1) + "|", *body])


TABLES: Mapping[str, Callable[[Any], str]] = {
    "folder": _folder,
    "flat_memory": _flat_memory,
    "flicker": _flicker,
    "video_memory": _video_memory,
    "large_photographs": _large_photographs,
    "embedding": _embedding,
    "strategies": _strategies,
    "detail": _detail,
    "decoder_windows": _decoder_windows,
    "memory_predicted": _memory_predicted,
    "refinement": _refinement,
}
