"""The pictures of `run.py`: the same holes filled by every model, side by side, and the credits of what is shown."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.claims.measure import NARROW, PERIODIC, WIDE, HeldSet, enlarged
from benchmarks.claims.runs import Size
from lama_deploy.arrays import Array
from lama_deploy.evaluation.candidates import Candidate
from lama_deploy.evaluation.test_set import Pair

FREE = ("public-domain", "CC0-1.0")  # licences of pictures that are put in the repository
HOLE_COLOUR = (255, 0, 200)
LARGEST_CELL, GAP, HEADER = 288, 4, 14  # pixels
QUALITY = 88  # of the JPEG: a megabyte for all strips together
TELEA = "opencv-telea"


@dataclass(frozen=True)
class Strip:
    """A file with `rows` pictures of a test, one column for each model."""

    file: str
    test: str
    models: tuple[str, ...]
    rows: int
    caption: str


def strips(size: Size) -> tuple[Strip, ...]:
    largest = enlarged(max(size.factors))
    architectures = (TELEA, "regular", "dilated", "fourier")
    training = ("regular-narrow", "regular", "fourier-narrow", "fourier")
    return (
        Strip("wide", WIDE, architectures, 4, "Wide holes at the training size"),
        Strip("large", largest, architectures, 2, f"The same, {largest.removeprefix(WIDE + ' x')} times as large"),
        Strip("periodic", PERIODIC, architectures, 6, "Periodic structures"),
        Strip("training-wide", WIDE, training, 3, "Trained on narrow and on wide masks: wide holes"),
        Strip("training-narrow", NARROW, training, 2, "Trained on narrow and on wide masks: narrow holes"),
    )


def draw_strip(strip: Strip, shown: Sequence[Pair], models: Mapping[str, Candidate]) -> Image.Image:
    """A row for each pair, names above the columns."""
    columns = ("hole", *strip.models, "original")
    side = min(LARGEST_CELL, shown[0].rgb.shape[0])
    picture = Image.new("RGB", ((side + GAP) * len(columns) - GAP, HEADER + (side + GAP) * len(shown) - GAP), "white")
    pen = ImageDraw.Draw(picture)
    for column, name in enumerate(columns):
        left = column * (side + GAP)
        pen.text((left, 0), name, fill="black")
        for row, pair in enumerate(shown):
            cell = Image.fromarray(_cell(name, pair, models)).resize((side, side), Image.Resampling.LANCZOS)
            picture.paste(cell, (left, HEADER + row * (side + GAP)))
    return picture


def chosen(pairs: Sequence[Pair], count: int, licences: Mapping[str, str]) -> list[Pair]:
    """`count` of those that may be shown, or all: by rule, not by look, evenly spread over them.

    licences: by photograph; a picture that is not listed (a drawn one, or of a corpus without a list) may be shown.
    """
    free = [pair for pair in pairs if licences.get(source_of(pair), FREE[0]) in FREE]
    count = min(count, len(free))
    return [free[index * len(free) // count] for index in range(count)]


def source_of(pair: Pair) -> str:
    """The photograph's name without its ending."""
    return pair.name.rpartition("_crop")[0]


def _cell(name: str, pair: Pair, models: Mapping[str, Candidate]) -> Array:
    if name == "original":
        return pair.rgb
    if name == "hole":
        return np.where(pair.hole[..., None] > 0, np.array(HOLE_COLOUR, np.uint8), pair.rgb)
    return models[name].inpaint(pair.rgb, pair.hole)


def licence_rows(corpus: Path) -> dict[str, dict[str, str]]:
    """Rows of the corpus's LICENCES.tsv for its test pictures, by name without ending; none where it has no list."""
    file = corpus / "LICENCES.tsv"
    if not file.exists():
        return {}
    with file.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {Path(row["path"]).stem: row for row in rows if row["path"].startswith("test/")}


def draw_all(
    size: Size, tests: Mapping[str, HeldSet], corpus: Path, models: Mapping[str, Candidate], prefix: Path
) -> tuple[list[dict[str, str]], list[str]]:
    """Write PREFIX-NAME.jpg for each strip. Returns (file and caption of each, credits of the photographs shown)."""
    rows = licence_rows(corpus)
    licences = {name: row["licence"] for name, row in rows.items()}
    prefix.parent.mkdir(parents=True, exist_ok=True)
    written, credited = [], set()
    for strip in strips(size):
        shown = chosen(tests[strip.test].held, strip.rows, licences)
        if not shown:
            continue
        file = prefix.with_name(f"{prefix.name}-{strip.file}.jpg")
        draw_strip(strip, shown, models).save(file, quality=QUALITY)
        written.append({"file": f"{prefix.parent.name}/{file.name}", "caption": strip.caption})
        credited |= {source_of(pair) for pair in shown}
    return written, [_credit(rows[name]) for name in sorted(credited & set(rows))]


def _credit(row: Mapping[str, str]) -> str:
    return f"{Path(row['path']).stem}: {row['author']}, {row['licence']}, {row['source']}"
