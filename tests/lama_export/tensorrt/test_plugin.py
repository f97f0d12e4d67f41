"""A plugin takes the place of the Fourier units' nodes, or the export says why not."""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import onnx
import pytest

import lama_export.tensorrt.build as build_module
import lama_export.tensorrt.plugin as plugin_module
from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.checkpoint import save_checkpoint
from lama_deploy.errors import ConfigError, EngineError, KernelError
from lama_deploy.model import seeded_generator
from lama_deploy.native.library import SpectralLibrary
from lama_deploy.proof.summaries import engine_summary
from lama_deploy.tensorrt.modules import open_tensorrt
from lama_deploy.tensorrt.plugin.carried import this_platform
from lama_deploy.tensorrt.plugin.load import load_plugin
from lama_deploy.tensorrt.plugin.python_plugin import register_python_plugin
from lama_deploy.tensorrt.plugin.rtx_name import make_rtx_name_known
from lama_deploy.variants import GeneratorConfig
from lama_export.engine_options import EngineOptions, Profile
from lama_export.graph.model import onnx_from_state
from lama_export.options import ExportOptions
from lama_export.tensorrt.asked import asked_of
from lama_export.tensorrt.judging import judge
from lama_export.tensorrt.parts import Parts
from lama_export.tensorrt.plugin import LoadedPlugin, loaded_plugin, plugin_file, unit_channels
from lama_export.tensorrt.target import write_engine
from tests.kernel_build import ROOT

CONFIG = GeneratorConfig(width=8, blocks=1)
# Opens an engine as far as this machine can; whatever it cannot, its plugin is registered then.
OPENS = """
import logging, pathlib, sys
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
import lama_deploy, tensorrt_rtx
from lama_deploy.errors import EngineError
from lama_deploy.native.build import shipped_sources
from lama_deploy.tensorrt.engine import open_engine
assert shipped_sources("kernels") is None
try:
    open_engine(pathlib.Path(sys.argv[1]))
    print("opened")
except EngineError as error:
    print(error)
assert tensorrt_rtx.get_plugin_registry().get_creator("SpectralConv", "1", "") is not None
"""
UNITS = 2
SMALL = EngineOptions(profiles=[Profile.parse("64:128:256")])


@pytest.fixture(autouse=True)
def nothing_prebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LAMA_TENSORRT_PLUGIN", "LAMA_SPECTRAL_LIBRARY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="module", params=["fp16", "bf16"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    state = {key: tensor.numpy() for key, tensor in seeded_generator(CONFIG).state_dict().items()}
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    onnx.save(onnx_from_state(CONFIG, state, spectral="function", precision=request.param), path)
    return request.param, path


@pytest.fixture
def python_plugin(emulated_library: Path) -> Iterator[Any]:
    """TensorRT-RTX with the plugin in Python, whose library has nothing to compute while engines are built."""
    trt = open_tensorrt("trt-rtx")
    make_rtx_name_known()
    register_python_plugin(trt, SpectralLibrary(emulated_library))
    yield trt
    registry = trt.get_plugin_registry()
    registry.deregister_creator(registry.get_creator("SpectralConv", "1", ""))


@pytest.mark.trt
def test_every_fourier_unit_becomes_the_plugin(model: tuple[str, Path], python_plugin: Any) -> None:
    precision, path = model
    plan = path.with_suffix(".engine")
    built = build_module.build_engine(python_plugin, "trt-rtx", path, plan, SMALL, plugins=UNITS)
    assert built.listing.counts["custom_layer"] == UNITS and "gemm" not in built.listing.counts
    assert judge(built.listing, asked_of(onnx.load(path), precision), plugin=True).checked is True


@pytest.mark.trt
def test_without_the_option_the_function_is_written_out(model: tuple[str, Path], python_plugin: Any) -> None:
    """Though a plugin of that name is registered."""
    precision, path = model
    built = build_module.build_engine(python_plugin, "trt-rtx", path, path.with_suffix(".engine"), SMALL)
    assert "custom_layer" not in built.listing.counts
    with pytest.raises(EngineError, match=r"wrote a Fourier unit's function out \(generator/block01/conv\d/g2g"):
        judge(built.listing, asked_of(onnx.load(path), precision), plugin=True)


@pytest.mark.trt
def test_a_plugin_that_the_parser_does_not_find_fails_the_build(model: tuple[str, Path]) -> None:
    make_rtx_name_known()
    with pytest.raises(EngineError, match=f"gave 0 of {UNITS} Fourier units to the plugin"):
        build_module.build_engine(
            open_tensorrt("trt-rtx"), "trt-rtx", model[1], model[1].with_suffix(".engine"), SMALL, plugins=UNITS
        )


@pytest.mark.trt
def test_a_second_spectral_conv_is_refused(tmp_path: Path, python_plugin: Any) -> None:
    (tmp_path / "plugin.so").touch()
    with pytest.raises(EngineError, match="a SpectralConv is registered in this process already"):
        load_plugin(python_plugin, tmp_path / "plugin.so")


@pytest.mark.trt
def test_a_generator_without_fourier_units_has_no_use_for_a_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_module, "load_plugin", lambda module, path: {"name": path.name, "sha256": ""})
    (tmp_path / "plugin.so").touch()
    config = GeneratorConfig(kind="regular", width=8, blocks=1)
    state = {key: tensor.numpy() for key, tensor in seeded_generator(config).state_dict().items()}
    options = ExportOptions(target="trt-rtx", engine=EngineOptions(plugin=tmp_path / "plugin.so"))
    with pytest.raises(ConfigError, match="no Fourier units for a plugin to replace"):
        write_engine(
            onnx_from_state(config, state, spectral="function"),
            tmp_path / "model.onnx",
            tmp_path / "model.engine",
            options,
        )


