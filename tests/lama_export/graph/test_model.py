"""The written graph: one file, valid, readable, dynamic, with the Fourier units as nodes or as asked."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from lama_deploy.checkpoints.topology import layers
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.model import onnx_from_state
from tests.scaled_generators import CONFIGS, state_of

CONFIG = GeneratorConfig(width=8, blocks=2)
DFT_OPS = 4  # per Fourier unit


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    return {key: tensor.numpy() for key, tensor in seeded_generator(CONFIG, seed=2).state_dict().items()}


def test_function_form_has_one_node_a_fourier_unit(state: dict[str, np.ndarray]) -> None:
    model = onnx_from_state(CONFIG, state, spectral="function")
    ops = Counter((node.domain, node.op_type) for node in model.graph.node)
    assert ops["lama.deploy", "SpectralConv"] == 2 * CONFIG.blocks
    assert ops["lama.deploy", "DftMatrices"] == 1  # once per inference, shared by all units
    assert {function.name for function in model.functions} == {"SpectralConv", "DftMatrices"}
    assert ops["", "BatchNormalization"] == 0
    assert next(o.version for o in model.opset_import if o.domain == "") == 13


@pytest.mark.parametrize(("spectral", "dft_nodes"), [("inline", 0), ("dft", DFT_OPS * 2 * CONFIG.blocks)])
def test_other_forms_use_standard_operators_alone(state: dict[str, np.ndarray], spectral: str, dft_nodes: int) -> None:
    model = onnx_from_state(CONFIG, state, spectral=spectral)  # type: ignore[arg-type]
    assert not model.functions
    assert [opset.domain for opset in model.opset_import] == [""]
    assert sum(node.op_type == "DFT" for node in model.graph.node) == dft_nodes


def test_forms_agree(state: dict[str, np.ndarray]) -> None:
    images, masks = scene(43, 75)
    feeds = {
        "image": (images / 255).astype(np.float32).transpose(0, 3, 1, 2),
        "mask": masks[:, None].astype(np.float32),
    }
    results = []
    for spectral in ("function", "inline", "dft"):
        model = onnx_from_state(CONFIG, state, io="float", spectral=spectral)  # type: ignore[arg-type]
        results.append(ort.InferenceSession(model.SerializeToString()).run(None, feeds)[0])
    assert results[0].std() > 0.1
    np.testing.assert_allclose(results[1], results[0], atol=1e-6)
    np.testing.assert_allclose(results[2], results[0], atol=1e-3)


@pytest.mark.parametrize("io", ["uint8", "float"])
def test_interface_is_dynamic_and_named(state: dict[str, np.ndarray], io: str) -> None:
    model = onnx_from_state(CONFIG, state, io=io)  # type: ignore[arg-type]
    shapes = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input}
    expected = {
        "uint8": {"image": ["N", "H", "W", 3], "mask": ["N", "H", "W"]},
        "float": {"image": ["N", 3, "H", "W"], "mask": ["N", 1, "H", "W"]},
    }
    assert shapes == expected[io]
    assert [value.name for value in model.graph.output] == ["result"]


def test_names_are_unique_and_readable(state: dict[str, np.ndarray]) -> None:
    for spectral in ("function", "inline", "dft"):
        model = onnx_from_state(CONFIG, state, spectral=spectral)  # type: ignore[arg-type]
        names = [node.name for node in model.graph.node]
        assert len(set(names)) == len(names) and all(names)
    model = onnx_from_state(CONFIG, state)
    names = [node.name for node in model.graph.node]
    assert "generator/block01/conv2/g2g/fourier_unit" in names
    assert "model.5.conv1.ffc.convg2g.fu.conv_layer.weight" in {tensor.name for tensor in model.graph.initializer}


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_convolutions_have_the_names_and_weights_of_the_table(config: GeneratorConfig) -> None:
    model = onnx_from_state(config, state_of(config), spectral="function")
    nodes = {node.name.replace("/front/", "/"): node for node in model.graph.node}
    for layer in layers(config):
        assert f"{layer.conv}.weight" in nodes[f"generator/{layer.name}"].input


def test_shape_inference_reaches_the_result(state: dict[str, np.ndarray]) -> None:
    model = onnx.shape_inference.infer_shapes(onnx_from_state(CONFIG, state), strict_mode=True, data_prop=True)
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    assert kinds["generator/head/sigmoid"] == onnx.TensorProto.FLOAT


def test_float_interface_survives_nan_in_the_hole(state: dict[str, np.ndarray]) -> None:
    session = ort.InferenceSession(onnx_from_state(CONFIG, state, io="float").SerializeToString())
    image, mask = (
        np.random.default_rng(0).random((1, 3, 24, 40), dtype=np.float32),
        np.zeros((1, 1, 24, 40), np.float32),
    )
    mask[..., 4:12, 9:31] = 0.1
    clean = session.run(None, {"image": image, "mask": mask})[0]
    image[..., 4:12, 9:31] = np.nan
    np.testing.assert_array_equal(session.run(None, {"image": image, "mask": mask})[0], clean)
