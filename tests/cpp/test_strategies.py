"""The strategies of Python and of cpp/ do the same: the same windows, in the same order, with the same bytes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from lama_deploy.runtime.strategies.options import StrategyOptions
from tests.cpp.make_vectors import STORED
from tests.cpp.strategy_cases import Case, Drawn, Engine, read, toy, written
from tests.cpp.strategy_draws import drawn, planned

FRESH = range(100_000, 100_070)  # seeds of two cases each; those of the stored cases are below


@pytest.fixture(scope="module")
def stored() -> str:
    return STORED.read_text()


def lines_of(cases: list[Case]) -> str:
    return "".join(f"{line}\n" for case in cases for line in written(case))


def run(tree: Path, cases: Path) -> subprocess.CompletedProcess[str]:
    program = tree / "tests" / "test_strategies"
    return subprocess.run([str(program), str(cases)], capture_output=True, text=True, timeout=120, check=False)


def test_python_does_what_is_stored(stored: str) -> None:
    """Else liblama of yesterday and Python of today differ: change both, then `python -m tests.cpp.make_vectors`."""
    assert lines_of(read(stored.splitlines())) == stored


def test_stored_cases_are_of_every_kind(stored: str) -> None:
    reasons = {line.partition("since ")[2].partition(":")[0] for line in stored.splitlines() if line[:4] == "plan"}
    assert len(reasons) == 10
    assert all(f"\nstep {kind} " in stored for kind in ("crop", "resize", "tile"))
    assert all(f"\n{words}" in stored for words in ("warning ", "info ", "fixed ", "fails memory\n", "fails engine\n"))


def test_cpp_does_what_is_stored(tree: Path) -> None:
    result = run(tree, STORED)
    assert result.returncode == 0, result.stderr


def test_cpp_does_what_python_does_with_fresh_pictures(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "fresh.txt").write_text(lines_of([make(seed) for make in (drawn, planned) for seed in FRESH]))
    result = run(tree, tmp_path / "fresh.txt")
    assert (result.returncode, result.stdout) == (0, f"{2 * len(FRESH)} cases, 0 wrong\n"), result.stderr


def test_a_wrong_byte_is_told(tree: Path, tmp_path: Path) -> None:
    right = lines_of([Case("a", StrategyOptions(), Engine(), (Drawn(30, 40, 1, ((5, 5, 9, 9),)),))])
    (tmp_path / "wrong.txt").write_text(right.replace("\nfilled ", "\nfilled 1"))
    result = run(tree, tmp_path / "wrong.txt")
    assert (result.returncode, result.stdout) == (1, "1 cases, 1 wrong\n")


@pytest.mark.parametrize("text", ["", "case a\nsurprise 1\nfilled 1\n", "case a\noptions auto x 1\n"])
def test_what_is_no_case_is_no_success(tree: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "wrong.txt").write_text(text)
    assert run(tree, tmp_path / "wrong.txt").returncode != 0


def test_cases_come_back_as_they_were_written() -> None:
    cases = [make(seed) for make in (drawn, planned) for seed in range(5)]
    assert read(lines_of(cases).splitlines()) == cases


def test_the_toy_shows_every_change_of_its_window() -> None:
    """Or cases could not tell a wrong window from a right one."""
    images = np.arange(20 * 30 * 3, dtype=np.uint32).reshape(1, 20, 30, 3).astype(np.uint8)
    masks = np.zeros((1, 20, 30), np.uint8)
    masks[0, 8:12, 10:20] = 1
    hole = np.s_[0, 8:12, 10:20]
    moved, cut = np.roll(images, 1, axis=1), images[:, :, :29]
    for other in (toy(moved, masks), toy(cut, masks[:, :, :29]), toy(images ^ (masks[..., None] == 0), masks)):
        assert (other[hole] != toy(images, masks)[hole]).mean() > 0.5
    hidden = np.where(masks[..., None] > 0, np.uint8(7), images)
    assert (toy(hidden, masks) == toy(images, masks)).all()


def test_drawn_pictures_have_no_black() -> None:
    """Or the check for black results would let them through."""
    case = Case("a", StrategyOptions(), Engine(manner="black"), (Drawn(300, 40, 3, ((10, 10, 20, 20),)),))
    assert list(written(case))[-2] == "fails engine"
