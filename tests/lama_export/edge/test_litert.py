"""LiteRT files: every generator in its interpreter, what is in them, their precisions, and what the gate refuses."""

import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed: pip install '.[export-litert]'")

import lama_export.targets as targets
from lama_deploy import Inpainter
from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, ConfigError, ImageError, MissingDependencyError, ParityError
from lama_deploy.images.scenes import scene
from lama_deploy.proof.labels import load_labelled
from lama_deploy.proof.parity import ToleranceError
from lama_deploy.runtime.backends.litert import LiteRtBackend
from lama_export import ExportOptions, export_bundle
from lama_export.targets import ExportJob, Written
from tests.lama_export.edge.litert_content import convolutions, operators
from tests.lama_export.edge.networks import CONFIGS, seeded
from tests.resign import resign

DOCS = Path(__file__).parents[3] / "docs" / "phones.md"
SIZE = (88, 80)


@pytest.fixture(scope="module", params=CONFIGS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return seeded(request.param, tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def fourier(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return seeded("fourier", tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def fourier_bundle(fourier: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundles") / "fourier"
    export_bundle(fourier, out, ExportOptions(target="litert", size=SIZE))
    return out


@pytest.mark.parametrize(
    ("io", "size", "batch"), [("uint8", (88, 80), 1), ("float", (101, 77), 1), ("uint8", (5, 7), 2)]
)
def test_every_generator(checkpoint: Checkpoint, io: str, size: tuple[int, int], batch: int, tmp_path: Path) -> None:
    options = ExportOptions(target="litert", io=io, size=size, batch=batch)  # type: ignore[arg-type]
    record = export_bundle(checkpoint, tmp_path / "out", options)
    assert record.passed and len(record.cases) == 5
    bundle = load_bundle(tmp_path / "out")
    assert (bundle.target, bundle.precision, bundle.spectral, bundle.decoder) == ("litert", "fp32", "inline", "whole")
    assert bundle.fixed_shape == (batch, *size) and list(bundle.files) == ["model.tflite"]
    found = operators(tmp_path / "out" / "model.tflite")
    assert found["TRANSPOSE"] == (2 if io == "float" else 0)  # of the interface; the generator has none
    assert found["BATCH_MATMUL"] == (16 if checkpoint.config.kind == "ffc" else 0)


def test_strategies_fill_pictures_of_any_size(fourier_bundle: Path) -> None:
    images, masks = scene(150, 131)
    inpaint = Inpainter.load(fourier_bundle, threads=1)
    result = inpaint.run(images, masks)
    np.testing.assert_array_equal(result[masks == 0], images[masks == 0])
    with pytest.raises(ImageError, match="this file takes 88x80 to 88x80; a strategy makes others fit"):
        inpaint.backend.run(images, masks)


def test_fp16_stores_its_weights_in_it(fourier: Checkpoint, tmp_path: Path) -> None:
    export_bundle(fourier, tmp_path / "out", ExportOptions(target="litert", precision="fp16", size=SIZE))
    assert load_labelled(tmp_path / "out").ranges["values"]
    whole = ExportOptions(target="litert", size=SIZE)
    export_bundle(fourier, tmp_path / "whole", whole)
    small, large = ((tmp_path / name / "model.tflite").stat().st_size for name in ("out", "whole"))
    assert small < 0.62 * large


def test_a_wrong_label_is_refused(fourier_bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    copy.mkdir()
    for file in fourier_bundle.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    with pytest.raises(BundleError, match=r"fp32 by its weights and nodes, and bundle\.json says int8"):
        load_labelled(resign(copy, precision="int8"))


def test_the_gate_sees_other_weights(fourier: Checkpoint, tmp_path: Path) -> None:
    other = seeded("fourier", tmp_path, seed=5)

    def write(job: ExportJob, path: Path) -> Written:
        return targets.write_litert(ExportJob(job.config, other.state_dict, job.options, job.progress), path)

    with pytest.raises(ToleranceError, match="parity failed"):
        export_bundle(fourier, tmp_path / "out", ExportOptions(target="litert", size=SIZE), write=write)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seed", range(6))
def test_damaged_files_are_refused(fourier_bundle: Path, tmp_path: Path, seed: int) -> None:
    """Cut, or with other bytes where the file says what it is made of; an interpreter that takes one must not crash."""
    rng = random.Random(seed)
    content = bytearray((fourier_bundle / "model.tflite").read_bytes())
    if seed % 2:
        content = content[: rng.randrange(len(content))]
    else:
        for _ in range(200):
            content[rng.randrange(4000)] = rng.randrange(256)
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(BundleError, match=r"no LiteRT model|damaged|cannot open it"):
        LiteRtBackend(tmp_path / "model.tflite", threads=1)


def test_what_does_not_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="--bf16 is not for --to litert"):
        ExportOptions(target="litert", precision="bf16")
    monkeypatch.setattr(targets, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"ai_edge_litert is not installed: .*export-litert"):
        targets.tools_of(ExportOptions(target="litert"))


def test_int8_with_fourier_units_is_dynamic(fourier: Checkpoint, photographs: Path, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_quantizer", reason="its quantiser is not installed")
    options = ExportOptions(target="litert", precision="int8", size=SIZE, calibration=photographs, least_psnr=30)
    export_bundle(fourier, tmp_path / "out", options)
    bundle = load_labelled(tmp_path / "out")
    assert bundle.quantisation["psnr"] >= 30 and bundle.quantisation["against"] == "float32"
    kinds = convolutions(tmp_path / "out" / "model.tflite")
    assert all(kind == "FLOAT32" for name, kind in kinds.items() if "/g2g/" in name or name.startswith("head"))
    assert any(kind == "INT8" for kind in kinds.values())
    assert not operators(tmp_path / "out" / "model.tflite")["QUANTIZE"]  # activations stay floats between them


def test_int8_that_costs_too_much_is_refused(fourier: Checkpoint, photographs: Path, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_quantizer", reason="its quantiser is not installed")
    options = ExportOptions(target="litert", precision="int8", size=SIZE, calibration=photographs, least_psnr=99)
    with pytest.raises(ParityError, match="in int8 no kind of convolution keeps 99 dB"):
        export_bundle(fourier, tmp_path / "out", options)


def test_the_dilated_generator_in_integers(photographs: Path, tmp_path: Path) -> None:
    """What the page says is in the file is in the file, and all of its convolutions but the head are of integers."""
    pytest.importorskip("ai_edge_quantizer", reason="its quantiser is not installed")
    checkpoint = seeded("dilated", tmp_path)
    options = ExportOptions(target="litert", precision="int8", size=SIZE, calibration=photographs, least_psnr=30)
    export_bundle(checkpoint, tmp_path / "out", options)
    file = tmp_path / "out" / "model.tflite"
    (line,) = (line for line in DOCS.read_text().splitlines() if line.startswith("Operators of the dilated generator"))
    assert sorted(operators(file)) == sorted(line.partition(": ")[2].rstrip(".").split(", "))
    left_out = load_bundle(tmp_path / "out").quantisation["left_out"]
    floats = {name for name, kind in convolutions(file).items() if kind != "INT8"}
    assert not left_out and floats == {"head/conv"}
