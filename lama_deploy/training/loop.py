"""The run: data to networks to files, on a CPU, a GPU or many, resumable to the bit."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import update_bn

from lama_deploy.errors import ConfigError, NotFiniteError, TrainingError
from lama_deploy.model.discriminator import Discriminator
from lama_deploy.model.generator import build_generator
from lama_deploy.training.alone import alone_in, ends_together
from lama_deploy.training.config import TrainConfig
from lama_deploy.training.data import Batch, TrainingSamples, training_batches
from lama_deploy.training.fine_tuning import fine_tuned, tune_discriminator
from lama_deploy.training.going_on import say_changes
from lama_deploy.training.here import perceptual_here
from lama_deploy.training.place import require_place
from lama_deploy.training.report import Report
from lama_deploy.training.state import LAST, WEIGHTS, TrainedOn, restore_run, save_run
from lama_deploy.training.step import Networks, generator_input, training_step
from lama_deploy.training.watch import Watch

AVERAGE_BATCHES = 16  # over which the averaged generator's BN statistics are measured, at most
AVERAGE_PICTURES = 256  # and no more batches than have so many: this process alone loads them


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where a run reads and writes, and on what it computes.

    weights: checkpoint or name to fine-tune from, not read where a run goes on. told: of it, as for `load_checkpoint`.
    resume: go on from out/models/last.ckpt.
    overwrite: of files in `out` that are no run of its own, or are a run that is not to go on.
    stop_after: steps to do in this call, None for all; the learning rates still follow config.steps.
    """

    data: Path
    out: Path
    weights: str | None = None
    told: Mapping[str, str] = field(default_factory=dict)
    resume: bool = False
    overwrite: bool = False
    accelerator: str = "auto"
    devices: int = 1
    stop_after: int | None = None


def make_fabric(config: TrainConfig, run: Run) -> Fabric:
    """Fabric for one or many devices; under torchrun, for as many as it started processes.

    DDP leaves each process its own BN statistics: the discriminator makes two passes before one backward pass, and
    buffers must not change between them.
    """
    warnings.filterwarnings("ignore", message=".*broadcast_buffers")  # its new name is unknown to older torch
    devices = int(os.environ.get("LOCAL_WORLD_SIZE", run.devices))
    nodes = int(os.environ.get("WORLD_SIZE", devices)) // devices
    strategy = DDPStrategy(broadcast_buffers=False) if devices * nodes > 1 else "auto"
    try:
        fabric = Fabric(
            accelerator=run.accelerator, devices=devices, num_nodes=nodes, strategy=strategy, precision=config.precision
        )
    except (RuntimeError, ValueError, MisconfigurationException) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{devices} x accelerator {run.accelerator!r} cannot be had here: {reason}") from error
    fabric.launch()
    return fabric


def train(config: TrainConfig, run: Run, fabric: Fabric | None = None, watch: Watch | None = None) -> None:
    """Train until config.steps are done, or `watch` says that it is enough; it also says itself what comes next.

    Raises TrainingError, DataError, CheckpointError, MissingBackboneError.
    """
    fabric = fabric or make_fabric(config, run)
    with ends_together(fabric), alone_in(run.out) if fabric.is_global_zero else nullcontext():
        require_place(run.out, resume=run.resume, overwrite=run.overwrite)
        samples = TrainingSamples(run.data, config.data, config.seed)
        if run.resume and fabric.is_global_zero:
            say_changes(run.out, config, TrainedOn(run.data, len(samples.refs)))
        nets = build_networks(fabric, config, None if run.resume else run.weights, run.told)
        first = restore_run(run.out, config, nets) if run.resume else 0
        if first >= config.steps:
            raise TrainingError(f"{run.out}: its {first} steps are done already; set steps higher to go on")
        last = config.steps if run.stop_after is None else min(config.steps, first + run.stop_after)
        batches = training_batches(samples, first, last, fabric.global_rank, fabric.world_size)
        report = Report(run.out, first, config.steps, active=fabric.is_global_zero)
        try:
            _steps(fabric, config, run, nets, samples, batches, report, first, last, watch or Watch())
            if watch is None:
                report.note(f"written to {run.out}; next: {next_command(run)}")
        finally:
            report.close()


def next_command(run: Run) -> str:
    """What to do with what the run has written."""
    return f"lama-export --weights {run.out / WEIGHTS} --to onnx --out DIR"


