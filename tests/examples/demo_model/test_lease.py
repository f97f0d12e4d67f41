"""The lease as a whole: rehearsed, killed at a random moment and gone on with; and what it refuses."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

import lease
import lease_run
from held_out import OPPONENTS
from lama_deploy.checkpoints.checkpoint import load_checkpoint
from lama_deploy.training.config import TrainConfig
from lama_deploy.training.loop import Run
from lama_deploy.training.state import LAST
from lama_deploy.training.watch import Watch
from rehearsal import drawn_pack
from state_parts import WEIGHTS, join_parts, read_facts

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "examples" / "demo_model" / "lease.py"
METRICS = {"SSIM", "L1-hole"}


def started(folder: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    """The program in a process of its own, with temporary files under `folder`."""
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'export'}",
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, str(PROGRAM), "--rehearse", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def scored(out: Path) -> Sequence[dict]:
    """The lines on weights, behind those on OpenCV's methods."""
    lines = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
    assert [line["model"] for line in lines[: len(OPPONENTS)]] == list(OPPONENTS)
    assert all(set(line) >= METRICS for line in lines)
    return lines[len(OPPONENTS) :]


def check_whole(out: Path, joined: Path) -> dict:
    """Whatever is there can be read. Returns what the state says of itself."""
    for line in scored(out):
        assert line["ratio"] > 0
    if scored(out):
        load_checkpoint(out / "generator.safetensors")
    load_checkpoint(out / "state" / WEIGHTS)
    join_parts(out / "state", joined / LAST)
    return read_facts(out / "state")


@pytest.mark.slow
def test_lease_killed_at_a_random_moment_goes_on(tmp_path: Path) -> None:
    """All that lay in OUT before the kill is whole, and the next lease ends with a verdict and better kept weights."""
    first, second = tmp_path / "first", tmp_path / "second"
    process = started(tmp_path, "--out", first, "--seconds", "120")
    while not (first / "state").exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(random.uniform(0, 5))
    process.send_signal(signal.SIGKILL)
    output = process.communicate()[0]
    assert process.returncode == -signal.SIGKILL, output
    facts = check_whole(first, tmp_path / "joined")

    resumed = started(tmp_path, "--out", second, "--resume", first, "--seconds", "12")
    output = resumed.communicate()[0]
    assert resumed.returncode == 0, output
    lines = output.splitlines()
    assert any(f"{facts['run']!r} goes on from step {facts['step']}" in line for line in lines)
    assert "beat opencv-telea and opencv-ns" in lines[-1] or "beats opencv-telea and opencv-ns" in lines[-1]
    after = check_whole(second, tmp_path / "joined")
    assert after["step"] > facts["step"] and after["trained"] > facts["trained"]
    assert scored(second)[: len(scored(first))] == scored(first) and len(scored(second)) > len(scored(first))


@pytest.mark.slow
def test_rehearsal_tries_both_starts_and_ends_with_a_verdict(tmp_path: Path, run: Callable[..., int]) -> None:
    """In this process: two trials, the better one's rest, every kind of file; all of it again is refused."""
    out = tmp_path / "out"
    assert run("--rehearse", "--out", out, "--seconds", 15) == 0
    models = [line["model"] for line in scored(out)]
    assert set(models) == {"shipped", "new"}
    assert [line["model"] for line in scored(out) if line["step"] == 0] == ["shipped"]
    trained = [line for line in scored(out) if line["step"] > 0]
    ratios = {model: next(line["ratio"] for line in trained if line["model"] == model) for model in models}
    facts = check_whole(out, tmp_path / "joined")
    assert facts["run"] == min(ratios, key=lambda model: ratios[model])
    assert run("--rehearse", "--out", out) == 2


WITHOUT_INSTALLATION = """
import runpy, sys
from pathlib import Path
others = [path for path in sys.path[1:] if not (Path(path) / "lama_deploy" / "cli").exists()]
sys.path[:] = [str(Path(sys.argv[1]).parent), *others]
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_lease_runs_from_a_checkout_that_is_not_installed(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", WITHOUT_INSTALLATION, str(PROGRAM), "--help"]
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0 and "--rehearse" in found.stdout, found.stderr


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    threads = torch.get_num_threads()

    def main(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["lease.py", *map(str, arguments)])
        try:
            return lease.main()
        finally:
            torch.set_num_threads(threads)

    return main


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is the GPU that the lease must miss")
def test_machine_without_a_gpu_is_one_line(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(drawn_pack(tmp_path), "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "sees no CUDA device; --rehearse tries everything on the CPU" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_bad_input_is_one_line(run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pack that is none, one cut short, crops it has no pixels for, a folder without a state, another's results."""
    whole, out = drawn_pack(tmp_path), tmp_path / "out"
    (tmp_path / "none").write_text("x")
    (tmp_path / "short").write_bytes(whole.read_bytes()[:20_000])
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "scores.jsonl").touch()
    cases = [
        ("no whole pack (", [tmp_path / "none"]),
        ("no whole pack (", [tmp_path / "short"]),
        ("lower --crop", [whole, "--crop", 128]),
        ("no whole state to go on from", [whole, "--resume", tmp_path / "empty"]),
        ("no such setting: loses", [whole, "--set", "loses=paper"]),
    ]
    for message, arguments in cases:
        assert run(*arguments, "--rehearse", "--out", out) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1, error
    assert run(whole, "--rehearse", "--out", tmp_path / "used") == 2
    assert f"holds a run already; go on with --resume {tmp_path / 'used'}" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        run("--out", out)


@pytest.mark.parametrize("failing", [{"shipped"}, {"shipped", "new"}])
@pytest.mark.slow
def test_trial_that_fails_leaves_the_other(
    run: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failing: set[str],
) -> None:
    """Whatever the error; with both the lease ends in one line."""
    real = lease_run.train_somehow

    def train(config: TrainConfig, train_run: Run, watch: Watch, say: Callable[[str], None]) -> TrainConfig:
        if train_run.out.name in failing:
            raise AssertionError
        return real(config, train_run, watch, say)

    monkeypatch.setattr(lease_run, "train_somehow", train)
    code = run("--rehearse", "--out", tmp_path / "out", "--seconds", 8)
    output = capsys.readouterr()
    assert "the trial 'shipped' failed: AssertionError" in output.out
    if failing == {"shipped"}:
        assert code == 0 and check_whole(tmp_path / "out", tmp_path / "joined")["run"] == "new"
    else:
        assert code == 2 and output.err == "error: no trial ran: AssertionError\n"
