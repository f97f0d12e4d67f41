"""The forms of one ONNX file that engines are given, and the pictures that each runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.proof.reference import oracle
from lama_export.options import ExportOptions
from lama_export.targets import ExportJob, write_onnx

MOST_OF_A_SMALL_ONE = 20000  # pixels


@dataclass(frozen=True)
class Case:
    """A picture, or a batch of some. name: as the page shows it, HxW or HxWxN."""

    height: int
    width: int
    count: int = 1

    @property
    def name(self) -> str:
        return f"{self.height}x{self.width}" + (f"x{self.count}" if self.count > 1 else "")

    @property
    def large(self) -> bool:
        return self.height * self.width > MOST_OF_A_SMALL_ONE


ODD = Case(101, 77)
ANY_SIZE = (ODD, Case(37, 200, 2), Case(360, 640))
# Of files for one size: without padding, with it, and two at once.
ONE_SIZE = (Case(96, 128), ODD, Case(64, 88, 2))


@dataclass(frozen=True)
class Form:
    """title: a column of the page. command: what a user types after `lama-export --weights lama-demo --to onnx`.
    options: those of `ExportOptions`. cases: what it runs; a form of one size is a file of its own for each.
    """

    title: str
    command: str
    options: Mapping[str, Any]
    one_size: bool = False

    @property
    def io(self) -> str:
        return str(self.options.get("io", "uint8"))

    @property
    def cases(self) -> tuple[Case, ...]:
        return ONE_SIZE if self.one_size else ANY_SIZE


FLOATS = {"io": "float"}
FORMS: Mapping[str, Form] = {
    "bytes": Form("default", "", {}),
    "floats": Form("floats", "--io float", FLOATS),
    "whole": Form("whole", "--decoder whole", {"decoder": "whole"}),
    "function": Form("function", "--spectral function", {"spectral": "function"}),
    "dft": Form("DFT", "--spectral dft", {"spectral": "dft"}),
    "fixed": Form("one size", "--size HxW --batch N", {}, one_size=True),
    "fixed-floats": Form("one size, floats", "--size HxW --batch N --io float", FLOATS, one_size=True),
    "fixed-basic": Form(
        "one size, basic",
        "--size HxW --batch N --io float --basic",
        {**FLOATS, "basic": True},
        one_size=True,
    ),
}


def files_of(
    name: str, checkpoint: Checkpoint, folder: Path, cases: tuple[Case, ...] = ()
) -> dict[Path, tuple[Case, ...]]:
    """Write the form's files, and say which cases each takes. cases: others than the form's own."""
    form = FORMS[name]
    files = {}
    if not form.one_size:
        files[folder / f"{name}.onnx"] = cases or form.cases
    else:
        files |= {folder / f"{name}-{case.name}.onnx": (case,) for case in cases or form.cases}
    for path, (case, *_) in files.items():
        sized = {"size": (case.height, case.width), "batch": case.count} if form.one_size else {}
        options = ExportOptions(**form.options, **sized)
        write_onnx(ExportJob(checkpoint.config, checkpoint.state_dict, options, iter), path)
    return files


@dataclass(frozen=True)
class Picture:
    """images: (N, H, W, 3) uint8. masks: (N, H, W) uint8, nonzero is hole. expected: as images, float64 in [0, 1]."""

    images: Array
    masks: Array
    expected: Array = field(repr=False)


def draw(case: Case, checkpoint: Checkpoint) -> Picture:
    """The same on every machine: waves and noise, with a box, a stroke and a point as holes."""
    random = np.random.default_rng([case.height, case.width, case.count])
    y, x = np.mgrid[: case.height, : case.width] / 16
    waves = np.sin(random.uniform(0.3, 1.5, (case.count, 1, 1, 3)) * (x + y)[None, ..., None] + np.arange(3))
    noise = random.normal(size=(*waves.shape[:1], case.height, case.width, 3))
    images = np.clip(128 + 80 * waves + 12 * noise, 0, 255).astype(np.uint8)
    masks = np.zeros(images.shape[:3], np.uint8)
    masks[:, case.height // 4 : case.height // 2, case.width // 3 : 2 * case.width // 3] = 255
    masks[0, -3:, : case.width // 2] = 1  # any value above zero, and at the border
    masks[-1, 2, -1] = 7
    return Picture(images, masks, oracle(checkpoint).run(images, masks))


def as_floats(picture: Picture) -> tuple[Array, Array]:
    """What files of the float interface take: (N, 3, H, W) in [0, 1] and (N, 1, H, W), float32."""
    images = np.ascontiguousarray(picture.images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
    return images, np.ascontiguousarray(picture.masks[:, None] > 0, np.float32)
