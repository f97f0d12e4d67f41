"""Losses in float64 against their formulas, written out in NumPy; and where their gradients go."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lama_deploy.model.discriminator import Discriminator
from lama_deploy.training import losses

TOLERANCE = 1e-6


def draw(*shape: int, seed: int = 0, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape)


def hole(height: int = 16, width: int = 12) -> np.ndarray:
    """Two masks: a block that cuts through patches, and scattered pixels."""
    mask = np.zeros((2, 1, height, width))
    mask[0, :, 3:10, 2:9] = 1
    mask[1, 0, ::5, ::3] = 1
    return mask


def tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array, np.float64))


def softplus(x: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(-abs(x))) + np.maximum(x, 0)


def check(found: Tensor, wanted: float) -> None:
    assert found.dtype == torch.float64 and found.shape == ()
    assert abs(found.item() - wanted) < TOLERANCE * max(1.0, abs(wanted))


@pytest.mark.parametrize(("known", "missing"), [(10.0, 0.0), (0.0, 0.0), (2.5, 7.0)])
def test_l1_is_a_mean_over_all_pixels(known, missing):
    predicted, target, mask = draw(2, 3, 16, 12, seed=1, low=-0.2, high=1.2), draw(2, 3, 16, 12), hole()
    total = 0.0
    for n in range(2):
        for y in range(16):
            for x in range(12):
                weight = missing if mask[n, 0, y, x] == 1 else known
                total += weight * abs(predicted[n, :, y, x] - target[n, :, y, x]).sum()
    found = losses.masked_l1(tensor(predicted), tensor(target), tensor(mask), known, missing)
    check(found, total / (2 * 3 * 16 * 12))


def test_l1_defaults_to_the_official_weights():
    """10 on known pixels and nothing in the hole."""
    predicted, target = tensor(draw(2, 3, 16, 12, seed=1)).requires_grad_(), tensor(draw(2, 3, 16, 12))
    mask = tensor(hole())
    losses.masked_l1(predicted, target, mask).backward()
    inside = mask.expand(-1, 3, -1, -1) == 1
    assert (predicted.grad[inside] == 0).all()
    torch.testing.assert_close(predicted.grad[~inside].abs(), torch.full_like(target[~inside], 10 / target.numel()))


def test_adversarial_loss_of_the_generator():
    fake = draw(2, 1, 5, 4, low=-40, high=40)
    check(losses.adversarial_generator(tensor(fake)), softplus(-fake).mean())


def nearest(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """The pixel at the floor of each patch's corner."""
    rows = [int(np.floor(i * mask.shape[2] / height)) for i in range(height)]
    columns = [int(np.floor(i * mask.shape[3] / width)) for i in range(width)]
    return mask[:, :, rows][..., columns]


