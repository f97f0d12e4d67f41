"""The decoder's window: what it holds, for every generator, and that nothing changes inside holes, to the bit."""

from functools import cache
from itertools import product

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from lama_deploy.checkpoints.topology import topology
from lama_deploy.images.scenes import scene
from lama_deploy.proof.rounded_backend import simulate_half
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.builder import OPSET, GraphBuilder
from lama_export.graph.generator import decode
from lama_export.graph.layers import Layers
from lama_export.graph.model import onnx_from_state
from lama_export.graph.window import cut, hole_window, put_back
from tests.scaled_generators import CONFIGS, KINDS, state_of

SMALL = GeneratorConfig(width=4, blocks=1)
DEPTHS = [GeneratorConfig(width=2, blocks=1, downsamplings=n) for n in (1, 2, 3, 4, 5)]
Box = tuple[int, int, int, int]  # top, left, bottom, right
HOLES: dict[str, list[Box]] = {
    "none": [],
    "one pixel": [(17, 22, 18, 23)],
    "top left": [(0, 0, 1, 1)],
    "top right": [(0, 36, 3, 37)],
    "bottom left": [(28, 0, 29, 2)],
    "bottom right": [(28, 36, 29, 37)],
    "left edge": [(8, 0, 16, 8)],
    "lower edge": [(20, 9, 29, 17)],
    "two": [(3, 4, 5, 6), (20, 12, 22, 13)],
    "all": [(0, 0, 29, 37)],
}


