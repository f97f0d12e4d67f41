"""The perceptual loss of a configuration, and what can start on a machine that does not have its network."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from lama_deploy.backbones.locate import find_backbone
from lama_deploy.errors import CheckpointError, MissingBackboneError
from lama_deploy.training.config import LossConfig
from lama_deploy.training.perceptual import BACKBONES_OF, PERCEPTUAL_LOSSES, perceptual_loss
from lama_deploy.training.presets import PRESETS


def perceptual_here(losses: LossConfig) -> nn.Module | None:
    """The frozen network that the loss looks through; None where its weight is 0.

    Raises MissingBackboneError, which lists what starts here.
    """
    if not losses.perceptual_weight:
        return None
    path = Path(losses.perceptual_weights) if losses.perceptual_weights else None
    try:
        return perceptual_loss(losses.perceptual, path, losses.perceptual_reduction)
    except MissingBackboneError as error:
        raise MissingBackboneError(f"{error}; {what_starts_here()}") from error


def what_starts_here() -> str:
    """Configurations and losses that need no file which is not on this machine, in words."""
    there = [name for name in PERCEPTUAL_LOSSES if _is_here(name)]
    losses = {name: run.losses for name, run in PRESETS.items()}
    names = [name for name, loss in losses.items() if not loss.perceptual_weight or loss.perceptual in there]
    choices = [f"--set losses.perceptual={name}" for name in there] + ["--set losses.perceptual_weight=0 (without)"]
    return f"without it these start here: --config {', '.join(names)}; or any with {' or '.join(choices)}"


def _is_here(loss: str) -> bool:
    try:
        find_backbone(BACKBONES_OF[loss])
    except (MissingBackboneError, CheckpointError):  # nowhere, or another file under its name
        return False
    return True
