"""Engine files that cannot be run here: one line each, and none of them reaches TensorRT damaged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lama_deploy.runtime.backends.tensorrt as backend_module
import lama_deploy.tensorrt.plugin.carried as carried_module
import lama_deploy.tensorrt.plugin.load as load_module
from lama_deploy.bundle import bundle_around, load_bundle
from lama_deploy.disk import sha256_of
from lama_deploy.errors import BundleError, EngineError, KernelError
from lama_deploy.installing import install
from lama_deploy.runtime import Inpainter
from lama_deploy.runtime.backends.tensorrt import TensorRtBackend
from lama_deploy.tensorrt.plugin.carried import carried_name, this_platform
from tests.lama_deploy.tensorrt.emulated_cuda import EmulatedDriver
from tests.lama_deploy.tensorrt.emulated_machine import SMALL, Machine
from tests.resign import resign


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
    """Whose engine was built with one, from before bundles carried it."""
    folder = machine.bundle(SMALL, plugins=["SpectralConv"])
    edit(folder, plugin={"name": "liblama_tensorrt_plugin.so", "sha256": "", "kind": "compiled"})
    assert load_bundle(folder).engine["plugin"]
    return folder


def edit(folder: Path, **engine: Any) -> Path:
    """Change what the bundle says of its engine."""
    return resign(folder, engine=json.loads((folder / "bundle.json").read_text())["engine"] | engine)


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_module, "_loaded", {})
    for variable in ("LAMA_TENSORRT_PLUGIN", "LAMA_SPECTRAL_LIBRARY"):
        monkeypatch.delenv(variable, raising=False)


def test_an_engine_whose_plugin_is_missing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundle_with_plugin(machine)
    monkeypatch.setenv("LAMA_TENSORRT_PLUGIN", "nowhere.so")
    with pytest.raises(KernelError, match=r"LAMA_TENSORRT_PLUGIN names nowhere\.so, which is no file; correct it"):
        Inpainter.load(bundle)
    with pytest.raises(EngineError, match=r"nowhere\.so: no such file; give the library with SpectralConv"):
        Inpainter.load(bundle, plugin="nowhere.so")


@pytest.mark.usefixtures("nothing_loaded")
@pytest.mark.parametrize("carries", [True, False])
@pytest.mark.parametrize("plugin", ["prebuilt.so", "own.so"])
def test_an_engine_with_the_plugin_gets_the_one_that_is_named(
    plugin: str, carries: bool, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the option, else by the environment, whatever the bundle carries."""
    for name in ("prebuilt.so", "own.so"):
        (machine.folder / name).write_text("SpectralConv")
    monkeypatch.setenv("LAMA_TENSORRT_PLUGIN", str(machine.folder / "prebuilt.so"))
    named = machine.folder / plugin if plugin == "own.so" else None
    folder = carrying(machine, this_platform()) if carries else bundle_with_plugin(machine)
    TensorRtBackend(folder / "model.engine", plugin=named)
    assert machine.trt.registry.loaded == [str(machine.folder / plugin)]


def carrying(machine: Machine, *platforms: str) -> Path:
    """A bundle that carries the plugin for these, built with the first's."""
    folder = machine.bundle(SMALL, plugins=["SpectralConv"])
    for platform in platforms:
        (folder / carried_name(platform)).write_text("SpectralConv")
    file = carried_name(platforms[0])
    sha256 = sha256_of(folder / file)
    return edit(folder, plugin={"name": "x.so", "sha256": sha256, "kind": "compiled", "file": file})


