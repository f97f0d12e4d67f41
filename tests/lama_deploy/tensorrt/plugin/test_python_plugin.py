"""The plugin in Python: TensorRT's calls, in its order, with TensorRT-RTX's objects and kernels that run on the CPU.

Engines that are built with it are in tests/kernels/test_plugin.py and tests/lama_export/tensorrt/test_plugin.py.
"""

import inspect
import logging
import re
import subprocess
import sys
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from lama_deploy.errors import EngineError, KernelError
from lama_deploy.native.library import Description, SpectralLibrary
from lama_deploy.spectral import spectral_conv_reference
from lama_deploy.tensorrt.modules import open_tensorrt
from lama_deploy.tensorrt.plugin.python_plugin import (
    SpectralConv,
    _warn_of_another_way,
    creator_of,
    plugin_class,
    register_python_plugin,
)
from tests.lama_deploy.native.unit_tolerance import assert_within_tolerance, unit_parameters

pytestmark = pytest.mark.trt
INPUTS = 8  # x, weight, bias and five matrices
TYPES = {torch.float32: "FLOAT", torch.float16: "HALF", torch.bfloat16: "BF16"}
FORMATS = {"FLOAT": ("LINEAR", "HWC"), "HALF": ("LINEAR", "HWC", "HWC8"), "BF16": ("LINEAR", "HWC", "HWC8")}
COMBINATIONS = [(dtype, name) for dtype, type_ in TYPES.items() for name in FORMATS[type_]]
LARGEST = (2, 8, 13, 11)


@pytest.fixture(scope="module")
def trt() -> Any:
    return open_tensorrt("trt-rtx")


@pytest.fixture(scope="module")
def library(emulated_library: Path) -> SpectralLibrary:
    return SpectralLibrary(emulated_library)


@pytest.fixture(scope="module")
def creator(trt: Any, library: SpectralLibrary) -> Any:
    return creator_of(trt, plugin_class(trt, library, lambda: 0))


def create(trt: Any, creator: Any, *fields: Any) -> Any:
    return creator.create_plugin("unit", trt.PluginFieldCollection(fields), trt.TensorRTPhase.BUILD)


def backend(trt: Any, *values: int, dtype: type = np.int32, kind: str = "INT32") -> Any:
    return trt.PluginField("backend", np.array(values, dtype), getattr(trt.PluginFieldType, kind))


def value_of(plugin: Any) -> list[tuple[str, Any, list[int]]]:
    return [(field.name, field.type, list(field.data)) for field in plugin.get_fields_to_serialize()]


def tensors(trt: Any, channels: int, type_: str, format_: str) -> list[Any]:
    """The node's tensors, inputs and then y, with x between 1 x C x 1 x 1 and LARGEST."""
    found = [trt.DynamicPluginTensorDesc() for _ in range(INPUTS + 1)]
    for one in found:
        one.desc = plain(trt, (), type_, "LINEAR")
    for index in (0, INPUTS):
        found[index].desc = plain(trt, (-1, channels, -1, -1), type_, format_)
        found[index].min, found[index].max = (1, channels, 1, 1), (LARGEST[0], channels, *LARGEST[2:])
    found[1].desc = plain(trt, (2 * channels, 2 * channels, 1, 1), type_, "LINEAR")
    found[2].desc = plain(trt, (2 * channels,), type_, "LINEAR")
    return found


def plain(trt: Any, dims: Sequence[int], type_: str, format_: str) -> Any:
    desc = trt.PluginTensorDesc()
    desc.dims, desc.type, desc.format = dims, getattr(trt.DataType, type_), getattr(trt.TensorFormat, format_)
    return desc


