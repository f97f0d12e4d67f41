"""How a lease divides its time, and what it trains: the committed configuration, cut to the machine."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from corpus_errors import CorpusError
from lama_deploy.backbones.locate import find_backbone
from lama_deploy.errors import MissingBackboneError
from lama_deploy.training.config import TrainConfig, override, read_config
from packed import Unpacked
from state_parts import PART_BYTES

CONFIG = Path(__file__).parent / "lama-demo.yaml"
ENDLESS = 1_000_000  # steps; the clock ends the run
SHARES = "data.shares={photos: 3, textures: 1}"  # of the corpus's folders, which other data need not have
MASK_SIDE = 256  # crops that mask sets are made for
TRIAL_SHARE = 0.2  # of the lease for one trial, at most


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Seconds: of the whole lease, since `started` by the monotonic clock; between saves and scores; of a trial.

    reserve: kept for the last save and score, until one has been measured.
    """

    seconds: float = 285.0
    trial: float = 60.0
    save_every: float = 30.0
    score_every: float = 60.0
    reserve: float = 15.0
    part_bytes: int = PART_BYTES
    started: float = field(default_factory=time.monotonic)

    @property
    def trial_seconds(self) -> float:
        return min(self.trial, TRIAL_SHARE * self.seconds)

    @property
    def end(self) -> float:
        """When the monotonic clock ends the lease."""
        return self.started + self.seconds


REHEARSAL = ("generator={width: 8, blocks: 1}", "discriminator={width: 4, layers: 2}", "precision=32-true")


def rehearsal_plan(seconds: float | None) -> Plan:
    """Everything that the lease does, at a twentieth of its time or in `seconds`."""
    seconds = seconds or 25.0
    return Plan(seconds=seconds, trial=2.0, save_every=1.0, score_every=4.0, reserve=2.0, part_bytes=100_000)


def lease_config(corpus: Unpacked, crop: int, batch: int, workers: int | None) -> tuple[TrainConfig, list[str]]:
    """The committed configuration for the pack's pictures, and a line on what had to be left out."""
    side = corpus.sides.train_side
    if crop > side:
        raise CorpusError(f"crops of {crop} do not fit the pack's pictures of {side} pixels; lower --crop")
    settings = [SHARES, f"data.crop={crop}", f"data.mask_scale={crop / MASK_SIDE}", f"data.least_scale={crop / side}"]
    settings += [f"data.batch_size={batch}", f"data.workers={_workers() if workers is None else workers}"]
    settings += [f"steps={ENDLESS}", f"save_every={ENDLESS}", f"pictures_every={ENDLESS}", "log_every=200"]
    config = override(read_config(CONFIG), settings)
    return _with_perceptual_weights(config, corpus)


def rehearsal_config(config: TrainConfig) -> TrainConfig:
    """Small networks that no one has to wait for; the rest as it is."""
    return override(config, [*REHEARSAL, "data.workers=1", "log_every=10"])


def within_shared_memory(config: TrainConfig, free: int) -> TrainConfig:
    """Fewer workers where their batches would not fit into `free` bytes of shared memory."""
    data = config.data
    batch = 4 * 4 * data.crop**2 * data.batch_size  # float32 picture and mask
    ahead = 2  # batches that a worker prepares
    return replace(config, data=replace(data, workers=min(data.workers, max(0, free // (ahead * batch) - 1))))


def _workers() -> int:
    """One core is left to the networks' own process, and one to the system."""
    return max(1, len(os.sched_getaffinity(0)) - 2)


def _with_perceptual_weights(config: TrainConfig, corpus: Unpacked) -> tuple[TrainConfig, list[str]]:
    name = config.losses.perceptual
    try:
        path = find_backbone(name, corpus.networks.get(name))
    except MissingBackboneError as error:
        return replace(config, losses=replace(config.losses, perceptual_weight=0.0)), [f"no perceptual loss: {error}"]
    return replace(config, losses=replace(config.losses, perceptual_weights=str(path))), []
