"""The SpectralConv local function computes the Fourier unit at any latent, in float32."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from lama_deploy.spectral import spectral_conv_reference
from lama_export.graph.builder import OPSET
from lama_export.graph.opsets import imports
from lama_export.graph.spectral import (
    DOMAIN,
    MATRIX_NAMES,
    OPSET_OF_DFT,
    dft_conv_function,
    dft_matrices_function,
    spectral_conv_function,
)

LATENTS = [(2, 2), (2, 3), (3, 2), (7, 10), (13, 9), (31, 16), (67, 85), (128, 97), (257, 64)]
RELATIVE = 2e-6  # of the largest output; float32 sums of up to 500 terms


def session(*, dft: bool) -> ort.InferenceSession:
    """A graph of one Fourier unit."""
    matrices = [] if dft else list(MATRIX_NAMES)
    nodes = [helper.make_node("SpectralConv", ["x", "weight", "bias", *matrices], ["y"], domain=DOMAIN)]
    if not dft:
        nodes.insert(0, helper.make_node("DftMatrices", ["x"], matrices, domain=DOMAIN))
    shapes = {"x": ["N", "C", "h", "w"], "weight": ["O", "O", 1, 1], "bias": ["O"]}
    inputs = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in shapes.items()]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "C", "h", "w"])]
    functions = [dft_conv_function()] if dft else [spectral_conv_function(), dft_matrices_function()]
    imported, ir_version = imports(OPSET_OF_DFT if dft else OPSET, functions=True)
    model = helper.make_model(
        helper.make_graph(nodes, "unit", inputs, outputs),
        opset_imports=imported,
        functions=functions,
        ir_version=ir_version,
    )
    onnx.checker.check_model(model, full_check=True)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def unit_inputs(h: int, w: int, channels: int = 3, batch: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng((h, w))
    x = random.standard_normal((batch, channels, h, w), dtype=np.float32)
    weight = random.standard_normal((2 * channels, 2 * channels), dtype=np.float32) / channels
    return x, weight, random.standard_normal(2 * channels, dtype=np.float32) / 10


@pytest.mark.parametrize("dft", [False, True], ids=["matmul", "dft"])
def test_function_is_the_reference(dft: bool) -> None:
    unit = session(dft=dft)
    for h, w in LATENTS:
        x, weight, bias = unit_inputs(h, w)
        expected = spectral_conv_reference(x, weight, bias)
        assert expected.std() > 0.2
        got = unit.run(None, {"x": x, "weight": weight[..., None, None], "bias": bias})[0]
        error = np.abs(got - expected).max() / np.abs(expected).max()
        assert error < (1e-3 if dft else RELATIVE), (h, w)


def test_phases_stay_exact_at_large_sizes() -> None:
    """An unreduced phase i*j reaches 10^6 here, and float32 would keep two digits of it."""
    x, weight, bias = unit_inputs(1031, 2, channels=1, batch=1)
    expected = spectral_conv_reference(x, weight, bias)
    got = session(dft=False).run(None, {"x": x, "weight": weight[..., None, None], "bias": bias})[0]
    assert np.abs(got - expected).max() / np.abs(expected).max() < RELATIVE
