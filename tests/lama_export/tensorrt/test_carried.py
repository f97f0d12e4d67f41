"""What the plugin needs as an engine is built, and what of it goes into the bundle."""

import hashlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

import lama_export.tensorrt.plugin as plugin_module
import lama_export.tensorrt.target as target_module
from lama_deploy.errors import EngineError, MissingDependencyError
from lama_deploy.model import seeded_generator
from lama_deploy.tensorrt.plugin.carried import this_platform
from lama_deploy.variants import GeneratorConfig
from lama_export.engine_options import EngineOptions, Profile
from lama_export.graph.model import onnx_from_state
from lama_export.options import ExportOptions
from lama_export.tensorrt.plugin import carry_plugin, loaded_plugin
from lama_export.tensorrt.target import write_engine
from tests.lama_deploy.tensorrt.emulated_plugins import OWN, Registry, initialiser

CONFIG = GeneratorConfig(width=8, blocks=1)
SMALL = EngineOptions(profiles=[Profile.parse("64:128:256")])
RTX = SimpleNamespace(__name__="tensorrt_rtx", __version__="1.7.1")
TRT = SimpleNamespace(__name__="tensorrt", __version__="11.4.0")


@pytest.mark.parametrize(
    ("precision", "profile", "channels", "why"),
    [
        ("fp32", "64:128:256", [24], "fp32"),
        ("bf16", "64:128:8689", [24], "pictures of 8689 px"),
        ("bf16", "64:128:256", [24, 12], "12 channels, no multiple of 8,"),
        ("bf16", "64:128:8688", [24], None),
    ],
)
def test_without_cufft_the_plugin_is_taken_where_tensor_cores_do(
    precision: Literal["fp32", "bf16"],
    profile: str,
    channels: list[int],
    why: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TensorRT times plugins as it builds, so what they call has to be here; what was asked for is an error then."""
    monkeypatch.setattr(plugin_module, "load_plugin", lambda trt, path: {"name": str(path), "sha256": ""})
    monkeypatch.setattr(plugin_module, "preload", lambda: ["libcufft.so.12"])
    monkeypatch.setattr(plugin_module, "prebuilt_plugin", lambda: tmp_path)
    wanted = EngineOptions(profiles=[Profile.parse(profile)])
    loaded = loaded_plugin(TRT, ExportOptions(target="trt", precision=precision, engine=wanted), channels)
    assert (loaded.record is None) == (why is not None)
    if why is None:
        return
    says = f"the plugin computes {why} by cuFFT and cuBLASLt, and libcufft.so.12 cannot be loaded here: pip install"
    assert loaded.reason.startswith(says) and "[cufft]" in loaded.reason and "\n" not in loaded.reason
    asked = ExportOptions(target="trt", spectral="plugin", precision=precision, engine=wanted)
    with pytest.raises(MissingDependencyError, match=re.escape(says)):
        loaded_plugin(TRT, asked, channels)
    monkeypatch.setattr(plugin_module, "preload", list)
    assert loaded_plugin(TRT, asked, channels).record


@pytest.mark.parametrize("here", [True, False])
def test_rtx_needs_cufft_where_the_engine_is_run(here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_module, "load_plugin", lambda trt, path: {"name": str(path), "sha256": ""})
    monkeypatch.setattr(plugin_module, "preload", lambda: ["libcufft.so.12"])
    monkeypatch.setattr(plugin_module, "plugin_path", Path)
    monkeypatch.setattr(plugin_module, "gpus", lambda: ["a GPU"] * here)
    for prove in (True, False):
        named = EngineOptions(compute_capabilities=["8.9"], prove=prove)
        loaded = loaded_plugin(RTX, ExportOptions(target="trt-rtx", engine=named))
        assert (loaded.record is None) == (here and prove)


def test_the_dft_operator_is_built_with_tensorrts_own_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which are registered before the parser looks for one (`emulated_plugins.OWN`)."""
    registry, state = Registry(), {key: t.numpy() for key, t in seeded_generator(CONFIG).state_dict().items()}
    trt = SimpleNamespace(__name__="tensorrt", __version__="11.4.0", init_libnvinfer_plugins=initialiser(registry))
    built: list[bool] = []

    def build(*arguments: Any, **options: Any) -> Any:
        built.append(OWN in registry.creators)
        raise EngineError("enough")

    monkeypatch.setattr(target_module, "open_tensorrt", lambda target: trt)
    monkeypatch.setattr(target_module, "log_of", lambda module: object())
    monkeypatch.setattr(target_module, "build_engine", build)
    for spectral, registered in (("inline", False), ("dft", True)):
        model = onnx_from_state(CONFIG, state, spectral="function")
        with pytest.raises(EngineError, match="enough"):
            wanted = ExportOptions(target="trt", spectral=spectral, engine=SMALL)
            write_engine(model, tmp_path / "model.onnx", tmp_path / "model.engine", wanted)
        assert built.pop() == registered


def test_what_is_carried_is_what_was_loaded(tmp_path: Path) -> None:
    library = tmp_path / "library.so"
    library.write_bytes(b"code")
    record = {"name": "library.so", "sha256": hashlib.sha256(b"code").hexdigest(), "kind": "python"}
    carried = carry_plugin(record, library, tmp_path)
    file = f"plugin-{this_platform()}.so"
    assert carried == {**record, "file": file, "platform": this_platform()}
    assert (tmp_path / file).read_bytes() == b"code"
    library.write_bytes(b"other")
    with pytest.raises(EngineError, match=r"library\.so: changed while the engine was built; export again"):
        carry_plugin(record, library, tmp_path)
