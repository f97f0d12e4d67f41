"""int8: what costs the picture too much is left out, spectral transforms are never touched."""

import json
from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession

from lama_deploy.bundle import MODELS, load_bundle
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.errors import BundleError, ParityError
from lama_deploy.model import seeded_generator
from lama_deploy.proof.labels import check_label
from lama_deploy.proof.summaries import quantisation_summary
from lama_deploy.proof.tolerance import LEAST_PSNR, tolerance_for, tolerance_of
from lama_deploy.runtime.backends.openvino_core import openvino_core
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, export_bundle
from lama_export.engine_options import EngineOptions, Profile
from lama_export.graph.model import onnx_from_state
from lama_export.options import Precision, Target
from lama_export.precision.int8_onnx import _centre
from lama_export.precision.sensitivity import SPECTRAL, choose, kind_of, psnr_in_holes
from lama_export.precision.tensorrt_form import with_biases_apart


def test_kinds_are_left_out_by_what_they_gain() -> None:
    gains = {"a": 1.0, "b": 6.0, "c": 3.0, "d": 0.5}
    asked = []

    def psnr(left_out: Collection[str]) -> float:
        asked.append(tuple(left_out))
        return LEAST_PSNR - 8 + sum(gains[kind] for kind in left_out)

    choice = choose("abcd", psnr, LEAST_PSNR)
    assert choice.left_out == ("b", "c") and choice.psnr == LEAST_PSNR + 1
    assert choice.psnr_of_all == LEAST_PSNR - 8 and choice.psnr_without["b"] == LEAST_PSNR - 2
    assert asked[-2:] == [("b",), ("b", "c")]


def test_nothing_is_left_out_without_need() -> None:
    assert choose("ab", lambda left_out: LEAST_PSNR, LEAST_PSNR).left_out == ()


def test_hopeless_quantisation_is_refused() -> None:
    with pytest.raises(ParityError, match="no kind of convolution keeps"):
        choose("ab", lambda left_out: 20.0, LEAST_PSNR)


def test_psnr_counts_holes_only() -> None:
    image, mask = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)
    mask[1, 1] = 1
    changed = image + np.uint8(255) * (1 - mask[..., None])
    assert psnr_in_holes([image], [changed], [(image, mask)]) == float("inf")
    changed[1, 1] = 255
    assert psnr_in_holes([image], [changed], [(image, mask)]) == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("generator/block03/conv1/l2g/WithoutBiases", "conv1/local"),
        ("generator/block18/conv2/l2l", "conv2/local"),
        ("generator/block01/conv2/g2l", "conv2/global"),
        ("generator/front_top/stem/conv", "stem"),
        ("generator/front/down3/l2g/WithoutBiases", "down3/local"),
        ("generator/up2/conv/WithoutBiases", "up2"),
        ("generator/block01/conv2/dilation8", "conv2"),
        ("generator/head/conv/WithoutBiases", "head"),
    ],
)
def test_kind_of(name: str, kind: str) -> None:
    assert kind_of(name) == kind


@pytest.mark.slow
@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_demo_model_in_int8(target: Target, demo_bundle: Callable[[Target, Precision], Path]) -> None:
    path = demo_bundle(target, "int8")
    bundle = load_bundle(path)
    found = bundle.quantisation
    assert bundle.parity["passed"] and tolerance_for(bundle) == tolerance_of("int8")
    assert bundle.parity["tolerance"] == json.loads(json.dumps(asdict(tolerance_of("int8"))))
    assert found["psnr"] >= LEAST_PSNR and found["calibration"]["images"] == 6
    assert set(found["left_out"]) < set(found["psnr_without"])
    quantised = quantised_convolutions(path / MODELS[target])
    assert quantised and not [name for name in quantised if SPECTRAL in name or kind_of(name) in found["left_out"]]
    assert {kind_of(name) for name in quantised} == set(found["psnr_without"]) - set(found["left_out"])
    for label in ("fp32", "fp16", "bf16"):
        with pytest.raises(BundleError, match=f"int8 by its weights and nodes, and bundle.json says {label}; export"):
            check_label(path, replace(bundle, precision=label))
    check_label(path, bundle)


def quantised_convolutions(model: Path) -> list[str]:
    """Names of those with 8-bit weights."""
    if model.suffix == ".xml":
        convolutions = [
            node for node in openvino_core().read_model(model).get_ordered_ops() if "Conv" in node.get_type_name()
        ]
        return [
            node.get_friendly_name()
            for node in convolutions
            if node.get_input_size() > 1 and node.input_value(1).get_node().get_type_name() == "Multiply"
        ]
    graph = onnx.load(model).graph
    made_by = {node.output[0]: node.op_type for node in graph.node}
    return [
        node.name for node in graph.node if node.op_type == "Conv" and made_by.get(node.input[1]) == "DequantizeLinear"
    ]


