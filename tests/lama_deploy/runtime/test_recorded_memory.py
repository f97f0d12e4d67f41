"""A bundle says what memory its runs take where it was exported, unless nobody can tell."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lama_deploy.bundle import Bundle, load_bundle
from lama_deploy.errors import LamaDeployError
from lama_deploy.reports.about import about, about_lines
from lama_deploy.runtime.backend import Recipe
from lama_deploy.runtime.conditions import conditions
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.measuring import memory_of
from lama_export import memory
from lama_export.cli import parser

FOUND = {"fixed": 200_000_000, "per_pixel": 400.0, "per_picture": 300.0, "residual": 0.05, "per_pixel_fixed": None}


def measure(recipe: Recipe) -> dict[str, Any]:
    return {"conditions": conditions(recipe), "memory": FOUND, "runs": []}


@pytest.fixture
def copied(bundles: Mapping[str, Path], tmp_path: Path) -> tuple[Path, Bundle]:
    bundle = load_bundle(bundles["uint8"])
    for name in bundle.files:
        (tmp_path / name).symlink_to(bundles["uint8"] / name)
    bundle.save(tmp_path)
    return tmp_path, bundle


def test_what_is_recorded_is_used_and_shown(copied: tuple[Path, Bundle], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, bundle = copied
    monkeypatch.setattr(memory, "measure", measure)
    record = memory.memory_record(folder, bundle, iter)
    replace(bundle, memory=record).save(folder)
    capabilities = Inpainter.load(folder, device="cpu").backend.capabilities
    assert capabilities.memory == memory_of(record) is not None
    assert capabilities.recipe is not None and capabilities.recipe.recorded == record
    assert conditions(capabilities.recipe) == record["conditions"]  # so that nothing is measured again
    facts = about(folder)
    assert json.loads(json.dumps(facts))["memory"] == record
    (line,) = [line for line in about_lines(facts) if line.startswith("memory")]
    assert "200.0 MB, 400 bytes a pixel and 300 for each of one picture, within 5%" in line


def test_a_bundle_without_it_says_so(copied: tuple[Path, Bundle]) -> None:
    assert any("not measured; estimated" in line for line in about_lines(about(copied[0])))
    replace(copied[1], inputs={"mask": {"shape": [1, 24, 40]}}).save(copied[0])
    lines = about_lines(about(copied[0]))
    assert any("not measured: every run is of one size" in line for line in lines)
    assert any("1 of 24x40 at once" in line for line in lines)


def test_what_cannot_be_measured_is_left_out_with_a_note(
    copied: tuple[Path, Bundle], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(recipe: Recipe) -> dict[str, Any]:
        raise LamaDeployError("it ended by -9")

    monkeypatch.setattr(memory, "measure", fail)
    with caplog.at_level(logging.WARNING):
        assert memory.memory_record(*copied, iter) == {}
    assert "could not be measured (it ended by -9)" in caplog.text


def test_engines_and_who_does_not_want_it_go_without(copied: tuple[Path, Bundle]) -> None:
    assert memory.memory_record(copied[0], replace(copied[1], target="trt"), iter) == {}
    given = ["--weights", "big-lama", "--to", "onnx"]
    assert parser().parse_args([*given, "--no-memory"]).no_memory and not parser().parse_args(given).no_memory
