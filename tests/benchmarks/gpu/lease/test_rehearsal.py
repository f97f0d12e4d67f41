"""The whole lease on a CPU, with emulated kernels: as it is, and killed at random moments."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu.lease.steps import rehearsal
from benchmarks.page import page
from lama_deploy.native.build import LIBRARY_VARIABLE
from tests.benchmarks.gpu.survivors import MARK, survivors

pytestmark = pytest.mark.slow  # a minute of processor time each
ROOT = Path(__file__).parents[4]
RECORDS = ("smoke", "spectral", "generator", "profile")


def start(out: Path, library: Path, mark: str, *steps: str) -> subprocess.Popen[bytes]:
    """With its output in `out`.txt."""
    own = {MARK: mark, LIBRARY_VARIABLE: str(library), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.gpu.lease", "--rehearse", "--out", str(out), *steps]
    with out.with_suffix(".txt").open("wb") as output:
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}, stdout=output, stderr=subprocess.STDOUT)


def steps_of(out: Path) -> dict[str, Any]:
    file = out / "lease.json"
    return json.loads(file.read_text()) if file.exists() else {"steps": {}, "under_way": None}


def test_every_step_passes_and_leaves_its_record(emulated_library: Path, tmp_path: Path) -> None:
    out, mark = tmp_path / "out", uuid.uuid4().hex
    code = start(out, emulated_library, mark).wait()
    found = steps_of(out)["steps"]
    said = out.with_suffix(".txt").read_text()
    assert {name: outcome["failed"] for name, outcome in found.items() if outcome["failed"]} == {}, said
    assert code == 0 and list(found) == [step.name for step in rehearsal(out)]
    records = [json.loads(file.read_text()) for file in sorted((out / "results").iterdir())]
    assert {kind for record in records for kind in RECORDS if kind in record} == set(RECORDS)
    assert all(record["date"] and record["method"] and record["machine"]["versions"] for record in records)
    assert {path.name for path in out.iterdir()} == {"lease.json", "lease.log", "tests.jsonl", "results"}
    made = page("<!-- results --><!-- gpu -->", out / "results")
    assert "cases right" in made and "| ours fp16 | 32 | 1 |" in made
    assert survivors(mark) == []


@pytest.mark.parametrize("step", ["smoke", "generator", "tests"])
def test_what_was_recorded_before_a_kill_is_kept(emulated_library: Path, tmp_path: Path, step: str) -> None:
    out, mark = tmp_path / "out", uuid.uuid4().hex
    lease = start(out, emulated_library, mark, step)
    while steps_of(out)["under_way"] != step:
        assert lease.poll() is None, out.with_suffix(".txt").read_text()
        time.sleep(0.05)
    moment = random.uniform(0, 8)
    time.sleep(moment)
    copy = shutil.copytree(out, tmp_path / "before", ignore=shutil.ignore_patterns("*.partial"))
    lease.kill()
    lease.wait()
    assert survivors(mark) == [], f"{moment} s into {step}"
    before, after = steps_of(copy)["steps"], steps_of(out)["steps"]
    assert before.items() <= after.items() and {"machine", "library"} <= set(before), f"{moment} s into {step}"
    assert len(journal(copy)) <= len(journal(out))
    for file in (copy / "results").glob("*.json"):
        assert measured(file) <= measured(latest(out / "results", file)), f"{moment} s into {step}"


def journal(out: Path) -> list[Any]:
    file = out / "tests.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def latest(results: Path, file: Path) -> Path:
    """The same record: the smoke test's is named after its hardware only when it is complete."""
    kind = file.stem.rpartition("-")[2]
    return next(iter(results.glob(f"*{kind}.json")))


def measured(file: Path) -> int:
    """Rows of a record."""
    record = json.loads(file.read_text())
    return sum(len(record[kind]["rows"]) for kind in RECORDS if kind in record)
