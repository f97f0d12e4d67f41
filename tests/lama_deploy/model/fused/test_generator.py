"""The fused generator is the same function as the plain one, in fewer passes."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.topology import layers
from lama_deploy.errors import LamaDeployError
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.model.fused.frame import framed_relu, reflect_padded
from lama_deploy.model.fused.generator import FusedGenerator
from lama_deploy.precision.ranges import largest_values
from lama_deploy.precision.scales import scale_state
from lama_deploy.variants import GeneratorConfig

CPU = torch.device("cpu")
CONFIGS = [
    GeneratorConfig(width=8, blocks=2),  # lama-fourier
    GeneratorConfig(width=8, blocks=4),  # big-lama
    GeneratorConfig(width=8, blocks=1),  # shallow-fourier
    GeneratorConfig(kind="regular", width=8, blocks=2),  # lama-regular
    GeneratorConfig(kind="regular", width=8, blocks=4),  # deep-regular
    GeneratorConfig(kind="dilated", width=8, blocks=2),  # lama-dilated
    GeneratorConfig(width=12, blocks=1, downsamplings=2, ratio=0.4),
    GeneratorConfig(width=8, blocks=1, downsamplings=1, ratio=0.5),
    GeneratorConfig(kind="dilated", width=8, blocks=1, downsamplings=1),
]
NAMES = [f"{config.kind}-{config.blocks}-{config.downsamplings}" for config in CONFIGS]
KINDS = pytest.mark.parametrize("config", CONFIGS, ids=NAMES)
LATENTS = [(1, 2, 3), (2, 5, 7), (1, 13, 9), (1, 8, 17)]  # batch, height, width: odd, prime, least, not square


def state_of(config: GeneratorConfig) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in seeded_generator(config, seed=1).state_dict().items()}


def input_of(config: GeneratorConfig, batch: int, height: int, width: int) -> Tensor:
    sides = (max(side * config.multiple, config.minimum_size) for side in (height, width))
    return torch.rand(batch, 4, *sides, dtype=torch.float64, generator=torch.Generator().manual_seed(height))


@KINDS
@pytest.mark.parametrize("latent", LATENTS, ids=str)
def test_equals_the_plain_generator(config: GeneratorConfig, latent: tuple[int, int, int]) -> None:
    x = input_of(config, *latent)
    given = x.clone()
    with torch.no_grad():
        wanted = seeded_generator(config, seed=1).double()(x)
    found = FusedGenerator(config, state_of(config), torch.float64)(x)
    assert wanted.std() > 0.1
    assert found.dtype == torch.float64
    assert (found - wanted).abs().max() < 1e-12
    assert torch.equal(x, given)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_result_is_float32_at_least(dtype: torch.dtype) -> None:
    config = CONFIGS[0]
    generator = FusedGenerator(config, state_of(config), dtype)
    assert {value.dtype for value in generator.buffers()} == {dtype}
    assert generator(input_of(config, 1, 3, 4).to(dtype)).dtype == torch.float32


class Watch(TorchDispatchMode):
    """Records what is run, and the largest result of a copy."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.largest_copy = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        self.names.add(name)
        if name in ("copy_", "clone", "_to_copy", "cat", "reflection_pad2d"):
            self.largest_copy = max(self.largest_copy, result.numel())
        return result


@pytest.mark.parametrize("config", [CONFIGS[0], CONFIGS[3], CONFIGS[5]], ids=["ffc", "regular", "dilated"])
def test_forward_copies_no_large_map_and_fits_a_graph(config: GeneratorConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """`spectral_conv` is left out: it has tests of its own."""
    monkeypatch.setattr("lama_deploy.model.fused.layers.spectral_conv", lambda x, *_, residual: residual.clone())
    generator, x = FusedGenerator(config, state_of(config), torch.float32), input_of(config, 1, 16, 16).float()
    with Watch() as watch:
        generator(x)
    assert watch.largest_copy == x.numel()  # half of the stem's and the head's map
    assert not watch.names & {"_local_scalar_dense", "nonzero", "lift_fresh", "index"}, "waits, or copies from the host"


@pytest.mark.parametrize("border", [1, 3])
@pytest.mark.parametrize("size", [(4, 4), (5, 11)])
def test_frames_are_reflected(border: int, size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size)
    wanted = torch.nn.functional.pad(x, [border] * 4, mode="reflect")
    assert torch.equal(reflect_padded(x, border), wanted)
    bias = torch.randn(3)
    framed = framed_relu(x.clone(), bias, border)
    assert torch.equal(framed, (wanted + bias[:, None, None]).relu())
    assert framed.is_contiguous(memory_format=torch.channels_last)


@pytest.fixture(scope="module", params=CONFIGS[:1] + CONFIGS[3:4] + CONFIGS[5:7], ids=lambda config: config.kind)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkpoint]:
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_checkpoint(path, request.param, state_of(request.param))
    yield load_checkpoint(path)


def pairs_of(size: int = 96) -> list[tuple[np.ndarray, np.ndarray]]:
    images, masks = scene(size, size + 16, 2)
    return list(zip(images, masks, strict=True))


def test_measured_ranges_scale_with_their_values(checkpoint: Checkpoint) -> None:
    """All values are measured, and each is scaled by its own factor and by no other."""
    random = np.random.default_rng(2)
    values = sorted({layer.output for layer in layers(checkpoint.config)})
    scales = {value: 2.0 ** int(random.integers(-9, 10)) for value in values if value != "head"}
    before = largest_values(checkpoint, pairs_of(), CPU)
    state = scale_state(checkpoint.config, checkpoint.state_dict, scales)
    after = largest_values(Checkpoint(checkpoint.path, checkpoint.config, state, ""), pairs_of(), CPU)
    assert sorted(before) == values
    for value, most in before.items():
        assert after[value] == pytest.approx(scales.get(value, 1.0) * most, rel=1e-4), value


def test_bias_that_hides_a_large_convolution_is_measured(checkpoint: Checkpoint) -> None:
    """A convolution close to its BN's mean: its result is stored before the bias takes the mean away."""
    norm = next(layer.norm for layer in layers(checkpoint.config) if layer.output == "stem")
    state = dict(checkpoint.state_dict)
    state[f"{norm}.running_mean"] = state[f"{norm}.running_mean"] + np.float32(1e6)
    shifted = Checkpoint(checkpoint.path, checkpoint.config, state, "")
    assert largest_values(shifted, pairs_of(), CPU)["stem"] > 1e5


def test_weights_that_leave_float32_are_named(checkpoint: Checkpoint) -> None:
    state = {
        key: np.full_like(value, 1e30) if value.ndim == 4 else value for key, value in checkpoint.state_dict.items()
    }
    broken = Checkpoint(checkpoint.path, checkpoint.config, state, "")
    with pytest.raises(
        LamaDeployError, match=r"activations of \S+ are not finite in float32; are these weights damaged"
    ):
        largest_values(broken, pairs_of(), CPU)