def check_run(trt: Any, context: Any, shape: tuple[int, ...], dtype: torch.dtype, format_: str, seed: int = 0) -> None:
    """One run against float64. The workspace is as large as the plugin asked for, and deliberately not aligned."""
    memory = torch.contiguous_format if format_ == "LINEAR" else torch.channels_last
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=random).to(dtype).contiguous(memory_format=memory)
    weight, bias = unit_parameters(shape[1], dtype, seed=seed)
    y = torch.full_like(x, torch.nan)
    descs = [one.desc for one in tensors(trt, shape[1], TYPES[dtype], format_)]
    descs[0].dims = shape
    asked = context.get_workspace_size(tensors(trt, shape[1], TYPES[dtype], format_), [])
    workspace = torch.empty(asked + 1, dtype=torch.uint8)
    inputs = [x.data_ptr(), weight.data_ptr(), bias.data_ptr(), *[0] * (INPUTS - 3)]
    context.on_shape_change(descs[:INPUTS], descs[INPUTS:])
    context.enqueue(descs[:INPUTS], descs[INPUTS:], inputs, [y.data_ptr()], workspace.data_ptr() + 1, 0)
    assert_within_tolerance(y, exact(x, weight, bias))


def exact(*tensors: Tensor) -> Tensor:
    return torch.from_numpy(spectral_conv_reference(*(tensor.double().numpy() for tensor in tensors)))


@pytest.mark.parametrize(("dtype", "format_"), COMBINATIONS)
@pytest.mark.parametrize("shape", [(1, 8, 5, 7), (2, 8, 4, 6), LARGEST, (1, 8, 1, 1)])
def test_a_run_is_the_definition(
    trt: Any, creator: Any, shape: tuple[int, ...], dtype: torch.dtype, format_: str
) -> None:
    engine = create(trt, creator)
    check_run(trt, engine.attach_to_context(None), shape, dtype, format_)


@pytest.mark.parametrize("number", [1, 2])
def test_a_named_backend_runs(trt: Any, creator: Any, number: int) -> None:
    check_run(trt, create(trt, creator, backend(trt, number)).clone(), (2, 16, 7, 10), torch.float16, "HWC8")


@pytest.fixture(scope="module")
def timing(trt: Any) -> Any:
    """TensorRT's module, as far as the plugin can tell."""
    return SimpleNamespace(**{name: getattr(trt, name) for name in dir(trt)} | {"__name__": "tensorrt"})


def tactics_of(trt: Any, plugin: Any, channels: int, type_: str, longest: int = 30) -> list[int]:
    found = tensors(trt, channels, type_, "LINEAR")
    found[0].opt, found[0].max = (1, channels, 8, 12), (2, channels, 20, longest)
    plugin.configure_plugin(found[:INPUTS], found[INPUTS:])
    offered: list[int] = plugin.get_valid_tactics()
    return offered


