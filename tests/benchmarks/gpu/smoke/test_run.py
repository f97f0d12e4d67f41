"""The smoke test of the kernels: every case has its row, and a case that breaks costs only itself."""

import faulthandler
import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks.gpu.smoke import child
from benchmarks.gpu.smoke import run as smoke
from benchmarks.gpu.smoke.cases import FULL, TINY, SkippedError, SmokeCase, Subject, cases
from lama_deploy.native.library import SpectralLibrary


def run_child(record: Path, monkeypatch: pytest.MonkeyPatch, *made: SmokeCase) -> list[dict[str, Any]]:
    """Rows after one process; ends as it does."""
    monkeypatch.setattr(child, "cases", lambda sizes: made)
    command = ["child", "--record", str(record), "--device", "cpu", "--smoke", "--seconds", "60"]
    monkeypatch.setattr(sys, "argv", command)
    child.main()
    return json.loads(record.read_text())["smoke"]["rows"]


def case(name: str, error: Callable[[Any], float]) -> SmokeCase:
    return SmokeCase("made up", name, (1, 1), error)


def fails(_: object) -> float:
    raise ArithmeticError("wrong: error 1\nand more")


def is_left_out(_: object) -> float:
    raise SkippedError("graphs need a GPU")


def ends_the_process(_: object) -> float:
    raise SystemExit(9)


def test_a_row_for_every_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = (case("right", lambda on: 0.5), case("wrong", fails), case("left out", is_left_out))
    rows = run_child(tmp_path / "smoke.json", monkeypatch, *made)
    assert [row["case"] for row in rows] == ["right", "wrong", "left out"]
    assert [row.get("error") for row in rows] == [0.5, None, None]
    assert (rows[1]["failed"], rows[2]["skipped"]) == ("ArithmeticError: wrong: error 1", "graphs need a GPU")


def test_the_next_process_goes_on_behind_the_broken_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "smoke.json"
    made = (case("right", lambda on: 0.5), case("crashes", ends_the_process), case("last", lambda on: 0.25))
    with pytest.raises(SystemExit):
        run_child(record, monkeypatch, *made)
    faulthandler.cancel_dump_traceback_later()  # of a process that is not ended here
    assert len(smoke._with_the_broken_one(record, "exit code 9: ended without a word")) == 2
    rows = run_child(record, monkeypatch, *made)
    assert [row["case"] for row in rows] == ["right", "crashes", "last"]
    assert rows[1]["failed"] == "its process ended: exit code 9: ended without a word"
    assert "under_way" not in json.loads(record.read_text())["smoke"]


def test_a_case_that_does_not_fit_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "free_bytes", lambda device: 1)
    [row] = run_child(tmp_path / "smoke.json", monkeypatch, case("large", fails))
    assert row["failed"].startswith("not run: needs about ")


def test_without_a_library_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["run", "--device", "cpu", "--smoke", "--library", "nowhere.so", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match=r"no case was run: exit code 1: .*nowhere\.so cannot be loaded"):
        smoke.main()
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_streams_and_graphs_are_checked_too(emulated_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here on a CPU, which has neither: whatever is wrong is found in the results all the same."""
    monkeypatch.setattr(Subject, "needs_gpu", lambda self, what: None)
    monkeypatch.setattr("benchmarks.gpu.smoke.cases.captured", lambda run: run)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: SimpleNamespace(synchronize=lambda: None))
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    subject = Subject(torch.device("cpu"), SpectralLibrary(emulated_library), TINY)
    made = [one for one in cases(TINY) if one.kind in ("graph", "stream")]
    assert len(made) == 4 and all(0 < one.error(subject) < 1e-3 for one in made)
    monkeypatch.setattr(Subject, "compute", lambda self, kernel, dtype: lambda x: 1.1 * x)
    for one in made:
        with pytest.raises(ArithmeticError, match="wrong: error "):
            one.error(subject)


def test_the_cases_are_those_that_were_asked_for() -> None:
    made = list(cases(FULL))
    names = [one.name for one in made]
    assert len(set(names)) == len(names) and FULL.channels == 192
    assert {one.kind for one in made} == {"unit", "frame", "graph", "stream", "in turn"}
    units = [one for one in made if one.kind == "unit"]
    assert len(units) == 4 * 2 * 2 * 2  # sizes, dtypes, layouts, kernels
    assert sum(name.startswith("512x512, 352x352, 512x512 in turn") for name in names) == 2
