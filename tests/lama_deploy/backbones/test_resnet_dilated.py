"""The perceptual ResNet-50: official keys, official numbers, and dilation in place of stride."""

import ast
from pathlib import Path

import pytest
import torch
from torch import nn

from lama_deploy.backbones.resnet_dilated import ResNet50Dilated
from lama_deploy.errors import CheckpointError

KEY_FILE = Path(__file__).parents[2] / "data" / "keys" / "hrf_resnet50dilated.txt"
# (mean, standard deviation) of the four maps: the official modules (models/ade20k of the LaMa repository) with the
# weights of `lively`, on the two pictures of 64x80 pixels.
OFFICIAL = {
    "resnet50-dilated": [(1.28671, 1.69307), (2.06584, 2.39925), (4.14901, 4.6235), (5.18509, 6.47728)],
    "resnet50-plain": [(1.28671, 1.69307), (2.06584, 2.39925), (4.0563, 4.52319), (4.81647, 6.00691)],
}


@pytest.mark.parametrize("dilated", [True, False])
def test_official_keys_order_shapes_and_dtypes(dilated):
    rows = [line.split("\t") for line in KEY_FILE.read_text().splitlines() if not line.startswith("#")]
    official = [(key, tuple(ast.literal_eval(shape)), dtype) for key, shape, dtype in rows]
    with torch.device("meta"):
        network = ResNet50Dilated(dilated)
    ours = [(k, tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in network.state_dict().items()]
    assert ours == official
    assert sum(parameter.numel() for parameter in network.parameters()) == 23_631_808


@pytest.mark.parametrize(("name", "strides"), [("resnet50-dilated", (4, 8, 8, 8)), ("resnet50-plain", (4, 8, 16, 32))])
@torch.no_grad()
def test_strides_and_channels(lively, pictures, name, strides):
    for height, width in ((64, 96), (33, 50)):
        maps = lively(name)(pictures(height, width))
        wanted = [(2, 256 * 2**i, -(-height // s), -(-width // s)) for i, s in enumerate(strides)]
        assert [tuple(out.shape) for out in maps] == wanted


@pytest.mark.parametrize("name", OFFICIAL)
@torch.no_grad()
def test_numbers_are_the_official_modules(lively, pictures, name):
    maps = lively(name)(pictures(64, 80))
    statistics = [(out.mean().item(), out.std().item()) for out in maps]
    torch.testing.assert_close(torch.tensor(statistics), torch.tensor(OFFICIAL[name]), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_dilated_maps_hold_the_plain_ones(lively, pictures):
    """A stride that became a dilation computes the same numbers, and more of them in between."""
    x = pictures(64, 96)
    dilated, plain = lively("resnet50-dilated")(x), lively("resnet50-plain")(x)
    for i, step in enumerate((1, 1, 2, 4)):
        torch.testing.assert_close(dilated[i][..., ::step, ::step], plain[i], rtol=1e-4, atol=1e-4)


def test_dilation_of_each_convolution():
    with torch.device("meta"):
        network = ResNet50Dilated()
    found = {}
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        convs = [m for m in network.get_submodule(layer).modules() if isinstance(m, nn.Conv2d)]
        found[layer] = [conv.dilation[0] for conv in convs if conv.kernel_size == (3, 3)]
    assert found == {"layer1": [1] * 3, "layer2": [1] * 4, "layer3": [1] + [2] * 5, "layer4": [2] + [4] * 2}


def test_file_of_torchvisions_resnet_is_refused(tmp_path):
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7), "bn1.weight": torch.ones(64)}, tmp_path / "resnet50.pth")
    with pytest.raises(CheckpointError, match=r"not weights of ResNet50Dilated: conv1\.weight is \(64, 3, 7, 7\)"):
        ResNet50Dilated.load(path=tmp_path / "resnet50.pth")


@torch.no_grad()
def test_prediction_is_not_clamped(lively, pictures):
    x = pictures(32, 32)
    assert not torch.equal(lively("resnet50-dilated")(2 * x)[0], lively("resnet50-dilated")((2 * x).clamp(0, 1))[0])
