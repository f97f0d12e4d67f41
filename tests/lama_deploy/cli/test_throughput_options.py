"""Streams that a folder has where nothing is said of them, and the page on folders."""

import re
from argparse import Namespace
from pathlib import Path

import pytest

from lama_deploy.cli.inpaint import parser
from lama_deploy.cli.throughput_options import with_usual_streams
from tests.lama_deploy.cli.inpaint_files import IMAGES, MASKS, save

PAGE = (Path(__file__).parents[3] / "docs" / "folders.md").read_text()
USUAL = {"streams": None, "clip": False, "device": None, "backend": None, "threads": 8}

CASES = {
    "a folder": ({}, 100, 4),
    "few threads": ({"threads": 1}, 100, 1),
    "few pictures": ({}, 3, None),
    "asked": ({"streams": 2}, 100, 2),
    "on a GPU": ({"device": "cuda"}, 100, None),
}


@pytest.mark.parametrize("case", CASES)
def test_streams_of_a_folder(bundles, case):
    given, pictures, wanted = CASES[case]
    args = Namespace(**USUAL | given, model=str(bundles["uint8"]))
    assert with_usual_streams(args, pictures).streams == wanted


def test_streams_of_another_engine(tiny, openvino_bundles):
    for model in (tiny.path, openvino_bundles["fp32"]):
        assert with_usual_streams(Namespace(**USUAL, model=str(model)), 100).streams is None


def test_the_page_names_options_that_there_are():
    options = {option for action in parser()._actions for option in action.option_strings}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) <= options


def test_the_pages_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("photos/one.png", IMAGES[0])
    save("masks/one.png", MASKS[0] * 255)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(block, {})
    results = [Path(f"stream-{number}.png").read_bytes() for number in range(3)]
    assert results[0] == results[1] == results[2] != Path("photos/one.png").read_bytes()
