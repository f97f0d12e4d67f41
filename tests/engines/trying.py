"""Makes the files and pictures once, then tries every engine on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.checkpoints.weights import load_weights
from tests.engines.environments import NotInstalledError, prepare
from tests.engines.forms import FORMS, Case, Picture, as_floats, draw, files_of
from tests.engines.running import run
from tests.engines.table import ENGINES, Engine
from tests.engines.verdicts import Verdict, own_line


@dataclass(frozen=True)
class Trial:
    """files: of each form, with the cases that each takes. cases: a folder of them for each interface."""

    files: dict[str, dict[Path, tuple[Case, ...]]]
    pictures: dict[str, Picture]
    cases: dict[str, Path]


def make_trial(forms: Sequence[str], folder: Path) -> Trial:
    """Export the forms, and draw and compute what they run."""
    checkpoint = load_weights("lama-demo")
    (folder / "models").mkdir(parents=True, exist_ok=True)
    own = {case: None for engine in ENGINES for case in engine.cases}
    files = {name: files_of(name, checkpoint, folder / "models", (*FORMS[name].cases, *own)) for name in forms}
    needed = {case for made in files.values() for cases in made.values() for case in cases}
    pictures = {case.name: draw(case, checkpoint) for case in sorted(needed, key=lambda case: case.name)}
    cases = {io: folder / "cases" / io for io in ("uint8", "float")}
    for name, picture in pictures.items():
        _save(cases["uint8"] / name, picture.images, picture.masks)
        _save(cases["float"] / name, *as_floats(picture))
    return Trial(files, pictures, cases)


def try_engine(engine: Engine, trial: Trial, folder: Path) -> dict[str, Any]:
    """The engine's part of the record: versions, and the verdict of each form and case."""
    try:
        command = prepare(engine, folder / "environments" / engine.name)
    except NotInstalledError as error:
        return {"title": engine.title, "versions": {}, "not_installed": own_line(str(error)), "forms": {}}
    found: dict[str, Any] = {"title": engine.title, "versions": {}, "not_installed": "", "forms": {}}
    for form in (form for form in trial.files if form in engine.tried):
        wanted = asked_of(engine, form)
        verdicts: dict[str, Verdict] = {}
        for model, cases in trial.files[form].items():
            asked = {case.name: trial.pictures[case.name] for case in cases if case in wanted}
            if not asked:
                continue
            out, io = folder / "out" / engine.name / model.stem, FORMS[form].io
            judged, versions = run(engine, command, model, trial.cases[io], asked, io, out)
            verdicts |= judged
            found["versions"] |= versions
        found["forms"][form] = {name: asdict(verdict) for name, verdict in verdicts.items()}
    return found


def asked_of(engine: Engine, form: str) -> tuple[Case, ...]:
    return engine.cases or tuple(case for case in FORMS[form].cases if not (engine.small and case.large))


def _save(folder: Path, image: np.ndarray, mask: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "image.npy", image)
    np.save(folder / "mask.npy", mask)
