"""What is given up when a machine cannot do it: batch, workers, precision; and nothing for other errors."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import attempts
from lama_deploy.errors import DataError, NotFiniteError
from lama_deploy.training.config import DataConfig, TrainConfig
from lama_deploy.training.loop import Run
from lama_deploy.training.state import LAST
from lama_deploy.training.watch import Watch

FULL = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore")
WORKER = RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error.")
DOUBLE = RuntimeError("derivative for cudnn_bfloat16 is not implemented")
CONFIG = TrainConfig(precision="bf16-mixed", channels_last=True, data=DataConfig(batch_size=8, workers=4))
SMALLEST = replace(CONFIG, precision="32-true", data=DataConfig(batch_size=1, workers=0))


def after(error: Exception, config: TrainConfig = CONFIG) -> tuple:
    found = attempts.easier_than(config, error)
    assert found is not None
    easier = found[0]
    return easier.data.batch_size, easier.data.workers, easier.precision, easier.channels_last


def test_one_thing_at_a_time_is_given_up() -> None:
    assert after(FULL) == (4, 4, "bf16-mixed", True)
    assert after(WORKER) == (8, 1, "bf16-mixed", True)
    assert after(DOUBLE) == (8, 4, "32-true", False)
    assert after(NotFiniteError("gen_l1 is not finite")) == (8, 4, "32-true", False)


@pytest.mark.parametrize("error", [FULL, WORKER, DOUBLE])
def test_nothing_is_left_to_give_up(error: Exception) -> None:
    assert attempts.easier_than(SMALLEST, error) is None


def test_run_goes_on_from_its_last_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First no memory before anything was saved, then none of bfloat16 after a save, then it works."""
    errors, calls, lines = [FULL, DOUBLE], [], []

    def train(config: TrainConfig, run: Run, watch: Watch) -> None:
        calls.append((config.data.batch_size, config.precision, run.resume))
        if len(calls) == 2:
            (tmp_path / LAST).parent.mkdir()
            (tmp_path / LAST).touch()
        if errors:
            raise errors.pop(0)

    monkeypatch.setattr(attempts, "train", train)
    config = attempts.train_somehow(CONFIG, Run(data=tmp_path, out=tmp_path), Watch(), lines.append)
    assert calls == [(8, "bf16-mixed", False), (4, "bf16-mixed", False), (4, "32-true", True)]
    assert (config.data.batch_size, config.precision) == (4, "32-true")
    assert [line.partition(" (")[0] for line in lines] == [
        "not enough memory: batch 4",
        "bfloat16 fails here: float32 from now on",
    ]
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize("error", [DataError("no pictures"), KeyboardInterrupt(), RuntimeError("CUDA error")])
def test_other_errors_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def train(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(attempts, "train", train)
    with pytest.raises(type(error)):
        attempts.train_somehow(SMALLEST, Run(data=tmp_path, out=tmp_path), Watch(), print)