@pytest.mark.trt
@pytest.mark.parametrize(
    ("library", "precision", "words"),
    [
        pytest.param(
            *("liblama_tensorrt_plugin.so", "--bf16", "by the plugin liblama_tensorrt_plugin.so"),
            marks=pytest.mark.slow,
        ),
        ("liblama_spectral.so", "--fp16", "by the plugin in Python over liblama_spectral.so"),
    ],
)
@pytest.mark.slow
def test_command_builds_with_our_library(
    library: str, precision: str, words: str, kernel_build: Path, photographs: Path, tmp_path: Path
) -> None:
    """With the plugin, and with the one in Python, in a process of its own, which can hold one SpectralConv."""
    plugin = kernel_build / library
    config = GeneratorConfig(width=16, blocks=2)
    state = {key: tensor.numpy() for key, tensor in seeded_generator(config).state_dict().items()}
    save_checkpoint(tmp_path / "small.safetensors", config, state)
    command = [sys.executable, "-m", "lama_export.cli", "--weights", "small.safetensors", "--to", "trt-rtx", precision]
    command.append("--no-memory")
    command += ["--calibration", str(photographs)] if precision == "--fp16" else []
    command += ["--plugin", str(plugin), "--profile", "64:128:256", "--out", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Fourier units: {words}" in done.stdout
    bundle = load_bundle(tmp_path / "out")
    units = 2 * bundle.config.blocks
    assert bundle.engine["checked"] and bundle.engine["layers"]["custom_layer"] == units
    record, platform = bundle.engine["plugin"], this_platform()
    assert record["sha256"] == hashlib.sha256(plugin.read_bytes()).hexdigest()
    assert (record["file"], record["platform"]) == (f"plugin-{platform}.so", platform)
    assert bundle.files[record["file"]]["sha256"] == record["sha256"]
    # With nothing but the package's Python and the bundle: no sources of kernels, no compiler in PATH.
    shutil.copytree(ROOT / "lama_deploy", tmp_path / "site" / "lama_deploy")
    (tmp_path / "out").rename(tmp_path / "travelled")
    shutil.rmtree(tmp_path / "site" / "lama_deploy" / "_kernels", ignore_errors=True)
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "", "HOME": str(tmp_path)}
    opening = [sys.executable, "-c", OPENS, str(tmp_path / "travelled" / "model.engine")]
    opened = subprocess.run(opening, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert opened.returncode == 0, opened.stderr
    file = tmp_path / "travelled" / record["file"]
    assert f"{file} is loaded, and its code executed" in opened.stdout, opened.stdout
    refused = r"model\.engine: TensorRT-RTX refuses it \(.*(CUDA|cuda).*\)"
    assert opened.stdout.endswith("opened\n") or re.search(refused, opened.stdout), opened.stdout


def test_older_parsers_prefer_plugins_without_being_told(tmp_path: Path) -> None:
    """TensorRT 10.13 has no flag for it."""

    class Parser:
        def __init__(self, network: Any, log: Any) -> None:
            pass

        def parse_from_file(self, path: str) -> bool:
            return True

    kinds = SimpleNamespace(PLUGIN_V3="plugin")
    trt = SimpleNamespace(__name__="tensorrt", OnnxParser=Parser, OnnxParserFlag=object(), LayerType=kinds)
    network = SimpleNamespace(num_layers=2, get_layer=lambda index: SimpleNamespace(type=("plugin", "shape")[index]))
    build_module._parse(trt, Parts(network=network, parser=Parser(network, None)), tmp_path, 1)
    with pytest.raises(EngineError, match="tensorrt gave 1 of 2 Fourier units to the plugin"):
        build_module._parse(trt, Parts(network=network, parser=Parser(network, None)), tmp_path, 2)


@pytest.mark.trt
def test_generators_without_fourier_units_build_too(tmp_path: Path) -> None:
    config = GeneratorConfig(kind="regular", width=8, blocks=1)
    state = {key: tensor.numpy() for key, tensor in seeded_generator(config).state_dict().items()}
    model = onnx_from_state(config, state, spectral="function")
    onnx.save(model, tmp_path / "model.onnx")
    options = ExportOptions(target="trt-rtx", engine=SMALL)
    record = write_engine(model, tmp_path / "model.onnx", tmp_path / "model.engine", options)
    assert record["checked"] and record["spectral"] == "none"


def options(spectral: Literal["plugin", "inline"] | None, **engine: Any) -> ExportOptions:
    return ExportOptions(target="trt-rtx", spectral=spectral, engine=EngineOptions(**engine))


def test_our_plugin_is_compiled_for_the_gpus_that_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_module, "plugin_path", lambda architectures: Path(architectures))
    (tmp_path / "own.so").touch()
    assert plugin_file(EngineOptions(compute_capabilities=["8.9", "12.0"])) == Path("89;120")
    monkeypatch.setattr(plugin_module, "visible_architectures", lambda: "90")
    assert plugin_file(EngineOptions(), "trt") == Path("90")
    assert plugin_file(EngineOptions(hardware="ampere+"), "trt") == Path("80;90")
    assert plugin_file(EngineOptions(), "trt-rtx") == Path("80;90")
    assert plugin_file(EngineOptions(plugin=tmp_path / "own.so")) == tmp_path / "own.so"


