"""What a model takes is measured once, by a child process, kept under all that it depends on, and never in the way."""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lama_deploy.bundle import load_bundle
from lama_deploy.cache import CACHE_VARIABLE
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, LamaDeployError
from lama_deploy.process_memory import process_memory
from lama_deploy.runtime import measuring
from lama_deploy.runtime.backend import Memory, Recipe
from lama_deploy.runtime.conditions import conditions
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.memory_fit import Run, fitted, peak
from lama_deploy.shapes import Shape

MIB = 2**20
SMALL = ((1, 64, 64), (2, 64, 64), (1, 128, 256))
on_linux = pytest.mark.skipif(process_memory() is None, reason="this system does not say what a process takes")


@pytest.fixture(autouse=True)
def nothing_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache; what this process had measured is forgotten."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    measuring._measured.cache_clear()
    yield tmp_path / "cache" / "memory"
    measuring._measured.cache_clear()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """Recipes that a child was started for, in place of starting one."""
    found: list[Recipe] = []

    def run(recipe: Recipe, shapes: list[Shape], fixed: bool) -> list[Run]:
        found.append(recipe)
        return [Run(shape, round(taking(shape)), fixed) for shape in shapes]

    monkeypatch.setattr(measuring, "_runs", run)
    return found


def taking(shape: Shape) -> float:
    return 100 * MIB + 500 * shape[0] * shape[1] * shape[2] + 200 * shape[1] * shape[2]


def recipe(tmp_path: Path, **options: Any) -> Recipe:
    (tmp_path / "model.onnx").write_bytes(b"model")
    return Recipe(str(tmp_path / "model.onnx"), {"backend": "onnxruntime", **options})


def test_the_factors_are_found_again():
    memory = fitted([Run(shape, round(taking(shape))) for shape in measuring.SHAPES])
    assert abs(memory.fixed - 100 * MIB) < 1000 and memory.residual < 1e-6
    assert (memory.per_pixel, memory.per_picture) == pytest.approx((500, 200), rel=1e-4)
    assert peak(memory, (5, 700, 900)) == pytest.approx(taking((5, 700, 900)), rel=1e-5)


def test_no_factor_is_negative_and_the_residual_is_the_worst():
    sizes = [(1, 100, 100), (1, 200, 200), (1, 300, 300), (2, 300, 300)]
    memory = fitted([Run(shape, 10**6 + (n == 2) * 10**5) for n, shape in enumerate(sizes)])  # larger takes no more
    assert min(memory.fixed, memory.per_pixel, memory.per_picture) >= 0
    assert 0.05 < memory.residual < 0.1


def test_runs_of_a_fixed_backend_have_a_factor_of_their_own():
    free = [Run(shape, round(taking(shape))) for shape in measuring.SHAPES]
    memory = fitted([*free, Run((1, 1000, 1000), 100 * MIB + 300_000_000, fixed=True)])
    assert memory.per_pixel_fixed == pytest.approx(300, rel=1e-3)
    with pytest.raises(LamaDeployError, match="2 runs are too few"):
        fitted(free[:2])


