"""Feature refinement (arXiv 2206.13644), as official `refinement.py` does it, in bounded memory.

A picture is filled at several sizes, the smallest first. At each larger one the trunk's input is changed by gradients
until what comes out, made smaller, is what the last one showed. Of the generator's inside nothing is kept for that but
what goes into each block and each stage of the decoder, which are computed again when their gradients are due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lama_deploy.errors import LamaDeployError
from lama_deploy.model.ffc import Branches
from lama_deploy.model.generator import Generator
from lama_deploy.model.refine_scales import count_of_scales, halved, inside, pyramid, reflected

Steps = Callable[[Sequence[int]], Iterable[int]]  # yields them one by one: a progress bar, or iter


@dataclass(frozen=True)
class Refinement:
    """passes: at each size but the smallest; the last one changes nothing more. rate: Adam's. As official else."""

    passes: int = 15
    rate: float = 0.002
    min_side: int = 512
    max_scales: int = 3


class Refiner:
    """Of one generator, whose weights take no gradients from then on. Calls from several threads are safe."""

    def __init__(self, generator: Generator, how: Refinement) -> None:
        """Raises LamaDeployError for a generator without Fourier units."""
        config = generator.config
        if config.kind != "ffc":
            raise LamaDeployError(
                f"refinement changes what goes into Fourier units, and a {config.kind} generator has none; leave it out"
            )
        self._config, self._how = config, how
        generator.requires_grad_(False)
        layers = generator.model
        trunk = 2 + config.downsamplings  # padding, stem, downsamplings
        decoder = trunk + config.blocks + 1
        self._front = layers[:trunk]
        self._stages: list[nn.Module] = list(layers)[trunk:decoder]
        for level in range(config.downsamplings):
            self._stages.append(layers[decoder + 3 * level : decoder + 3 * level + 3])
        self._stages.append(layers[decoder + 3 * config.downsamplings :])

    def __call__(self, image: Tensor, hole: Tensor, steps: Steps = iter) -> Tensor:
        """image (1, 3, H, W) in [0, 1], hole (1, 1, H, W) of 0 and 1, on the generator's device -> (1, 3, H, W).

        steps: is given the numbers of all passes.
        """
        how = self._how
        count = count_of_scales(image.shape[-2], image.shape[-1], how.min_side, how.max_scales)
        passes = iter(steps(range(1 + (count - 1) * how.passes)))
        filled: Tensor | None = None
        with torch.inference_mode(False):
            for scale, its_hole in pyramid(image, hole, count):
                predicted = self._predicted(scale, its_hole, filled, passes)
                filled = torch.where(its_hole > 0, predicted[..., : scale.shape[-2], : scale.shape[-1]], scale)
        for _ in passes:  # so that a bar ends
            pass
        assert filled is not None
        return filled

    def _predicted(self, image: Tensor, hole: Tensor, smaller: Tensor | None, passes: Any) -> Tensor:
        """At the padded size. smaller: what was filled at half the size, which this is to look like."""
        padded = reflected(image, self._config)
        padded_hole = (reflected(hole, self._config) >= 0.5).to(image.dtype)
        with torch.no_grad():
            branches: Branches = self._front(torch.cat((padded * (1 - padded_hole), padded_hole), dim=1))
        if smaller is not None:
            loss = _Loss(padded, padded_hole, smaller, inside(hole), (image.shape[-2], image.shape[-1]))
            self._fit(branches, loss, passes)
        next(passes, None)
        with torch.no_grad():
            return self._rear(branches)

    def _fit(self, branches: Branches, loss: _Loss, passes: Any) -> None:
        """Changes both maps in place."""
        for branch in branches:
            branch.requires_grad_(True)
        optimizer = torch.optim.Adam(branches, lr=self._how.rate)
        for _ in range(self._how.passes - 1):
            next(passes, None)
            optimizer.zero_grad()
            with torch.enable_grad():
                loss(self._rear(branches)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        for branch in branches:
            branch.requires_grad_(False)

    def _rear(self, branches: Branches) -> Tensor:
        value: Any = branches
        for stage in self._stages:
            if torch.is_grad_enabled():
                value = checkpoint(stage, value, use_reentrant=False, preserve_rng_state=False)
            else:
                value = stage(value)
        return value


@dataclass(frozen=True)
class _Loss:
    """Mean distance from the known pixels, and deep inside of holes from the smaller picture when made as small."""

    image: Tensor
    hole: Tensor
    smaller: Tensor
    deep: Tensor
    size: tuple[int, int]  # of what is no padding

    def __call__(self, predicted: Tensor) -> Tensor:
        known = _mean(predicted - self.image, 1 - self.hole)
        return known + _mean(halved(predicted[..., : self.size[0], : self.size[1]]) - self.smaller, self.deep)


def _mean(difference: Tensor, where: Tensor) -> Tensor:
    """Of absolute values (1, 3, H, W) where `where` (1, 1, H, W) is 1; 0 where that is nowhere."""
    return (difference.abs() * where).sum() / (3 * where.sum()).clamp(min=1)
