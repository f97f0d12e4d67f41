"""bfloat16 in ONNX: for engines alone, and proven on a CPU with every value rounded."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch.nn.functional import conv2d, conv_transpose2d, pad, pixel_shuffle

from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.proof.candidate import candidate
from lama_deploy.proof.parity import measure
from lama_deploy.proof.reference import oracle
from lama_deploy.proof.rounded_backend import simulate_half
from lama_deploy.proof.subjects import Size
from lama_deploy.proof.tolerance import tolerance_of
from lama_export import ExportOptions, export_bundle
from lama_export.engine_options import EngineOptions, Profile
from lama_export.graph.generator import _pixels_of_transposed
from lama_export.graph.model import onnx_from_state
from lama_export.tensorrt.asked import FOURIER_UNIT


def test_a_transposed_convolution_is_one_for_pixels() -> None:
    rng = np.random.default_rng(0)
    weight, x = (torch.from_numpy(rng.standard_normal(shape)) for shape in ((5, 3, 3, 3), (2, 5, 7, 4)))
    expected = conv_transpose2d(x, weight, stride=2, padding=1, output_padding=1)
    blocks = torch.from_numpy(_pixels_of_transposed(weight.numpy()))
    ours = pixel_shuffle(conv2d(pad(x, (0, 1, 0, 1)), blocks), 2)
    assert torch.allclose(ours, expected, atol=1e-12)


def test_what_is_stored_is_rounded_to_bfloat16(tmp_path: Path) -> None:
    """And so its errors are of bfloat16's size, some hundred times those of float32, and of no other."""
    checkpoint = load_weights("lama-demo")
    model = onnx_from_state(checkpoint.config, checkpoint.state_dict, precision="bf16", wide_sums=True)
    assert model.opset_import[0].version == 22
    casts = [node for node in simulate_half(model).graph.node if node.op_type == "Cast"]
    assert sum(node.attribute[0].i == onnx.TensorProto.BFLOAT16 for node in casts) > 100
    assert not any(node.attribute[0].i == onnx.TensorProto.FLOAT16 for node in casts)
    onnx.save(model, tmp_path / "model.onnx")
    record = measure(
        candidate(tmp_path / "model.onnx", "bf16"), oracle(checkpoint), [Size(72, 136)], tolerance_of("bf16")
    )
    assert record.passed and 1e-4 < record.cases[0].found.mean < 5e-3


def test_dft_operators_are_float32_between_bfloat16(tmp_path: Path) -> None:
    """In the operator's form of that opset, whose axis is an input."""
    checkpoint = load_weights("lama-demo")
    model = onnx_from_state(checkpoint.config, checkpoint.state_dict, precision="bf16", spectral="dft")
    transforms = [node for node in model.graph.node if node.op_type == "DFT"]
    assert len(transforms) == 4 * 2 * checkpoint.config.blocks
    assert all(len(node.input) == 3 and FOURIER_UNIT in node.name for node in transforms)
    onnx.save(model, tmp_path / "model.onnx")
    size, tolerance = Size(72, 104), tolerance_of("bf16", "dft")
    record = measure(candidate(tmp_path / "model.onnx", "bf16"), oracle(checkpoint), [size], tolerance)
    assert record.passed and 1e-4 < record.cases[0].found.mean < 5e-3


@pytest.mark.trt
@pytest.mark.slow
def test_a_bundle_in_bf16_is_proven_and_built_in_bf16(tmp_path: Path) -> None:
    """Ranges are not folded: bfloat16 has float32's."""
    engine = EngineOptions(profiles=[Profile.parse("64:128:256")], compute_capabilities=["8.9"])
    options = ExportOptions(
        target="trt-rtx",
        precision="bf16",
        spectral="inline",
        engine=engine,
        parity_subjects=[Size(40, 48)],
    )
    export_bundle(load_weights("lama-demo"), tmp_path / "out", options)
    bundle = load_bundle(tmp_path / "out")
    assert bundle.parity["passed"] and bundle.engine["checked"] and bundle.precision == "bf16" and not bundle.ranges
