"""What a run will need, before it starts: data, parameters, memory. Nothing is computed: shapes go through "meta"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from lama_deploy.errors import DataError, MissingBackboneError
from lama_deploy.model.discriminator import Discriminator
from lama_deploy.model.generator import build_generator
from lama_deploy.training.config import DataConfig, LossConfig, TrainConfig
from lama_deploy.training.data import Batch, TrainingSamples
from lama_deploy.training.here import perceptual_here
from lama_deploy.training.mask_files import object_masks
from lama_deploy.training.step import Networks, discriminator_losses_of, generator_input, generator_losses_of

ADAM_BYTES = 16  # a float32 weight, its gradient and its two moments


@dataclass(frozen=True)
class TrainingPlan:
    """Pictures in the data, parameters by network, and the bytes one process needs for them in float32.

    network_bytes: weights, gradients, moments and the average. activation_bytes: what the larger step keeps for its
    backward pass; autocast keeps about half of it.
    """

    pictures: int
    generator_parameters: int
    discriminator_parameters: int
    perceptual_parameters: int
    missing: MissingBackboneError | None  # what the run itself will stop at: the perceptual network's weights
    network_bytes: int
    activation_bytes: int
    mask_files: str = ""  # what was found in the folder of masks; empty without one

    def lines(self, config: TrainConfig, processes: int) -> list[str]:
        data = config.data
        lines = [
            f"data: {self.pictures:,} pictures; crops of {data.crop}, augmentation {data.augmentation}, "
            f"masks {data.masks}",
            f"run: {config.steps:,} steps of {data.batch_size} x {processes} = {data.batch_size * processes} pictures, "
            f"{config.precision}; that is {config.steps * data.batch_size * processes / self.pictures:,.1f} epochs",
            f"generator: {self.generator_parameters:,} parameters; discriminator: {self.discriminator_parameters:,}",
            f"perceptual loss: {_perceptual_name(config)}, {self.perceptual_parameters:,} parameters, frozen",
            f"memory of a process, at least: {self.network_bytes / 2**30:.2f} GiB networks and optimizers, "
            f"{self.activation_bytes / 2**30:.2f} GiB activations (float32)",
        ]
        lines += [f"mask files: {self.mask_files}"] if self.mask_files else []
        return [*lines, "the perceptual loss is not on this machine and is left out above"] if self.missing else lines


def _perceptual_name(config: TrainConfig) -> str:
    return config.losses.perceptual if config.losses.perceptual_weight else "none"


def plan(config: TrainConfig, data: Path) -> TrainingPlan:
    """Raises what the run itself would raise, DataError and ConfigError; missing weights are part of the plan."""
    samples = TrainingSamples(data, config.data, config.seed)
    perceptual, missing = _perceptual(config.losses)
    with torch.device("meta"):
        generator = build_generator(config.generator).train()
        discriminator = Discriminator(config.discriminator.width, config.discriminator.layers)
    counts = [_parameters(network) for network in (generator, discriminator, perceptual)]
    averaged = config.optimizer.ema is not None
    return TrainingPlan(
        pictures=len(samples.refs),
        generator_parameters=counts[0],
        discriminator_parameters=counts[1],
        perceptual_parameters=counts[2],
        missing=missing,
        network_bytes=ADAM_BYTES * (counts[0] + counts[1]) + 4 * counts[2] + 4 * counts[0] * averaged,
        activation_bytes=_activation_bytes(config, generator, discriminator, perceptual),
        mask_files=_mask_files(config.data),
    )


def _mask_files(data: DataConfig) -> str:
    """Raises DataError where no file that was looked at can be used."""
    if not data.mask_files or not data.mask_files_share:
        return ""
    masks = object_masks(data)
    looked_at, faults = masks.unreadable()
    if len(faults) == looked_at:
        raise DataError(f"none of {looked_at} mask files can be used, the first: {faults[0]}")
    found = f"{len(masks.files):,}, {looked_at:,} of them looked at"
    return f"{found}; {len(faults)} will be skipped, such as {faults[0]}" if faults else f"{found}, all readable"


def _perceptual(losses: LossConfig) -> tuple[nn.Module | None, MissingBackboneError | None]:
    """The loss's network without its values, or what is missing to have it."""
    try:
        network = perceptual_here(losses)
    except MissingBackboneError as error:
        return None, error
    return None if network is None else network.to("meta"), None


def _parameters(network: nn.Module | None) -> int:
    return 0 if network is None else sum(p.numel() for p in network.parameters())


def _activation_bytes(
    config: TrainConfig, generator: nn.Module, discriminator: nn.Module, perceptual: nn.Module | None
) -> int:
    """The larger of what the two steps keep for their backward passes."""
    unused = torch.optim.SGD(generator.parameters())
    nets = Networks(generator, discriminator, perceptual, unused, unused, None)
    size = (config.data.batch_size, 3, config.data.crop, config.data.crop)
    image = torch.empty(size, device="meta")
    batch = Batch(image, image[:, :1], [], [], 0)
    fabric = Fabric(accelerator="cpu", devices=1)
    discriminator.requires_grad_(False)
    of_generator = saved_bytes(
        lambda: generator_losses_of(fabric, config, nets, batch, generator(generator_input(batch))), nets
    )
    discriminator.requires_grad_(True)
    of_discriminator = saved_bytes(lambda: discriminator_losses_of(fabric, config, discriminator, batch, image), nets)
    return max(of_generator, of_discriminator)


def saved_bytes(call: Callable[[], object], nets: Networks) -> int:
    """Bytes of the tensors that autograd keeps during `call`, each storage once, the networks' state not counted."""
    modules = (nets.generator, nets.discriminator, nets.perceptual)
    present = [module for module in modules if module is not None]
    weights = {id(tensor) for module in present for tensor in (*module.parameters(), *module.buffers())}
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        base = tensor._base if tensor._base is not None else tensor
        if id(base) not in weights:
            kept[id(base)] = base  # holding it keeps its id from being given to another
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = call()
    del result
    return sum(tensor.numel() * tensor.element_size() for tensor in kept.values())
