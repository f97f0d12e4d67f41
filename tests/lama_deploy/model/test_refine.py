"""Refinement against an independent restatement of the official algorithm, which keeps every activation."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from lama_deploy.errors import LamaDeployError
from lama_deploy.model import seeded_generator
from lama_deploy.model.generator import Generator
from lama_deploy.model.refine import Refinement, Refiner
from lama_deploy.model.refine_scales import count_of_scales, halved, inside
from lama_deploy.variants import GeneratorConfig

CONFIGS = {
    "as big-lama": GeneratorConfig(width=4, blocks=2),
    "two downsamplings": GeneratorConfig(width=4, blocks=1, downsamplings=2, ratio=0.5),
}
HOW = Refinement(passes=3, min_side=24)


def picture(height: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    image = torch.rand(1, 3, height, width, generator=random, dtype=torch.float64)
    hole = torch.zeros(1, 1, height, width, dtype=torch.float64)
    hole[..., 10 : 10 + height // 2, 5 : 5 + 2 * width // 3] = 1
    return image, hole


def generator(config: GeneratorConfig) -> Generator:
    return seeded_generator(config, seed=1).double()


def blurred(planes: Tensor) -> Tensor:
    x = torch.arange(-2, 3, dtype=planes.dtype)
    row = torch.exp(-(x**2) / 2)
    kernel = torch.outer(row, row) / row.sum() ** 2
    planes = F.pad(planes, (2, 2, 2, 2), mode="reflect")
    return F.conv2d(planes, kernel.expand(planes.shape[1], 1, 5, 5), groups=planes.shape[1])


def half(planes: Tensor) -> Tensor:
    size = (planes.shape[-2] // 2, planes.shape[-1] // 2)
    return F.interpolate(planes, size, mode="bilinear", align_corners=False)


def eroded(hole: np.ndarray) -> np.ndarray:
    """Pixel by pixel."""
    reach = {dy: round(7 * math.sqrt(1 - (dy / 7) ** 2)) for dy in range(-7, 8)}
    out = hole.copy()
    for y, x in np.argwhere(hole == 1):
        for dy, most in reach.items():
            row = y + dy
            if 0 <= row < hole.shape[0] and (hole[row, max(0, x - most) : x + most + 1] == 0).any():
                out[y, x] = 0
    return out


def official(net: Generator, image: Tensor, hole: Tensor, how: Refinement) -> tuple[Tensor, list[float]]:
    """The result, and the losses of all passes."""
    multiple, layers, losses = net.config.multiple, net.model, []
    scales = [(image, hole)]
    breadth = min(image.shape[-2:])
    for _ in range(min(1 + round(max(0, math.log2(breadth / how.min_side))), how.max_scales) - 1):
        scales.append((half(blurred(scales[-1][0])), (half(blurred(scales[-1][1])) >= 1e-8).double()))
    filled = None
    for scale, mask in reversed(scales):
        h, w = scale.shape[-2:]
        padding = (0, -w % multiple, 0, -h % multiple)
        padded = F.pad(scale, padding, mode="reflect")
        padded_mask = (F.pad(mask, padding, mode="reflect") >= 1e-8).double()
        split = 2 + net.config.downsamplings
        with torch.no_grad():
            z = layers[:split](torch.cat((padded * (1 - padded_mask), padded_mask), 1))
        z = [branch.detach().requires_grad_() for branch in z]
        adam = torch.optim.Adam(z, lr=how.rate)
        for number in range(how.passes):
            adam.zero_grad()
            predicted = layers[split:](tuple(z))
            if filled is None:
                break
            deep = torch.from_numpy(eroded((half(mask) >= 1 - 1e-8).double()[0, 0].numpy())).bool()
            known = (padded_mask < 1e-8).expand(-1, 3, -1, -1)
            loss = (predicted[known] - padded[known]).abs().mean()
            if deep.any():
                loss = loss + (half(blurred(predicted[..., :h, :w])) - filled)[..., deep].abs().mean()
            losses.append(loss.item())
            if number < how.passes - 1:
                loss.backward()
                adam.step()
        filled = (padded_mask * predicted + (1 - padded_mask) * padded).detach()[..., :h, :w]
    assert filled is not None
    return filled, losses


@pytest.mark.parametrize("size", [(48, 64), (61, 75), pytest.param((98, 101), marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
def test_it_computes_what_official_code_does(config: GeneratorConfig, size: tuple[int, int]) -> None:
    """Two and three scales, of which most are padded."""
    net, (image, hole) = generator(config), picture(*size)
    expected, losses = official(net, image, hole, HOW)
    found = Refiner(net, HOW)(image, hole)
    assert len(losses) in (HOW.passes, 2 * HOW.passes)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    assert not torch.allclose(found, Refiner(net, Refinement(passes=1, min_side=24))(image, hole), atol=1e-4)


@pytest.mark.slow
def test_the_loss_falls():
    net, (image, hole) = generator(CONFIGS["as big-lama"]), picture(72, 72)
    _, losses = official(net, image, hole, Refinement(passes=8, rate=0.02, min_side=32, max_scales=2))
    assert losses[-1] < 0.97 * losses[0]


def test_known_pixels_stay_and_the_result_is_the_same_every_time():
    net, (image, hole) = generator(CONFIGS["as big-lama"]), picture(51, 65)
    first, second = (Refiner(net, HOW)(image, hole) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(first[(hole == 0).expand_as(first)], image[(hole == 0).expand_as(image)])
    with torch.inference_mode():
        assert torch.equal(Refiner(net, HOW)(image, hole), first)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (17, 3)], ids=str)
def test_a_small_picture_has_one_scale(size: tuple[int, int]) -> None:
    image, hole = torch.rand(1, 3, *size, dtype=torch.float64), torch.ones(1, 1, *size, dtype=torch.float64)
    found = Refiner(generator(CONFIGS["as big-lama"]), HOW)(image, hole)
    assert found.shape == image.shape and found.isfinite().all()


def test_a_thin_hole_and_one_that_is_everything_have_only_one_term():
    net = generator(CONFIGS["as big-lama"])
    image, thin = picture(64, 64)
    thin[..., 12:, :] = 0
    for hole in (thin, torch.ones_like(thin)):
        assert Refiner(net, HOW)(image, hole).isfinite().all()


def test_progress_counts_every_pass():
    seen: list[int] = []
    net, (image, hole) = generator(CONFIGS["as big-lama"]), picture(64, 64)
    Refiner(net, HOW)(image, hole, lambda steps: (seen.append(step) or step for step in steps))
    assert seen == list(range(1 + HOW.passes))


@pytest.mark.parametrize("size", [(2, 2), (9, 16), (31, 30)], ids=str)
def test_halves_are_those_of_torch(size: tuple[int, int]) -> None:
    planes = torch.rand(1, 3, *size, dtype=torch.float64)
    if min(size) > 2:  # which torch can mirror
        torch.testing.assert_close(halved(planes), half(blurred(planes)))
    hole = (torch.rand(1, 1, 64, 60) < 0.995).double()
    expected = eroded((half(hole) >= 1 - 1e-8).double()[0, 0].numpy())
    assert np.array_equal(inside(hole)[0, 0].numpy(), expected)


def test_counts_of_scales():
    assert [count_of_scales(n, 4000, 512, 3) for n in (1, 512, 724, 725, 1024, 1449, 9000)] == [1, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("kind", ["regular", "dilated"])
def test_generators_without_fourier_units_are_refused(kind: str) -> None:
    with pytest.raises(LamaDeployError, match=f"a {kind} generator has none"):
        Refiner(seeded_generator(GeneratorConfig(kind=kind, width=4, blocks=1)), HOW)  # type: ignore[arg-type]