def test_a_second_process_reads_what_the_first_measured(
    tmp_path: Path, runs: list[Recipe], nothing_known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = recipe(tmp_path, threads=2)
    first = measuring.measured(one)
    assert first is not None and first.per_pixel == pytest.approx(500, rel=1e-3)
    assert measuring.measured(one) == first and len(runs) == 1
    assert [r.getMessage().split(", for")[0] for r in caplog.records] == [
        "measuring what memory this model takes on this machine, once"
    ]
    measuring._measured.cache_clear()  # as a new process would be
    assert measuring.measured(one) == first and len(runs) == 1
    assert measuring.measured(recipe(tmp_path, threads=1)) is not None and len(runs) == 2  # other options
    (file, *_) = nothing_known.iterdir()
    file.write_text("[]")


@pytest.mark.parametrize("damage", ["", "[]", '{"memory": {"fixed": -1}}', "[" * 100_000])
def test_a_damaged_cache_is_measured_again(
    tmp_path: Path, runs: list[Recipe], nothing_known: Path, damage: str
) -> None:
    one = recipe(tmp_path)
    measuring.measured(one)
    (file,) = nothing_known.iterdir()
    file.write_text(damage)
    measuring._measured.cache_clear()
    assert measuring.measured(one) is not None and len(runs) == 2
    assert measuring.memory_of(json.loads(file.read_text())) is not None


def test_another_file_of_the_same_name_is_another_model(tmp_path: Path, runs: list[Recipe]) -> None:
    measuring.measured(recipe(tmp_path))
    measuring._measured.cache_clear()
    one = recipe(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"another")
    measuring.measured(one)
    assert len(runs) == 2


def test_a_bundles_record_holds_where_it_was_made_and_is_an_estimate_elsewhere(
    tmp_path: Path, runs: list[Recipe]
) -> None:
    one = recipe(tmp_path)
    record = measuring.measure(one)
    runs.clear()
    known = replace(one, recorded=record)
    assert measuring.measured(known) == measuring.memory_of(record) and not runs
    elsewhere = {**record, "conditions": {**record["conditions"], "cpu": "another"}}
    assert measuring.measured(replace(one, recorded=elsewhere)) is not None and len(runs) == 1


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/python", ""])
def test_a_measurement_that_fails_is_a_note_and_the_estimate(
    tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(measuring.sys, "executable", program)
    with caplog.at_level(logging.WARNING):
        assert measuring.measured(recipe(tmp_path)) is None and measuring.measured(recipe(tmp_path)) is None
    assert len(caplog.records) == 2 and "could not be measured" in caplog.records[1].getMessage()


@on_linux
def test_a_child_measures_a_bundle(bundles: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a tiny model the pictures' share is small, and the process's own large."""
    monkeypatch.setattr(measuring, "SHAPES", SMALL)
    found = Inpainter.load(bundles["uint8"], threads=1, device="cpu").backend.capabilities.recipe
    assert found is not None
    record = measuring.measure(found)
    memory = measuring.memory_of(record)
    assert memory is not None and 20 * MIB < memory.fixed < 1000 * MIB and memory.residual < 0.2
    assert record["conditions"] == conditions(found) and len(record["runs"]) == len(SMALL)


@on_linux
def test_a_child_measures_what_the_table_does_not_have(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(measuring, "SHAPES", SMALL)
    capabilities = Inpainter.of(tiny, device="cpu", threads=1, dtype=torch.float64).backend.capabilities
    assert capabilities.memory is None and capabilities.recipe is not None
    assert isinstance(measuring.measured(capabilities.recipe), Memory)


def test_a_record_in_a_bundle_is_held_to_its_shape(bundles: Mapping[str, Path], tmp_path: Path) -> None:
    record = {
        "conditions": {"engine": {"onnxruntime": "1.32.0"}, "cpu": "some", "cores": 2, "options": {}},
        "memory": {"fixed": 5, "per_pixel": 1.5, "per_picture": 0, "residual": 0.1, "per_pixel_fixed": None},
        "runs": [{"shape": [1, 8, 8], "bytes": 100, "fixed": False}],
    }
    for name in load_bundle(bundles["uint8"]).files:
        (tmp_path / name).symlink_to(bundles["uint8"] / name)
    replace(load_bundle(bundles["uint8"]), memory=record).save(tmp_path)
    assert load_bundle(tmp_path).memory == record
    assert Inpainter.load(tmp_path, device="cpu").backend.capabilities.memory == Memory(5, 1.5, None, 0, 0.1)
    broken = {**record, "memory": {**record["memory"], "fixed": "much"}}
    replace(load_bundle(bundles["uint8"]), memory=broken).save(tmp_path)
    with pytest.raises(BundleError, match=r"memory\.memory\.fixed is much and must be a finite number"):
        load_bundle(tmp_path)
