"""An engine that can be run where it was built is proven itself, or the export fails."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx
import pytest

import lama_deploy.runtime.backends.tensorrt as backend_module
import lama_deploy.tensorrt.engine as engine_module
import lama_export.targets as targets
from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.errors import EngineError, ParityError
from lama_deploy.model import seeded_generator
from lama_deploy.proof.engine_sizes import engine_sizes
from lama_deploy.proof.parity import TOGETHER
from lama_deploy.proof.subjects import Size
from lama_deploy.proof.summaries import engine_summary
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, export_bundle
from lama_export.engine_options import EngineOptions
from lama_export.options import Target
from lama_export.targets import ExportJob, Written
from tests.lama_deploy.tensorrt.emulated_cuda import EmulatedDriver
from tests.lama_deploy.tensorrt.emulated_tensorrt import emulated_module

CONFIG = GeneratorConfig(width=8, blocks=1)
PROFILES = [[(1, 16, 24), (1, 32, 32), (2, 48, 64)]]
Machine = Callable[..., Any]


def checkpoint(folder: Path, seed: int) -> Checkpoint:
    state = {key: tensor.numpy() for key, tensor in seeded_generator(CONFIG, seed=seed).state_dict().items()}
    save_checkpoint(folder / f"{seed}.safetensors", CONFIG, state)
    return load_checkpoint(folder / f"{seed}.safetensors")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Makes exports to TensorRT write engines that the emulated TensorRT runs. other: whose network they hold."""

    def prepare(target: Target = "trt", *, devices: int = 1, other: Checkpoint | None = None) -> EmulatedDriver:
        driver = EmulatedDriver(devices)
        trt = emulated_module(driver, rtx=target == "trt-rtx")

        def write(job: ExportJob, path: Path) -> Written:
            written = targets.write_onnx(job, path.with_name("model.onnx"))
            model = written.path
            if other is not None:
                model = tmp_path / "other.onnx"
                onnx.save(targets.onnx_from_state(CONFIG, other.state_dict, spectral="function"), model)
            path.write_text(json.dumps({"model": str(model), "io": "uint8", "profiles": PROFILES}))
            return Written(written.path, written.model, written.spectral, engine=record(trt))

        monkeypatch.setattr(targets, "WRITERS", {target: write})
        monkeypatch.setattr("lama_export.export.WRITERS", {target: write})
        monkeypatch.setattr("lama_export.export.tools_of", lambda options: [])
        monkeypatch.setattr(backend_module, "driver", driver)
        monkeypatch.setattr(engine_module, "open_tensorrt", lambda target: trt)
        return driver

    return prepare


def record(trt: Any) -> Mapping[str, Any]:
    profiles = [dict(zip(("min", "opt", "max"), (shape[1:] for shape in one), strict=True)) for one in PROFILES]
    built = {"layers": {"gemm": 1}, "activation_bytes": [1 << 20], "build_seconds": 1.0, "checked": True}
    asked = {"profiles": profiles, "batch": {"min": 1, "opt": 1, "max": 2}, "spectral": "inline", "plugin": None}
    asked |= {"gpu": None, "compute_capabilities": []}
    return {"module": trt.__name__, "version": trt.__version__, "executed": False, **asked, **built}


def export(tmp_path: Path, target: Target = "trt", engine: EngineOptions | None = None) -> None:
    options = ExportOptions(target=target, parity_subjects=[Size(16, 16)], engine=engine)
    export_bundle(checkpoint(tmp_path, 1), tmp_path / "out", options)


@pytest.mark.parametrize("target", ["trt", "trt-rtx"])
def test_what_was_run_is_recorded(target: Target, machine: Machine, tmp_path: Path) -> None:
    machine(target)
    export(tmp_path, target)
    engine = load_bundle(tmp_path / "out").engine
    assert engine["executed"] and engine["parity"]["passed"] and engine["parity"]["engine"] == "tensorrt"
    sizes = [case["subject"] for case in engine["parity"]["cases"]]
    assert sizes == ["16x24", "48x64", "16x64", "33x45", "16x24x2", "32x32 photograph 1", TOGETHER]
    said = "the engine itself was run on 6 pictures at sizes of its profiles, and passed: max error"
    assert said in engine_summary(engine)


@pytest.mark.parametrize("target", ["trt", "trt-rtx"])
def test_an_engine_that_computes_something_else_is_no_export(target: Target, machine: Machine, tmp_path: Path) -> None:
    machine(target, other=checkpoint(tmp_path, 2))
    before = set(tmp_path.iterdir())
    with pytest.raises(ParityError, match=r"parity failed at .* and \d+ more: max error .* nothing was written"):
        export(tmp_path, target)
    assert {path.name for path in set(tmp_path.iterdir()) - before} == {"1.safetensors", "other.onnx"}


def test_rtx_engines_for_other_machines_are_not_run(
    machine: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    machine("trt-rtx", devices=0)
    export(tmp_path, "trt-rtx", EngineOptions(proof_sizes=[(16, 16)]))
    assert "--proof-sizes had no use: the engine cannot be run here" in caplog.text
    engine = load_bundle(tmp_path / "out").engine
    assert not engine["executed"] and engine["parity"] == {}
    assert "the engine itself has not been run" in engine_summary(engine)


def test_an_engine_that_does_not_run_where_it_was_built_is_no_export(machine: Machine, tmp_path: Path) -> None:
    machine("trt", devices=0)
    with pytest.raises(EngineError, match="no CUDA-capable device"):
        export(tmp_path)
    assert not (tmp_path / "out").exists()


def test_sizes_need_no_more_than_the_profiles_have() -> None:
    """A fixed size is one size; a batch that starts at two is never one."""
    fixed = {"min": [64, 64], "opt": [64, 64], "max": [64, 64]}
    assert engine_sizes({"profiles": [fixed], "batch": {"min": 2, "opt": 2, "max": 2}}) == [Size(64, 64, 2)]
    wide = {"min": [256, 128], "opt": [256, 256], "max": [512, 300]}
    sizes = engine_sizes({"profiles": [fixed, wide], "batch": {"min": 1, "opt": 1, "max": 1}})
    assert list(map(str, sizes)) == ["64x64", "256x128", "512x300", "256x300", "385x215"]
