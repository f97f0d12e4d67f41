"""Where backbones are looked for, in which order, and what is said when one is missing; no package is imported."""

import dataclasses
import hashlib
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from lama_deploy.backbones import BACKBONES, find_backbone, locate
from lama_deploy.errors import CheckpointError, MissingBackboneError

HUB = "torch/hub/checkpoints"
ADE20K = "torch/ade20k/ade20k-resnet50dilated-ppm_deepsup/encoder_epoch_20.pth"


def put(path: Path, content: bytes = b"weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def publish(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    """Makes `content` the published file of a backbone."""
    backbone = dataclasses.replace(BACKBONES[name], sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(locate, "BACKBONES", {**BACKBONES, name: backbone})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with the name and the file of the one that carries ST-LPIPS; importing it is an error."""
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    packaged = BACKBONES["st-lpips-vgg"].packaged
    put(tmp_path / "site" / packaged.package / "__init__.py", b"raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    importlib.invalidate_caches()
    return put(tmp_path / "site" / packaged.package / packaged.path)


def test_explicit_path_wins(nowhere):
    put(nowhere / "cache/backbones/vgg19-dcbb9e9d.pth")
    mine = put(nowhere / "mine.pth")
    assert find_backbone("vgg19", mine) == mine
    assert find_backbone("st-lpips-vgg", str(mine)) == mine  # not the published file: the user's choice


def test_explicit_path_that_is_missing_does_not_fall_back(nowhere):
    put(nowhere / "cache/backbones/vgg19-dcbb9e9d.pth")
    with pytest.raises(MissingBackboneError, match=r"mine\.pth: no file there; vgg19 needs vgg19-dcbb9e9d\.pth"):
        find_backbone("vgg19", nowhere / "mine.pth")


@pytest.mark.parametrize("name", ["vgg19", "vgg16", "resnet50-imagenet", "inception-fid"])
def test_our_cache_before_torch_hub(nowhere, name):
    file_name = BACKBONES[name].file_name
    hub = put(nowhere / HUB / file_name)
    assert find_backbone(name) == hub
    ours = put(nowhere / "cache/backbones" / file_name)
    assert find_backbone(name) == ours


def test_ade20k_where_official_lama_keeps_it(nowhere):
    put(nowhere / HUB / "encoder_epoch_20.pth")
    with pytest.raises(MissingBackboneError):
        find_backbone("resnet50-ade20k")
    official = put(nowhere / ADE20K)
    assert find_backbone("resnet50-ade20k") == official
    ours = put(nowhere / "cache/backbones/encoder_epoch_20.pth")
    assert find_backbone("resnet50-ade20k") == ours


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"HOME": "{tmp}"}, ".cache/torch"),
        ({"HOME": "{tmp}", "TORCH_HOME": ""}, ".cache/torch"),
        ({"HOME": "{tmp}", "XDG_CACHE_HOME": "{tmp}/xdg"}, "xdg/torch"),
        ({"HOME": "{tmp}", "XDG_CACHE_HOME": "{tmp}/xdg", "TORCH_HOME": "~/weights"}, "weights"),
    ],
)
def test_torch_home(tmp_path, monkeypatch, environment, wanted):
    for variable in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value.format(tmp=tmp_path))
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "cache"))
    file = put(tmp_path / wanted / "hub/checkpoints/vgg19-dcbb9e9d.pth")
    assert find_backbone("vgg19") == file


def test_installed_package_is_last_and_never_imported(package, monkeypatch, tmp_path):
    publish(monkeypatch, "st-lpips-vgg", b"weights")
    assert find_backbone("st-lpips-vgg") == package
    assert package.parts[-4] not in sys.modules
    hub = put(tmp_path / HUB / package.name)
    assert find_backbone("st-lpips-vgg") == hub


def test_package_without_the_file(package):
    package.unlink()
    with pytest.raises(MissingBackboneError, match="st-lpips-vgg is not on this machine"):
        find_backbone("st-lpips-vgg")


def test_found_file_has_to_be_the_published_one(package):
    with pytest.raises(CheckpointError, match=f"is not the published {BACKBONES['st-lpips-vgg'].sha256}") as caught:
        find_backbone("st-lpips-vgg")
    assert str(package) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", BACKBONES)
def test_missing_says_which_file_and_where_to_put_it(nowhere, name):
    backbone = BACKBONES[name]
    with pytest.raises(MissingBackboneError) as caught:
        find_backbone(name)
    message = str(caught.value)
    assert message.startswith(f"{name} is not on this machine; it needs {backbone.file_name}")
    assert message.endswith(f"at {nowhere / 'cache' / 'backbones' / backbone.file_name}") and "\n" not in message
    way = backbone.packaged.requirement if backbone.packaged else backbone.source
    assert way in message


def test_unknown_name():
    with pytest.raises(MissingBackboneError, match="vgg11: no such backbone; known names: resnet50-ade20k, "):
        find_backbone("vgg11")


def test_table():
    for backbone in BACKBONES.values():
        assert backbone.source.startswith("http") and backbone.licence
        if backbone.packaged:
            assert backbone.packaged.path.endswith(backbone.file_name) and "==" in backbone.packaged.requirement
            assert len(bytes.fromhex(backbone.sha256 or "")) == 32


def test_looking_needs_no_torch():
    code = "import sys, lama_deploy.backbones; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
