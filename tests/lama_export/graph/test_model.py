"""The written graph: one file, valid, readable, dynamic, with the Fourier units as nodes or as asked."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from lama_deploy.checkpoints.topology import layers
from lama_deploy.errors import ConfigError
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.model import onnx_from_state
from lama_export.graph.opsets import GraphPrecision, Spectral
from lama_export.graph.picture import Interface
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


@pytest.mark.parametrize("spectral", ["function", "inline", "dft"])
@pytest.mark.parametrize("io", ["uint8", "float"])
def test_no_shape_has_a_start_or_an_end(state: dict[str, np.ndarray], spectral: Spectral, io: Interface) -> None:
    """graphsurgeon 0.6.1 folds one as if it had none, and of the float interface the result is a wrong picture."""
    model = onnx_from_state(CONFIG, state, spectral=spectral, io=io, decoder="hole")
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    shapes = [node for node in nodes if node.op_type == "Shape"]
    assert shapes and not any(node.attribute for node in shapes)
    assert not any(attribute.g.node for node in nodes for attribute in node.attribute)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_every_convolution_says_how_large_its_kernel_is(config: GeneratorConfig) -> None:
    """ONNX Runtime's WebGPU needs it, though ONNX does not."""
    for spectral in ("function", "inline", "dft"):
        model = onnx_from_state(config, state_of(config), spectral=spectral)  # type: ignore[arg-type]
        nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
        convolutions = [node for node in nodes if node.op_type.startswith("Conv")]
        named = [{attribute.name for attribute in node.attribute} for node in convolutions]
        assert named and all("kernel_shape" in names for names in named)


FORMS = [
    *(("inline", "fp32", 13), ("function", "fp32", 13), ("inline", "fp16", 13)),
    *(("dft", "fp32", 17), ("inline", "bf16", 22)),
]


@pytest.mark.parametrize(("spectral", "precision", "oldest"), FORMS)
def test_the_opset_is_the_oldest_or_the_one_asked_for(
    state: dict[str, np.ndarray], spectral: Spectral, precision: GraphPrecision, oldest: int
) -> None:
    """At each the checker knows every node, and ONNX Runtime computes the same."""
    wanted: np.ndarray | None = None
    images, masks = scene(21, 34)
    for opset in (None, oldest, 18, 20, 22):
        if opset is not None and opset < oldest:
            with pytest.raises(ConfigError, match=f"--opset {opset} cannot be written: this file needs {oldest} or"):
                onnx_from_state(CONFIG, state, spectral=spectral, precision=precision, opset=opset, decoder="hole")
            continue
        model = onnx_from_state(CONFIG, state, spectral=spectral, precision=precision, opset=opset, decoder="hole")
        assert model.opset_import[0].version == (opset or oldest)
        if precision == "fp32":
            session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
            found = session.run(None, {"image": images, "mask": masks})[0]
            wanted = found if wanted is None else wanted
            np.testing.assert_array_equal(found, wanted)
    with pytest.raises(ConfigError, match=r"--opset 999 cannot be written: .* knows up to"):
        onnx_from_state(CONFIG, state, spectral=spectral, precision=precision, opset=999)


def test_a_basic_file_has_neither_reflect_padding_nor_depth_to_space(state: dict[str, np.ndarray]) -> None:
    images, masks = scene(43, 75, 2)
    results = []
    for basic in (False, True):
        model = onnx_from_state(CONFIG, state, basic=basic)
        ops = Counter(node.op_type for node in model.graph.node)
        assert (ops["Pad"] == ops["DepthToSpace"] == 0) is basic
        session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        results.append(session.run(None, {"image": images, "mask": masks})[0])
    np.testing.assert_array_equal(*results)


def test_the_file_says_which_form_it_is(state: dict[str, np.ndarray]) -> None:
    for spectral in ("function", "inline", "dft"):
        model = onnx_from_state(CONFIG, state, spectral=spectral)  # type: ignore[arg-type]
        assert {entry.key: entry.value for entry in model.metadata_props}["lama_deploy.spectral"] == spectral


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
