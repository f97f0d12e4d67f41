"""OpenVINO bundles: every generator, at sizes that trip its bf16 kernels, with DFT matrices that stay exact."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lama_export.targets as targets
from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.errors import MissingDependencyError
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.proof.subjects import Size
from lama_deploy.runtime.backends.openvino import OpenVinoBackend
from lama_deploy.runtime.backends.openvino_core import openvino_core
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, export_bundle
from lama_export.graph.model import onnx_from_state
from lama_export.openvino_model import openvino_from_onnx, save_openvino

BF16 = "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
NARROW = [Size(200, 16), Size(16, 200), Size(16, 16), Size(5, 7), Size(120, 24, 2)]
CONFIGS = {
    "fourier": GeneratorConfig(width=8, blocks=2),
    "regular": GeneratorConfig(kind="regular", width=8, blocks=2),
    "dilated": GeneratorConfig(kind="dilated", width=8, blocks=2),
}


@pytest.fixture(scope="module", params=CONFIGS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    config = CONFIGS[request.param]
    state = {key: value.numpy() for key, value in seeded_generator(config, seed=4).state_dict().items()}
    save_checkpoint(path, config, state)
    return load_checkpoint(path)


@pytest.mark.parametrize(("precision", "io"), [("fp32", "uint8"), ("fp32", "float"), ("bf16", "float")])
def test_every_generator_at_narrow_sizes(checkpoint: Checkpoint, precision: str, io: str, tmp_path: Path) -> None:
    options = ExportOptions(target="openvino", precision=precision, io=io, parity_subjects=NARROW)  # type: ignore[arg-type]
    record = export_bundle(checkpoint, tmp_path / "out", options)
    assert record.passed and max(case.spread for case in record.cases) > 0.05
    bundle = load_bundle(tmp_path / "out")
    assert (bundle.target, bundle.precision, bundle.spectral, bundle.io) == ("openvino", precision, "inline", io)
    assert sorted(bundle.files) == ["model.bin", "model.xml"]
    assert bundle.parity["engine"] == ("openvino in bf16" if precision == "bf16" and BF16 else "openvino in f32")
    assert "openvino" in bundle.tools and bundle.inputs["image"]["shape"][0] == "N"


@pytest.mark.skipif(not BF16, reason="this CPU does not compute in bf16")
def test_bf16_is_bf16_and_its_dft_matrices_are_not(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """Only what rounds a finished matrix, once, may be bf16: phases need more digits than bf16 has."""
    export_bundle(
        checkpoint,
        tmp_path,
        ExportOptions(target="openvino", precision="bf16", parity_subjects=NARROW[:1]),
    )
    compiled = openvino_core().compile_model(tmp_path / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    precisions: dict[str, set[str]] = {}
    for node in compiled.get_runtime_model().get_ordered_ops():
        kind, precision = (node.get_rt_info()[key].astype(str) for key in ("layerType", "runtimePrecision"))
        arithmetic = kind in ("Math", "Convert", "Subgraph") or (
            kind == "Eltwise" and "/neg" not in node.get_friendly_name()
        )
        where = "dft" if "/dft/" in node.get_friendly_name() and arithmetic else kind
        precisions.setdefault(where, set()).add(precision)
    assert precisions["Convolution"] == {"bf16"}
    assert "bf16" not in precisions.get("dft", set())


def test_known_pixels_survive_bf16_with_floats(tmp_path: Path) -> None:
    weights = load_weights("lama-demo")
    model = onnx_from_state(weights.config, weights.state_dict, spectral="inline", io="float")
    save_openvino(openvino_from_onnx(model, "bf16"), tmp_path / "model.xml")
    images, masks = scene(50, 66, seed=5)
    result = OpenVinoBackend(tmp_path / "model.xml", cache="").run(images, masks)
    np.testing.assert_array_equal(result[masks == 0], (images / np.float32(255)).astype(np.float32)[masks == 0])


def test_no_two_convolutions_share_a_bias() -> None:
    """OpenVINO fuses none that is shared, and keeps a second copy of the network's largest map for it."""
    weights = load_weights("lama-demo")
    model = onnx_from_state(weights.config, weights.state_dict, spectral="inline")
    biases = [node.input[2] for node in model.graph.node if node.op_type == "Conv" and len(node.input) == 3]
    assert len(biases) > 20 and len(set(biases)) == len(biases)


def test_halves_are_half_the_size(checkpoint: Checkpoint, tmp_path: Path) -> None:
    sizes = {}
    for precision in ("fp32", "fp16"):
        options = ExportOptions(target="openvino", precision=precision, parity_subjects=NARROW[:1])  # type: ignore[arg-type]
        export_bundle(checkpoint, tmp_path / precision, options)
        sizes[precision] = load_bundle(tmp_path / precision).files["model.bin"]["bytes"]
    assert sizes["fp16"] < 0.6 * sizes["fp32"]


def test_missing_openvino_is_said(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*\[export-openvino\]"):
        export_bundle(checkpoint, tmp_path / "out", ExportOptions(target="openvino"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "onnx", "--bf16"], "--bf16 is for --to openvino"),
        (["--to", "openvino", "--spectral", "dft"], "--spectral and --external-data are for --to onnx"),
        (["--to", "openvino", "--external-data"], "--spectral and --external-data are for --to onnx"),
        (["--to", "openvino", "--int8", "--io", "float"], "--int8 goes with --io uint8"),
        (["--to", "openvino", "--bf16", "--calibration", "x"], "--calibration is for --fp16 and --int8"),
        (["--to", "openvino", "--bf16", "--int8"], "not allowed with argument"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], message: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lama_export.cli", "--weights", "lama-demo", "--out", "out", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert message in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_command_exports_and_verifies(growing: Checkpoint, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lama_export.cli", "--weights", str(growing.path), "--to", "openvino", "--bf16"]
    command.append("--no-memory")  # which others measure
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"SHA-256 {growing.sha256} (of no published file)" in done.stdout
    assert "wrote growing-openvino-bf16" in done.stdout
    verify = [sys.executable, "-m", "lama_deploy.cli.verify", "growing-openvino-bf16", "--sizes", "61x77"]
    done = subprocess.run(verify, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
