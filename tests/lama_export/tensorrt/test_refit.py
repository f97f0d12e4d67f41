"""`lama-refit`: other weights in an engine that is built already, with an emulated refitter that keeps its rules."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

import lama_export.refit as refit_module
import lama_export.tensorrt.configure as configure
from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, ConfigError, EngineError, ParityError
from lama_deploy.proof.subjects import Size
from lama_deploy.runtime import Inpainter
from lama_deploy.variants import GeneratorConfig
from lama_export import export_bundle
from lama_export.refit import main, refit_bundle
from tests.lama_export.tensorrt.emulated_export import CONFIG, emulated_trt, options, tiny
from tests.resign import resign


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One size for the ONNX files, whose gate is tested elsewhere."""
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "cache"))
    asked = refit_module._options
    monkeypatch.setattr(
        refit_module, "_options", lambda *arguments: replace(asked(*arguments), parity_subjects=[Size(16, 16)])
    )


@pytest.fixture
def trt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return emulated_trt(tmp_path / "store", monkeypatch)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return tiny(tmp_path_factory.mktemp("old"), 1)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return tiny(tmp_path_factory.mktemp("new"), 2)


def exported(old: Checkpoint, tmp_path: Path, *arguments: Any, **engine: Any) -> Path:
    export_bundle(old, tmp_path / "old", options(*arguments, **{"refit": True, **engine}))
    return tmp_path / "old"


@pytest.mark.parametrize(
    ("precision", "asked"),
    [("fp32", {}), ("fp16", {"strip_weights": True}), ("fp32", {"version_compatible": True})],
)
def test_new_weights_are_in_the_engine_and_proven(
    precision: str, asked: dict[str, Any], trt: Any, old: Checkpoint, new: Checkpoint, tmp_path: Path
) -> None:
    bundle = exported(old, tmp_path, precision, **asked)
    record = refit_bundle(bundle, new, tmp_path / "new")
    made = load_bundle(tmp_path / "new")
    assert record.passed and made.weights["sha256"] == new.sha256 and made.precision == precision
    assert made.engine["executed"] and made.engine["parity"]["passed"]
    assert (made.engine["stripped"], made.engine["refittable"]) == (False, True)
    assert made.engine["build_seconds"] == load_bundle(bundle).engine["build_seconds"]
    assert "refit_seconds" in made.engine and len(trt.built) == 1
    assert refit_bundle(tmp_path / "new", old, tmp_path / "back").passed


