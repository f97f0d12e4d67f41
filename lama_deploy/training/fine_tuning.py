"""Networks that begin as those of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from lightning_fabric import Fabric
from torch import nn

from lama_deploy.checkpoints.beside import load_discriminator
from lama_deploy.checkpoints.checkpoint import checkpoint_file
from lama_deploy.checkpoints.keys import expected_shapes
from lama_deploy.checkpoints.weights import find_weights, load_weights, provenance
from lama_deploy.errors import CheckpointError
from lama_deploy.model.discriminator import Discriminator
from lama_deploy.model.predict import generator_from_state
from lama_deploy.training.config import TrainConfig
from lama_deploy.variants import variant_name


def fine_tuned(fabric: Fabric, config: TrainConfig, weights: str, told: Mapping[str, str] | None = None) -> nn.Module:
    """The configuration's generator with these weights; it says which they are. Raises CheckpointError."""
    checkpoint = load_weights(weights, told)
    fabric.print(provenance(checkpoint))
    if expected_shapes(checkpoint.config) != expected_shapes(config.generator):
        names = [variant_name(c) or _inline_yaml(c.to_dict()) for c in (checkpoint.config, config.generator)]
        raise CheckpointError(
            f"{weights}: holds {names[0]}, the configuration wants {names[1]}; use --set generator='{names[0]}'"
        )
    return generator_from_state(config.generator, checkpoint.state_dict)


def tune_discriminator(discriminator: Discriminator, weights: str) -> str:
    """Give it the weights of the one in a checkpoint where that fits, and say in a line whether it did."""
    file = checkpoint_file(find_weights(weights))
    try:
        state = load_discriminator(file, {key: tuple(t.shape) for key, t in discriminator.state_dict().items()})
    except CheckpointError as error:
        return f"discriminator: begins anew, since the weights' does not fit ({error})"
    if state is None:
        return "discriminator: begins anew, since the weights have none"
    discriminator.load_state_dict({key: torch.from_numpy(array.copy()) for key, array in state.items()})
    return "discriminator: of the same weights"


def _inline_yaml(values: Mapping[str, object]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in values.items()) + "}"
