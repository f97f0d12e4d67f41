"""The engines and tools of the development environment run the forms that they are said to run, at small sizes.

`make engines` tries many more, in larger pictures, each in an environment of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig
from tests.engines.environments import RUNNERS
from tests.engines.forms import FORMS, Case, Picture, as_floats, draw, files_of
from tests.engines.table import ENGINES
from tests.engines.verdicts import RIGHT, judge

CONFIG = GeneratorConfig(width=8, blocks=2)
CASES = (Case(53, 38), Case(21, 90, 2))
BY_NAME = {engine.name: engine for engine in ENGINES}
HERE = {  # engine of the table: what has to be installed for it
    "reference": "onnx",
    "ort-1.32": "onnxruntime",
    "openvino-2026": "openvino",
    "opencv-5": "cv2",
    "graphsurgeon": "onnx_graphsurgeon",
    "newer": "onnxruntime",
    "ort-format": "onnxruntime",
    "quant-pre-process": "sympy",
}
Made = tuple[dict[str, dict[Path, tuple[Case, ...]]], dict[Case, Picture]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The files of each form, and the pictures."""
    state = {key: tensor.numpy() for key, tensor in seeded_generator(CONFIG).state_dict().items()}
    checkpoint = Checkpoint(Path("seeded"), CONFIG, state, "")
    folder = tmp_path_factory.mktemp("forms")
    files = {name: files_of(name, checkpoint, folder, CASES) for name in FORMS}
    return files, {case: draw(case, checkpoint) for case in CASES}


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A script of `runners` as a module."""
    monkeypatch.syspath_prepend(str(RUNNERS))
    return lambda file: importlib.import_module(Path(file).stem)


@pytest.mark.parametrize(
    ("name", "form"), [(name, form) for name in HERE for form in FORMS if form in BY_NAME[name].right]
)
def test_what_engines_are_said_to_run_is_right(
    name: str, form: str, made: Made, runner: Callable[[str], ModuleType]
) -> None:
    pytest.importorskip(HERE[name])
    engine = BY_NAME[name]
    load = runner(engine.runner).load
    for path, cases in made[0][form].items():
        run = load(str(path), *engine.arguments)
        for case in cases:
            picture = made[1][case]
            io = FORMS[form].io
            inputs = (picture.images, picture.masks) if io == "uint8" else as_floats(picture)
            verdict = judge(np.asarray(run(*inputs)), picture, io, coarse=engine.coarse)
            assert verdict.verdict == RIGHT, f"{path.stem} at {case.name}: {verdict}"


@pytest.mark.trt
@pytest.mark.parametrize("form", BY_NAME["tensorrt-rtx"].right)
def test_tensorrt_rtx_parses(form: str, made: Made, runner: Callable[[str], ModuleType]) -> None:
    pytest.importorskip("tensorrt_rtx")
    for path in made[0][form]:
        _, network = runner(BY_NAME["tensorrt-rtx"].runner).parsed(str(path))
        assert network.num_layers > 0
