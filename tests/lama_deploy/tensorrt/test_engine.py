"""Engine files that cannot be run here: one line each, and none of them reaches TensorRT damaged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lama_deploy.runtime.backends.tensorrt as backend_module
import lama_deploy.tensorrt.engine as engine_module
from lama_deploy.bundle import load_bundle
from lama_deploy.errors import BundleError, EngineError, KernelError
from lama_deploy.installing import install
from lama_deploy.runtime import Inpainter
from lama_deploy.runtime.backends.tensorrt import TensorRtBackend
from tests.lama_deploy.tensorrt.emulated_cuda import EmulatedDriver
from tests.lama_deploy.tensorrt.emulated_machine import SMALL, Machine


def test_without_a_gpu(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_module, "driver", EmulatedDriver(devices=0))
    with pytest.raises(EngineError, match=r"there is none here \(CUDA's cuInit failed: no CUDA-capable device"):
        machine.open()


def test_a_damaged_engine_does_not_reach_tensorrt(machine: Machine) -> None:
    path = machine.bundle() / "model.engine"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    for opener, source in ((TensorRtBackend, path), (Inpainter.load, path), (Inpainter.load, path.parent)):
        with pytest.raises(BundleError, match=r"model\.engine: has the SHA-256 \w{12}…, and bundle\.json says"):
            opener(source)
    assert not machine.trt.engines


def test_an_engine_of_another_gpu(machine: Machine) -> None:
    path = machine.bundle(gpu="another") / "model.engine"
    with pytest.raises(
        EngineError, match=r"refuses it \(The engine plan file was built on another GPU\); .* \(Emulated"
    ):
        TensorRtBackend(path)


def test_an_engine_of_another_version(machine: Machine) -> None:
    path = machine.bundle() / "model.engine"
    machine.trt.__version__ = "11.0.0.114"
    with pytest.raises(
        EngineError, match=r"built by TensorRT 11\.4\.0, .* this is 11\.0\.0\.114: export again, or pip"
    ):
        TensorRtBackend(path)


def test_an_engine_of_another_network(machine: Machine) -> None:
    path = machine.bundle(names=["input", "output"], model="") / "model.engine"
    with pytest.raises(BundleError, match=r"not a LaMa engine of lama-export \(it has input, output\)"):
        TensorRtBackend(path)


def test_an_engine_without_its_bundle(machine: Machine) -> None:
    path = machine.bundle() / "model.engine"
    alone = path.parent / "alone" / "model.engine"
    alone.parent.mkdir()
    path.rename(alone)
    with pytest.raises(BundleError, match=r"says nothing of itself; give the bundle"):
        TensorRtBackend(alone)
    alone.rename(path.with_name("other.engine"))
    path.write_bytes(b"")
    with pytest.raises(BundleError, match="not the engine of the bundle around it"):
        TensorRtBackend(path.with_name("other.engine"))


def bundle_with_plugin(machine: Machine) -> Path:
    """Whose engine was built with one."""
    manifest = machine.bundle(SMALL) / "bundle.json"
    record = json.loads(manifest.read_text())
    record["engine"]["plugin"] = {"name": "liblama_tensorrt_plugin.so", "sha256": ""}
    manifest.write_text(json.dumps(record))
    assert load_bundle(manifest.parent).engine["plugin"]
    return manifest.parent


def test_an_engine_whose_plugin_is_missing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundle_with_plugin(machine)
    monkeypatch.setenv("LAMA_TENSORRT_PLUGIN", "nowhere.so")
    with pytest.raises(KernelError, match=r"LAMA_TENSORRT_PLUGIN names nowhere\.so, which is no file; correct it"):
        Inpainter.load(bundle)
    with pytest.raises(EngineError, match=r"nowhere\.so: no such file; give the library with SpectralConv"):
        Inpainter.load(bundle, plugin="nowhere.so")


@pytest.mark.parametrize("plugin", [None, "own.so"])
def test_an_engine_with_the_plugin_gets_it(
    plugin: str | None,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[Any] = []
    (machine.folder / "prebuilt.so").touch()
    monkeypatch.setenv("LAMA_TENSORRT_PLUGIN", str(machine.folder / "prebuilt.so"))
    monkeypatch.setattr(engine_module, "load_plugin", lambda module, path: loaded.append((module, path)))
    TensorRtBackend(bundle_with_plugin(machine) / "model.engine", plugin=plugin)
    assert loaded == [(machine.trt, Path(plugin) if plugin else machine.folder / "prebuilt.so")]


@pytest.mark.parametrize(("machine", "extra"), [("trt", "tensorrt"), ("rtx", "tensorrt-rtx")], indirect=["machine"])
def test_without_cuda_python(machine: Machine, extra: str) -> None:
    code = (
        "import sys; sys.modules['cuda'] = None\n"
        "from lama_deploy.errors import MissingDependencyError\n"
        "from lama_deploy.runtime import Inpainter\n"
        f"try: Inpainter.load({str(machine.bundle())!r})\n"
        "except MissingDependencyError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"this model needs cuda: {install(extra)}", done.stderr
