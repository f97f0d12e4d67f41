"""The paper's losses as plain functions: masked L1, the adversarial pair with R1, feature matching.

Values and reductions are the official code's; where the paper says otherwise, the paper's form is a named option.
Shapes: pictures (N, 3, H, W) in [0, 1]; masks (N, 1, H, W), 1 = hole; logits (N, 1, h, w), above 0 for real.
Every loss sees the raw prediction, not the composite (official `image_to_discriminator: predicted_image`).
Sources: LaMa (WACV 2022) section 2.3; official `saicinpainting/training/losses/{adversarial,feature_matching}.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (torch's own convention)

FakeLabels = Literal["nearest", "touched"]


def masked_l1(predicted: Tensor, target: Tensor, mask: Tensor, known: float = 10.0, missing: float = 0.0) -> Tensor:
    """Absolute error, weighted by region; the mean is over all pixels, not over those of the region.

    Absent from the paper's equation 5; the official configs use known = 10, missing = 0.
    """
    return ((mask * missing + (1 - mask) * known) * (predicted - target).abs()).mean()


def adversarial_generator(fake: Tensor) -> Tensor:
    """Non-saturating: mean softplus(-logit) over all patches, known ones too. fake: logits of the prediction."""
    return F.softplus(-fake).mean()


def adversarial_discriminator(real: Tensor, fake: Tensor, mask: Tensor, labels: FakeLabels = "nearest") -> Tensor:
    """Real patches are real; of the prediction, only patches in the hole are fake (paper, equation 2).

    labels: "nearest" samples the mask at one pixel a patch (official code); "touched" calls a patch fake when its
    cell of the mask has any hole (as the paper words it). Without R1, which `r1_penalty` gives.
    """
    hole = scale_mask(mask, fake, labels)
    return (F.softplus(-real) + hole * F.softplus(fake) + (1 - hole) * F.softplus(-fake)).mean()


def scale_mask(mask: Tensor, like: Tensor, labels: FakeLabels) -> Tensor:
    """(N, 1, H, W) -> the patch grid of `like`."""
    size = like.shape[-2:]
    return F.interpolate(mask, size, mode="nearest") if labels == "nearest" else F.adaptive_max_pool2d(mask, size)


def r1_penalty(real: Tensor, image: Tensor) -> Tensor:
    """Mean over the batch of |grad_image sum(logits)|^2; `image` must require grad and have made `real`."""
    (gradient,) = torch.autograd.grad(real.sum(), image, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1).mean()


def feature_matching(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Mean over the discriminator's layers of the mean squared difference; unmasked."""
    return torch.stack([F.mse_loss(a, b) for a, b in zip(fake, real, strict=True)]).mean()
