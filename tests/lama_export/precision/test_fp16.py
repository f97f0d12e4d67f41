"""Half precision that holds: where naive fp16 breaks, folded ranges stay within the table."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.errors import DataError
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.proof.parity import measure
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.proof.rounded_backend import half_backend, simulate_half
from lama_deploy.proof.subjects import Size
from lama_deploy.proof.tolerance import tolerance_of
from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, export_bundle
from lama_export.graph.model import onnx_from_state
from lama_export.precision.fp16 import FP16_MAX, fold_ranges

DEEP = GeneratorConfig(width=8, blocks=18)
SIZES = [Size(64, 64), Size(72, 136), Size(101, 85, 2), Size(136, 40)]


def pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    images, masks = scene(96, 128, 2, seed=9)
    return list(zip(images, masks, strict=True))


def run(model: onnx.ModelProto, folder: Path) -> OnnxRuntimeBackend:
    """Storing halves, as engines do."""
    onnx.save(model, folder / "model.onnx")
    return half_backend(folder / "model.onnx", threads=1)


def test_growing_branch_breaks_naive_half_precision_and_not_ours(growing: Checkpoint, tmp_path: Path) -> None:
    naive = onnx_from_state(growing.config, growing.state_dict, precision="fp16", io="float")
    images, masks = scene(96, 128, 1)
    assert not np.isfinite(run(naive, tmp_path).run(images, masks)).all()
    folded = fold_ranges(growing.config, growing.state_dict, pairs())
    local = folded.ranges["local"]
    assert local.largest / local.scale > FP16_MAX
    ours = onnx_from_state(growing.config, folded.state_dict, precision="fp16", io="float")
    record = measure(run(ours, tmp_path), oracle(growing), SIZES, tolerance_of("fp16"), eager=eager(growing))
    assert max(case.spread for case in record.cases) > 0.1
    assert record.passed, record.cases


@pytest.mark.parametrize(("spectral", "io"), [("function", "uint8"), ("inline", "float"), ("dft", "float")])
def test_demo_model_in_half_precision(spectral: str, io: str, tmp_path: Path) -> None:
    weights = load_weights("lama-demo")
    folded = fold_ranges(weights.config, weights.state_dict, pairs())
    model = onnx_from_state(
        weights.config,
        folded.state_dict,
        precision="fp16",
        io=io,  # type: ignore[arg-type]
        spectral=spectral,  # type: ignore[arg-type]
    )
    record = measure(run(model, tmp_path), oracle(weights), SIZES, tolerance_of("fp16"), eager=eager(weights))
    assert record.passed, record.cases
    assert (
        max(case.found.largest for case in record.cases) > tolerance_of("fp32").drawn.largest.least
    )  # it is half precision indeed


def test_rounding_is_that_of_halves(tmp_path: Path) -> None:
    """One sum of one product: NumPy's halves, infinity where they end."""
    x, weight = np.array([[1.0, 2000.0]], np.float16), np.array([[1.0, 1.0], [0.0003, 60.0]], np.float16)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
            helper.make_node("MatMul", ["half", "weight"], ["product"]),
            helper.make_node("Cast", ["product"], ["y"], to=TensorProto.FLOAT),
        ],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = ort.InferenceSession(simulate_half(model).SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": x.astype(np.float32)})
    exact = x.astype(np.float32) @ weight.astype(np.float32)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(y, exact.astype(np.float16).astype(np.float32))
    assert y[0, 0] != exact[0, 0] and np.isinf(y[0, 1])


def test_all_weights_and_activations_of_the_generator_are_halves() -> None:
    state = {key: value.numpy() for key, value in seeded_generator(DEEP, seed=3).state_dict().items()}
    model = onnx_from_state(DEEP, state, precision="fp16", spectral="inline")
    initializers = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    weights = [name for name in initializers if name.startswith("model.")]
    assert weights and all(initializers[name] == TensorProto.FLOAT16 for name in weights)
    inferred = onnx.shape_inference.infer_shapes(model)
    types = {value.name: value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    for node in model.graph.node:
        if node.op_type in ("Conv", "ConvTranspose", "MatMul"):
            assert types[node.output[0]] == TensorProto.FLOAT16, node.name


def test_bundle_records_precision_ranges_and_headroom(growing: Checkpoint, tmp_path: Path) -> None:
    options = ExportOptions(precision="fp16", parity_subjects=SIZES[:2])
    export_bundle(growing, tmp_path / "out", options)
    bundle = load_bundle(tmp_path / "out")
    assert bundle.precision == "fp16" and bundle.parity["passed"]
    values = bundle.ranges["values"]
    assert {"local", "global", "block18/conv2/spectral", "up3", "head"} <= set(values)
    for found in values.values():
        assert found["headroom"] > 10
        assert found["bound"] is None or found["bound"] >= found["largest"]
    assert bundle.ranges["calibration"]["images"] == 9


@pytest.mark.slow
def test_command_folds_and_verifies(growing: Checkpoint, photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "half"
    command = [sys.executable, "-m", "lama_export.cli", "--weights", str(growing.path), "--to", "onnx", "--fp16"]
    command += ["--calibration", str(photographs), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "least headroom" in done.stdout and "worst case by norms" in done.stdout
    verify = [sys.executable, "-m", "lama_deploy.cli.verify", str(out), "--sizes", "64x64,61x77"]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    asked = json.dumps(asdict(tolerance_of("fp16")))
    assert json.loads((out / "verify.json").read_text())["tolerance"] == json.loads(asked)
    single = tmp_path / "single"
    export_bundle(growing, single, ExportOptions(parity_subjects=SIZES[:1]))
    for one, other in ((single, out), (out, single)):  # the coarser of the two decides
        verify = [sys.executable, "-m", "lama_deploy.cli.verify", str(one), "--against", str(other)]
        done = subprocess.run([*verify, "--sizes", "61x77"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--calibration", "x"], "--calibration is for --fp16 and --int8"),
        (["--fp16", "--calibration", "nowhere"], "nowhere"),
    ],
)
def test_bad_calibration_is_one_line(options: list[str], message: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lama_export.cli", "--weights", "lama-demo", "--to", "onnx", "--out", "out"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error:") and message in done.stderr
    assert not list(tmp_path.iterdir())


def test_empty_calibration_folder(growing: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError):
        export_bundle(growing, tmp_path / "out", ExportOptions(precision="fp16", calibration=tmp_path / "photos"))
    assert not (tmp_path / "out").exists()
