"""Training on a machine nobody has tried: what it cannot do is given up, with one line, before the run is."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from lama_deploy.errors import NotFiniteError
from lama_deploy.training.config import TrainConfig
from lama_deploy.training.loop import Run, train
from lama_deploy.training.state import LAST
from lama_deploy.training.watch import Watch


def train_somehow(config: TrainConfig, run: Run, watch: Watch, say: Callable[[str], None]) -> TrainConfig:
    """Train, with a smaller batch, fewer workers or in float32 where nothing else runs, from the last save on.

    Returns the configuration that ran. Raises what `train` raises where nothing is left to give up.
    """
    while True:
        try:
            train(config, run, watch=watch)
            return config
        except (RuntimeError, NotFiniteError) as error:
            easier = easier_than(config, error)
            if easier is None:
                raise
            config, line = easier
            say(f"{line} ({first_line(error)})")
        gc.collect()  # what the failed step holds on to
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        run = replace(run, resume=(run.out / LAST).exists())


def easier_than(config: TrainConfig, error: Exception) -> tuple[TrainConfig, str] | None:
    """The configuration to try after `error`, and what to say of it; None where there is none."""
    data = config.data
    if isinstance(error, torch.cuda.OutOfMemoryError):
        if data.batch_size == 1:
            return None
        return _with_data(config, batch_size=data.batch_size // 2), f"not enough memory: batch {data.batch_size // 2}"
    if "DataLoader worker" in str(error):
        if data.workers == 0:
            return None
        return _with_data(config, workers=data.workers // 4), f"a worker died: {data.workers // 4} of them now"
    if config.precision == "32-true":
        return None
    return replace(config, precision="32-true", channels_last=False), "bfloat16 fails here: float32 from now on"


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _with_data(config: TrainConfig, **values: Any) -> TrainConfig:
    return replace(config, data=replace(config.data, **values))
