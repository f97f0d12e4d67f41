"""The TensorRT plugin: what it exports and links, and the engines that TensorRT-RTX builds with it, without a GPU.

Its own logic, runs included, is tested in C++ on emulated kernels (kernels/plugin/tests, which `ctest` runs).
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import pytest

from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.model import onnx_from_state
from tests.kernel_build import ROOT

CONFIG = GeneratorConfig(width=16, blocks=1)
UNITS = 2 * CONFIG.blocks
PROFILES = 2
PRECISIONS = {"fp32": "Float", "fp16": "Half"}
BACKENDS = {"fp32": 1, "fp16": 2}  # cuFFT, and tensor cores, which take halves only
INT32 = 5  # PluginFieldType
ALLOWED_LIBRARIES = re.compile(r"linux-vdso|ld-linux|lib(stdc\+\+|m|gcc_s|c|dl|pthread|rt)\.so")


@pytest.fixture(scope="session")
def plugin(kernel_build: Path) -> Path:
    return kernel_build / "liblama_tensorrt_plugin.so"


@pytest.fixture(scope="session")
def registering(kernel_build: Path) -> Path:
    return kernel_build / "liblama_tensorrt_plugin_register.so"


def test_the_library_stands_alone(plugin: Path) -> None:
    """Two functions out; nothing of TensorRT, CUDA's driver or other libraries in."""
    exported = output("nm", "-D", "--defined-only", "--format=posix", plugin).splitlines()
    assert sorted(line.split()[0] for line in exported) == ["getCreators", "setLoggerFinder"]
    undefined = output("nm", "-D", "--undefined-only", plugin)
    assert not re.search(r"nvinfer|getPluginRegistry|getLogger|lama_spectral", undefined)
    needed = output("ldd", plugin).splitlines()
    assert needed and all(ALLOWED_LIBRARIES.search(line) for line in needed), needed


def test_the_registering_library_finds_the_plugin_beside_it(registering: Path) -> None:
    headers = output("readelf", "-d", registering)
    assert "[liblama_tensorrt_plugin.so]" in headers and re.search(r"R(UN)?PATH.*\[\$ORIGIN\]", headers)


def test_the_registering_library_says_what_is_missing(registering: Path) -> None:
    loaded = python("-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", registering)
    assert loaded.stderr == "SpectralConv is not registered: no TensorRT is loaded in this process; load it first\n"


@pytest.mark.trt
def test_loading_registers(registering: Path) -> None:
    code = (
        "import ctypes, sys, tensorrt_rtx as trt; ctypes.CDLL(sys.argv[1]); "
        "print(trt.get_plugin_registry().get_creator('SpectralConv', '1', '').name)"
    )
    assert python("-c", code, registering).stdout == "SpectralConv\n"


@pytest.mark.trt
def test_a_second_registration_is_refused_and_does_no_harm(registering: Path, plugin: Path) -> None:
    code = (
        "import ctypes, sys, tensorrt_rtx as trt; ctypes.CDLL(sys.argv[1]); registry = trt.get_plugin_registry(); "
        "assert registry.load_library(sys.argv[2]) is None; "
        "print([creator.name for creator in registry.all_creators].count('SpectralConv'))"
    )
    assert python("-c", code, registering, plugin).stdout.splitlines()[-1] == "1"


