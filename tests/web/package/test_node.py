"""Under Node the package gives the bytes of `Inpainter`, and does what the shared cases of all languages ask."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lama_deploy import Inpainter
from lama_deploy.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lama_deploy.model import seeded_generator
from lama_deploy.proof.subjects import Size
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, export_bundle
from tests.cpp.strategy_cases import Drawn, written
from tests.cpp.strategy_draws import drawn, planned
from tests.web.package.conftest import WEB
from tests.web.package.pictures import Job, by_python

FRESH = range(200_000, 200_015)  # seeds; those of the stored cases, and of liblama's tests, are below
HOLE = (20, 30, 40, 50)
JOBS = (
    Job(Drawn(128, 128, 5, (HOLE,))),
    Job(Drawn(85, 101, 6, (HOLE, (0, 0, 3, 101))), channels=4),
    Job(Drawn(300, 420, 7, ((100, 200, 20, 30),)), run={"strategy": "crop", "margin": 16}),
    Job(Drawn(300, 420, 7, ((100, 200, 120, 130),)), run={"strategy": "resize", "limit": 128}),
    Job(Drawn(9, 9, 8, ())),
)


def run_cases(node: str, **environment: str) -> subprocess.CompletedProcess[str]:
    words = [node, "--test", str(WEB / "test" / "strategies.test.mjs")]
    everything = {**os.environ, **environment}
    return subprocess.run(words, env=everything, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
def test_stored_cases_are_done_as_python_does_them(node: str, modules: Path) -> None:
    done = run_cases(node)
    assert done.returncode == 0, done.stdout


def test_fresh_cases_are_done_as_python_does_them(node: str, modules: Path, tmp_path: Path) -> None:
    cases = tmp_path / "fresh.txt"
    lines = [line for make in (drawn, planned) for seed in FRESH for line in written(make(seed))]
    cases.write_text("".join(f"{line}\n" for line in lines))
    done = run_cases(node, LAMA_CASES=str(cases))
    assert done.returncode == 0, done.stdout


def test_bytes_and_plans_are_those_of_python(fill_by_node: Callable[..., Any], demo: Path, native: Inpainter) -> None:
    results = fill_by_node(demo / "model.onnx", JOBS, threads=1)
    assert [{name: one[name] for name in ("sha256", "plan")} for one in results] == [
        by_python(native, job) for job in JOBS
    ]
    assert all(one["notes"] == [] for one in results)
    assert results[-1]["progress"] == []
    assert all(one["progress"][-1][0] == one["progress"][-1][1] for one in results[:-1])


@pytest.mark.slow  # two exports
@pytest.mark.parametrize("options", [{"io": "float"}, {"size": (64, 96)}], ids=["floats", "one size"])
def test_other_forms_of_the_file_give_the_bytes_of_python(
    fill_by_node: Callable[..., Any], tmp_path: Path, options: dict[str, Any]
) -> None:
    checkpoint = tmp_path / "tiny.safetensors"
    config = GeneratorConfig(width=4, blocks=1)
    state = {key: value.numpy() for key, value in seeded_generator(config, seed=2).state_dict().items()}
    save_checkpoint(checkpoint, config, state)
    export_bundle(
        load_checkpoint(checkpoint), tmp_path / "bundle", ExportOptions(parity_subjects=[Size(64, 96)], **options)
    )
    jobs = (Job(Drawn(64, 96, 5, (HOLE,))), Job(Drawn(50, 70, 6, (HOLE,))), Job(Drawn(300, 200, 6, (HOLE,))))
    results = fill_by_node(tmp_path / "bundle" / "model.onnx", jobs, threads=1)
    native = Inpainter.load(tmp_path / "bundle", threads=1)
    assert [{name: one[name] for name in ("sha256", "plan")} for one in results] == [
        by_python(native, job) for job in jobs
    ]
    assert bool([note for one in results for note in one["notes"]]) == ("size" in options)  # mirrored, and cut


@pytest.mark.parametrize(
    ("content", "options", "kind", "words"),
    [
        (None, {}, "model", "cannot be read"),
        (b"", {}, "model", "not a LaMa model of lama-export"),
        (b"not a model", {}, "model", "not a whole ONNX file"),
        ("half", {}, "model", "not a whole ONNX file"),
        ("whole", {"expectedSha256": "0" * 64}, "model", "is not the model that was asked for"),
        ("whole", {"provider": "webgpu"}, "engine", "WebGPU is not there"),
        ("whole", {"provider": "cuda"}, "input", "allowed: auto, wasm, webgpu"),
        ("whole", {"threads": 0}, "input", "allowed: an integer from 1 to 64"),
    ],
)
def test_what_cannot_be_loaded_is_told_in_a_line(
    fill_by_node: Callable[..., Any],
    demo: Path,
    tmp_path: Path,
    content: bytes | str | None,
    options: dict[str, Any],
    kind: str,
    words: str,
) -> None:
    model, whole = tmp_path / "model.onnx", (demo / "model.onnx").read_bytes()
    if content is not None:
        model.write_bytes({"half": whole[: len(whole) // 2], "whole": whole}.get(content, content))  # type: ignore[call-overload]
    told = fill_by_node(model, [], **options)
    assert told["kind"] == kind
    assert words in told["message"]
    assert "\n" not in told["message"]


def test_the_package_says_what_it_is() -> None:
    package = json.loads((WEB / "package.json").read_text())
    from lama_deploy import __version__

    assert (package["name"], package["version"], package["license"]) == ("lama-deploy", __version__, "Apache-2.0")
    assert "http" not in (WEB / "package-lock.json").read_text()  # no registry is named