def test_tactics_are_what_computes_the_whole_profile(
    timing: Any, trt: Any, library: SpectralLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NvInferRuntime.h, IPluginV3OneBuild::getValidTactics: unique, none of them 0, of the last configurePlugin."""
    kinds = plugin_class(timing, library, lambda: 0)
    plugin = kinds(0)
    assert plugin.get_valid_tactics() == []
    assert tactics_of(timing, plugin, 16, "HALF") == [1, 2]
    assert tactics_of(timing, plugin, 16, "FLOAT") == tactics_of(timing, plugin, 12, "HALF") == [1]
    assert tactics_of(timing, plugin, 16, "BF16", 1200) == [1]
    assert tactics_of(timing, kinds(2), 16, "HALF") == []
    assert tactics_of(trt, plugin_class(trt, library, lambda: 0)(0), 16, "HALF") == [], "TensorRT-RTX times nothing"
    for variable, value, left in (("CAPABILITY", "75", [1]), ("WITHOUT", "cufft", [2]), ("WITHOUT", "device", [])):
        with monkeypatch.context() as patched:
            patched.setenv(f"LAMA_EMULATION_{variable}", value)
            assert tactics_of(timing, plugin_class(timing, library, lambda: 0)(0), 16, "HALF") == left


@pytest.mark.parametrize("tactic", [0, 1, 2])
def test_a_tactic_runs_in_contexts_too(trt: Any, creator: Any, tactic: int) -> None:
    engine = create(trt, creator)
    engine.set_tactic(tactic)
    context = engine.attach_to_context(None)
    check_run(trt, context, (2, 16, 7, 10), torch.float16, "HWC8")
    assert {plan.backend for plan in context._plans._held.values()} == {("tensor_core", "cufft", "tensor_core")[tactic]}


def test_a_tactic_after_a_shape_is_prepared_at_once(trt: Any, creator: Any) -> None:
    plugin = create(trt, creator)
    check_run(trt, plugin, (1, 8, 5, 7), torch.float16, "HWC")
    plugin.set_tactic(1)
    assert [plan.backend for plan in plugin._plans._held.values()] == ["tensor_core", "cufft"]
    with pytest.raises(KernelError, match="tactic 3 is none of"):
        plugin.set_tactic(3)


def test_a_tactic_whose_library_is_missing(
    trt: Any, library: SpectralLibrary, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The engine has travelled: where the node left the choice, the other one computes what it takes; said once."""
    first, plugin = (plugin_class(trt, library, lambda: 0)(0) for _ in range(2))
    _warn_of_another_way.cache_clear()
    monkeypatch.setenv("LAMA_EMULATION_WITHOUT", "cufft")
    for one in (first, plugin):
        one.set_tactic(1)
        check_run(trt, one, (2, 16, 7, 10), torch.float16, "HWC8")
    said = [record.message for record in caplog.records if "another way" in record.message]
    assert len(said) == 1 and "may be slower here: " in said[0] and "libcufft" in said[0]
    assert {plan.backend for plan in plugin._plans._held.values()} == {"tensor_core"}
    with pytest.raises(KernelError, match="cufft"):
        check_run(trt, plugin, (2, 16, 7, 10), torch.float32, "HWC")


def test_timings_are_kept_apart(trt: Any, creator: Any) -> None:
    plugins = [create(trt, creator, backend(trt, number)) for number in range(3)]
    assert len({plugin.timing_cache_id for plugin in plugins}) == 3
    assert plugins[1].clone().timing_cache_id == plugins[1].timing_cache_id


def test_threads_with_contexts_of_their_own(trt: Any, creator: Any) -> None:
    """Of one engine, in shapes of this thread and of others'."""
    engine = create(trt, creator)

    def run(thread: int) -> None:
        context = engine.attach_to_context(None)
        for step in range(6):
            dtype, format_ = COMBINATIONS[(thread + step) % len(COMBINATIONS)]
            check_run(trt, context, (1, 8, 3 + step % 3, 5 + (thread + step) % 4), dtype, format_, 10 * thread + step)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))


def test_what_a_context_held_goes_with_it(trt: Any, library: SpectralLibrary) -> None:
    """Though Python must keep the object."""
    plugin = plugin_class(trt, library, lambda: 0)(0)
    check_run(trt, plugin, (1, 8, 5, 7), torch.float32, "HWC")
    (plan,) = map(weakref.ref, plugin._plans._held.values())
    plugin.destroy()
    assert plan() is None
    kept = weakref.ref(plugin)
    del plugin
    assert kept() is not None


def test_callbacks_take_what_the_bindings_document(trt: Any) -> None:
    """Those of a run are not called without a GPU, except here."""
    found = {}
    for interface in (trt.IPluginV3, trt.IPluginV3OneBuild, trt.IPluginV3OneRuntime):
        for name in vars(interface).keys() & vars(SpectralConv).keys():
            documented = getattr(interface, name).__doc__
            if not name.startswith("_") and documented:
                found[name] = len(re.findall(r"[(,] ?\w+: ", documented.splitlines()[0]))
    assert {"clone", "destroy", "attach_to_context", "on_shape_change", "enqueue"} <= found.keys() and len(found) >= 13
    assert found == {name: len(inspect.signature(getattr(SpectralConv, name)).parameters) for name in found}


def test_fields_survive(trt: Any, creator: Any) -> None:
    int32 = trt.PluginFieldType.INT32
    assert value_of(create(trt, creator)) == [("backend", int32, [0])]
    plugin = create(trt, creator, trt.PluginField("other", np.zeros(3), trt.PluginFieldType.FLOAT64), backend(trt, 2))
    fields = plugin.clone().get_fields_to_serialize()
    del plugin
    assert [np.full(1, 7, np.int32) for _ in range(100)]  # in memory that is free by now
    restored = creator.create_plugin("unit", fields, trt.TensorRTPhase.RUNTIME)
    assert value_of(restored) == value_of(restored.attach_to_context(None)) == [("backend", int32, [2])]
    assert value_of(creator.create_plugin("unit", None, trt.TensorRTPhase.BUILD)) == [("backend", int32, [0])]


