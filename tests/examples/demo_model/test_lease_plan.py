"""What is trained on a lease, and how its clock answers the run."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import lease_plan
import lease_watch
from corpus_errors import CorpusError
from lama_deploy.errors import MissingBackboneError
from lama_deploy.training.config import TrainConfig, read_config
from lama_deploy.training.loop import Run
from lease_plan import CONFIG, Plan, lease_config, within_shared_memory
from lease_watch import LeaseWatch, Records
from packed import Sides, Unpacked

CORPUS = Unpacked(Path("corpus"), Sides(train_side=256, held_out_side=256), "", {})


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    """Of a machine that has the perceptual network."""
    monkeypatch.setattr(lease_plan, "find_backbone", lambda name, path: Path("network.pth"))
    found, lines = lease_config(CORPUS, 128, 64, 14)
    assert lines == []
    return found


def test_committed_configuration_is_what_trains(config: TrainConfig) -> None:
    """Only the data, the perceptual network's file, and what the clock decides are others."""
    committed = read_config(CONFIG)
    assert config.losses == replace(committed.losses, perceptual_weights="network.pth")
    for section in ("generator", "discriminator", "optimizer", "precision", "channels_last"):
        assert getattr(config, section) == getattr(committed, section)
    data = config.data
    assert (data.crop, data.mask_scale, data.least_scale) == (128, 0.5, 0.5)
    assert (data.batch_size, data.workers, data.shares) == (64, 14, {"photos": 3.0, "textures": 1.0})


def test_missing_perceptual_network_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise MissingBackboneError("nowhere")

    monkeypatch.setattr(lease_plan, "find_backbone", missing)
    config, lines = lease_config(CORPUS, 64, 8, 1)
    assert config.losses.perceptual_weight == 0 and lines == ["no perceptual loss: nowhere"]
    with pytest.raises(CorpusError, match="lower --crop"):
        lease_config(CORPUS, 264, 8, 1)


def test_workers_fit_into_shared_memory(config: TrainConfig) -> None:
    """A batch of 64 has 16 MiB, and each worker prepares two."""
    assert within_shared_memory(config, 2**40).data.workers == 14
    assert within_shared_memory(config, 64 << 20).data.workers == 1
    assert within_shared_memory(config, 1 << 20).data.workers == 0


def test_trials_are_no_more_than_a_fifth_each() -> None:
    assert (
        Plan().trial_seconds == 57.0 and Plan(seconds=600).trial_seconds == 60 and Plan(seconds=50).trial_seconds == 10
    )


class Clock:
    """Stands until it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(lease_watch, "time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def watch(config: TrainConfig, tmp_path: Path, **options: float) -> LeaseWatch:
    """Of a lease of 285 seconds that begins now."""
    run, records = Run(data=tmp_path, out=tmp_path), Records(tmp_path, [])
    return LeaseWatch("new", Plan(started=1000.0), config, run, None, records, {}, say=print, **options)  # type: ignore[arg-type]


def test_learning_rates_follow_the_clock(config: TrainConfig, clock: Clock, tmp_path: Path) -> None:
    """The first steps, which choose kernels, do not count; the reserve, and what others train meanwhile, neither."""
    found = watch(config, tmp_path)
    for step in range(5):
        clock.now += 4
        assert found.share(step, 10**6) == 0
    clock.now += 125
    assert found.share(5, 10**6) == pytest.approx(125 / (285 - 15 - 20))
    clock.now = 1270.0
    assert found.share(6, 10**6) == 1
    clock.now = 1000.0
    assert watch(config, tmp_path, trained=90.0, pause=90.0).share(0, 10**6) == pytest.approx(90 / (90 + 285 - 15 - 90))


def test_run_ends_with_its_budget_or_before_the_reserve(config: TrainConfig, clock: Clock, tmp_path: Path) -> None:
    trial, rest = watch(config, tmp_path, budget=60.0), watch(config, tmp_path)
    clock.now += 59
    assert not trial.is_enough(9) and not rest.is_enough(9)
    clock.now += 1
    assert trial.is_enough(10) and not rest.is_enough(10)
    clock.now = 1270.0
    assert rest.is_enough(11)


def test_saves_come_every_30_seconds_and_scores_every_minute(
    config: TrainConfig, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No score begins where the last one's time begins."""
    done: list[tuple[str, float]] = []
    monkeypatch.setattr(LeaseWatch, "write_state", lambda self: done.append(("state", clock.now - 1000)))
    monkeypatch.setattr(LeaseWatch, "_score", lambda self, step, now: done.append(("score", now - 1000)))
    found, ended = watch(config, tmp_path), False
    found.share(0, 10**6)
    while not ended:
        clock.now += 1
        ended = found.is_enough(1)
        if ended or found.wants_save(1):
            found.saved(1)
    assert [when for what, when in done if what == "state"] == [30, 60, 90, 120, 150, 180, 210, 240, 270]
    assert [when for what, when in done if what == "score"] == [60, 120, 180, 240, 270]
