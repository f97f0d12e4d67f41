"""A training that is asked to end saves its step, and nobody else trains where one is running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lama_deploy.cli.train import main
from lama_deploy.errors import TrainingError
from lama_deploy.training.alone import alone_in
from lama_deploy.training.state import LAST

ROOT = Path(__file__).parents[3]
YAML = """
generator: {width: 4, blocks: 1}
discriminator: {width: 4, layers: 2}
losses: {perceptual_weight: 0}
data: {batch_size: 2, crop: 32, augmentation: none, mask_scale: 0.125, workers: WORKERS}
steps: 100000
log_every: 1
"""
GO_ON = "go on with: lama-train --resume --out out --accelerator cpu"
TRAIN = ["--config", "run.yaml", "--data", "data", "--accelerator", "cpu", "--out", "out"]


@pytest.fixture(params=[0])
def workers(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five pictures and a configuration with so many processes that load them."""
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text(YAML.replace("WORKERS", str(request.param)))
    Path("data").mkdir()
    for index in range(5):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"data/{index}.png")


@contextmanager
def training() -> Iterator[subprocess.Popen[str]]:
    """lama-train in a session of its own, after its first step."""
    command = [sys.executable, "-m", "lama_deploy.cli.train", *TRAIN]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline().startswith("step 1: ")
            yield process
        finally:
            process.kill()


def steps_done() -> int:
    return int(torch.load(Path("out") / LAST, weights_only=True)["global_step"])


def again(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["lama-train", *TRAIN, *arguments])
    return main()


def test_a_signal_saves_the_step_and_a_second_training_is_refused(
    workers: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with training() as process:
        assert again(monkeypatch) == 2
        assert capsys.readouterr().err.startswith("error: out: another training writes there; ")
        process.send_signal(signal.SIGTERM)
        said, error = process.communicate(timeout=60)
    assert process.returncode == 143 and error == "ended by SIGTERM\n"
    step = steps_done()
    assert said.endswith(f"stopped; its state after step {step} is saved; {GO_ON}\n")
    monkeypatch.setattr(sys, "argv", [*GO_ON.split()[3:], "--stop-after", "1"])
    assert main() == 0 and steps_done() == step + 1
    assert not list(Path("out").rglob("*.partial"))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2], indirect=True)
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP", "SIGTERM"])
def test_a_signal_to_all_processes(workers: None, name: str) -> None:
    """As a terminal and `timeout` send it. SIGTERM ends the loaders too, so that only older states may be there."""
    with training() as process:
        os.killpg(process.pid, getattr(signal, name))
        said, error = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name)
    assert error.splitlines()[-1] == ("interrupted" if name == "SIGINT" else f"ended by {name}"), error
    assert "Traceback" not in error and "stopped; " in said
    assert name == "SIGTERM" or steps_done() > 0


def test_a_killed_training_frees_its_folder(workers: None) -> None:
    code = "import sys; from pathlib import Path; from lama_deploy.training.alone import alone_in\n"
    code += "with alone_in(Path('out')): print('ready', flush=True); sys.stdin.read()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        with pytest.raises(TrainingError, match="another training"), alone_in(Path("out")):
            pass
        process.kill()
    with alone_in(Path("out")):
        pass


@pytest.mark.parametrize(
    ("out", "reason"), [("run.yaml", "File exists"), ("run.yaml/out", "Not a directory"), ("n" * 256, "too long")]
)
def test_a_folder_that_cannot_be_is_one_line(
    workers: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], out: str, reason: str
) -> None:
    assert again(monkeypatch, "--out", out) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and reason in error and error.count("\n") == 1 and "free some" not in error


def test_trouble_with_the_data_is_not_blamed_on_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), alone_in(tmp_path / "out"):
        (tmp_path / "data").read_bytes()
    with pytest.raises(TrainingError, match="out: could not be written"), alone_in(tmp_path / "out"):
        (tmp_path / "out" / "none" / "file").write_bytes(b"")
