"""MNN bundles: every generator, every precision, any size or one; what MNN does by itself and must not."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import lama_export.targets as targets
from lama_deploy import Inpainter
from lama_deploy.bundle import MANIFEST, load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.errors import BundleError, ConfigError, EngineError, MissingDependencyError
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.proof.labels import load_labelled
from lama_deploy.proof.parity import ToleranceError
from lama_deploy.proof.subjects import Size
from lama_deploy.shapes import ShapeRange
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, export_bundle
from lama_export.edge.mnn_form import form_in_halves
from lama_export.graph.model import onnx_from_state
from lama_export.options import Precision

pytest.importorskip("MNN", reason="MNN is not installed: pip install MNN")

import lama_export.edge.mnn as edge
from lama_deploy.runtime.backends.mnn import MnnBackend

NARROW = [Size(72, 72), Size(101, 85), Size(37, 90, 2), Size(5, 7)]
CONFIGS = {
    "fourier": GeneratorConfig(width=8, blocks=2),
    "regular": GeneratorConfig(kind="regular", width=8, blocks=2),
    "dilated": GeneratorConfig(kind="dilated", width=8, blocks=2),
}


@pytest.fixture(scope="module", params=CONFIGS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return written(CONFIGS[request.param], tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def fourier(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return written(CONFIGS["fourier"], tmp_path_factory.mktemp("weights"))


def written(config: GeneratorConfig, folder: Path) -> Checkpoint:
    state = {key: value.numpy() for key, value in seeded_generator(config, seed=4).state_dict().items()}
    save_checkpoint(folder / "tiny.safetensors", config, state)
    return load_checkpoint(folder / "tiny.safetensors")


def test_every_generator_at_any_size(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """Floats show what bytes hide: with Winograd's sums the gate refuses them."""
    options = ExportOptions(target="mnn", io="float", parity_subjects=NARROW)
    record = export_bundle(checkpoint, tmp_path / "out", options)
    assert record.passed and max(case.spread for case in record.cases) > 0.05
    bundle = load_labelled(tmp_path / "out")
    assert (bundle.target, bundle.precision, bundle.spectral, bundle.io) == ("mnn", "fp32", "inline", "float")
    assert list(bundle.files) == ["model.mnn"] and "MNN" in bundle.tools and not bundle.quantisation
    assert Inpainter.load(tmp_path / "out").backend.capabilities.shapes == ()


@pytest.mark.parametrize(("precision", "share"), [("fp16", 0.55), ("int8", 0.4)])
def test_weights_in_fewer_bits(
    fourier: Checkpoint, precision: Precision, share: float, photographs: Path, tmp_path: Path
) -> None:
    """Held to their precision, and no other: the label is read off the file's own weights."""
    sizes = {}
    for name in ("fp32", precision):
        calibration = photographs if name == "fp16" else None
        options = ExportOptions(target="mnn", precision=name, calibration=calibration, parity_subjects=NARROW[:2])
        assert export_bundle(fourier, tmp_path / name, options).passed
        sizes[name] = (tmp_path / name / "model.mnn").stat().st_size
    assert sizes[precision] < share * sizes["fp32"]
    bundle = load_labelled(tmp_path / precision)
    assert bundle.quantisation["computed"] == "float32"
    manifest = tmp_path / "fp32" / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"precision": precision}))
    with pytest.raises(BundleError, match=f"fp32 by its weights and nodes, and bundle.json says {precision}"):
        load_labelled(tmp_path / "fp32")


def test_int8_keeps_the_decibels_that_were_asked_for(fourier: Checkpoint, tmp_path: Path) -> None:
    """No layer is left out for them, so the gate refuses what has fewer."""
    options = ExportOptions(target="mnn", precision="int8", size=(64, 64), least_psnr=99)
    with pytest.raises(ToleranceError, match=r"at least 98\.5 .* or ask for less with --least-psnr"):
        export_bundle(fourier, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_mnn_cuts_nothing_off(fourier: Checkpoint, tmp_path: Path) -> None:
    """What it would: weights, and 2 pi, after which no phase is right."""
    model = onnx_from_state(fourier.config, fourier.state_dict, io="float", spectral="inline")
    edge.mnn_from_onnx(model, tmp_path / "model.mnn", "float", "fp16")
    session = ort.InferenceSession(form_in_halves(model).SerializeToString())
    images, masks = scene(72, 88, seed=3)
    image = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(255)
    (wanted,) = session.run(["result"], {"image": image, "mask": (masks[:, None] > 0).astype(np.float32)})
    found = MnnBackend(tmp_path / "model.mnn", threads=1).run(images, masks)
    assert np.abs(found - wanted.transpose(0, 2, 3, 1)).max() < 1e-5


def test_one_size_takes_others_in_parts(fourier: Checkpoint, tmp_path: Path) -> None:
    export_bundle(fourier, tmp_path / "out", ExportOptions(target="mnn", size=(72, 88)))
    bundle = load_bundle(tmp_path / "out")
    assert bundle.fixed_shape == (1, 72, 88)
    inpaint = Inpainter.load(tmp_path / "out")
    assert inpaint.backend.capabilities.shapes == (ShapeRange(*[(1, 72, 88)] * 3),)
    images, masks = scene(100, 60, seed=5)
    result = np.asarray(inpaint(images[0], masks[0]))
    np.testing.assert_array_equal(result[masks[0] == 0], images[0][masks[0] == 0])


def test_its_converter_is_called_without_the_program_that_reports() -> None:
    """MNN's `mnnconvert` installs a client and sends what was converted; its modules must not even be imported."""
    script = f"{edge.CONVERT}; print([one for one in sys.modules if one.startswith(('MNN', 'aliyun'))])"
    done = subprocess.run([sys.executable, "-c", script, "-h"], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]" or (done.returncode == 0 and "MNNConvert" in done.stdout)


def test_a_converter_that_fails_leaves_nothing(
    fourier: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "CONVERT", "import sys; sys.exit('no such operator')")
    with pytest.raises(EngineError, match=r"^MNN's converter failed \(no such operator\); nothing was written; "):
        export_bundle(fourier, tmp_path / "out", ExportOptions(target="mnn"))
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_asked_for() -> None:
    with pytest.raises(ConfigError, match="--bf16 is not for --to mnn"):
        ExportOptions(target="mnn", precision="bf16")
    with pytest.raises(ConfigError, match="--to mnn --int8, which stores weights"):
        ExportOptions(target="mnn", precision="int8", calibration=Path())


def test_without_mnn_the_extra_is_named(fourier: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"^MNN is not installed: pip install .*\[export-mnn\]"):
        export_bundle(fourier, tmp_path / "out", ExportOptions(target="mnn"))


def test_the_form_in_halves_computes_what_it_is_made_from_with_the_nearest_weights(fourier: Checkpoint) -> None:
    model = onnx_from_state(fourier.config, fourier.state_dict, spectral="inline")
    before = model.SerializeToString()
    halves = form_in_halves(model)
    onnx.checker.check_model(halves, full_check=True)
    assert model.SerializeToString() == before
    exact, rounded = (
        {one.name: onnx.numpy_helper.to_array(one) for one in some.graph.initializer} for some in (model, halves)
    )
    for name, values in exact.items():
        if values.dtype == np.float32 and values.ndim == 4:
            np.testing.assert_array_equal(rounded[name], values.astype(np.float16).astype(np.float32))
    parts = [float(values) for name, values in rounded.items() if name.endswith("/factor")]
    assert sum(parts[:2]) == pytest.approx(2 * np.pi, rel=2e-7) and parts[2:] == 2 * parts[:2]
    assert all(np.float16(part) == part for part in parts)