def build_networks(
    fabric: Fabric, config: TrainConfig, weights: str | None, told: Mapping[str, str] | None = None
) -> Networks:
    """Networks and optimizers on their devices; the generator from `weights` where given, and the discriminator where
    they have one that fits.
    """
    torch.manual_seed(config.seed)
    generator = build_generator(config.generator) if weights is None else fine_tuned(fabric, config, weights, told)
    discriminator = Discriminator(config.discriminator.width, config.discriminator.layers)
    if weights is not None:
        fabric.print(tune_discriminator(discriminator, weights))
    average = None
    if config.optimizer.ema is not None:
        average = build_generator(config.generator).requires_grad_(False)
        average.load_state_dict(generator.state_dict())
    wrapped_generator, generator_optimizer = _set_up(fabric, config, generator, config.optimizer.generator_lr)
    wrapped_discriminator, discriminator_optimizer = _set_up(
        fabric, config, discriminator, config.optimizer.discriminator_lr
    )
    return Networks(
        generator=wrapped_generator,
        discriminator=wrapped_discriminator,
        perceptual=_perceptual(fabric, config),
        generator_optimizer=generator_optimizer,
        discriminator_optimizer=discriminator_optimizer,
        average=None if average is None else average.to(fabric.device),
    )


def _set_up(fabric: Fabric, config: TrainConfig, network: nn.Module, rate: float) -> tuple[nn.Module, Optimizer]:
    if config.channels_last:
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    betas = (config.optimizer.beta1, config.optimizer.beta2)
    return fabric.setup(network.train(), torch.optim.Adam(network.parameters(), rate, betas))


def _perceptual(fabric: Fabric, config: TrainConfig) -> nn.Module | None:
    network = perceptual_here(config.losses)
    if network is None:
        return None
    moved: nn.Module = fabric.to_device(network)
    return moved


def _steps(
    fabric: Fabric,
    config: TrainConfig,
    run: Run,
    nets: Networks,
    samples: TrainingSamples,
    batches: Iterable[Batch],
    report: Report,
    first: int,
    last: int,
    watch: Watch,
) -> None:
    step = first
    asked = time.perf_counter()
    for loaded in batches:
        waited = time.perf_counter() - asked
        batch = to_device(fabric, config, loaded)
        set_learning_rates(config, nets, watch.share(step, config.steps))
        values, predicted = training_step(fabric, config, nets, batch)
        _stop_at_nan(values, batch, step, run.out)
        step += 1
        report.add(batch, values, waited)
        if step % config.log_every == 0:
            report.log(step)
        if step % config.pictures_every == 0:
            report.samples(step, batch, predicted)
        ends = step == last or watch.is_enough(step)
        if (ends or step % config.save_every == 0 or watch.wants_save(step)) and fabric.is_global_zero:
            measure_average(fabric, nets, samples, step)
            save_run(run.out, config, nets, step, TrainedOn(run.data, len(samples.refs)))
            watch.saved(step)
        if ends:
            break
        asked = time.perf_counter()


def measure_average(fabric: Fabric, nets: Networks, samples: TrainingSamples, step: int) -> None:
    """Give the averaged generator BN statistics of its own, over the samples of the steps before `step`.

    Those of the generator it averages do not fit it: with them a short run's average was three times as wrong in the
    hole. The samples are a function of the step, so a resumed run measures the same.
    """
    if nets.average is None:
        return
    count = min(AVERAGE_BATCHES, math.ceil(AVERAGE_PICTURES / samples.config.batch_size))
    batches = training_batches(samples, max(0, step - count), step, workers=0)
    update_bn((generator_input(fabric.to_device(batch)) for batch in batches), nets.average)


def to_device(fabric: Fabric, config: TrainConfig, batch: Batch) -> Batch:
    moved: Batch = fabric.to_device(batch)
    if not config.channels_last:
        return moved
    image = moved.image.contiguous(memory_format=torch.channels_last)
    return moved._replace(image=image, mask=moved.mask.contiguous(memory_format=torch.channels_last))


def set_learning_rates(config: TrainConfig, nets: Networks, share: float) -> None:
    """The rates where `share` of the run is done, a function of it alone, so that a resumed run has the same."""
    factor = 1.0 if config.optimizer.decay == "constant" else (1 + math.cos(math.pi * share)) / 2
    for optimizer, rate in (
        (nets.generator_optimizer, config.optimizer.generator_lr),
        (nets.discriminator_optimizer, config.optimizer.discriminator_lr),
    ):
        for group in optimizer.param_groups:
            group["lr"] = rate * factor


def _stop_at_nan(values: dict[str, Tensor], batch: Batch, step: int, out: Path) -> None:
    finite = torch.isfinite(torch.stack(list(values.values()))).tolist()  # one wait for the device, not one a value
    bad = [name for name, fine in zip(values, finite, strict=True) if not fine]
    if bad:
        good = out / LAST
        rescue = f"the last good state is {good}" if good.exists() else "no state was saved yet"
        raise NotFiniteError(
            f"step {step}: {bad[0]} is not finite on the batch of {', '.join(batch.names)}; {rescue}; look at these "
            "pictures, lower the learning rates, or use precision=32-true"
        )
