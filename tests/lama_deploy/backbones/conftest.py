"""Backbones with random but lively weights, and pictures, the same on every machine."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lama_deploy.backbones.efficientnet_lite import EfficientNetLite0
from lama_deploy.backbones.frozen import FrozenBackbone
from lama_deploy.backbones.locate import BACKBONES
from lama_deploy.backbones.resnet_dilated import ResNet50Dilated
from lama_deploy.backbones.st_lpips import STLPIPS
from lama_deploy.backbones.vgg import VGG19

NETWORKS: dict[str, Callable[[], FrozenBackbone]] = {
    "resnet50-dilated": ResNet50Dilated,
    "resnet50-plain": lambda: ResNet50Dilated(dilated=False),
    "vgg19": VGG19,
    "efficientnet-lite0": EfficientNetLite0,
    "st-lpips-vgg": lambda: STLPIPS("vgg"),
    "st-lpips-alex": lambda: STLPIPS("alex"),
}


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """The pictures are small: a second thread gains nothing, and costs much where others use the cores too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@torch.no_grad()
def make_lively(network: torch.nn.Module) -> None:
    """Draws every weight, in the state_dict's order: activations stay of order one through any depth."""
    random = torch.Generator().manual_seed(0)
    for key, tensor in network.state_dict().items():
        if key.endswith(("filt", "shift", "scale", "num_batches_tracked")):
            continue  # constants of the published files
        if tensor.dim() > 1:
            tensor.copy_(torch.randn(tensor.shape, generator=random) * (2 / tensor[0].numel()) ** 0.5)
        elif key.endswith(("bias", "running_mean")):
            tensor.copy_(torch.randn(tensor.shape, generator=random) * 0.2)
        else:  # batch normalisation's weight and running variance
            tensor.copy_(torch.rand(tensor.shape, generator=random) + 0.5)
        if key.endswith("bn3.weight") and key.startswith("layer"):
            tensor.mul_(0.3)  # the end of a residual branch
        if key.startswith("lin"):
            tensor.abs_()  # the weights of a distance are not negative


@pytest.fixture(scope="session")
def lively() -> Callable[[str], FrozenBackbone]:
    """A network by its name in NETWORKS, built once; not to be written to."""
    built: dict[str, FrozenBackbone] = {}

    def get(name: str) -> FrozenBackbone:
        if name not in built:
            built[name] = NETWORKS[name]()
            make_lively(built[name])
        return built[name]

    return get


@pytest.fixture(scope="session")
def pictures() -> Callable[..., Tensor]:
    """(count, 3, height, width) in [0, 1]: smooth colours with some noise."""

    def draw(height: int, width: int, count: int = 2, seed: int = 1) -> Tensor:
        random = torch.Generator().manual_seed(seed)
        coarse = torch.rand(count, 3, 5, 5, generator=random)
        smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
        return 0.8 * smooth + 0.2 * torch.rand(count, 3, height, width, generator=random)

    return draw


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any backbone: its caches are empty folders of the path that is returned."""
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    packages = {backbone.packaged.package for backbone in BACKBONES.values() if backbone.packaged}
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in packages else find_spec(name))
    return tmp_path