def test_refused_fields_are_one_line_in_the_log(trt: Any, creator: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert create(trt, creator, backend(trt, 3)) is None and create(trt, creator, backend(trt, -1)) is None
        assert create(trt, creator, backend(trt, 1, 1)) is None
        assert create(trt, creator, backend(trt, 1, dtype=np.int64, kind="INT64")) is None
    assert caplog.messages == [
        "SpectralConv: field backend is 3; 0: automatic, 1: cuFFT, 2: tensor cores",
        "SpectralConv: field backend is -1; 0: automatic, 1: cuFFT, 2: tensor cores",
        *["SpectralConv: field backend is not one int32"] * 2,
    ]


def offered(trt: Any, plugin: Any, channels: int, type_: str, format_: str) -> bool:
    asked = tensors(trt, channels, type_, format_)
    asked[5].desc = plain(trt, (4, 4), "INT32", "LINEAR")  # a matrix, in whatever type
    return all(plugin.supports_format_combination(place, asked, INPUTS) for place in range(INPUTS + 1))


def test_formats_of_tensorrt(trt: Any, library: SpectralLibrary) -> None:
    """Its bindings have the same names as TensorRT-RTX's."""
    plugin = plugin_class(SimpleNamespace(**{**vars(trt), "__name__": "tensorrt"}), library, lambda: 0)(0)
    for type_, formats in FORMATS.items():
        assert all(offered(trt, plugin, 16, type_, format_) for format_ in formats)
        taken = [format_ for format_ in trt.TensorFormat.__members__ if offered(trt, plugin, 12, type_, format_)]
        assert sorted(taken) == ["HWC", "LINEAR"]  # HWC8 pads 12 channels
    assert not offered(trt, plugin, 16, "FLOAT", "HWC8")
    assert not offered(trt, plugin, 16, "INT32", "LINEAR") and not offered(trt, plugin, 16, "INT8", "HWC")


def test_formats_of_rtx(trt: Any, creator: Any) -> None:
    """It takes the first, so it has no choice."""
    for type_, only in {"FLOAT": "HWC", "HALF": "HWC", "BF16": "LINEAR"}.items():
        taken = [name for name in trt.TensorFormat.__members__ if offered(trt, create(trt, creator), 16, type_, name)]
        assert taken == [only]


def test_tensors_that_do_not_fit_each_other(trt: Any, creator: Any) -> None:
    plugin, asked = create(trt, creator), tensors(trt, 16, "HALF", "HWC")
    asked[1].desc = plain(trt, (32, 32, 1, 1), "FLOAT", "LINEAR")
    asked[2].desc = plain(trt, (32,), "HALF", "HWC")
    asked[INPUTS].desc = plain(trt, (-1, 16, -1, -1), "HALF", "LINEAR")
    refused = [place for place in range(INPUTS + 1) if not plugin.supports_format_combination(place, asked, INPUTS)]
    assert refused == [1, 2, INPUTS]
    asked[0].desc = plain(trt, (16, -1, -1), "HALF", "HWC")
    assert not plugin.supports_format_combination(0, asked, INPUTS)
    assert not plugin.supports_format_combination(0, asked[:3], 2)


def test_y_is_like_x(trt: Any, creator: Any) -> None:
    plugin, types = create(trt, creator), trt.DataType
    assert plugin.num_outputs == 1
    assert plugin.get_output_data_types([types.BF16, *[types.FLOAT] * 7]) == [types.BF16]
    assert plugin.get_output_shapes(["x", "weight", "bias"], [], None) == ["x"]
    with pytest.raises(KernelError, match="takes x, weight, bias; the node has 2 inputs"):
        plugin.get_output_data_types([types.BF16, types.BF16])


def test_workspace_is_the_profile_s_with_room_to_align_it(trt: Any, creator: Any, library: SpectralLibrary) -> None:
    plugin, asked = create(trt, creator, backend(trt, 1)), tensors(trt, 16, "HALF", "HWC8")
    plugin.configure_plugin(asked[:INPUTS], asked[INPUTS:])
    ends = [Description(*dims, "float16", "nhwc", "cufft") for dims in ((1, 16, 1, 1), (2, 16, *LARGEST[2:]))]
    assert plugin.get_workspace_size(asked[:INPUTS], asked[INPUTS:]) == library.workspace_size_range(*ends) + 255


def test_what_does_not_fit_is_refused_with_a_line(trt: Any, creator: Any, caplog: pytest.LogCaptureFixture) -> None:
    plugin = create(trt, creator)

    def refused(index: int, dims: Sequence[int], words: str) -> None:
        asked = tensors(trt, 16, "FLOAT", "HWC")
        asked[index].desc.dims = dims
        asked[index].max = dims if index == 0 else asked[index].max
        with caplog.at_level(logging.ERROR), pytest.raises(KernelError, match=words):
            plugin.configure_plugin(asked[:INPUTS], asked[INPUTS:])

    refused(1, (16, 32, 1, 1), "x has 16 channels; then weight is 32 x 32 x 1 x 1 and bias has 32")
    refused(2, (16,), "x has 16 channels")
    refused(0, (1, 16, 2**15, 2**15), "2\\^31 elements")
    refused(0, (1, 16, 8), "x has 3 dimensions, not 4")
    assert len(caplog.messages) == 4 and all(line.startswith("SpectralConv: ") for line in caplog.messages)
    with pytest.raises(KernelError, match="x is INT8 in the format LINEAR, which were not offered"):
        plugin.on_shape_change([plain(trt, (1, 8, 4, 4), "INT8", "LINEAR")], [])


def test_a_second_registration_is_refused(trt: Any, library: SpectralLibrary) -> None:
    registry = trt.get_plugin_registry()
    register_python_plugin(trt, library)
    try:
        with pytest.raises(EngineError, match="a SpectralConv is registered in this process already"):
            register_python_plugin(trt, library)
    finally:
        assert registry.deregister_creator(registry.get_creator("SpectralConv", "1", ""))


REFUSED_BUILD = """
import sys
from pathlib import Path
from types import SimpleNamespace
import tensorrt_rtx as trt
from lama_deploy.errors import KernelError
from lama_deploy.tensorrt.plugin.python_plugin import register_python_plugin
from lama_deploy.tensorrt.plugin.rtx_name import make_rtx_name_known
assert "torch" not in sys.modules

def refuse(smallest, largest):
    raise KernelError("the profile is too large")

make_rtx_name_known()
register_python_plugin(trt, SimpleNamespace(workspace_size_range=refuse, path=sys.argv[1]))
builder = trt.Builder(trt.Logger(trt.Logger.INTERNAL_ERROR))
for _ in range(3):
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, builder.logger)
    parser.set_flag(trt.OnnxParserFlag.ENABLE_PLUGIN_OVERRIDE)
    assert parser.parse_from_file(sys.argv[1]), parser.get_error(0).desc()
    print(builder.build_serialized_network(network, builder.create_builder_config()))
print("alive")
"""


def test_a_refusal_fails_the_build_and_not_the_process(tmp_path: Path) -> None:
    """The bindings would free such plugins twice, which shows with several; nothing of torch is needed on the way."""
    write_units(tmp_path / "units.onnx", count=8)
    command = [sys.executable, "-c", REFUSED_BUILD, str(tmp_path / "units.onnx")]
    done = subprocess.run(command, cwd=Path(__file__).parents[4], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.split() == ["None"] * 3 + ["alive"], done.stderr
    assert done.stderr.splitlines().count("SpectralConv: the profile is too large") == 3


def write_units(path: Path, count: int) -> None:
    """Fourier units in a row, of 8 channels, 4 x 6."""
    weight, bias = (tensor.numpy() for tensor in unit_parameters(8, torch.float32))
    nodes = [
        helper.make_node("SpectralConv", [f"x{i}", "weight", "bias"], [f"x{i + 1}"], domain="lama.deploy")
        for i in range(count)
    ]
    graph = helper.make_graph(
        nodes,
        "units",
        *([helper.make_tensor_value_info(x, onnx.TensorProto.FLOAT, [1, 8, 4, 6])] for x in ("x0", f"x{count}")),
        [numpy_helper.from_array(weight[..., None, None], "weight"), numpy_helper.from_array(bias, "bias")],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("lama.deploy", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
