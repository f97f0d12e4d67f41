"""`lama-export --to trt` from end to end, with an emulated TensorRT that keeps its headers' rules."""

import gc
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lama_export.tensorrt.timing_cache as timing_cache
from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import ConfigError, EngineError
from lama_deploy.proof.candidate import candidate
from lama_deploy.proof.summaries import engine_summary
from lama_export import export_bundle
from lama_export.engine_options import Profile
from tests.lama_export.tensorrt.emulated_export import emulated_trt, options, tiny

DIALECTS = [("10.13.3.9", "trt-10"), ("11.4.0.106", "trt-11")]
Make = Callable[..., Any]


@pytest.fixture
def trt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "cache"))
    return emulated_trt(tmp_path / "store", monkeypatch)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return tiny(tmp_path_factory.mktemp("weights"))


def exported(checkpoint: Checkpoint, tmp_path: Path, *arguments: Any, **engine: Any) -> dict[str, Any]:
    """The record of the engine in tmp_path / "out"."""
    export_bundle(checkpoint, tmp_path / "out", options(*arguments, **engine))
    return dict(load_bundle(tmp_path / "out").engine)


@pytest.mark.parametrize(("version", "dialect"), DIALECTS)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_an_engine_is_built_judged_and_run(
    precision: str, version: str, dialect: str, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "cache"))
    trt = emulated_trt(tmp_path / "store", monkeypatch, version=version, dialect=dialect)
    record = exported(checkpoint, tmp_path, precision)
    assert record["checked"] is True and record["judged"]["right"] == record["judged"]["of"] > 20
    assert record["executed"] and record["parity"]["passed"] and record["doubts"] == []
    assert record["layers"]["CaskDeconvolutionV2"] == 3 and record["version"] == version
    assert record["gpu"] == {"name": "Emulated GPU", "compute_capability": "9.0"}
    assert trt.built[0]["flags"] == set() and trt.built[0]["profiling"] == "DETAILED"
    plain = ("version_compatible", "hardware_compatibility", "refittable", "stripped", "profiling", "aux_streams")
    assert [record[name] for name in plain] == [False, "none", False, False, "detailed", None]
    gc.collect()
    assert trt.faults == []


def test_options_reach_the_builder_and_the_record(trt: Any, checkpoint: Checkpoint, tmp_path: Path) -> None:
    trt.prints = False  # so that it is the inspector who tells, of an engine that brings code
    record = exported(
        checkpoint, tmp_path, version_compatible=True, hardware="same-cc", aux_streams=0, opt_level=1, workspace=64
    )
    built = trt.built[0]
    assert built["flags"] == {"VERSION_COMPATIBLE"} and built["hardware"] == "SAME_COMPUTE_CAPABILITY"
    assert built["aux_streams"] == 0
    assert (record["version_compatible"], record["hardware_compatibility"]) == (True, "same-cc")
    assert record["aux_streams"] == 0 and record["checked"] is True


def test_without_profiling_nothing_is_judged_and_it_says_so(trt: Any, checkpoint: Checkpoint, tmp_path: Path) -> None:
    record = exported(checkpoint, tmp_path, profiling="none")
    assert trt.built[0]["profiling"] == "NONE" and record["profiling"] == "none"
    assert record["checked"] is False and record["doubts"] and record["executed"]
    assert "with --profiling none the engine tells of no layers" in engine_summary(record)


def test_a_profile_that_is_not_taken_is_no_engine_without_it(trt: Any, checkpoint: Checkpoint, tmp_path: Path) -> None:
    """IBuilderConfig::addOptimizationProfile answers -1, and the builder goes on with the others."""
    profiles = [Profile.parse("8:16:32"), Profile.parse("8:16:131072")]
    with pytest.raises(EngineError, match="does not take the profile 8:16:131072 with batches of 1:1:1: give smaller"):
        exported(checkpoint, tmp_path, profiles=profiles)
    assert trt.built == []


