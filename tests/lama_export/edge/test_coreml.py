"""Core ML packages, read back and computed operation by operation: every generator, and what the gate sees of one.

No test here runs Core ML, which is on Apple's devices alone.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("coremltools", reason="coremltools is not installed: pip install '.[export-coreml]'")

import lama_export.targets as targets
from lama_deploy import Inpainter
from lama_deploy.bundle import PACKAGE, PACKAGE_FILES, load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, ConfigError, LamaDeployError, MissingDependencyError
from lama_deploy.evaluation.candidates import InpainterOptions, open_candidate
from lama_deploy.proof.coreml_package import SPECIFICATION, WEIGHTS, CoreMlPackage
from lama_deploy.proof.coreml_program import CoreMlProgram
from lama_deploy.proof.labels import load_labelled
from lama_deploy.proof.parity import ParityError, ToleranceError
from lama_deploy.proof.subjects import Size
from lama_export import ExportOptions, export_bundle
from lama_export.targets import ExportJob, Written
from tests.lama_export.edge.networks import CONFIGS, seeded

SIZE = (88, 80)
RGB, GREYS = 20, 10  # Core ML's numbers of colour spaces


@pytest.fixture(scope="module")
def fourier(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return seeded("fourier", tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def fourier_bundle(fourier: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundles") / "fourier"
    export_bundle(fourier, out, ExportOptions(target="coreml", size=SIZE))
    return out


@pytest.mark.parametrize(
    "kind", [kind if kind == "fourier" else pytest.param(kind, marks=pytest.mark.slow) for kind in CONFIGS]
)
def test_every_generator(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = ExportOptions(target="coreml", size=(101, 77))
    record = export_bundle(seeded(kind, tmp_path), tmp_path / "out", options)
    assert record.passed and len(record.cases) == 5
    bundle = load_labelled(tmp_path / "out")
    assert sorted(bundle.files) == sorted(PACKAGE_FILES) and bundle.fixed_shape == (1, 101, 77)
    assert "no Apple device has run" in bundle.parity["engine"] and "no Apple device has run" in caplog.text
    described = CoreMlPackage.read(tmp_path / "out" / PACKAGE).model.description
    images = {one.name: one.type.imageType for one in (*described.input, *described.output)}
    colours = {name: (image.colorSpace, image.height, image.width) for name, image in images.items()}
    assert colours == {"image": (RGB, 101, 77), "mask": (GREYS, 101, 77), "result": (RGB, 101, 77)}


@pytest.mark.parametrize(
    ("precision", "io"),
    [
        ("fp16", "uint8"),
        *(
            pytest.param(*pair, marks=pytest.mark.slow)
            for pair in (("fp16", "float"), ("int8", "uint8"), ("fp32", "float"))
        ),
    ],
)
def test_precisions(precision: str, io: str, fourier: Checkpoint, photographs: Path, tmp_path: Path) -> None:
    calibration = None if precision == "fp32" else photographs
    options = ExportOptions(target="coreml", size=SIZE, precision=precision, io=io, calibration=calibration)  # type: ignore[arg-type]
    record = export_bundle(fourier, tmp_path / "out", options)
    assert record.passed
    bundle = load_labelled(tmp_path / "out")
    assert (bundle.precision, bundle.io) == (precision, io) and bool(bundle.ranges) == (precision != "fp32")
    width = {"fp32": 4, "fp16": 2, "int8": 1}[precision]
    numbers = sum(value.size for value in fourier.state_dict.values())
    assert bundle.files[f"{PACKAGE}/{WEIGHTS}"]["bytes"] < 1.3 * width * numbers + 100_000


def changed(change: Callable[[Any], None]) -> Callable[[ExportJob, Path], Written]:
    """Writes a package whose program was changed."""

    def write(job: ExportJob, path: Path) -> Written:
        written = targets.write_coreml(job, path)
        package = CoreMlPackage.read(path)
        change(package)
        (path / SPECIFICATION).write_bytes(package.model.SerializeToString())
        return written

    return write


def replicate(package: CoreMlPackage) -> None:
    """Pads with copies of the edge in place of a reflection."""
    for one in package.block.operations:
        strings = one.attributes["val"].immediateValue.tensor.strings.values if one.type == "const" else []
        if "reflect" in strings:
            strings[0] = "replicate"


def unknown(package: CoreMlPackage) -> None:
    next(one for one in package.block.operations if one.type == "relu").type = "tanh"


def short_of_a_bias(package: CoreMlPackage) -> None:
    next(one for one in package.block.operations if one.type == "conv" and "bias" in one.inputs).inputs.pop("bias")


DEFECTS = {
    "padding": (replicate, ToleranceError, "parity failed"),
    "operation": (unknown, ParityError, "has the operation tanh"),
    "bias": (short_of_a_bias, ToleranceError, "parity failed"),
}


@pytest.mark.slow
@pytest.mark.parametrize("defect", DEFECTS)
def test_the_gate_sees_what_the_package_has(defect: str, fourier: Checkpoint, tmp_path: Path) -> None:
    change, error, message = DEFECTS[defect]
    options = ExportOptions(target="coreml", size=SIZE)
    with pytest.raises(error, match=message):
        export_bundle(fourier, tmp_path / "out", options, write=changed(change))
    assert not (tmp_path / "out").exists()


def test_weights_that_lie_elsewhere_are_refused(fourier_bundle: Path, tmp_path: Path) -> None:
    package = Path(shutil.copytree(fourier_bundle / PACKAGE, tmp_path / PACKAGE))
    content = (package / WEIGHTS).read_bytes()
    (package / WEIGHTS).write_bytes(content[:64] + bytes(8) + content[72:])
    images, masks = Size(*SIZE).pictures()
    with pytest.raises(BundleError, match="its weights are not where the program looks for them"):
        CoreMlProgram(package).run(images, masks)


def test_it_does_not_run_here(fourier_bundle: Path) -> None:
    for source in (fourier_bundle, fourier_bundle / PACKAGE):
        with pytest.raises(LamaDeployError, match="is for Core ML, which runs in apps on Apple's devices and not here"):
            Inpainter.load(source)
    with pytest.raises(LamaDeployError, match="is for Core ML"):
        open_candidate(str(fourier_bundle), InpainterOptions())


@pytest.mark.slow
def test_a_new_export_takes_the_place_of_the_package_and_of_nothing_else(
    fourier: Checkpoint, fourier_bundle: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(fourier_bundle, tmp_path / "out"))
    (out / PACKAGE / "Data" / "mine.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"holds model\.mlpackage, which is no file of a bundle"):
        export_bundle(fourier, out, ExportOptions(target="coreml", size=(16, 16)))
    (out / PACKAGE / "Data" / "mine.txt").unlink()
    export_bundle(fourier, out, ExportOptions(target="coreml", size=(16, 16)))
    assert load_bundle(out).fixed_shape == (1, 16, 16) and [one.name for one in tmp_path.iterdir()] == ["out"]


def test_what_does_not_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="--batch is not for --to coreml"):
        ExportOptions(target="coreml", size=(64, 64), batch=2)
    with pytest.raises(ConfigError, match="--bf16 is not for --to coreml"):
        ExportOptions(target="coreml", precision="bf16")
    monkeypatch.setattr(targets, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"coremltools is not installed: .*export-coreml"):
        targets.tools_of(ExportOptions(target="coreml"))