def test_a_shift_of_all_pixels_is_taken_out_of_the_last_bias() -> None:
    """Of each colour by itself, and by what the sigmoid makes of it."""
    config = GeneratorConfig(width=8, blocks=1)
    state = {key: value.numpy() for key, value in seeded_generator(config).state_dict().items()}
    model = onnx_from_state(config, state)
    before = head_biases(model)
    wanted, found = np.full((4, 4, 3), 127, np.uint8), np.full((4, 4, 3), 127, np.uint8)
    found[..., 0] += 2
    _centre(model, [wanted], [found], [(wanted, np.eye(4, dtype=np.uint8))])
    value = 127.5 / 256
    expected = np.repeat([2 / 255 / (value * (1 - value)), 0, 0], 4)
    assert before and all(np.allclose(before[name] - after, expected) for name, after in head_biases(model).items())


def head_biases(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    names = {node.input[2] for node in model.graph.node if node.op_type == "Conv" and "/head/" in node.name}
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    return {name: onnx.numpy_helper.to_array(tensors[name]) for name in names}


def symmetric(bias: float) -> onnx.ModelProto:
    """A convolution of one channel in float16 whose weight is 0.01, quantised as for TensorRT."""

    def half(name: str, *values: float) -> onnx.TensorProto:
        return onnx.numpy_helper.from_array(np.array(values, np.float16).reshape(() if len(values) == 1 else -1), name)

    nodes = [
        onnx.helper.make_node("QuantizeLinear", ["x", "x_scale", "zero"], ["x_q"]),
        onnx.helper.make_node("DequantizeLinear", ["x_q", "x_scale", "zero"], ["x_dq"]),
        onnx.helper.make_node("DequantizeLinear", ["w_q", "w_scale", "zero"], ["w"]),
        onnx.helper.make_node("Conv", ["x_dq", "w", "b"], ["sum"], name="conv"),
        onnx.helper.make_node("QuantizeLinear", ["sum", "y_scale", "zero"], ["y_q"]),
        onnx.helper.make_node("DequantizeLinear", ["y_q", "y_scale", "zero"], ["y"]),
    ]
    shape = [1, 1, 2, 2]
    graph = onnx.helper.make_graph(
        nodes,
        "convolution",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT16, shape)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT16, shape)],
        [
            half("x_scale", 1e-4),
            half("w_scale", 1e-4),
            half("y_scale", 0.01),
            onnx.numpy_helper.from_array(np.int8(0), "zero"),
            onnx.numpy_helper.from_array(np.full((1, 1, 1, 1), 100, np.int8), "w_q"),
            onnx.numpy_helper.from_array(np.array([bias], np.float16), "b"),
        ],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 19)], ir_version=9)


def test_onnx_runtime_leaves_biases_apart_alone() -> None:
    """In half precision it makes 0 of the scale of a bias, the product of two small ones."""
    x = np.full((1, 1, 2, 2), 0.005, np.float16)
    apart = with_biases_apart(symmetric(0.25))
    assert [node.op_type for node in apart.graph.node][3:5] == ["Conv", "Add"]
    named = {tensor.name for tensor in apart.graph.initializer}
    assert named == {"x_scale", "w_scale", "y_scale", "zero", "w_q", "b_map"}
    (found,) = InferenceSession(apart.SerializeToString()).run(None, {"x": x})
    assert np.allclose(found, 0.25, atol=0.01)


@pytest.mark.trt
@pytest.mark.slow
def test_demo_model_in_int8_for_tensorrt(tmp_path: Path) -> None:
    """Convolutions of 8 bits, the rest in half precision, as the file says and as TensorRT-RTX builds it."""
    engine = EngineOptions(profiles=[Profile.parse("64:256:512")])
    options = ExportOptions(target="trt-rtx", precision="int8", spectral="inline", engine=engine, memory=False)
    export_bundle(load_weights("lama-demo"), tmp_path / "bundle", options)
    bundle = load_bundle(tmp_path / "bundle")
    model = onnx.load(tmp_path / "bundle" / "model.onnx")
    quantised = quantised_convolutions(tmp_path / "bundle" / "model.onnx")
    assert bundle.parity["passed"] and bundle.quantisation["psnr"] >= LEAST_PSNR and bundle.ranges
    assert " against float16; left out: " in quantisation_summary(bundle.quantisation)
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    points = [node.input[2] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    zeros = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert points and all(types[name] == onnx.TensorProto.INT8 and not zeros[name].any() for name in points)
    floats = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}
    weights = [node.input[1] for node in model.graph.node if node.op_type == "Conv" and node.name not in quantised]
    assert {types[name] for name in weights} & floats == {onnx.TensorProto.FLOAT16}
    assert bundle.engine["checked"] is True and len(quantised) > 30
    check_label(tmp_path / "bundle", bundle)
