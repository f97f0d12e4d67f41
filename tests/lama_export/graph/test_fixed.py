"""A file for one size: what depends on shapes is computed, what is left computes the same."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from lama_deploy.proof.subjects import Size
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.fixed import fix_shapes
from lama_export.graph.model import onnx_from_state
from lama_export.graph.opsets import Spectral
from lama_export.graph.picture import Interface
from tests.scaled_generators import CONFIGS, state_of

SMALL = GeneratorConfig(width=4, blocks=2)
SIZES = (Size(64, 80), Size(43, 75, 2), Size(5, 7))
OF_SHAPES = {"Shape", "Range", "Mod", "Gather", "Cos", "Sin", "Identity"}


def run(model: onnx.ModelProto, size: Size, io: Interface) -> np.ndarray:
    images, masks = size.pictures()
    if io == "float":
        images, masks = images.transpose(0, 3, 1, 2) / np.float32(255), masks[:, None].astype(np.float32)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"image": images, "mask": masks})[0], np.float64)


@pytest.mark.parametrize("basic", [False, True], ids=["", "basic"])
@pytest.mark.parametrize("spectral", ["inline", "dft"])
@pytest.mark.parametrize("io", ["uint8", "float"])
def test_it_computes_the_same(io: Interface, spectral: Spectral, basic: bool) -> None:
    model = onnx_from_state(SMALL, state_of(SMALL), io=io, spectral=spectral, basic=basic)
    untouched = model.SerializeToString(deterministic=True)
    for size in SIZES:
        fixed, wanted = fix_shapes(model, size), run(model, size, io)
        assert wanted.std() > (10 if io == "uint8" else 0.05)
        np.testing.assert_allclose(run(fixed, size, io), wanted, atol=0 if io == "uint8" else 1e-6)
    assert model.SerializeToString(deterministic=True) == untouched


@pytest.mark.parametrize("config", [one for one in CONFIGS if one.kind != "ffc"], ids=str)
def test_generators_without_fourier_units(config: GeneratorConfig) -> None:
    for basic in (False, True):
        model = onnx_from_state(config, state_of(config), basic=basic)
        size = Size(90, 70)
        np.testing.assert_array_equal(run(fix_shapes(model, size), size, "uint8"), run(model, size, "uint8"))


def test_nothing_is_left_that_a_shape_decides() -> None:
    """Neither where the picture needs padding, whose indices are constants, nor where it needs none."""
    model = onnx_from_state(SMALL, state_of(SMALL))
    whole, padded = (Counter(node.op_type for node in fix_shapes(model, size).graph.node) for size in SIZES[:2])
    assert not whole.keys() & OF_SHAPES
    assert padded.keys() & OF_SHAPES == {"Gather"} and padded["Gather"] == 4
    assert sum(whole.values()) < sum(padded.values()) < 0.6 * len(model.graph.node)


def test_every_value_has_its_dimensions() -> None:
    for size in SIZES:
        fixed = fix_shapes(onnx_from_state(SMALL, state_of(SMALL)), size)
        (image,) = (value for value in fixed.graph.input if value.name == "image")
        assert [dim.dim_value for dim in image.type.tensor_type.shape.dim] == [size.batch, size.height, size.width, 3]
        values = [*fixed.graph.value_info, *fixed.graph.output, *fixed.graph.input]
        known = {value.name for value in values if all(dim.dim_value for dim in value.type.tensor_type.shape.dim)}
        assert {name for node in fixed.graph.node for name in node.output} <= known


def test_each_product_has_a_left_matrix_of_its_own() -> None:
    """OpenCV 4 calls layers after them, and knows a name once."""
    fixed = fix_shapes(onnx_from_state(SMALL, state_of(SMALL)), Size(64, 64))
    constants = {tensor.name for tensor in fixed.graph.initializer}
    left = Counter(
        node.input[0] for node in fixed.graph.node if node.op_type == "MatMul" and node.input[0] in constants
    )
    assert len(left) == 2 * 2 * SMALL.blocks and set(left.values()) == {1}
