"""lama-inpaint on the tiny bundle, in a folder of its own."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from lama_deploy import Inpainter
from lama_deploy.cli.inpaint import main
from tests.lama_deploy.cli.inpaint_files import IMAGES, MASKS


@pytest.fixture
def inpaint(bundles: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command on the tiny bundle in an empty folder and returns its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, model: Path | str = bundles["uint8"]) -> int:
        command = ["lama-inpaint", *arguments, "--model", str(model), "--threads", "1"]
        monkeypatch.setattr(sys, "argv", command)
        return main()

    return run


@pytest.fixture
def wanted(bundles: Mapping[str, Path]) -> np.ndarray:
    return Inpainter.load(bundles["uint8"], threads=1)(IMAGES, MASKS)
