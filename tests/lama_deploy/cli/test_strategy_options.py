"""How lama-inpaint cuts pictures, and the page on it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy.cli.inpaint import main, parser
from tests.lama_deploy.cli.inpaint_files import save

PAGE = (Path(__file__).parents[3] / "docs" / "photographs.md").read_text()


@pytest.fixture
def photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """photo.png, of 0.6 megapixels, and mask.png, with a small hole."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (600, 1000, 3)).astype(np.uint8)
    mask = np.zeros((600, 1000), np.uint8)
    mask[100:130, 200:240] = 255
    save("photo.png", pixels)
    save("mask.png", mask)
    return pixels


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["lama-inpaint", "photo.png", "mask.png", "-o", "out.png", *arguments])
    return main()


def test_auto_says_what_it_chose_and_the_report_where(bundles, photograph, monkeypatch, capsys):
    assert run(monkeypatch, "--model", str(bundles["uint8"]), "--report", "report.json") == 0
    assert "note: photo.png: filled by crop, since the holes are small beside the picture" in capsys.readouterr().err
    report = json.loads(Path("report.json").read_text())
    (step,) = report["pictures"][0]["filled"]["steps"]
    assert step == {"kind": "crop", "window": [124, 20, 192, 192], "given": [192, 192]}
    changed = (np.asarray(Image.open("out.png")) != photograph).any(axis=2)
    hole = np.s_[100:130, 200:240]
    assert changed[hole].any() and changed.sum() == changed[hole].sum()


@pytest.mark.parametrize("strategy", ["whole", "crop", "resize", "tile"])
def test_what_was_asked_for_is_no_news(bundles, photograph, monkeypatch, capsys, strategy):
    assert run(monkeypatch, "--model", str(bundles["uint8"]), "--strategy", strategy, "--limit", "256") == 0
    assert "filled by" not in capsys.readouterr().err


def test_a_limit_that_is_none_is_said_before_the_model_is_opened(photograph, monkeypatch, capsys):
    assert run(monkeypatch, "--model", "no-such-model", "--limit", "5") == 2
    assert "limit is 5; allowed: an integer from 128 to 65536" in capsys.readouterr().err


def test_the_page_names_options_that_there_are():
    options = {option for action in parser()._actions for option in action.option_strings}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) <= options


def test_the_pages_python_runs():
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    image, holes = np.zeros((60, 40, 3), np.uint8), np.pad(np.ones((9, 9), np.uint8), ((9, 42), (9, 22)))
    names = {"image": image, "mask": holes, "holes": holes}
    exec(block, names)
    assert names["result"].shape == image.shape
