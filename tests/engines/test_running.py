"""What becomes of an engine that crashes, hangs, refuses or computes something else is said, and the rest goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.engines.forms import Picture
from tests.engines.running import run
from tests.engines.table import Engine
from tests.engines.verdicts import CRASHED, REFUSED, RIGHT, SLOW, WRONG, judge, own_line

PICTURE = Picture(np.full((1, 4, 5, 3), 7, np.uint8), np.eye(4, 5, dtype=np.uint8)[None], np.full((1, 4, 5, 3), 0.5))
ANSWER = np.where(PICTURE.masks[..., None] > 0, np.uint8(127), PICTURE.images)
STAND_IN = """
import os, sys, time
sys.path.insert(0, {runners!r})
import numpy as np
from common import serve

def load(model):
    def run(image, mask):
        what = image.flat[0]
        if what == 1: os.abort()
        if what == 2: time.sleep(60)
        if what == 3: raise ValueError("told\\nOperator DFT is not supported\\nat /some/where/file.cpp:12")
        if what == 4: return image + 3
        return np.where(mask[..., None] > 0, np.uint8(127), image)
    return run

serve(load, "numpy")
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> list[str]:
    """The command of an engine that does what the first value of the picture tells it."""
    runners = Path(__file__).parent / "runners"
    (tmp_path / "engine.py").write_text(STAND_IN.format(runners=str(runners)))
    return [sys.executable, str(tmp_path / "engine.py")]


def test_every_way_to_fail_is_a_verdict_and_the_rest_goes_on(stand_in: list[str], tmp_path: Path) -> None:
    names = ["right", "crashes", "hangs", "refuses", "wrong", "right again"]
    for name, told in zip(names, (7, 1, 2, 3, 4, 7), strict=True):
        (tmp_path / "cases" / name).mkdir(parents=True)
        image = PICTURE.images.copy()
        image.flat[0] = told
        np.save(tmp_path / "cases" / name / "image.npy", image)
        np.save(tmp_path / "cases" / name / "mask.npy", PICTURE.masks)
    engine = Engine("stand-in", "stand-in", (), "engine.py", seconds=5)
    pictures = dict.fromkeys(names, PICTURE)
    verdicts, versions = run(engine, stand_in, Path("model"), tmp_path / "cases", pictures, "uint8", tmp_path / "out")
    assert [verdicts[name].verdict for name in names] == [RIGHT, CRASHED, SLOW, REFUSED, WRONG, RIGHT]
    assert "SIGABRT" in verdicts["crashes"].detail
    assert verdicts["refuses"].detail == "Operator DFT is not supported"
    assert versions == {"numpy": np.__version__}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda answer: answer, RIGHT),
        (lambda answer: answer + PICTURE.masks[..., None], RIGHT),
        (lambda answer: answer + 2 * PICTURE.masks[..., None], WRONG),
        (lambda answer: answer + (PICTURE.masks[..., None] == 0), WRONG),
        (lambda answer: answer[:, :3], WRONG),
        (lambda answer: answer.astype(np.float32), RIGHT),  # of engines that have floats only
        (lambda answer: answer + np.float32(0.5), WRONG),
    ],
)
def test_bytes_may_be_one_level_off_inside_of_holes_and_not_at_all_outside(change, expected: str) -> None:  # type: ignore[no-untyped-def]
    result = change(ANSWER)
    result = result.astype(np.uint8) if result.dtype.kind in "iu" else result
    assert judge(result, PICTURE, "uint8", coarse=False).verdict == expected


def test_not_a_number_is_wrong() -> None:
    nothing = np.full((1, 3, 4, 5), np.nan, np.float32)
    assert judge(nothing, PICTURE, "float", coarse=True).verdict == WRONG


def test_an_engines_own_line_is_the_one_that_says_most_without_places_of_this_machine() -> None:
    assert (
        own_line("Error: failed\nat /home/me/x/file.cpp: Node Foo not supported")
        == "at file.cpp: Node Foo not supported"
    )
    assert own_line("") == "it gave no reason"
    assert len(own_line("fail " * 100)) <= 160
