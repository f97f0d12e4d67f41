"""Ranges are measured once a checkpoint, and a cache that is damaged or missing costs time, not results."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lama_deploy.cache import CACHE_VARIABLE
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.precision import fp16_weights as half_scales

pytestmark = pytest.mark.usefixtures("small_calibration")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], int]:
    """How often ranges were measured, with an empty cache at the beginning."""
    calls: list[int] = []
    real = half_scales.largest_values
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(half_scales, "largest_values", lambda *args: calls.append(1) or real(*args))
    return lambda: len(calls)


def scale_file(tiny: Checkpoint, folder: Path) -> Path:
    return folder / "half_scales" / f"{tiny.sha256}-v{half_scales.VERSION}.json"


def test_ranges_are_measured_once_a_checkpoint(
    tiny: Checkpoint, growing: Checkpoint, measured: Callable[[], int], tmp_path: Path
) -> None:
    first, second = (half_scales.half_state(tiny, torch.device("cpu")) for _ in range(2))
    assert measured() == 1
    assert all(np.array_equal(first[key], second[key]) for key in first)
    assert any(not np.array_equal(first[key], tiny.state_dict[key]) for key in first)
    assert [path.name for path in (tmp_path / "half_scales").iterdir()] == [scale_file(tiny, tmp_path).name]
    half_scales.half_state(growing, torch.device("cpu"))
    assert measured() == 2


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"local": "x"}', '{"local": 3.0}', '{"trunk": 2.0}', '{"local": NaN}']
)
def test_damaged_scales_are_measured_again(
    tiny: Checkpoint, measured: Callable[[], int], tmp_path: Path, text: str
) -> None:
    wanted = half_scales.half_state(tiny, torch.device("cpu"))
    good = json.loads(scale_file(tiny, tmp_path).read_text())
    scale_file(tiny, tmp_path).write_text(text)
    found = half_scales.half_state(tiny, torch.device("cpu"))
    assert measured() == 2
    assert all(np.array_equal(found[key], wanted[key]) for key in found)
    assert json.loads(scale_file(tiny, tmp_path).read_text()) == good


def test_cache_that_cannot_be_written(tiny: Checkpoint, measured: Callable[[], int], tmp_path: Path) -> None:
    (tmp_path / "half_scales").write_text("a file where the folder should be")
    for _ in range(2):
        assert half_scales.half_state(tiny, torch.device("cpu"))
    assert measured() == 2
