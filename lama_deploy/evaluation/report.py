"""An evaluation as a printed table, as TSV and as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from lama_deploy.disk import appears_whole
from lama_deploy.errors import DataError
from lama_deploy.evaluation.protocol import Block, Row
from lama_deploy.reports.machine import machine, versions
from lama_deploy.reports.text import aligned

TSV, JSON = "metrics.tsv", "metrics.json"
DECIMALS = 4  # as official tables
SMALL = {"KID-EffLite0": 6}  # good inpainters differ in its third decimal
PACKAGES = (
    "lama-deploy",
    "torch",
    "numpy",
    "pillow",
    "onnxruntime",
    "onnxruntime-gpu",
    "opencv-python",
    "opencv-python-headless",
    "lpips",
    "pytorch-fid",
    "torchvision",
)


def table(blocks: Sequence[Block]) -> str:
    """Means, one row for each model, size and area that has pairs; columns aligned."""
    metrics = _metrics(blocks)
    header = ["model", "size", "hole", "pairs", *metrics, *_scores(blocks)]
    body = [
        [
            block.model,
            block.size,
            row.area,
            str(row.count),
            *(_text(_mean(row, name), name) or "-" for name in metrics),
            *(_score(block, row, name) or "-" for name in _scores(blocks)),
        ]
        for block, row in _rows(blocks)
        if row.count
    ]
    return aligned([header, *body], left=(0,))


def tsv(blocks: Sequence[Block]) -> str:
    """All rows, means and standard deviations; empty where there is nothing to say."""
    metrics, scores = _metrics(blocks), _scores(blocks)
    spread = {name for _, row in _rows(blocks) for name, value in row.values.items() if value.std is not None}
    columns = [(name, kind) for name in metrics for kind in ("mean", "std") if kind == "mean" or name in spread]
    lines = [["model", "size", "hole", "pairs", *(f"{name} {kind}" for name, kind in columns), *scores]]
    for block, row in _rows(blocks):
        cells = [_text(getattr(row.values.get(name), kind, None), name) for name, kind in columns]
        lines.append(
            [block.model, block.size, row.area, str(row.count), *cells, *(_score(block, row, s) for s in scores)]
        )
    return "".join("\t".join(line) + "\n" for line in lines)


def record(blocks: Sequence[Block], facts: Mapping[str, Any]) -> str:
    """JSON: when and on what it was measured, the caller's facts, and every number in full."""
    return json.dumps(
        {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "hardware": _hardware(),
            "versions": {"python": platform.python_version(), **versions(PACKAGES)},
            **facts,
            "results": [asdict(block) for block in blocks],
        },
        indent=1,
        allow_nan=False,
    )


def require_folder(folder: Path) -> None:
    """Make the folder for `write`. Raises DataError when the disk refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: results cannot be written ({error.strerror or error})") from error


def write(folder: Path, blocks: Sequence[Block], facts: Mapping[str, Any]) -> None:
    """metrics.tsv and metrics.json; each appears whole or not at all. Raises DataError when the disk refuses."""
    require_folder(folder)
    try:
        for name, text in ((TSV, tsv(blocks)), (JSON, record(blocks, facts) + "\n")):
            with appears_whole(folder / name) as stream:
                stream.write(text.encode())
    except OSError as error:
        raise DataError(f"{folder}: results cannot be written ({error.strerror or error})") from error


def _rows(blocks: Sequence[Block]) -> Iterator[tuple[Block, Row]]:
    return ((block, row) for block in blocks for row in block.rows)


def _metrics(blocks: Sequence[Block]) -> list[str]:
    return list(dict.fromkeys(name for _, row in _rows(blocks) for name in row.values))


def _scores(blocks: Sequence[Block]) -> list[str]:
    return list(dict.fromkeys(name for block in blocks for name in block.scores))


def _mean(row: Row, name: str) -> float | None:
    return row.values[name].mean if name in row.values else None


def _score(block: Block, row: Row, name: str) -> str:
    return _text(block.scores.get(name), name) if row is block.rows[0] else ""


def _text(value: float | None, name: str) -> str:
    return "" if value is None else f"{value:.{SMALL.get(name, DECIMALS)}f}"


def _hardware() -> dict[str, Any]:
    found = machine(())
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"cpu": found["cpu"], "cores": found["cores"], "gpu": gpu}
