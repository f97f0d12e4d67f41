"""The GPU benchmarks run through without a GPU, and keep what they measured when something fails."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu import process as gpu_process
from benchmarks.gpu import run as gpu
from benchmarks.gpu.generator import run as generator
from benchmarks.gpu.names import CUFFT, MODEL, OPERATOR, TENSOR_CORE
from benchmarks.gpu.spectral import case as spectral_case
from benchmarks.gpu.spectral import run as spectral


@pytest.fixture(autouse=True)
def restored() -> Any:
    """Benchmarks set these for their own process; here it is everyone's. Small sums are faster on one thread."""
    threads, tf32 = torch.get_num_threads(), torch.backends.cudnn.allow_tf32
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = tf32


def run(module: Any, out: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[int, dict[str, Any]]:
    command = ["benchmark", "--device", "cpu", "--smoke", "--out", str(out), *options]
    monkeypatch.setattr(sys, "argv", command)
    code = module.main()
    [file] = out.iterdir()
    return code, json.loads(file.read_text())


def test_spectral(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, record = run(spectral, tmp_path, monkeypatch)
    rows = record["spectral"]["rows"]
    assert code == 0 and not [row for row in rows if "failed" in row]
    assert {row["candidate"] for row in rows} == {MODEL, OPERATOR}
    cases = {(row["dtype"], row["layout"], row["cache"], row["launch"]) for row in rows}
    assert len(cases) == 3 * 2 * 2 and all(row["median_us"] > 0 for row in rows)
    assert "| 6x5 | 1 | float16 |" in capsys.readouterr().out


def test_spectral_with_the_emulated_kernels(
    emulated_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectral, "DTYPES", {"float16": torch.float16})
    monkeypatch.setattr(spectral_case, "WARM_CALLS", 1)
    code, record = run(spectral, tmp_path, monkeypatch, "--library", str(emulated_library))
    rows = record["spectral"]["rows"]
    assert code == 0 and not [row for row in rows if "failed" in row]
    assert {row["candidate"] for row in rows} == {MODEL, OPERATOR, CUFFT, TENSOR_CORE}
    assert all(row["share_of_peak"] > 0 for row in rows)


def test_a_wrong_candidate_has_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute_of = spectral_case.compute_of

    def wrong_operator(candidate: str, *rest: Any) -> Any:
        compute = compute_of(candidate, *rest)
        return (lambda x: compute(x) * 1.1) if candidate == OPERATOR else compute

    monkeypatch.setattr(spectral_case, "compute_of", wrong_operator)
    _, record = run(spectral, tmp_path, monkeypatch)
    rows = [row for row in record["spectral"]["rows"] if row["candidate"] == OPERATOR]
    assert rows and all("wrong" in row["failed"] and "median_us" not in row for row in rows)


def test_a_spent_budget_leaves_cases_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, record = run(spectral, tmp_path, monkeypatch, "--seconds", "0")
    assert code == 1 and record["spectral"]["rows"] == []
    assert len(record["spectral"]["left_out"]) == 6


def test_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(generator, "ON_CPU", ("eager fp32", "no such candidate", "ours bf16"))
    monkeypatch.setitem(generator.LIMITS, "no such candidate", 60)  # here, not in the process that shall run it
    code, record = run(generator, tmp_path, monkeypatch)
    rows = record["generator"]["rows"]
    measured = {(row["candidate"], row["batch"]): row for row in rows if "failed" not in row}
    assert code == 0 and set(measured) == {(name, batch) for name in ("eager fp32", "ours bf16") for batch in (1, 2)}
    assert 0 < measured["ours bf16", 1]["error"]["mean"] < 1e-2
    assert measured["ours bf16", 2]["host_to_host"]["median_us"] > 0
    assert [row["candidate"] for row in rows if "failed" in row] == ["no such candidate"]
    assert "no such candidate: exit code 1" in capsys.readouterr().out


def test_a_program_is_ended_with_its_children(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "import subprocess, sys, time; print('there', flush=True); subprocess.run(['sleep', '60'])"
    assert gpu_process.run_limited([sys.executable, "-c", script], 1.0, log) == "stopped after 1 s"
    assert gpu_process.last_line(log) == "there"
    assert gpu_process.run_limited([sys.executable, "-c", "raise SystemExit('no')"], 20, log) == "exit code 1: no"
    assert gpu_process.run_limited([sys.executable, "-c", ""], 20, log) is None


def test_stages_add_up_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library that the build prints is everyone's, and nothing runs without it."""
    show = "import os; assert os.environ['LAMA_SPECTRAL_LIBRARY'] == 'a/library.so'"
    made = {
        "build": gpu.Stage(("-c", "print('compiling'); print('a/library.so')"), 20),
        "tests": gpu.Stage(("-c", show), 20),
        "spectral": gpu.Stage(("-c", "raise SystemExit('broken')"), 20),
    }
    monkeypatch.setattr(gpu, "stages", lambda out: made)
    monkeypatch.delenv(gpu.LIBRARY, raising=False)
    for stages, code in ((["tests"], 0), (["spectral"], 1)):
        monkeypatch.setattr(sys, "argv", ["run.py", *stages, "--out", str(tmp_path)])
        assert gpu.main() == code
    found = json.loads((tmp_path / "stages.json").read_text())
    assert {name: outcome["failed"] for name, outcome in found.items()} == {
        "build": None,
        "tests": None,
        "spectral": "exit code 1: broken",
    }
    made["build"] = gpu.Stage(("-c", "raise SystemExit('no compiler')"), 20)
    monkeypatch.setattr(sys, "argv", ["run.py", "--out", str(tmp_path / "other")])
    assert gpu.main() == 1
    assert list(json.loads((tmp_path / "other" / "stages.json").read_text())) == ["build"]


def test_every_stage_names_what_is_there(tmp_path: Path) -> None:
    stages = gpu.stages(tmp_path)
    named = [argument for stage in stages.values() for argument in stage.arguments]
    files = [argument for argument in named if argument.startswith("tests/")]
    modules = [argument for argument in named if argument.startswith(("benchmarks.", "lama_deploy."))]
    assert len(files) == 5 and all((gpu.ROOT / file).exists() for file in files)
    assert len(modules) == 3 and all(find_spec(module) for module in modules)
    assert all((gpu.ROOT / file).exists() for file in gpu.IGNORED)
    limits = {name: stage.limit for name, stage in stages.items()}
    assert limits["build"] + limits["tests"] + limits["sanitizer"] <= 600
    assert limits["build"] + max(limits["spectral"], limits["generator"]) <= 600
