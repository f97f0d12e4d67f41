"""Plugin libraries that load, and those that are refused before they can end the process."""

import ctypes
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import lama_deploy.tensorrt.plugin.load as plugin_module
from lama_deploy.errors import EngineError
from lama_deploy.tensorrt.modules import open_tensorrt
from lama_deploy.tensorrt.plugin.load import load_plugin
from lama_deploy.tensorrt.plugin.python_plugin import SpectralConv
from lama_deploy.tensorrt.plugin.rtx_name import make_rtx_name_known


@pytest.mark.trt
def test_files_that_are_no_plugin_are_refused(tmp_path: Path) -> None:
    (tmp_path / "plugin.so").write_text("text")
    with pytest.raises(EngineError, match=r"plugin\.so: not a TensorRT plugin library"):
        load_plugin(open_tensorrt("trt-rtx"), tmp_path / "plugin.so")


class Registry:
    """One that loads every library; `has`: what is in it."""

    def __init__(self, *has: str) -> None:
        self.has = has
        self.loaded: list[str] = []

    def load_library(self, path: str) -> object:
        self.loaded.append(path)
        return object()

    def get_creator(self, name: str, version: str, namespace: str) -> object | None:
        return name if self.loaded and name in self.has else None


def fake(registry: Registry, name: str = "tensorrt") -> Any:
    return SimpleNamespace(__name__=name, get_plugin_registry=lambda: registry)


def test_a_library_is_loaded_once_and_another_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_module, "_loaded", {})
    registry = Registry("SpectralConv")
    for name in ("one.so", "other.so"):
        (tmp_path / name).write_text(name)
    found = [load_plugin(fake(registry), tmp_path / "one.so") for _ in range(2)]
    assert found[0] == found[1] and found[0]["name"] == "one.so" and len(found[0]["sha256"]) == 64
    assert found[0]["kind"] == "compiled"
    assert registry.loaded == [str(tmp_path / "one.so")]
    with pytest.raises(EngineError, match="has loaded another plugin already"):
        load_plugin(fake(registry), tmp_path / "other.so")


def test_each_module_of_tensorrt_gets_the_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their registries are not one: what TensorRT has, TensorRT-RTX has not, in the same process."""
    monkeypatch.setattr(plugin_module, "_loaded", {})
    monkeypatch.setattr(plugin_module, "make_rtx_name_known", lambda: None)
    registries = {name: Registry("SpectralConv") for name in ("tensorrt", "tensorrt_rtx")}
    (tmp_path / "plugin.so").write_text("plugin")
    for name in 2 * list(registries):
        load_plugin(fake(registries[name], name), tmp_path / "plugin.so")
    assert [registry.loaded for registry in registries.values()] == 2 * [[str(tmp_path / "plugin.so")]]


def test_another_library_serves_where_any_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two bundles in one process carry a library each, and the registry takes one."""
    monkeypatch.setattr(plugin_module, "_loaded", {})
    registry = Registry("SpectralConv")
    for name in ("one.so", "other.so"):
        (tmp_path / name).write_text(name)
    with caplog.at_level("INFO"):
        found = [load_plugin(fake(registry), tmp_path / name, or_loaded=True) for name in ("one.so", "other.so")]
    assert found[0] == found[1] and registry.loaded == [str(tmp_path / "one.so")]
    assert f"{tmp_path / 'one.so'} is loaded, and its code executed" in caplog.messages[0]
    assert caplog.messages[1] == f"{tmp_path / 'other.so'} is not loaded: one.so is there already, and serves"


def test_a_library_is_named_before_its_code_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """To look what it exports executes its constructors already."""
    named: list[bool] = []
    monkeypatch.setattr(plugin_module, "_loaded", {})
    monkeypatch.setattr(
        plugin_module.ctypes, "CDLL", lambda path: named.append(path in caplog.text) or SimpleNamespace()
    )
    monkeypatch.setattr(plugin_module, "preload", list)
    (tmp_path / "plugin.so").touch()
    with caplog.at_level("INFO"):
        load_plugin(fake(Registry("SpectralConv")), tmp_path / "plugin.so")
    assert named == [True]


def test_a_library_without_our_plugin_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_module, "_loaded", {})
    (tmp_path / "plugin.so").touch()
    with pytest.raises(EngineError, match="no plugin SpectralConv, version 1"):
        load_plugin(fake(Registry("Other")), tmp_path / "plugin.so")


@pytest.mark.trt
def test_the_plugin_in_python_is_put_over_liblama_spectral(
    emulated_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_module, "_loaded", {})
    trt = open_tensorrt("trt-rtx")
    registry = trt.get_plugin_registry()
    try:
        found = [load_plugin(trt, emulated_library) for _ in range(2)]
        assert found[0] == found[1] and found[0]["name"] == emulated_library.name and found[0]["kind"] == "python"
        creator = registry.get_creator("SpectralConv", "1", "")
        assert isinstance(creator.create_plugin("unit", None, trt.TensorRTPhase.BUILD), SpectralConv)
    finally:
        registry.deregister_creator(registry.get_creator("SpectralConv", "1", ""))


@pytest.mark.parametrize(
    ("symbols", "over_library"),
    [
        (["lama_spectral_abi_version"], True),
        (["getCreators"], False),
        (["getCreators", "lama_spectral_abi_version"], False),
        ([], False),
    ],
)
def test_a_library_is_what_it_exports(
    symbols: list[str], over_library: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin library may export the C ABI of its kernels too."""
    registered: list[Any] = []
    registry = Registry("SpectralConv")
    (tmp_path / "some.so").touch()
    exports = SimpleNamespace(**dict.fromkeys(symbols))
    monkeypatch.setattr(plugin_module, "_loaded", {})
    monkeypatch.setattr(plugin_module, "ctypes", SimpleNamespace(CDLL=lambda path: exports))
    monkeypatch.setattr(plugin_module, "preload", lambda: registered.append("CUDA's libraries"))
    monkeypatch.setattr(plugin_module, "SpectralLibrary", lambda path: path)
    monkeypatch.setattr(
        plugin_module,
        "register_python_plugin",
        lambda module, library: registered.append(library) or registry.load_library(str(library)),
    )
    assert load_plugin(fake(registry), tmp_path / "some.so")["kind"] == ("python" if over_library else "compiled")
    assert registered == [tmp_path / "some.so" if over_library else "CUDA's libraries"]


@pytest.mark.trt
@pytest.mark.skipif(sys.platform != "linux", reason="a name that only Linux misses")
def test_the_missing_name_of_rtx_is_mended_in_the_process() -> None:
    """In one of its own; without this the first plugin ends the process."""
    code = (
        "import ctypes, tensorrt_rtx; from lama_deploy.tensorrt.plugin.rtx_name import make_rtx_name_known;"
        "make_rtx_name_known(); make_rtx_name_known();"
        "print(bool(ctypes.CDLL('libtensorrt_rtx.so').getPluginRegistry))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="a name that only Linux misses")
def test_what_cannot_be_mended_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with pytest.raises(EngineError, match=r"would end this process .* link it to libtensorrt_rtx.so.1"):
        make_rtx_name_known()
