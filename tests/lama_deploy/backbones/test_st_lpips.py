"""Shift-tolerant LPIPS: the published files' keys, a distance's properties, and its tolerance of shifts."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from lama_deploy.backbones.st_lpips import STLPIPS, Blur, ChannelWeights
from lama_deploy.errors import ImageError, MissingBackboneError

KEY_FILES = Path(__file__).parents[2] / "data" / "keys"
NETS = ["vgg", "alex"]
# A functional implementation written apart from this one, with the weights of `lively`, on pictures of 40x52 pixels.
REFERENCE = {"vgg": [0.1575096, 0.1701481], "alex": [0.2488941, 0.2622027]}


@pytest.mark.parametrize("net", NETS)
def test_published_keys_shapes_and_dtypes(net):
    lines = (KEY_FILES / f"st_lpips_{net}.txt").read_text().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    published = [(key, tuple(ast.literal_eval(shape)), dtype) for key, shape, dtype in rows]
    with torch.device("meta"):
        state = STLPIPS(net).state_dict()
    assert [(k, tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in state.items()] == published


@pytest.mark.parametrize("net", NETS)
@torch.no_grad()
def test_distances(lively, pictures, net):
    distance, a, b = lively(f"st-lpips-{net}"), pictures(40, 52), pictures(40, 52, seed=2)
    torch.testing.assert_close(distance(a, b), torch.tensor(REFERENCE[net]), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(distance(b, a), distance(a, b))
    assert torch.equal(distance(a, a), torch.zeros(2))
    torch.testing.assert_close(distance(a[1:], b[1:]), distance(a, b)[1:])


@pytest.mark.parametrize(("net", "side"), [("vgg", 18), ("alex", 21)])
@torch.no_grad()
def test_smallest_picture(lively, pictures, net, side):
    distance = lively(f"st-lpips-{net}")
    assert distance(pictures(side, side), pictures(side, side, seed=2)).min() > 0
    small = pictures(side + 9, side - 1)
    with pytest.raises(ImageError, match=f"pictures of {side - 1}x{side + 9}: ST-LPIPS needs {side} pixels a side"):
        distance(small, small)


def test_blur():
    blur = Blur(2)
    x = torch.rand(1, 2, 6, 9)
    kernel = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    padded = functional.pad(x, (2, 2, 2, 2), mode="reflect")
    wanted = torch.stack([(padded[0, :, 2 * i : 2 * i + 3, 4:7] * kernel).sum(dim=(1, 2)) for i in range(4)], dim=1)
    torch.testing.assert_close(blur(x)[0, :, :, 2], wanted)
    assert blur(x).shape == (1, 2, 4, 6)


def test_channel_weights():
    layer = ChannelWeights(2)
    layer.model[1].weight.data = torch.tensor([3.0, 5.0]).view(1, 2, 1, 1)
    x = torch.tensor([[[[1.0, 2.0]], [[10.0, 20.0]]]])
    assert layer(x).tolist() == [((3 * 1 + 5 * 10) + (3 * 2 + 5 * 20)) / 2]


@pytest.mark.parametrize("net", NETS)
@torch.no_grad()
def test_published_weights_forgive_a_shift_and_not_a_blur(net):
    data = pytest.importorskip("skimage.data")
    try:
        distance = STLPIPS.load(net)
    except MissingBackboneError as error:
        pytest.skip(str(error))
    wide = torch.from_numpy(np.array(Image.fromarray(data.chelsea()).resize((97, 96)))).permute(2, 0, 1)[None] / 255
    photograph, shifted = wide[..., 1:], wide[..., :-1]
    blurred = functional.avg_pool2d(functional.pad(photograph, (2, 2, 2, 2), mode="reflect"), 5, stride=1)
    assert (photograph - blurred).square().mean() < (photograph - shifted).square().mean()  # pixels say otherwise
    assert 10 * distance(photograph, shifted) < distance(photograph, blurred)