def test_an_engine_of_old_tensorrt_stays_as_it_is_filled(
    old: Checkpoint, new: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT 10.13 has no INCLUDE_REFIT."""
    emulated_trt(tmp_path / "store", monkeypatch, version="10.13.3.9", dialect="trt-10")
    refit_bundle(exported(old, tmp_path, strip_weights=True), new, tmp_path / "new")
    assert not load_bundle(tmp_path / "new").engine["refittable"]
    with pytest.raises(ConfigError, match="its engine was built without --refit"):
        refit_bundle(tmp_path / "new", old, tmp_path / "back")


def test_a_stripped_engine_says_what_fills_it(trt: Any, old: Checkpoint, tmp_path: Path) -> None:
    bundle = exported(old, tmp_path, strip_weights=True)
    with pytest.raises(EngineError, match=r"holds no weights yet; lama-refit .*old --weights WEIGHTS makes a bundle"):
        Inpainter.load(bundle)


def test_an_engine_that_keeps_old_weights_is_no_bundle(
    trt: Any, old: Checkpoint, new: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = exported(old, tmp_path)
    monkeypatch.setattr(trt.Refitter, "refit_cuda_engine", lambda self: True)  # and does nothing
    with pytest.raises(ParityError, match="parity failed"):
        refit_bundle(bundle, new, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_weights_that_are_missing_are_named(
    trt: Any, old: Checkpoint, new: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = exported(old, tmp_path)
    monkeypatch.setattr(trt.Refitter, "get_missing_weights", lambda self: ["model.1.ffc.convl2l.weight", "b"])
    with pytest.raises(EngineError, match=r"misses 2 weights of the engine, the first model.1.ffc.convl2l.weight"):
        refit_bundle(bundle, new, tmp_path / "new")


def test_an_engine_whose_every_constant_is_refittable_cannot_be_refitted_from_onnx(
    trt: Any, old: Checkpoint, new: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is why weights are marked: the ONNX refitter walks no local functions."""
    individual = type("Flags", (), {"REFIT_INDIVIDUAL": trt.BuilderFlag.REFIT, "TF32": trt.BuilderFlag.TF32})
    flagged = configure._configure_travelling

    def all_of_them(module: Any, config: Any, asked: Any) -> None:
        flagged(type("Module", (), {"BuilderFlag": individual}), config, asked)

    monkeypatch.setattr(configure, "_configure_travelling", all_of_them)
    bundle = exported(old, tmp_path)
    with pytest.raises(EngineError, match=r"Only successfully refitted \d+ weights out of \d+"):
        refit_bundle(bundle, new, tmp_path / "new")


def test_what_cannot_be_refitted_is_one_line(trt: Any, old: Checkpoint, new: Checkpoint, tmp_path: Path) -> None:
    bundle = exported(old, tmp_path)
    other = replace(new, config=GeneratorConfig(width=16, blocks=1))
    with pytest.raises(ConfigError, match=r"is of another generator than the bundle \(width\): export it"):
        refit_bundle(bundle, other, tmp_path / "new")
    fixed = dict(load_bundle(bundle).engine) | {"refittable": False}
    with pytest.raises(ConfigError, match="its engine was built without --refit"):
        refit_bundle(resign(shutil.copytree(bundle, tmp_path / "a"), engine=fixed), new, tmp_path / "new")
    with pytest.raises(ConfigError, match="an int8 bundle has scales"):
        refit_bundle(resign(shutil.copytree(bundle, tmp_path / "b"), precision="int8"), new, tmp_path / "new")
    plain = resign(shutil.copytree(bundle, tmp_path / "c"), target="onnx", engine={})
    with pytest.raises(ConfigError, match="a bundle for onnx has no engine to refit: export again, it takes as long"):
        refit_bundle(plain, new, tmp_path / "new")
    ranges = {"calibration": {"folder": "/photos", "images": 9}}
    measured = resign(shutil.copytree(bundle, tmp_path / "d"), ranges=ranges)
    with pytest.raises(ConfigError, match="were measured on /photos: give it by --calibration"):
        refit_bundle(measured, new, tmp_path / "new")
    with pytest.raises(BundleError, match=r"no bundle\.json"):
        refit_bundle(tmp_path / "store", new, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("field", "value", "wrong"),
    [
        ("tf32", "x", r"engine\.tf32 is x and must be true or false"),
        ("refittable", "yes", r"engine\.refittable is yes and must be true or false"),
        ("ranges", {"calibration": 5}, r"ranges\.calibration is 5 and must be an object"),
    ],
)
def test_what_refitting_reads_is_looked_at(
    field: str, value: Any, wrong: str, trt: Any, old: Checkpoint, new: Checkpoint, tmp_path: Path
) -> None:
    bundle = exported(old, tmp_path)
    engine = dict(load_bundle(bundle).engine)
    changed = {"ranges": value} if field == "ranges" else {"engine": engine | {field: value}}
    with pytest.raises(BundleError, match=wrong):
        refit_bundle(resign(bundle, **changed), new, tmp_path / "new")


def test_a_model_of_another_version_is_not_mixed_up(trt: Any, old: Checkpoint, new: Checkpoint, tmp_path: Path) -> None:
    bundle = exported(old, tmp_path)
    model = onnx.load(bundle / "model.onnx")
    model.graph.node[0].name += "_of_old"
    onnx.save(model, bundle / "model.onnx")
    resign(bundle)
    with pytest.raises(ConfigError, match="its model differs in more than weights"):
        refit_bundle(bundle, new, tmp_path / "new")


def test_a_machine_without_a_gpu(
    trt: Any, old: Checkpoint, new: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = exported(old, tmp_path)
    trt.driver.devices = 0
    with pytest.raises(EngineError, match="an engine needs an NVIDIA GPU, and there is none here"):
        refit_bundle(bundle, new, tmp_path / "new")


def test_the_gpu_that_was_named(old: Checkpoint, new: Checkpoint, tmp_path: Path, monkeypatch: Any) -> None:
    trt = emulated_trt(tmp_path / "store", monkeypatch, devices=2)
    bundle, seen = exported(old, tmp_path), []
    refits = trt.Refitter.refit_cuda_engine

    def spy(self: Any) -> bool:
        seen.append(trt.driver.stack[-1])
        return bool(refits(self))

    monkeypatch.setattr(trt.Refitter, "refit_cuda_engine", spy)
    refit_bundle(bundle, new, tmp_path / "new", device=1)
    assert seen == [7001]


def test_command(
    trt: Any,
    old: Checkpoint,
    new: Checkpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By default the new bundle lies beside the old one."""
    bundle = exported(old, tmp_path)
    monkeypatch.setattr(sys, "argv", ["lama-refit", str(bundle), "--weights", str(new.path), "--json"])
    assert main() == 0
    assert json.loads(capsys.readouterr().out)["weights"]["sha256"] == new.sha256
    made = load_bundle(tmp_path / "2-trt")
    assert made.config == CONFIG and made.engine["executed"]
    monkeypatch.setattr(sys, "argv", ["lama-refit", str(bundle), "--weights", str(new.path), "--no-engine-proof"])
    assert main() == 0 and "the engine itself has not been run" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["lama-refit", str(tmp_path / "2-trt"), "--weights", str(new.path)])
    assert main() == 2 and "2-trt is the bundle itself: give --out" in capsys.readouterr().err
