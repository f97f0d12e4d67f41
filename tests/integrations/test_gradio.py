"""The app: what it does with an editor's value, and in Gradio itself where LAMA_GRADIO_PYTHON names a Python with it.

That Python needs ONNX Runtime too; our tree is put on its path.
"""

import json
import os
import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from lama_deploy import ImageError, Inpainter
from lama_deploy.arrays import Array
from tests.integrations.conftest import INTEGRATIONS, imported, picture
from tests.kernel_build import ROOT

PYTHON = os.environ.get("LAMA_GRADIO_PYTHON", "")


@pytest.fixture(scope="module")
def app() -> ModuleType:
    return imported(INTEGRATIONS / "gradio" / "app.py", "lama_gradio_app")


@pytest.fixture(scope="module")
def inpaint(onnx: Path) -> Inpainter:
    return Inpainter.load(onnx, device="cpu")


def layer(mask: Array) -> Image.Image:
    """Painted in a colour with soft edges, as an editor gives it."""
    painted = np.zeros((*mask.shape, 4), np.uint8)
    painted[mask > 0] = (200, 50, 50, 128)
    return Image.fromarray(painted)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_what_is_painted_is_filled(app: ModuleType, inpaint: Inpainter, mode: str) -> None:
    image, mask = picture("any")
    editor = {"background": Image.fromarray(image).convert(mode), "layers": [layer(mask)], "composite": None}
    found, told = app.fill(inpaint, editor, 2)
    assert found.mode == mode and np.array_equal(found.convert("RGB"), inpaint(image, mask, grow=2))
    assert told == "model given 83x61"


def test_several_layers_are_one_hole(app: ModuleType, inpaint: Inpainter) -> None:
    image, mask = picture("any")
    editor = {"background": Image.fromarray(image), "layers": [layer(mask), layer(mask[::-1])], "composite": None}
    assert np.array_equal(app.fill(inpaint, editor, 0)[0], inpaint(image, mask | mask[::-1]))


def test_nothing_painted_and_nothing_opened(app: ModuleType, inpaint: Inpainter) -> None:
    image, _ = picture("any")
    found, told = app.fill(inpaint, {"background": Image.fromarray(image), "layers": [], "composite": None}, 0)
    assert np.array_equal(found, image) and "mask" in told
    for editor in (None, {"background": None, "layers": [], "composite": None}):
        with pytest.raises(ImageError, match="open one"):
            app.fill(inpaint, editor, 0)


def test_a_model_that_is_not_there_is_a_line(app: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["nowhere-at-all"]) == 2
    said = capsys.readouterr().err
    assert "nowhere-at-all" in said and said.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON, reason="LAMA_GRADIO_PYTHON names no Python that has Gradio")
def test_in_gradio(onnx: Path, inpaint: Inpainter, tmp_path: Path) -> None:
    image, mask = picture("any")
    Image.fromarray(image).save(tmp_path / "background.png")
    layer(mask).save(tmp_path / "layer.png")
    path = os.pathsep.join([str(ROOT), str(INTEGRATIONS / "gradio"), os.environ.get("PYTHONPATH", "")])
    program, files = (
        ROOT / "tests" / "integrations" / "gradio_round_trip.py",
        ("background.png", "layer.png", "out.png"),
    )
    done = subprocess.run(
        [PYTHON, str(program), str(onnx), *files],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "GRADIO_ANALYTICS_ENABLED": "False"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["told"] == "model given 83x61" and "open one" in said["error"]
    assert np.array_equal(Image.open(tmp_path / "out.png").convert("RGB"), inpaint(image, mask))
