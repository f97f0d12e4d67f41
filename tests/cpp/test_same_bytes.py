"""liblama gives what the package gives, byte for byte, on the same bundle with the same options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.process_memory import ProcessMemory
from lama_deploy.proof.subjects import Size
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.strategies.options import STRATEGIES, StrategyOptions
from lama_export import ExportOptions, export_bundle
from tests.cpp.building import engine_folder
from tests.cpp.cases import random_case
from tests.cpp.liblama import Liblama
from tests.hostile.bundle_files import TINY
from tests.scaled_generators import state_of

LIMITS, MARGINS = (128, 128, 192, 1024), (0, 16, 64)
# Bytes: what the tiny generator takes for any picture by the table, and room for some 90x90 pixels.
LITTLE = {"onnx": 140 * 2**20 + 2_100_000, "openvino": 200 * 2**20 + 2_100_000}
OPTIONS = {"onnx": {}, "openvino": {"cache": ""}}


@pytest.fixture
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A library starts no processes, so that its guard knows what was recorded or estimated, and nothing else."""
    monkeypatch.setattr("lama_deploy.runtime.memory.measured", lambda recipe: None)
    yield


def compare(lama: Liblama, bundle: Path, target: str, *, seed: int, count: int, most: int) -> set[str]:
    """`count` random cases, with options drawn a few times. The kinds of plans that were seen."""
    random = np.random.default_rng([seed, len(target)])
    backend = Inpainter.load(bundle, threads=1, **OPTIONS[target]).backend
    seen: set[str] = set()
    strategies = [str(name) for name in random.permutation(STRATEGIES)]
    for turn in range(len(strategies)):
        options = StrategyOptions(
            strategy=strategies[turn], limit=int(random.choice(LIMITS)), margin=int(random.choice(MARGINS))
        )
        python = Inpainter(backend, options)
        given = {"strategy": options.strategy, "limit": options.limit, "margin": options.margin}
        c = lama.load(bundle, engine=engine_folder(target), threads=1, **given)
        for index in range(turn, count, len(strategies)):
            case = random_case(random, most)
            expected = case.by_python(python)
            for one, other in zip(case.by_c(c), expected, strict=True):
                np.testing.assert_array_equal(one, other, err_msg=f"case {index} of {options}: {case.kind} {case.call}")
        seen |= {line.split(",")[0].split(":")[0] for _, line in c.lines if line.startswith("filled by")}
    return seen


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_random_pictures(
    lama: Liblama, tiny_bundles: Mapping[str, Path], target: str, nothing_is_measured: None
) -> None:
    seen = compare(lama, tiny_bundles[target], target, seed=1, count=80, most=400)
    assert {"filled by whole", "filled by crop", "filled by tile", "filled by resize"} <= seen


def test_random_pictures_by_a_file_for_one_size(lama: Liblama, tmp_path: Path, nothing_is_measured: None) -> None:
    tiny = Checkpoint(Path("tiny"), TINY, state_of(TINY), 64 * "a")
    options = ExportOptions(size=(96, 64), batch=2, parity_subjects=[Size(96, 64, 2)])
    export_bundle(tiny, tmp_path / "sized", options)
    assert Inpainter.load(tmp_path / "sized").backend.capabilities.shapes[0].least == (2, 96, 64)
    assert compare(lama, tmp_path / "sized", "onnx", seed=3, count=24, most=200)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_three_hundred_random_pictures(
    lama: Liblama, tiny_bundles: Mapping[str, Path], target: str, nothing_is_measured: None
) -> None:
    seen = compare(lama, tiny_bundles[target], target, seed=1, count=300, most=900)
    assert {"filled by whole", "filled by crop", "filled by tile", "filled by resize"} <= seen


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_random_pictures_with_little_memory(
    lama: Liblama,
    tiny_bundles: Mapping[str, Path],
    target: str,
    nothing_is_measured: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lama_deploy.runtime.memory.process_memory", lambda: ProcessMemory(0, LITTLE[target]))
    seen = compare_what_fits(lama, tiny_bundles[target], target, LITTLE[target])
    assert {"filled by tile", "filled by resize"} <= seen


def compare_what_fits(lama: Liblama, bundle: Path, target: str, memory: int) -> set[str]:
    """By the strategies that choose by memory; pictures that are taken whole may not fit, which is tested by itself."""
    random = np.random.default_rng(7)
    python = Inpainter.load(bundle, threads=1, **OPTIONS[target])
    c = lama.load(bundle, engine=engine_folder(target), threads=1, memory=memory)
    for _ in range(60):
        case = random_case(random, 300)
        for one, other in zip(case.by_c(c), case.by_python(python), strict=True):
            np.testing.assert_array_equal(one, other)
    return {line.split(",")[0].split(":")[0] for _, line in c.lines if line.startswith("filled by")}


@pytest.mark.slow
@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_random_pictures_of_a_trained_generator(
    lama: Liblama, demo_bundles: Mapping[str, Path], target: str, nothing_is_measured: None
) -> None:
    seen = compare(lama, demo_bundles[target], target, seed=2, count=60, most=900)
    assert {"filled by whole", "filled by crop", "filled by tile", "filled by resize"} <= seen
