"""Known pixels keep their value to the bit: random pictures of every kind through every strategy and backend."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lama_deploy import Inpainter
from lama_deploy.runtime.strategies.options import STRATEGIES, StrategyOptions
from lama_deploy.runtime.strategies.plan import Plan

KINDS = ("grey", "grey with alpha", "colours", "colours with alpha", "16 bits", "colours of 16 bits", "floats", "PIL")
CASES = 500
QUICK = 25


@pytest.fixture(scope="module")
def backends(bundles: Mapping[str, Path], openvino_bundles: Mapping[str, Path], tiny: Any) -> list[Any]:
    sources = (bundles["uint8"], bundles["float"], openvino_bundles["fp32"], tiny.path)
    return [Inpainter.load(source, threads=1).backend for source in sources]


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that auto cuts pictures which are small enough for a test."""
    monkeypatch.setattr(f"{Plan.__module__}.SMALL", 0)


def picture(random: np.random.Generator, kind: str, height: int, width: int) -> Any:
    """As a caller may hold it: NumPy of (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), or PIL."""
    channels = {"grey": 1, "grey with alpha": 2, "colours with alpha": 4, "16 bits": 1}.get(kind, 3)
    size = (height, width) if channels == 1 else (height, width, channels)
    if kind == "floats":
        return random.random(size).astype(np.float32)
    deep = "16 bits" in kind
    pixels = random.integers(0, 65536 if deep else 256, size).astype(np.uint16 if deep else np.uint8)
    return Image.fromarray(pixels) if kind == "PIL" else pixels


def hole(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for _ in range(random.integers(0, 5)):
        x, y, a, b = (int(value) for value in random.integers(0, max(height, width), 4))
        draw.ellipse([x - a // 4, y - b // 4, x + a // 4, y + b // 4], fill=int(random.integers(1, 256)))
        draw.line([(x, y), (b, a)], fill=255, width=int(random.integers(1, 9)))
    return np.asarray(mask)


def check(backends: list[Any], seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(1, 260, 2))
    kind, strategy = KINDS[seed % len(KINDS)], STRATEGIES[int(random.integers(len(STRATEGIES)))]
    options = StrategyOptions(strategy=strategy, limit=128, margin=int(random.integers(0, 40)))  # type: ignore[arg-type]
    image, mask = picture(random, kind, height, width), hole(random, height, width)
    result = Inpainter(backends[int(random.integers(len(backends)))], options)(image, mask)
    given, got = np.asarray(image), np.asarray(result)
    if kind == "floats":
        given = np.rint(given * 255).astype(np.uint8)
    assert got.shape == given.shape and got.dtype == given.dtype
    known = mask == 0
    np.testing.assert_array_equal(got[known], given[known], err_msg=f"{kind}, {strategy}, {width}x{height}, {seed}")
    if kind.endswith("alpha"):
        np.testing.assert_array_equal(got[..., -1], given[..., -1])
    if known.mean() < 0.98 and height * width > 400:
        assert (got[~known] != given[~known]).any(), "nothing was filled"


@pytest.mark.parametrize("seed", range(QUICK))
def test_known_pixels_stay(backends: list[Any], seed: int) -> None:
    check(backends, seed)


@pytest.mark.slow
def test_known_pixels_stay_in_many_cases(backends: list[Any]) -> None:
    for seed in range(QUICK, CASES):
        check(backends, seed)