def built(g: GraphBuilder, inputs: dict[str, list[int | str]], outputs: list[str], dtype: int) -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(name, dtype, dims) for name, dims in inputs.items()]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph(g.nodes, "part", values, results, list(g.initializers.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def cells_read(config: GeneratorConfig, first: int, last: int, cells: int) -> tuple[int, int]:
    """(start, end) of the latent's cells that pixels from `first` to `last` depend on, layer by layer of the table."""
    table = topology(config)
    reach = table.head.padding
    low, high = max(0, first - reach), min(cells * config.multiple - 1, last + reach)
    for up in reversed(table.ups):
        (layer,) = up.layers
        assert layer.transposed and (layer.kernel, layer.stride) == (3, 2)
        # Output o reads input i where o = stride * i - padding + tap.
        low, high = -((layer.kernel - 1 - low - layer.padding) // layer.stride), (high + layer.padding) // layer.stride
    return max(0, low), min(cells, high + 1)


@pytest.mark.parametrize("config", [*DEPTHS, *CONFIGS], ids=lambda one: f"{one.kind}-{one.downsamplings}")
def test_it_holds_what_holes_depend_on_and_little_else(config: GeneratorConfig) -> None:
    g = GraphBuilder()
    window = hole_window(g, config, "x")
    model = built(g, {"x": [1, 4, "H", "W"]}, [window.starts, window.ends, window.pads], TensorProto.FLOAT)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    cells = 3 * max(1, config.minimum_size // config.multiple)
    side, least = cells * config.multiple, -(-min(16, config.minimum_size) // config.multiple)
    drawn = np.random.default_rng(0).integers(0, side, (60, 2))
    for first, last in [(0, 0), (side - 1, side - 1), (0, side - 1), *np.sort(drawn, axis=1).tolist()]:
        x = np.zeros((1, 4, side, side), np.float32)
        x[0, 3, first, side - 1 - last] = x[0, 3, last, side - 1 - first] = 1
        starts, ends, pads = session.run(None, {"x": x})
        for axis, bounds in enumerate([(first, last), (side - 1 - last, side - 1 - first)]):
            low, high = cells_read(config, *bounds, cells)
            start, end = int(starts[axis]), int(ends[axis])
            assert 0 <= start <= low and high <= end <= cells
            assert end - start == max(high - low, least), (bounds, start, end)
            assert [pads[2 + axis], side - pads[6 + axis]] == [start * config.multiple, end * config.multiple]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the sigmoid behind such sums, which is not looked at
@pytest.mark.parametrize("config", DEPTHS[:3], ids=lambda one: f"{one.kind}-{one.downsamplings}")
def test_in_float64_it_is_the_same_to_the_bit(config: GeneratorConfig) -> None:
    """With whole numbers as weights, whose sums are exact in any order, by the standard's own reference."""
    random = np.random.default_rng(4)
    state = {
        key: np.asarray(random.integers(-2, 3, value.shape), np.float64) for key, value in state_of(config).items()
    }
    state = {key: np.full_like(value, 1 - 1e-5) if "running_var" in key else value for key, value in state.items()}
    g = GraphBuilder(np.float64)
    layers = Layers(g, config, state)
    window = hole_window(g, config, "x")
    decode(layers, "latent")
    whole = [node.output[0] for node in g.nodes if node.op_type == "DepthToSpace"][-1]
    decode(layers, cut(g, "latent", window))
    part = [node.output[0] for node in g.nodes if node.op_type == "DepthToSpace"][-1]
    outputs = [whole, put_back(g, part, window)]
    model = built(g, {"latent": ["N", "C", "h", "w"], "x": ["N", 4, "H", "W"]}, outputs, TensorProto.DOUBLE)
    cells = max(5, 2 * (config.minimum_size // config.multiple))
    latent = random.integers(0, 4, (1, config.latent_channels, cells, cells)).astype(np.float64)
    evaluator = ReferenceEvaluator(model)
    side = cells * config.multiple
    for top, left in product((0, side // 2, side - 1), repeat=2):
        x = np.zeros((1, 4, side, side))
        x[0, 3, top, left] = 1
        wanted, found = evaluator.run(None, {"latent": latent, "x": x})
        assert np.abs(wanted).max() < 2**52 and wanted.std() > 1
        np.testing.assert_array_equal(found[..., top, left], wanted[..., top, left])


@cache
def session_of(config: GeneratorConfig, decoder: str, **options: str) -> ort.InferenceSession:
    model = onnx_from_state(config, state_of(config), decoder=decoder, **options)  # type: ignore[arg-type]
    if options.get("precision", "fp32") != "fp32":
        model = simulate_half(model)
    settings = ort.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = 1, 3
    return ort.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])


def assert_same(config: GeneratorConfig, feeds: dict[str, np.ndarray], least: float, **options: str) -> None:
    """Inside holes to `least`, elsewhere to the bit."""
    whole, hole = (session_of(config, decoder, **options).run(None, feeds)[0] for decoder in ("whole", "hole"))
    assert hole.shape == whole.shape and hole.dtype == whole.dtype
    np.testing.assert_allclose(hole.astype(float), whole, rtol=0, atol=least)


@KINDS
@pytest.mark.parametrize("holes", HOLES)
def test_holes_are_filled_the_same(config: GeneratorConfig, holes: str) -> None:
    """Two pictures of odd sizes, of which the second alone has holes."""
    image = np.random.default_rng(3).random((2, 3, 29, 37), dtype=np.float32)
    mask = np.zeros((2, 1, 29, 37), np.float32)
    for top, left, bottom, right in HOLES[holes]:
        mask[1, :, top:bottom, left:right] = 1
    assert_same(config, {"image": image, "mask": mask}, 1e-6, io="float")
    if holes == "none":
        result = session_of(config, "hole", io="float").run(None, {"image": image, "mask": mask})[0]
        np.testing.assert_array_equal(result, image)


@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({}, 1),  # a grey level, where rounding meets an edge
        ({"spectral": "inline"}, 1),
        ({"spectral": "dft", "io": "float"}, 1e-6),
        ({"precision": "fp16", "io": "float"}, 1e-3),
        ({"precision": "bf16", "io": "float"}, 1e-2),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [(1, 1), (5, 60), (61, 47)])
def test_in_every_form(options: dict[str, str], least: float, size: tuple[int, int]) -> None:
    images, masks = scene(*size)
    feeds = {"image": images, "mask": masks}
    if options.get("io") == "float":
        unit = (images / np.float32(255)).transpose(0, 3, 1, 2)
        feeds = {"image": unit, "mask": masks[:, None].astype(np.float32)}
    assert_same(SMALL, feeds, least, **options)


def test_less_is_computed() -> None:
    """The values between the trunk and the result are as large as the window asks for."""
    model = onnx_from_state(SMALL, state_of(SMALL), decoder="hole", io="float")
    model.graph.output.append(helper.make_empty_tensor_value_info("generator/head/sigmoid"))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    mask = np.zeros((1, 1, 128, 160), np.float32)
    mask[..., 60:70, 100:105] = 1
    _, computed = session.run(None, {"image": np.zeros((1, 3, 128, 160), np.float32), "mask": mask})
    assert computed.shape == (1, 3, 24, 24)  # rows 57 to 72 and columns 97 to 107, in whole cells


def test_shape_inference_reaches_the_result() -> None:
    model = onnx_from_state(SMALL, state_of(SMALL), decoder="hole")
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    assert kinds["generator/window/put_back"] == TensorProto.FLOAT
