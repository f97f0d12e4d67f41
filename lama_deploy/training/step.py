"""One generator update and one discriminator update, as official `DefaultInpaintingTrainingModule` does them.

Both networks train with batch statistics; the discriminator judges real and predicted pictures in separate passes.
In the generator's step the discriminator is used as a plain module (its weights get no gradient), so that under DDP
only the network that is being trained waits for its gradients to be summed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from lama_deploy.model.generator import Generator
from lama_deploy.training import losses
from lama_deploy.training.config import TrainConfig
from lama_deploy.training.data import Batch

Losses = dict[str, Tensor]


@dataclass
class Networks:
    """What a step works on. generator and discriminator as Fabric wrapped them; perceptual frozen, or None."""

    generator: nn.Module
    discriminator: nn.Module
    perceptual: nn.Module | None
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    average: Generator | None


def training_step(fabric: Fabric, config: TrainConfig, nets: Networks, batch: Batch) -> tuple[Losses, Tensor]:
    """Update both networks on one batch. Returns the losses, detached scalars by name, and the prediction.

    Names are the official logs': gen_l1, gen_adv, gen_fm, gen_pl, discr_adv, adv_discr_{real_out,fake_out,real_gp}.
    Beside them gen_gradient and discr_gradient, the norms before clipping.
    Updates are skipped when a loss is not finite, so that the networks stay as they were: the caller stops the run.
    """
    with _frozen(nets.discriminator):
        predicted = nets.generator(generator_input(batch))
        generator_losses = generator_losses_of(fabric, config, nets, batch, predicted)
        values = _update(fabric, config, nets.generator, nets.generator_optimizer, generator_losses, "gen_gradient")
    if nets.average is not None and config.optimizer.ema is not None:
        update_average(nets.average, nets.generator, config.optimizer.ema)
    fake = predicted.detach()
    if config.optimizer.fresh_fakes:
        with torch.no_grad():
            fake = nets.generator(generator_input(batch))
    discriminator_losses, logs = discriminator_losses_of(fabric, config, nets.discriminator, batch, fake)
    values |= _update(
        fabric, config, nets.discriminator, nets.discriminator_optimizer, discriminator_losses, "discr_gradient"
    )
    return values | logs, predicted.detach()


def generator_input(batch: Batch) -> Tensor:
    """(N, 4, H, W): the picture without its hole, and the hole."""
    return torch.cat((batch.image * (1 - batch.mask), batch.mask), dim=1)


def generator_losses_of(fabric: Fabric, config: TrainConfig, nets: Networks, batch: Batch, predicted: Tensor) -> Losses:
    """The weighted terms of the generator's loss. Terms of weight 0 are not computed."""
    weights = config.losses
    predicted = predicted.float()
    terms = {"gen_l1": losses.masked_l1(predicted, batch.image, batch.mask, weights.l1_known, weights.l1_missing)}
    judge = getattr(nets.discriminator, "module", nets.discriminator)
    with fabric.autocast():
        if weights.adversarial or weights.feature_matching:
            fake, real = judge(predicted), judge(batch.image)
            terms["gen_adv"] = weights.adversarial * losses.adversarial_generator(fake.logits.float())
            if weights.feature_matching:
                terms["gen_fm"] = weights.feature_matching * losses.feature_matching(
                    [map_.float() for map_ in fake.features], [map_.float() for map_ in real.features]
                )
        if nets.perceptual is not None:
            terms["gen_pl"] = weights.perceptual_weight * nets.perceptual(predicted, batch.image, batch.mask)
    return terms


def discriminator_losses_of(
    fabric: Fabric, config: TrainConfig, discriminator: nn.Module, batch: Batch, fake_image: Tensor
) -> tuple[Losses, Losses]:
    """The weighted terms of the discriminator's loss, and the means that official code logs beside them.

    The real pass goes past Fabric's wrapper, which forbids the gradient that R1 takes; the fake pass goes through it
    and prepares DDP for the backward pass of both.
    """
    weights = config.losses
    if not weights.adversarial and not weights.feature_matching:
        return {}, {}
    image = batch.image.detach().requires_grad_(weights.r1 > 0)
    with fabric.autocast():
        real = getattr(discriminator, "module", discriminator)(image).logits.float()
    fake = discriminator(fake_image).logits.float()
    adversarial = losses.adversarial_discriminator(real, fake, batch.mask, weights.fake_labels)
    logs = {"adv_discr_real_out": real.detach().mean(), "adv_discr_fake_out": fake.detach().mean()}
    terms = {"discr_adv": weights.discriminator * adversarial}
    if weights.r1:
        penalty = losses.r1_penalty(real, image)
        logs["adv_discr_real_gp"] = penalty.detach()
        terms["discr_r1"] = weights.discriminator * weights.r1 * penalty
    return terms, logs


def _update(
    fabric: Fabric, config: TrainConfig, network: nn.Module, optimizer: Optimizer, terms: Losses, norm: str
) -> Losses:
    """Step on the sum of the terms. Returns them, and the gradient's norm under the name `norm`."""
    values = {name: term.detach() for name, term in terms.items()}
    if terms:
        total = torch.stack(list(terms.values())).sum()
        # Every process decides alike, else those that go on would wait for the others forever.
        if torch.isfinite(torch.as_tensor(fabric.all_reduce(total.detach()))):
            optimizer.zero_grad(set_to_none=True)
            fabric.backward(total)
            values[norm] = torch.as_tensor(
                fabric.clip_gradients(network, optimizer, max_norm=config.optimizer.clip_norm, error_if_nonfinite=False)
            )
            optimizer.step()
    return values


@torch.no_grad()
def update_average(average: Generator, generator: nn.Module, decay: float) -> None:
    """Exponential mean of the weights. BN statistics are not averaged: `loop.measure_average` measures them."""
    module = getattr(generator, "module", generator)
    for mean, new in zip(average.parameters(), module.parameters(), strict=True):
        mean.lerp_(new, 1 - decay)


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """No gradients for the module's weights, only through it."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
