"""The clock and the record of a lease, on steps of a few words of Python."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu.lease import steps as lease_steps
from benchmarks.gpu.lease.__main__ import environment
from benchmarks.gpu.lease.runner import LIBRARY_VARIABLE, NO_GPU_CODE, Lease
from benchmarks.gpu.lease.steps import Step

SHOW_LIBRARY = "import os; print(os.environ['LAMA_SPECTRAL_LIBRARY'])"


def step(name: str, code: str, budget: float = 20, *, needs_gpu: bool = False) -> Step:
    return Step(name, budget, ("-c", code), needs_gpu)


def run(out: Path, *steps: Step) -> tuple[bool, dict[str, Any]]:
    passed = Lease(out, environment(), rehearsal=True).run(steps)
    return passed, json.loads((out / "lease.json").read_text())["steps"]


def test_what_breaks_or_hangs_costs_its_own_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    passed, found = run(
        tmp_path,
        step("hangs", "import time; print('so far', flush=True); time.sleep(60)", 5),
        step("breaks", "raise SystemExit('broken')"),
        step("dies", "import os; os.abort()"),
        step("works", "print('note: but slowly'); print('all right')"),
    )
    assert not passed
    assert found["breaks"]["failed"] == "exit code 1: broken"
    assert found["dies"]["failed"].startswith("exit code -6: ")
    assert (found["hangs"]["failed"], found["hangs"]["said"]) == ("stopped after 5 s", "so far")
    assert (found["works"]["failed"], found["works"]["said"]) == (None, "all right")
    assert found["works"]["notes"] == ["but slowly"]
    assert capsys.readouterr().out.splitlines()[-1] == "  but slowly"


def test_a_step_that_ends_early_leaves_its_time_to_the_next(tmp_path: Path) -> None:
    _, found = run(tmp_path, step("first", "", 10), step("second", "print('{seconds}')", 20))
    assert 20 < found["second"]["limit"] <= 30
    assert 0 < float(found["second"]["said"]) < found["second"]["limit"]


def test_the_library_that_is_found_is_everyones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LIBRARY_VARIABLE, raising=False)
    library = step("library", "print('compiling'); print('a/library.so')")
    passed, found = run(tmp_path, library, step("shows", SHOW_LIBRARY))
    assert passed and found["shows"]["said"] == "a/library.so"


def test_without_a_library_nobody_compiles_again(tmp_path: Path) -> None:
    """And the next steps go on."""
    passed, found = run(tmp_path, step("library", "raise SystemExit('needs nvcc')"), step("shows", SHOW_LIBRARY))
    assert not passed and found["library"]["failed"] == "exit code 1: needs nvcc"
    named = Path(found["shows"]["said"])
    assert named.parent == tmp_path and not named.exists()


def test_without_a_gpu_its_steps_are_one_line_each(tmp_path: Path) -> None:
    machine = step("machine", f"import sys; print('no GPU here'); sys.exit({NO_GPU_CODE})")
    passed, found = run(tmp_path, machine, step("library", "print('x')"), step("smoke", "print('x')", needs_gpu=True))
    assert not passed and found["smoke"]["failed"] == "not run: no GPU here"
    assert found["library"]["failed"] is None


def test_a_step_that_does_not_fit_the_memory_is_one_line(tmp_path: Path) -> None:
    machine = step("machine", "print('a GPU, driver 1, 3.5 GiB free; 4 cores')")
    large = replace(step("tests", "print('x')", needs_gpu=True), gib=12)
    _, found = run(tmp_path, machine, large, replace(large, name="small", gib=3))
    assert found["tests"]["failed"] == "not run: needs about 12 GiB of GPU memory, 3.5 were free"
    assert found["small"]["failed"] is None


def test_a_machine_that_is_not_known_in_time_is_tried(tmp_path: Path) -> None:
    machine = step("machine", "import time; time.sleep(60)", 0.5)
    _, found = run(tmp_path, machine, step("smoke", "print('x')", needs_gpu=True))
    assert found["machine"]["failed"] == "stopped after 0 s" and found["smoke"]["failed"] is None


def test_nobody_has_to_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", closed)
    passed, found = run(tmp_path, step("first", ""), step("second", ""))
    assert passed and list(found) == ["first", "second"]


def test_calls_into_one_folder_add_up(tmp_path: Path) -> None:
    run(tmp_path, step("first", ""), step("second", "raise SystemExit('broken')"))
    _, found = run(tmp_path, step("second", ""))
    assert {name: outcome["failed"] for name, outcome in found.items()} == {"first": None, "second": None}


@pytest.mark.parametrize("plan", [lease_steps.nine_minutes, lease_steps.all_cases, lease_steps.rehearsal])
def test_every_step_names_what_is_there(tmp_path: Path, plan: Any) -> None:
    steps = plan(tmp_path)
    named = [argument for step in steps for argument in step.arguments]
    files = {argument.removeprefix("--ignore=") for argument in named if "tests/lama_deploy" in argument}
    modules = [argument for argument in named if argument.startswith("benchmarks.")]
    assert all((lease_steps.ROOT / file).exists() for file in files)
    assert modules and all(find_spec(module) for module in modules)


def test_nine_minutes(tmp_path: Path) -> None:
    steps = lease_steps.nine_minutes(tmp_path)
    assert sum(step.budget for step in steps) == 540
    assert [step.name for step in steps[:2]] == list(lease_steps.FIRST)
    assert [step.name for step in lease_steps.all_cases(tmp_path)] == [step.name for step in steps]
    assert [step.name for step in lease_steps.rehearsal(tmp_path)] == [step.name for step in steps]