def touched(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """1 where any pixel of the patch's cell is 1, also where it shares the pixel with its neighbour."""
    cells = np.zeros((len(mask), 1, height, width))
    for i in range(height):
        for j in range(width):
            rows = slice(i * mask.shape[2] // height, -(-(i + 1) * mask.shape[2] // height))
            columns = slice(j * mask.shape[3] // width, -(-(j + 1) * mask.shape[3] // width))
            cells[:, 0, i, j] = mask[:, 0, rows, columns].max(axis=(1, 2))
    return cells


LABELS = {"nearest": nearest, "touched": touched}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("patches", [(5, 4), (4, 3), (19, 19), (1, 1)])
def test_adversarial_loss_of_the_discriminator(labels, patches):
    """Real patches real; of the prediction, hole fake and the rest real."""
    real, fake = draw(2, 1, *patches, low=-40, high=40), draw(2, 1, *patches, seed=1, low=-40, high=40)
    mask = hole()
    small = LABELS[labels](mask, *patches)
    wanted = (softplus(-real) + small * softplus(fake) + (1 - small) * softplus(-fake)).mean()
    found = losses.adversarial_discriminator(tensor(real), tensor(fake), tensor(mask), labels)
    check(found, wanted)


def test_labels_of_the_official_grid():
    """256 pixels to 19 patches: nearest samples pixels 0, 13, 26, 40, ...; a stroke between them is not seen."""
    mask = np.zeros((1, 1, 256, 256))
    mask[..., 14:26, :] = 1
    like = torch.zeros(1, 1, 19, 19)
    assert losses.scale_mask(tensor(mask), like, "nearest").sum() == 0
    assert losses.scale_mask(tensor(mask), like, "touched")[0, 0, :, 0].tolist() == [0, 1] + 17 * [0]
    mask[..., 13, :] = 1
    assert losses.scale_mask(tensor(mask), like, "nearest")[0, 0, :, 0].tolist() == [0, 1] + 17 * [0]
    np.testing.assert_array_equal(losses.scale_mask(tensor(mask), like, "touched"), touched(mask, 19, 19))


def test_default_labels_are_the_official_ones():
    real, fake, mask = tensor(draw(2, 1, 5, 4)), tensor(draw(2, 1, 5, 4, seed=1)), tensor(hole())
    found = losses.adversarial_discriminator(real, fake, mask)
    assert found == losses.adversarial_discriminator(real, fake, mask, "nearest")
    assert found != losses.adversarial_discriminator(real, fake, mask, "touched")


def test_r1_of_a_linear_discriminator():
    """The gradient of the patches' sum is the sum of their weights, the same for every picture."""
    weights = draw(4, 3 * 6 * 5, low=-1)
    image = tensor(draw(3, 3, 6, 5)).requires_grad_()
    real = image.flatten(1) @ tensor(weights).T + 2.0
    check(losses.r1_penalty(real, image), (weights.sum(axis=0) ** 2).sum())


def test_r1_of_a_quadratic_discriminator():
    """Mean over pictures, not sum: the gradient of a x^2 / 2 is a x."""
    factors, pixels = draw(3, 6, 5, low=-1), draw(3, 3, 6, 5)
    image = tensor(pixels).requires_grad_()
    real = (tensor(factors) * image.square() / 2).sum(dim=1)
    check(losses.r1_penalty(real, image), ((factors * pixels) ** 2).sum() / 3)


def test_r1_against_finite_differences():
    torch.manual_seed(0)
    network = Discriminator(4, 1).double().eval()
    image = tensor(draw(2, 3, 6, 5)).requires_grad_()
    penalty = losses.r1_penalty(network(image).logits, image)
    with torch.no_grad():
        slopes = torch.zeros_like(image).flatten()
        for index in range(image.numel()):
            step = torch.zeros_like(slopes)
            step[index] = 1e-6
            step = step.view_as(image)
            slopes[index] = (network(image + step).logits.sum() - network(image - step).logits.sum()) / 2e-6
    check(penalty, float(slopes.square().sum()) / 2)
    penalty.backward()
    assert all(p.grad is not None for name, p in network.named_parameters() if name.endswith("weight"))
    assert network.model0[0].weight.grad.abs().max() > 0  # it trains: the penalty's own graph is kept


def test_feature_matching_is_a_mean_of_means():
    shapes = [(2, 4, 9, 7), (2, 8, 5, 4), (2, 16, 3, 3)]
    fake, real = ([draw(*shape, seed=seed + i) for i, shape in enumerate(shapes)] for seed in (0, 10))
    wanted = np.mean([np.sum((a - b) ** 2) / a.size for a, b in zip(fake, real, strict=True)])
    check(losses.feature_matching([tensor(a) for a in fake], [tensor(a) for a in real]), float(wanted))


def test_feature_matching_needs_layer_for_layer():
    with pytest.raises(ValueError, match="longer"):
        losses.feature_matching([torch.zeros(1)], [torch.zeros(1), torch.zeros(1)])


def test_gradients_push_logits_the_right_way():
    """The generator raises all its logits; the discriminator raises real and known ones and lowers the hole's."""
    fake = tensor(draw(2, 1, 16, 12)).requires_grad_()
    losses.adversarial_generator(fake).backward()
    assert (fake.grad < 0).all()
    real, fake, mask = tensor(draw(2, 1, 16, 12)).requires_grad_(), fake.detach().requires_grad_(), tensor(hole())
    losses.adversarial_discriminator(real, fake, mask).backward()
    assert (real.grad < 0).all()
    assert ((fake.grad > 0) == (mask == 1)).all()


def test_losses_are_finite_at_extreme_logits():
    far = torch.tensor([[[[1e4, -1e4]]]], requires_grad=True)
    total = losses.adversarial_generator(far) + losses.adversarial_discriminator(far, far, torch.ones(1, 1, 1, 2))
    total.backward()
    assert torch.isfinite(total) and torch.isfinite(far.grad).all()


class LinearScore(nn.Module):
    """One weight a channel."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight[:, None, None]).sum(dim=1, keepdim=True)


def test_r1_reaches_the_weights():
    """For logits w.x of 30 patches, R1 is 30 |w|^2 a picture: its gradient is 60 w."""
    network, image = LinearScore(), tensor(draw(2, 3, 6, 5)).requires_grad_()
    losses.r1_penalty(network(image), image).backward()
    torch.testing.assert_close(network.weight.grad, torch.full((3,), 60.0, dtype=torch.float64))
