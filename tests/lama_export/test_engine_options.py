"""What is asked of an engine, and of which TensorRT: every fault is one line, before anything is computed."""

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lama_deploy.errors import ConfigError, EngineError, MissingDependencyError
from lama_deploy.installing import install
from lama_deploy.shapes import ShapeRange, fitting
from lama_deploy.tensorrt.modules import open_tensorrt, require_dft, require_plugins
from lama_export import ExportOptions
from lama_export.engine_options import Batch, EngineOptions, Profile
from lama_export.tensorrt.build import build_engine
from lama_export.tensorrt.capabilities import capabilities
from lama_export.tensorrt.timing_cache import load_timings, save_timings


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("256:512:1024", Profile((256, 256), (512, 512), (1024, 1024))),
        ("256x320:512:600x1280", Profile((256, 320), (512, 512), (600, 1280))),
        ("1:1:1", Profile((1, 1), (1, 1), (1, 1))),
    ],
)
def test_profiles_parse_and_print(text: str, profile: Profile) -> None:
    assert Profile.parse(text) == profile and str(profile) == text


@pytest.mark.parametrize("asked", ["refit", "strip_weights"])
def test_an_engine_that_is_refitted_has_one_profile(asked: str) -> None:
    (only,) = EngineOptions(**{asked: True}).profiles
    assert (only.min, only.max) == ((1, 1), (2048, 2048))
    given = (Profile.parse("8:16:32"),)
    assert EngineOptions(profiles=given, **{asked: True}).profiles == given
    with pytest.raises(ConfigError, match="TensorRT takes one --profile with --refit and --strip-weights, and 2 are"):
        EngineOptions(profiles=given * 2, **{asked: True})


SIDES = (1, 5, 255, 600, 720, 768, 900, 1023, 1024, 1025, 1200, 1280, 1366, 1600, 2047, 2048)