@pytest.fixture(scope="module", params=[pytest.param("fp32", marks=pytest.mark.slow), "fp16"])
def built(
    request: pytest.FixtureRequest, plugin: Path, emulated_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What TensorRT-RTX said about a small generator, with the plugin and without, and with the one in Python."""
    folder = tmp_path_factory.mktemp(request.param)
    state = {key: tensor.numpy() for key, tensor in seeded_generator(CONFIG).state_dict().items()}
    model = onnx_from_state(CONFIG, state, spectral="function", io="uint8", precision=request.param)
    ask_for_backend(model, BACKENDS[request.param])
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    program = Path(__file__).with_name("plugin_engine.py")
    answer = python(program, plugin, folder / "model.onnx", emulated_library, library_path=folder)
    found = json.loads(answer.stdout)
    return {**found, "type": PRECISIONS[request.param], "backend": BACKENDS[request.param]}


def ask_for_backend(model: onnx.ModelProto, backend: int) -> None:
    for function in model.functions:
        function.attribute.extend(["backend"] if function.name == "SpectralConv" else [])
    for node in model.graph.node:
        if node.op_type == "SpectralConv":
            node.attribute.append(onnx.helper.make_attribute("backend", backend))


@pytest.mark.trt
def test_every_fourier_unit_is_a_plugin_layer(built: dict[str, Any]) -> None:
    assert built["errors"] == []
    assert built["plugin_layers"] == UNITS
    assert kinds(built["layers"])["custom_layer"] == UNITS * PROFILES
    assert kinds(built["inlined"])["custom_layer"] == 0
    assert len(built["layers"]) < len(built["inlined"])


@pytest.mark.trt
def test_no_transposes_surround_it(built: dict[str, Any]) -> None:
    """Its input and output are channels last, in the precision of the graph, as the convolutions' are."""
    for layer in built["layers"]:
        assert not re.match(r"Name: __myl_(Tran|Resh|Move)+_myl", layer), layer[:200]
        if "LayerType: custom_layer" in layer:
            inputs, outputs = layer.split("Outputs:")
            for tensors in (inputs, outputs):
                assert re.search(rf"\[1,48,-1,-1\].*?Datatype: {built['type']}, Format: \(NHWC\)", tensors), tensors


@pytest.mark.trt
def test_pictures_and_profiles_are_kept(built: dict[str, Any]) -> None:
    image, mask, result = built["tensors"]
    assert all("DataType: UInt8" in tensor for tensor in (image, mask, result))
    for shape in (
        "MinShape: [1,64,64,3]",
        "MaxShape: [1,512,512,3]",
        "MinShape: [1,128,128,3], OptShape: [1,512,512,3]",
    ):
        assert shape in image
    assert mask.count("MinShape") == PROFILES and "MaxShape: [1,1024,1024]" in mask


@pytest.mark.trt
def test_fields_are_read_back_out_of_the_engine(built: dict[str, Any]) -> None:
    """Type, count and value, as the node's attribute asked, of each unit; profiles may share them."""
    assert len(built["fields"]) in (UNITS, UNITS * PROFILES)
    assert all(field == [INT32, 1, built["backend"]] for field in built["fields"])


@pytest.mark.trt
def test_the_plugin_in_python_makes_the_same_engine(built: dict[str, Any]) -> None:
    """Layer by layer, formats and workspaces included, with fields that either plugin reads.

    But for the layer that lists shape tensors, which TensorRT takes in the order of addresses.
    """
    of_python, compiled = (
        [layer for layer in layers if "LayerType: ShapeHostToDevice" not in layer]
        for layers in (built["in_python"]["layers"], built["layers"])
    )
    assert of_python == compiled and len(compiled) == len(built["layers"]) - PROFILES
    assert built["in_python"]["fields"] == built["fields"]


@pytest.mark.trt
def test_fields_are_checked(built: dict[str, Any]) -> None:
    assert built["created"] == [True, True, True, False]
    assert built["refusal"] == "SpectralConv: field backend is 3; 0: automatic, 1: cuFFT, 2: tensor cores"


def kinds(layers: list[str]) -> Counter[str]:
    return Counter(layer.partition("LayerType: ")[2].split(",")[0] for layer in layers)


def output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def python(*arguments: str | Path, library_path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A Python of its own. library_path: a folder that gets the name by which RTX's parser opens its library.

    Version 1.7.1 ends the process without it, and its wheel only has libtensorrt_rtx.so.1.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    if library_path is not None:
        package = importlib.util.find_spec("tensorrt_rtx_libs")
        assert package is not None and package.submodule_search_locations
        wheel = Path(package.submodule_search_locations[0])
        (library_path / "libtensorrt_rtx.so").symlink_to(wheel / "libtensorrt_rtx.so.1")
        environment["LD_LIBRARY_PATH"] = str(library_path)
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done
