"""Bundles of a small network, and pictures of widths with odd latents, even ones, and none without padding."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from lama_deploy.arrays import Array
from lama_deploy.images.scenes import scene
from lama_deploy.proof.subjects import Size
from lama_export import ExportOptions, export_bundle
from lama_export.options import Target
from tests.kernel_build import ROOT
from tests.lama_export.edge.networks import seeded

INTEGRATIONS = ROOT / "integrations"
SIZES = {"even": (64, 96), "odd": (72, 88), "any": (61, 83)}


@pytest.fixture(scope="session")
def onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle("onnx", tmp_path_factory.mktemp("onnx"))


@pytest.fixture(scope="session")
def torchscript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle("torchscript", tmp_path_factory.mktemp("torchscript"))


def bundle(target: Target, folder: Path) -> Path:
    options = ExportOptions(target=target, memory=False, parity_subjects=[Size(64, 64), Size(72, 88)])
    assert export_bundle(seeded("fourier", folder), folder / "bundle", options).passed
    return folder / "bundle"


def picture(name: str) -> tuple[Array, Array]:
    """(H, W, 3) uint8 and (H, W) uint8, 1 in the hole."""
    image, mask = (one[0] for one in scene(*SIZES[name], seed=5))
    return image, mask


def imported(file: Path, name: str) -> ModuleType:
    """A program's file, as that program imports it, which knows no package of ours but `lama_deploy`."""
    folder = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folder)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