def test_without_a_gpu_and_a_name_there_is_nothing_to_compile_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lama_deploy.native.build.gpus", list)
    with pytest.raises(ConfigError, match=r"name it by --compute-capability, such as 8\.9, or give .* --plugin PATH"):
        plugin_file(EngineOptions())


@pytest.mark.parametrize("variable", ["LAMA_TENSORRT_PLUGIN", "LAMA_SPECTRAL_LIBRARY"])
def test_a_prebuilt_plugin_is_found_by_its_variable(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the library that the plugin in Python computes by; no GPU has to be named then."""
    (tmp_path / "prebuilt.so").touch()
    monkeypatch.setenv(variable, str(tmp_path / "prebuilt.so"))
    assert plugin_file(EngineOptions()) == tmp_path / "prebuilt.so"


RTX = SimpleNamespace(__name__="tensorrt_rtx", __version__="1.7.1")


@pytest.mark.parametrize("spectral", [None, "plugin", "inline"])
def test_by_default_the_plugin_is_taken_where_it_can_be_had(
    spectral: Literal["plugin", "inline"] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what keeps it away is an error only where it was asked for."""
    monkeypatch.setattr(plugin_module, "load_plugin", lambda trt, path: {"name": str(path), "sha256": ""})
    monkeypatch.setattr(plugin_module, "plugin_path", Path)
    named = options(spectral, compute_capabilities=["8.9"])
    loaded = loaded_plugin(RTX, named)
    assert (loaded.record is not None) == (loaded.path is not None) == (spectral != "inline") and loaded.reason == ""

    def no_compiler(architectures: str) -> Path:
        raise KernelError("no CUDA compiler")

    monkeypatch.setattr(plugin_module, "plugin_path", no_compiler)
    if spectral == "plugin":
        with pytest.raises(KernelError, match="no CUDA compiler"):
            loaded_plugin(RTX, named)
        return
    assert loaded_plugin(RTX, named) == LoadedPlugin(reason="" if spectral else "no CUDA compiler")


def test_units_tell_their_channels(model: tuple[str, Path]) -> None:
    assert unit_channels(onnx.load(model[1])) == {24}


def test_an_old_rtx_has_no_plugin_by_default() -> None:
    old = SimpleNamespace(__name__="tensorrt_rtx", __version__="1.5.0")
    assert "1.5.0 takes no plugins, 1.7 does" in loaded_plugin(old, options(None)).reason


def test_the_summary_says_why_units_are_written_out() -> None:
    built = {"module": "x", "version": "1", "profiles": [], "layers": {}, "build_seconds": 1, "activation_bytes": []}
    record = {**built, "checked": True, "executed": False, "spectral": "inline", "plugin": None}
    assert "matrix products (as asked for)" in engine_summary({**record, "no_plugin": ""})
    assert "(without our plugin: no CUDA compiler)" in engine_summary({**record, "no_plugin": "no CUDA compiler"})


def test_the_summary_states_the_memory_of_each_profile() -> None:
    built = {"module": "x", "version": "1", "layers": {}, "build_seconds": 1, "activation_bytes": [3 << 20, 9 << 20]}
    profiles = [dict.fromkeys(("min", "opt", "max"), sides) for sides in ([64, 64], [128, 256])]
    record = {**built, "profiles": profiles, "checked": True, "executed": False, "spectral": "none", "plugin": None}
    for count, words in ((1, "a run,"), (2, "a run of 2 pictures,")):
        lines = engine_summary({**record, "batch": {"max": count}}).splitlines()
        assert lines[1] == f"scratch memory of {words} at most: 3 MiB at 64x64, 9 MiB at 128x256"