@pytest.mark.usefixtures("nothing_loaded")
@pytest.mark.parametrize("first", [True, False])
def test_the_bundles_own_plugin_is_loaded(first: bool, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of this platform, which need not be the one that the engine was built on; nothing is compiled."""
    monkeypatch.setattr(carried_module, "plugin_of_this_machine", lambda: pytest.fail("compiled"))
    platforms = [this_platform(), "linux-other"]
    folder = carrying(machine, *(platforms if first else reversed(platforms)))
    Inpainter.load(folder)
    assert machine.trt.registry.loaded == [str(folder / carried_name(this_platform()))]


@pytest.mark.usefixtures("nothing_loaded")
def test_a_changed_plugin_is_not_loaded(machine: Machine) -> None:
    """Neither one that bundle.json does not have the hash of, nor one that the engine does not."""
    folder = carrying(machine, this_platform())
    file = folder / carried_name(this_platform())
    file.write_text("SpectralCone")
    for check in (True, False):
        with pytest.raises(BundleError, match=r"plugin-\S+\.so: has the SHA-256 \w{12}…, and bundle\.json says"):
            TensorRtBackend(folder / "model.engine", check=check)
    resign(folder)
    with pytest.raises(BundleError, match=r"plugin-\S+\.so: is another library than the engine was built with"):
        TensorRtBackend(folder / "model.engine")
    assert not machine.trt.registry.loaded


def test_who_opens_the_engine_checks_the_plugin_beside_it(machine: Machine) -> None:
    """Who opens the ONNX file of the bundle needs neither."""
    folder = carrying(machine, this_platform())
    assert bundle_around(folder / "model.engine") and bundle_around(folder / "model.onnx")
    (folder / carried_name(this_platform())).write_text("SpectralCone")
    assert bundle_around(folder / "model.onnx")
    with pytest.raises(BundleError, match=r"plugin-\S+\.so: has the SHA-256"):
        bundle_around(folder / "model.engine")


@pytest.mark.usefixtures("nothing_loaded")
def test_a_bundle_of_another_platform(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot() -> Path:
        raise KernelError("no CUDA compiler")

    monkeypatch.setattr(carried_module, "plugin_of_this_machine", cannot)
    folder = carrying(machine, "linux-other", "linux-third")
    with pytest.raises(KernelError, match=r"has the plugin for linux-other, linux-third, and this is .*: export on"):
        Inpainter.load(folder)
    (machine.folder / "own.so").write_text("SpectralConv")
    monkeypatch.setattr(carried_module, "plugin_of_this_machine", lambda: machine.folder / "own.so")
    Inpainter.load(folder)
    assert machine.trt.registry.loaded == [str(machine.folder / "own.so")]


@pytest.mark.parametrize("file", ["/tmp/plugin-x.so", "../plugin-x.so", "plugin-x.so/../y.so", "model.engine", "a.so"])
def test_only_a_plain_name_of_a_plugin_is_executed(file: str, machine: Machine) -> None:
    folder = bundle_with_plugin(machine)
    edit(folder, plugin={"name": "x", "sha256": "", "file": file})
    with pytest.raises(BundleError, match=r"damaged \(engine\.plugin\.file is .* a plain name plugin-<platform>\.so"):
        load_bundle(folder)
    edit(folder, plugin={"name": "x", "sha256": "", "file": "plugin-x.so"})
    with pytest.raises(BundleError, match=r"damaged \(plugin-x\.so is not among its files\)"):
        load_bundle(folder)


@pytest.mark.parametrize("machine", ["trt"], indirect=True)
def test_the_dft_operator_gets_tensorrts_own_plugin(machine: Machine) -> None:
    folder = edit(machine.bundle(SMALL, plugins=["FFTPlugin"]), spectral="dft")
    TensorRtBackend(folder / "model.engine")
    machine.trt.init_libnvinfer_plugins = lambda logger, namespace: False
    with pytest.raises(EngineError, match=r"does not register its own plugins, .* or export with --spectral inline"):
        TensorRtBackend(folder / "model.engine")


@pytest.mark.parametrize("machine", ["trt"], indirect=True)
def test_a_version_compatible_engine_brings_its_runtime(machine: Machine) -> None:
    """Which is executed only where the record says that there is one."""
    folder = machine.bundle(SMALL, version_compatible=True)
    with pytest.raises(EngineError, match=r"refuses it \(Attempting to deserialize an engine with host code\)"):
        TensorRtBackend(folder / "model.engine")
    edit(folder, version_compatible=True)
    machine.trt.__version__ = "11.9.2"
    TensorRtBackend(folder / "model.engine")


@pytest.mark.parametrize("machine", ["trt", "rtx"], indirect=True)
def test_a_gpu_that_cannot_run_it_is_told_before_tensorrt_is_asked(machine: Machine) -> None:
    folder = machine.bundle(SMALL)
    gpu = {"name": "NVIDIA L4", "compute_capability": "8.9"}
    edit(folder, gpu=gpu, compute_capabilities=["8.9"])
    with pytest.raises(
        EngineError, match=r"for compute capability 8\.9, and this is Emulated GPU, of 9\.0: export on it, or use model"
    ):
        TensorRtBackend(folder / "model.engine")
    assert not machine.trt.engines


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
