"""The discriminator: official keys, official grid, and its layers written out as functions."""

import ast
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from lama_deploy.model.discriminator import Discriminator

KEY_FILE = Path(__file__).parents[2] / "data" / "keys" / "discriminator.txt"


def test_official_keys_order_shapes_and_dtypes():
    rows = [line.split("\t") for line in KEY_FILE.read_text().splitlines() if not line.startswith("#")]
    official = [(key, tuple(ast.literal_eval(shape)), dtype) for key, shape, dtype in rows]
    with torch.device("meta"):
        network = Discriminator()
    ours = [(k, tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in network.state_dict().items()]
    assert ours == official
    assert sum(parameter.numel() for parameter in network.parameters()) == 6_962_369


def test_official_grid():
    """At 256 pixels: five maps of 129, 65, 33, 17, 18 and 19 x 19 logits."""
    with torch.device("meta"):
        logits, features = Discriminator()(torch.empty(2, 3, 256, 256))
    assert logits.shape == (2, 1, 19, 19)
    shapes = [(64, 129), (128, 65), (256, 33), (512, 17), (512, 18)]
    assert [tuple(out.shape) for out in features] == [(2, channels, side, side) for channels, side in shapes]


@pytest.mark.parametrize(("layers", "size"), [(1, (5, 9)), (2, (32, 40)), (4, (33, 64))])
@torch.no_grad()
def test_layers_by_hand(layers, size):
    """4x4 convolutions with padding 2, the last two of stride 1; batch statistics; slope 0.2; raw logits."""
    torch.manual_seed(0)
    network = Discriminator(4, layers).double().train()
    state = dict(network.state_dict())
    for key in [key for key in state if key.endswith(".1.weight")]:
        state[key].uniform_(0.5, 1.5)
    x = torch.rand(2, 3, *size, dtype=torch.float64)
    logits, features = network(x)
    wanted = []
    for level in range(layers + 1):
        prefix = f"model{level}"
        stride = 2 if level < layers else 1
        x = functional.conv2d(x, state[f"{prefix}.0.weight"], state[f"{prefix}.0.bias"], stride=stride, padding=2)
        if level > 0:
            mean, variance = x.mean(dim=(0, 2, 3), keepdim=True), x.var(dim=(0, 2, 3), correction=0, keepdim=True)
            scale, shift = (state[f"{prefix}.1.{name}"].view(1, -1, 1, 1) for name in ("weight", "bias"))
            x = (x - mean) / (variance + 1e-5).sqrt() * scale + shift
        x = torch.where(x > 0, x, 0.2 * x)
        wanted.append(x)
    last = f"model{layers + 1}.0"
    x = functional.conv2d(x, state[f"{last}.weight"], state[f"{last}.bias"], padding=2)
    torch.testing.assert_close(logits, x)
    assert len(features) == layers + 1
    for found, by_hand in zip(features, wanted, strict=True):
        torch.testing.assert_close(found, by_hand)


def test_channels_are_capped():
    with torch.device("meta"):
        network = Discriminator(200, 3)
    assert [network.get_submodule(f"model{i}.0").out_channels for i in range(5)] == [200, 400, 512, 512, 1]


def test_logits_are_not_bounded_and_features_are_not_theirs():
    torch.manual_seed(0)
    network = Discriminator(4, 2)
    with torch.no_grad():
        network.model3[0].bias.fill_(7.0)
        logits, features = network(torch.rand(1, 3, 16, 16))
    assert logits.min() > 1 and all(out is not logits for out in features)
