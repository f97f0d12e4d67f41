"""The plan before a run: parameters exactly, memory against a count by hand."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from lama_deploy.errors import ConfigError, DataError
from lama_deploy.model import build_generator
from lama_deploy.model.discriminator import Discriminator
from lama_deploy.training.config import OptimizerConfig
from lama_deploy.training.plan import plan, saved_bytes
from lama_deploy.training.step import Networks


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_parameters_are_counted_exactly(config, pictures):
    found = plan(config, pictures)
    generator, discriminator = count(build_generator(config.generator)), count(Discriminator(4, 2))
    assert (found.generator_parameters, found.discriminator_parameters) == (generator, discriminator)
    assert (found.perceptual_parameters, found.pictures, found.missing) == (0, 7, None)
    # float32 weights, gradients and two moments; the average is one more copy of the generator
    assert found.network_bytes == 16 * (generator + discriminator) + 4 * generator
    plain = plan(replace(config, optimizer=OptimizerConfig(ema=None)), pictures)
    assert plain.network_bytes == 16 * (generator + discriminator)


def test_activations_grow_with_the_batch_and_the_area(config, change, pictures):
    """By the same amount for each picture: only BN's statistics do not grow, and they are small."""
    sizes = [plan(change(config, data={"batch_size": n}), pictures).activation_bytes for n in (1, 2, 3, 6)]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0]
    assert sizes[3] - sizes[2] == 3 * (sizes[1] - sizes[0])
    fixed = sizes[0] - (sizes[1] - sizes[0])
    assert 0 <= fixed < 0.05 * sizes[0]
    double = plan(change(config, data={"batch_size": 1, "crop": 64}), pictures).activation_bytes
    assert 3 < double / sizes[0] < 5


def only(network: nn.Module) -> Networks:
    return Networks(network, nn.Identity(), None, None, None, None)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_saved_bytes_by_hand(device):
    """Each map once, though a ReLU keeps it as its result and a convolution as its input; no weight, no statistics.

    conv1 keeps its input, the ReLU its result (which is conv2's input too), BN its input and its batch's mean and
    inverse deviation, the ReLU in place its result (conv3's input), the sigmoid its result.
    """
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 5, 3, padding=1),
        nn.BatchNorm2d(5),
        nn.ReLU(inplace=True),
        nn.Conv2d(5, 1, 1),
        nn.Sigmoid(),
    ).to(device)
    x = torch.empty(2, 3, 8, 6, device=device)
    pixels = 2 * 8 * 6
    wanted = 4 * (pixels * (3 + 4 + 5 + 5 + 1) + 2 * 5)
    assert saved_bytes(lambda: network(x), only(network)) == wanted


def test_views_are_their_storages():
    """A slice keeps all of the tensor it is cut from, and two slices keep it once."""
    weight = torch.ones(4, 8, requires_grad=True)

    def call() -> torch.Tensor:
        x = torch.ones(16, 8)
        return (x[:4] * weight).sum() + (x[4:8] * weight).sum()

    assert saved_bytes(call, only(nn.Identity())) == 4 * 16 * 8


def test_without_gradients_nothing_is_kept():
    network = nn.Conv2d(3, 4, 3).requires_grad_(False)
    assert saved_bytes(lambda: network(torch.ones(1, 3, 8, 8)), only(network)) == 0


def test_lines_for_people(config, pictures):
    lines = plan(config, pictures).lines(config, 3)
    text = "\n".join(lines)
    assert "data: 7 pictures; crops of 32, augmentation none, masks train" in text
    assert "4 steps of 2 x 3 = 6 pictures, 32-true; that is 3.4 epochs" in text
    assert "perceptual loss: none" in text and "not yet" not in text


def test_missing_perceptual_weights_are_part_of_the_plan(config, change, pictures, tmp_path):
    losses = {"perceptual": "vgg19", "perceptual_weight": 1.0, "perceptual_weights": str(tmp_path / "none.pth")}
    config = change(config, losses=losses)
    found = plan(config, pictures)
    assert found.perceptual_parameters == 0
    assert "none.pth: no file there" in str(found.missing)
    assert "the perceptual loss is not on this machine and is left out above" in found.lines(config, 1)


def test_perceptual_network_is_counted(config, change, pictures, efficientnet_file):
    losses = {
        "perceptual": "efficientnet-lite0",
        "perceptual_weight": 1.0,
        "perceptual_weights": str(efficientnet_file),
    }
    with_it, without = plan(change(config, losses=losses), pictures), plan(config, pictures)
    parameters = with_it.perceptual_parameters
    assert parameters > 3_000_000
    assert with_it.network_bytes == without.network_bytes + 4 * parameters
    assert with_it.activation_bytes > without.activation_bytes


def test_plan_raises_what_the_run_would(config, change, pictures, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        plan(config, tmp_path / "none")
    with pytest.raises(ConfigError, match="mask set 'none' is unknown"):
        plan(change(config, data={"masks": "none"}), pictures)
