"""The oracle's own way to compute wide kernels is PyTorch's, to the rounding of float64."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.proof.reference import oracle
from lama_deploy.proof.wide_convolutions import WideConvolution
from lama_deploy.runtime.backends.torch_eager import TorchBackend
from lama_deploy.variants import GeneratorConfig, Kind

ROUNDING = 1e-13


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("inputs", "outputs", "kernel"), [(4, 9, 7), (9, 3, 7), (5, 5, (5, 7)), (6, 1, (7, 4))])
@torch.inference_mode()
def test_it_is_the_convolution(inputs: int, outputs: int, kernel: int | tuple[int, int], bias: bool) -> None:
    torch.manual_seed(inputs)
    conv = nn.Conv2d(inputs, outputs, kernel, bias=bias).double()
    x = torch.randn(2, inputs, 23, 37, dtype=torch.float64)
    for given in (x, x.to(memory_format=torch.channels_last), x[..., 1::2]):
        wanted = conv(given)
        assert wanted.std() > 0.1
        torch.testing.assert_close(WideConvolution(conv)(given), wanted, rtol=0, atol=ROUNDING)


def test_what_is_none_of_these_is_refused() -> None:
    for options in ({"stride": 2}, {"padding": 1}, {"dilation": 2}, {"groups": 2}):
        with pytest.raises(AssertionError):
            WideConvolution(nn.Conv2d(4, 4, 7, **options))


@pytest.mark.parametrize("kind", ["ffc", "regular", "dilated"])
def test_the_oracle_is_pytorch_in_float64(kind: Kind) -> None:
    config = GeneratorConfig(kind=kind, width=8, blocks=1)
    state = {key: value.numpy() for key, value in seeded_generator(config).state_dict().items()}
    checkpoint = Checkpoint(Path("unread"), config, state, "")
    images, masks = scene(72, 101, 2)
    ours = oracle(checkpoint)
    plain = TorchBackend(checkpoint, device="cpu", dtype=torch.float64)
    assert sum(isinstance(module, WideConvolution) for module in ours.generator.modules()) == 2
    assert list(ours.generator.state_dict()) == list(plain.generator.state_dict())
    wanted, found = plain.run(images, masks), ours.run(images, masks)
    assert found.dtype == np.float64 and wanted[masks > 0].std() > 0.001
    np.testing.assert_allclose(found, wanted, rtol=0, atol=ROUNDING)