@pytest.mark.parametrize("height", SIDES)
@pytest.mark.parametrize("width", SIDES)
def test_default_profiles_take_every_size_as_it_is(height: int, width: int) -> None:
    """In whatever proportion: what is padded to a profile is mirrored content, which the global branch sees."""
    ranges = [ShapeRange((1, *one.min), (1, *one.opt), (1, *one.max)) for one in EngineOptions().profiles]
    taken, shape = fitting(ranges, (1, height, width))
    assert shape == (1, height, width)
    assert taken.largest == ((1, 1024, 1024) if max(height, width) <= 1024 else (1, 2048, 2048))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--profile", "512:256:1024"], "profile 512:256:1024 is not ordered; allowed: 1 <= MIN <= OPT <= MAX"),
        (["--profile", "256x512:512x256:1024"], "is not ordered"),
        (["--profile", "0:1:2"], "is not ordered"),
        (["--profile", "256:512"], "is not MIN:OPT:MAX in pixels"),
        (["--profile", "256:512:1024:2048"], "is not MIN:OPT:MAX in pixels"),
        (["--profile", "a:b:-1"], "is not MIN:OPT:MAX in pixels"),
        (["--batch", "2:1:4"], "batch 2:1:4 is not ordered"),
        (["--batch", "4"], "batch '4' is not MIN:OPT:MAX"),
        (["--profile", "1:64:1000000"], "has pictures of more than 1099511627776 values"),
        (["--batch", ""], "batch '' is not MIN:OPT:MAX"),
        (["--batch", "1:1:1048577"], "allowed: 1 <= MIN <= OPT <= MAX <= 1048576"),
        (["--profile", "1:1:1048577"], "allowed: 1 <= MIN <= OPT <= MAX <= 1048576 on both sides"),
        (["--profile", f"1:1:{'9' * 5000}"], "is not MIN:OPT:MAX in pixels"),
        (["--workspace", "99999999999999999"], "is not from 1 to 1048576"),
        (["--compute-capability", f"{'9' * 5000}.0"], "is not MAJOR.MINOR, such as 8.9"),
        (["--least-psnr", "30"], "--least-psnr is what --int8 has to keep; leave it out in fp32"),
        (["--int8", "--least-psnr", "nan"], "--least-psnr nan is no PSNR; give decibels above 0"),
        (["--int8", "--least-psnr", "-5"], "--least-psnr -5 is no PSNR"),
        (["--opt-level", "6"], "invalid choice"),
        (["--workspace", "0"], "no integer of at least 1"),
        (["--compute-capability", "sm_89"], "'sm_89' is not MAJOR.MINOR, such as 8.9"),
        (["--plugin", "nowhere.so"], "--plugin nowhere.so: no such file"),
        (["--spectral", "inline", "--plugin", sys.executable], "--spectral inline is without a plugin"),
        (["--spectral", "dft", "--plugin", sys.executable], "--spectral dft is without a plugin"),
        (["--spectral", "function"], "--to trt-rtx takes --spectral plugin, inline or dft"),
        (["--external-data"], "no --external-data"),
        (["--decoder", "hole"], "--decoder hole is not for --to trt-rtx, whose shapes may not depend on the mask"),
        (
            ["--bf16", "--compute-capability", "7.5"],
            "of compute capability 7.5 have no bfloat16",
        ),
        (["--int8", "--io", "float"], "--int8 goes with --io uint8"),
        (["--aux-streams", "-1"], "--aux-streams -1 is not from 0 to 32"),
        (["--device", "64"], "--device 64 is not from 0 to 63"),
        (["--proof-sizes", "720"], "proof size '720' is not HEIGHTxWIDTH"),
        (["--proof-sizes", "4096x16"], "--proof-sizes 4096x16 is outside of every --profile"),
        (["--proof-sizes", "8x8", "--no-engine-proof"], "--no-engine-proof runs it nowhere"),
        (["--proof-sizes", "8x8", "--strip-weights"], "--strip-weights leaves an engine that runs only once"),
        (["--hardware-compatibility", "ampere"], "invalid choice: 'ampere'"),
        (["--fp16", "--tf32"], "--tf32 rounds the operands of float32 products"),
        (["--to", "onnx", "--profile", "1:2:3"], "--to onnx takes no engine options"),
        (["--to", "openvino", "--spectral", "plugin"], "--to openvino takes no engine options"),
    ],
)
def test_options_that_no_engine_can_have(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from lama_export.cli import main

    arguments = ["--weights", "lama-demo", "--to", "trt-rtx", "--out", "out", *options]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lama-export", *arguments])
    try:
        code: object = main()
    except SystemExit as stop:  # argparse
        code = stop.code
    assert code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_no_profile_is_no_engine() -> None:
    with pytest.raises(ConfigError, match="at least one --profile"):
        EngineOptions(profiles=())


def fake_module(name: str, version: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    module.__dict__.update(__version__=version, Builder=object)
    monkeypatch.setitem(sys.modules, name, module)
    return module


@pytest.mark.parametrize(("target", "module"), [("trt", "tensorrt"), ("trt-rtx", "tensorrt_rtx")])
def test_missing_tensorrt_is_said(target: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # what to install is said by its path from here
    code = (
        f"import sys, runpy; sys.modules[{module!r}] = None;"
        f"sys.argv = ['x', '--weights', 'lama-demo', '--to', {target!r}, '--out', 'out'];"
        "runpy.run_module('lama_export.cli', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"which is not installed: {install(target.replace('trt', 'tensorrt'))}" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_half_installed_tensorrt_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip leaves it when the libraries' wheel is missing, and as a folder of that name looks."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    (tmp_path / "tensorrt").mkdir()
    with pytest.raises(MissingDependencyError, match="installed, but not all of it"):
        open_tensorrt("trt")
    del sys.modules["tensorrt"]  # by monkeypatch it would come back
    (tmp_path / "tensorrt" / "__init__.py").write_text("raise ImportError('libnvinfer.so.11: cannot open')")
    with pytest.raises(MissingDependencyError, match=r"not all of it \(libnvinfer.so.11: cannot open\)"):
        open_tensorrt("trt")


@pytest.mark.parametrize(
    ("target", "module", "version", "oldest"),
    [("trt", "tensorrt", "10.12.0.36", "10.13"), ("trt-rtx", "tensorrt_rtx", "1.4.0.76", "1.5")],
)
def test_old_versions_are_refused(
    target: str, module: str, version: str, oldest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_module(module, version, monkeypatch)
    with pytest.raises(MissingDependencyError, match=f"{version} is too old, {oldest} is the oldest"):
        open_tensorrt(target)


def test_plugins_need_a_newer_rtx(monkeypatch: pytest.MonkeyPatch) -> None:
    module = fake_module("tensorrt_rtx", "1.6.1.2", monkeypatch)
    assert open_tensorrt("trt-rtx") is module
    with pytest.raises(MissingDependencyError, match=r"1.6.1.2 takes no plugins, 1.7 does"):
        require_plugins(module, "trt-rtx")


@pytest.mark.parametrize(
    ("target", "module", "version", "message"),
    [
        ("trt", "tensorrt", "11.1.0.5", r"TensorRT 11.1.0.5 has no DFT operator, 11.2 does: pip install"),
        ("trt-rtx", "tensorrt_rtx", "1.7.1.116", r"TensorRT-RTX 1.7.1.116 has no DFT operator: leave --spectral out"),
    ],
)
def test_dft_needs_a_tensorrt_that_has_it(
    target: str, module: str, version: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingDependencyError, match=message):
        require_dft(fake_module(module, version, monkeypatch), target)
    require_dft(fake_module("tensorrt", "11.2.0.1", monkeypatch), "trt")


def test_only_rtx_builds_for_other_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    module = fake_module("tensorrt", "11.0.0.114", monkeypatch)
    assert capabilities(module, "trt", ()) == []
    with pytest.raises(ConfigError, match="--compute-capability is for --to trt-rtx"):
        capabilities(module, "trt", ["8.9"])


@pytest.mark.trt
def test_unknown_gpus_are_named_with_the_known() -> None:
    """Hopper among them: there is no TensorRT-RTX for it."""
    module = open_tensorrt("trt-rtx")
    known = capabilities(module, "trt-rtx", ["8.9", "12.0", "8.9"])
    assert known == [module.ComputeCapability.SM89, module.ComputeCapability.SM120]
    with pytest.raises(ConfigError, match=r"does not build for compute capability 9.0; allowed: 7.5, .*12.0"):
        capabilities(module, "trt-rtx", ["8.9", "9.0"])


def test_tensorrt_without_a_driver_is_said(tmp_path: Path) -> None:
    """Its bindings raise TypeError, and log why."""

    class Logger:
        ERROR, INTERNAL_ERROR, WARNING = "error", "internal error", "warning"

    def builder(log: "Logger") -> None:
        log.log("error", "CUDA initialization failure with error: 35\nmore")  # type: ignore[attr-defined]
        raise TypeError("pybind11::init(): factory function returned nullptr")

    trt: Any = ModuleType("tensorrt")
    trt.ILogger, trt.Builder = Logger, builder
    with pytest.raises(EngineError, match=r"does not start on this machine: CUDA .* error: 35$"):
        options = EngineOptions(batch=Batch.parse("1:2:3"))
        build_engine(trt, "trt", tmp_path / "model.onnx", tmp_path / "model.engine", options)


class TimingCache:
    def __init__(self, stored: bytes) -> None:
        self.stored = stored

    def serialize(self) -> bytes:
        return self.stored + b"+"


class ConfigOfAnotherGPU:
    """Takes no timings but empty ones."""

    attached: TimingCache

    def create_timing_cache(self, stored: bytes) -> TimingCache:
        return TimingCache(stored)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        self.attached = cache
        return not cache.stored and not ignore_mismatch


def test_foreign_timings_are_not_used_and_are_replaced(tmp_path: Path) -> None:
    path, config = tmp_path / "deep" / "timings", ConfigOfAnotherGPU()
    save_timings(TimingCache(b"theirs"), path)
    assert path.read_bytes() == b"theirs+"
    cache = load_timings(config, path)
    assert cache is config.attached and cache.stored == b""
    save_timings(cache, path)
    assert [one.name for one in path.parent.iterdir()] == ["timings"] and path.read_bytes() == b"+"


def test_each_target_has_the_decoder_that_suits_it() -> None:
    assert [ExportOptions(target=target).chosen_decoder for target in ("onnx", "openvino", "trt", "trt-rtx")] == [
        *("hole", "hole"),
        *("whole", "whole"),
    ]
    assert ExportOptions(size=(64, 64)).chosen_decoder == ExportOptions(target="litert").chosen_decoder == "whole"


@pytest.mark.parametrize("options", [{"target": "litert"}, {"target": "ncnn"}, {"size": (64, 64)}])
def test_a_window_around_the_hole_is_not_for_one_size(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"for one size \(--size, and --to litert, coreml and ncnn\) goes with"):
        ExportOptions(decoder="hole", **options)