def test_weights_of_the_checkpoint_are_refittable_and_no_other(
    trt: Any, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    record = exported(checkpoint, tmp_path, refit=True)
    marked = trt.built[0]["refittable"]
    assert trt.built[0]["flags"] == {"REFIT_INDIVIDUAL"} and record["refittable"] and not record["stripped"]
    assert all(name.startswith("model.") for name in marked) and len(marked) > 40


def test_a_stripped_engine_is_not_run(trt: Any, checkpoint: Checkpoint, tmp_path: Path) -> None:
    record = exported(checkpoint, tmp_path, strip_weights=True)
    assert trt.built[0]["flags"] == {"REFIT_INDIVIDUAL", "STRIP_PLAN"}
    assert record["stripped"] and record["refittable"] and not record["executed"] and record["parity"] == {}


def test_proof_only_where_it_is_asked_for(trt: Any, checkpoint: Checkpoint, tmp_path: Path) -> None:
    record = exported(checkpoint, tmp_path, proof_sizes=[(20, 60), (16, 16)])
    assert [case["subject"] for case in record["parity"]["cases"]][:3] == ["20x60", "16x16", "32x32 photograph 1"]
    export_bundle(checkpoint, tmp_path / "unproven", options(prove=False))
    record = dict(load_bundle(tmp_path / "unproven").engine)
    assert not record["executed"] and record["checked"] is True


def test_a_wrong_engine_is_no_export_but_can_be_kept(trt: Any, checkpoint: Checkpoint, tmp_path: Path) -> None:
    trt.miscompiled = {"Half": "Float"}
    with pytest.raises(EngineError, match=r"built generator/.* \(CaskConvolution\) in fp32, not in fp16"):
        exported(checkpoint, tmp_path, "fp16")
    assert {path.name for path in tmp_path.iterdir()} == {"store", "cache"}
    with pytest.raises(EngineError, match="not in fp16"):
        export_bundle(checkpoint, tmp_path / "out", options("fp16"), keep_failed=tmp_path / "failed")
    assert {"model.engine", "model.onnx", "failed.txt"} <= {path.name for path in (tmp_path / "failed").iterdir()}
    gc.collect()
    assert trt.faults == []


@pytest.mark.parametrize("broken", ["folder", "library"])
def test_timings_that_cannot_be_kept_cost_no_engine(
    broken: str,
    trt: Any,
    checkpoint: Checkpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").touch()
    if broken == "library":
        cache = type(trt.Builder(trt.ILogger()).create_builder_config().create_timing_cache(b""))

        def fails(self: Any) -> bytes:
            raise RuntimeError("cannot serialise\nmore")

        monkeypatch.setattr(cache, "serialize", fails)
    named = tmp_path / "file" / "timings" if broken == "folder" else tmp_path / "timings"
    with caplog.at_level(logging.WARNING):
        record = exported(checkpoint, tmp_path, timing_cache=named)
    assert record["executed"] and "the next build times kernels again" in caplog.text


def test_the_plan_is_on_the_disk_before_timings_are_saved(
    trt: Any, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens then, even the end of the process."""
    seen = []

    def killed(cache: Any, path: Path) -> None:
        seen.extend(one.name for one in tmp_path.glob("*/*.engine"))
        raise SystemExit

    monkeypatch.setattr("lama_export.tensorrt.build.save_timings", killed)
    with pytest.raises(SystemExit):
        exported(checkpoint, tmp_path)
    assert seen == ["model.engine"]


def test_timings_are_kept_where_they_are_asked_for(trt: Any, checkpoint: Checkpoint, tmp_path: Path) -> None:
    exported(checkpoint, tmp_path, timing_cache=tmp_path / "timings")
    assert (tmp_path / "timings").read_bytes() == b"timed" and not (tmp_path / "cache").exists()
    exported(checkpoint, tmp_path, timing_cache=tmp_path / "timings")
    assert (tmp_path / "timings").read_bytes() == b"timedtimed"
    exported(checkpoint, tmp_path)
    assert [path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [".timings"]


def test_objects_go_in_order_when_a_build_fails(trt: Any, checkpoint: Checkpoint, tmp_path: Path) -> None:
    trt.OnnxParser.parse_from_file, parse = lambda self, path: False, trt.OnnxParser.parse_from_file
    try:
        with pytest.raises(EngineError, match="tensorrt cannot read the model: Failed to parse") as raised:
            exported(checkpoint, tmp_path)
    finally:
        trt.OnnxParser.parse_from_file = parse
    assert trt.faults == []  # while the traceback is still there
    del raised


def test_the_gpu_that_was_named_builds_and_runs(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "cache"))
    trt, ran = emulated_trt(tmp_path / "store", monkeypatch, devices=3), []

    def opened(*arguments: Any) -> Any:
        ran.append(trt.driver.stack[-1])
        return candidate(*arguments)

    monkeypatch.setattr("lama_export.tensorrt.proof.candidate", opened)
    assert exported(checkpoint, tmp_path, device=2)["executed"]
    assert trt.built[0]["context"] == 7002 and ran == [7002] and trt.driver.stack == []
    with pytest.raises(ConfigError, match=r"--device 3: device cuda:3 is not there; this machine has 3"):
        exported(checkpoint, tmp_path, device=3)
    assert len(trt.built) == 1


def test_verbose_is_the_builders_own_log(
    trt: Any, checkpoint: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(checkpoint, tmp_path, verbose=True)["checked"] is True
    assert "TensorRT : Layers:\nName: generator/" in capsys.readouterr().err


def test_warnings_are_recorded_and_told_once(
    trt: Any, checkpoint: Checkpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """But for those of the parser about names that a local function has in every place where it is called."""
    trt.warnings = [f"weight_{n} overflows in FP16" for n in range(60)]
    trt.warnings += ["A node named node_of_mix already exists, the output tensors of this new instance will not be"]
    with caplog.at_level(logging.WARNING):
        record = exported(checkpoint, tmp_path)
    assert record["warnings"] == ["weight_0 overflows in FP16 (and 59 more like it)"]
    assert caplog.text.count("overflows") == 1 and "already exists" not in caplog.text


def test_an_inspector_that_fails_leaves_the_builders_log(
    trt: Any, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: Any, **options: Any) -> str:
        raise RuntimeError("no inspector")

    monkeypatch.setattr("lama_export.tensorrt.target.inspection_of", fails)
    assert exported(checkpoint, tmp_path)["checked"] is True


def test_an_old_gpu_builds_no_engine_for_ampere(
    trt: Any, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "lama_export.tensorrt.limits.this_gpu", lambda: {"name": "Old GPU", "compute_capability": "7.5"}
    )
    with pytest.raises(ConfigError, match=r"ampere\+ is built by GPUs from Ampere \(8.0\) on, and this is Old GPU"):
        exported(checkpoint, tmp_path, hardware="ampere+")
    assert trt.built == []


def test_timings_of_rtx_are_none() -> None:
    assert timing_cache.timing_cache_path(None, "trt-rtx", None) is None
