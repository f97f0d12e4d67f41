"""EfficientNet-Lite0: the published file's keys, TensorFlow's padding, and a cat that it knows."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from lama_deploy.backbones.efficientnet_lite import STAGES, EfficientNetLite0, SameConv2d
from lama_deploy.errors import MissingBackboneError

KEY_FILE = Path(__file__).parents[2] / "data" / "keys" / "efficientnet_lite0.txt"
STRIDES = (2, 4, 8, 16, 16, 32, 32)
CATS = range(281, 286)  # ImageNet's tabby, tiger cat, Persian, Siamese, Egyptian
# (mean, standard deviation) of the seven maps, the pooled features and the logits: a functional implementation
# written apart from this one, with the weights of `lively`, on the two pictures of 64x80 pixels.
REFERENCE = [(-0.1646, 0.79058), (0.5194, 1.96029), (0.5939, 3.64855), (-0.57383, 4.56632), (-0.34413, 4.62591)]
REFERENCE += [(-0.28618, 4.16371), (0.03768, 2.76222), (1.42955, 1.47387), (0.05524, 2.98919)]


def test_published_keys_shapes_and_dtypes():
    rows = [line.split("\t") for line in KEY_FILE.read_text().splitlines() if not line.startswith("#")]
    published = [(key, tuple(ast.literal_eval(shape)), dtype) for key, shape, dtype in rows]
    with torch.device("meta"):
        state = EfficientNetLite0().state_dict()
    assert [(k, tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in state.items()] == published


@torch.no_grad()
def test_shapes(lively, pictures):
    for height, width in ((64, 96), (37, 50)):
        features = lively("efficientnet-lite0")(pictures(height, width))
        wanted = [
            (2, stage.out_channels, -(-height // stride), -(-width // stride))
            for stage, stride in zip(STAGES, STRIDES, strict=True)
        ]
        assert [tuple(out.shape) for out in features.maps] == wanted
        assert features.pooled.shape == (2, 1280)
    assert lively("efficientnet-lite0").classify(pictures(32, 32)).shape == (2, 1000)


@torch.no_grad()
def test_numbers_are_the_references(lively, pictures):
    network, x = lively("efficientnet-lite0"), pictures(64, 80)
    found = [*network(x).maps, network(x).pooled, network.classify(x)]
    statistics = [(out.mean().item(), out.std().item()) for out in found]
    torch.testing.assert_close(torch.tensor(statistics), torch.tensor(REFERENCE), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("kernel", "stride", "size", "before", "after"),
    [
        (3, 2, 8, 0, 1),
        (3, 2, 7, 1, 1),
        (5, 2, 8, 1, 2),
        (5, 2, 9, 2, 2),
        (5, 1, 8, 2, 2),
        (3, 1, 7, 1, 1),
        (1, 1, 5, 0, 0),
    ],
)
def test_same_padding(kernel, stride, size, before, after):
    """TensorFlow's rule, worked out by hand for one side; the other one has an odd size."""
    conv = SameConv2d(2, 2, kernel, stride)
    x = torch.rand(1, 2, size, 11)
    padded = functional.pad(x, (kernel // 2, kernel // 2, before, after))
    torch.testing.assert_close(conv(x), functional.conv2d(padded, conv.weight, stride=stride))


@torch.no_grad()
def test_published_weights_know_a_cat():
    data = pytest.importorskip("skimage.data")
    try:
        network = EfficientNetLite0.load()
    except MissingBackboneError as error:
        pytest.skip(str(error))
    photograph = np.array(Image.fromarray(data.chelsea()).resize((224, 224)))
    chances = network.classify(torch.from_numpy(photograph).permute(2, 0, 1)[None] / 255).softmax(dim=1)[0]
    assert chances.argmax() == CATS[-1] and chances[list(CATS)].sum() > 0.9
