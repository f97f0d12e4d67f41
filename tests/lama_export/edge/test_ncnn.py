"""ncnn bundles: every generator at a size of its own, what their two files hold, and what ncnn cannot have."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import lama_export.targets as targets
from lama_deploy import Inpainter
from lama_deploy.bundle import MANIFEST
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.errors import BundleError, ConfigError, MissingDependencyError
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.proof.labels import load_labelled
from lama_deploy.shapes import ShapeRange
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, export_bundle
from lama_export.edge.ncnn import ncnn_from_onnx
from lama_export.graph.fixed import fix_shapes
from lama_export.graph.model import onnx_from_state

pytest.importorskip("ncnn", reason="ncnn is not installed: pip install ncnn")

CONFIGS = {
    "fourier": GeneratorConfig(width=8, blocks=2),
    "regular": GeneratorConfig(kind="regular", width=8, blocks=2),
    "dilated": GeneratorConfig(kind="dilated", width=8, blocks=2),
}
SIZE = (72, 88)
LAYERS = ("Input", "MemoryData", "Split", "Convolution", "Deconvolution", "MatMul", "Padding", "Crop", "Slice")
LAYERS += ("Concat", "Reshape", "BinaryOp", "PixelShuffle", "ReLU", "Sigmoid")


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


def test_every_generator_at_one_size(checkpoint: Checkpoint, tmp_path: Path) -> None:
    record = export_bundle(checkpoint, tmp_path / "out", ExportOptions(target="ncnn", size=SIZE))
    assert record.passed and max(case.spread for case in record.cases) > 0.05
    bundle = load_labelled(tmp_path / "out")
    assert (bundle.target, bundle.precision, bundle.io, bundle.fixed_shape) == ("ncnn", "fp32", "float", (1, *SIZE))
    assert sorted(bundle.files) == ["model.ncnn.bin", "model.ncnn.param"] and "ncnn" in bundle.tools
    inpaint = Inpainter.load(tmp_path / "out")
    assert inpaint.backend.capabilities.shapes == (ShapeRange(*[(1, *SIZE)] * 3),)
    images, masks = scene(100, 60, seed=5)
    result = np.asarray(inpaint(images[0], masks[0]))
    np.testing.assert_array_equal(result[masks[0] == 0], images[0][masks[0] == 0])


@pytest.mark.slow
def test_halves_are_half_as_large_and_labelled_so(fourier: Checkpoint, photographs: Path, tmp_path: Path) -> None:
    options = ExportOptions(target="ncnn", precision="fp16", calibration=photographs, size=SIZE)
    assert export_bundle(fourier, tmp_path / "fp16", options).passed
    export_bundle(fourier, tmp_path / "fp32", ExportOptions(target="ncnn", size=SIZE))
    sizes = [(tmp_path / name / "model.ncnn.bin").stat().st_size for name in ("fp16", "fp32")]
    assert sizes[0] < 0.6 * sizes[1]
    assert load_labelled(tmp_path / "fp16").quantisation == {"weights": "float16", "computed": "float32"}
    manifest = tmp_path / "fp32" / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"precision": "fp16"}))
    with pytest.raises(BundleError, match=r"fp32 by its weights and nodes, and bundle\.json says fp16"):
        load_labelled(tmp_path / "fp32")


def test_every_value_has_one_reader_and_every_layer_is_ncnn_s(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """ncnn refuses layers that it does not know, and reads a value with two readers once."""
    model = onnx_from_state(checkpoint.config, checkpoint.state_dict, io="float", spectral="inline")
    ncnn_from_onnx(fix_shapes(model, ExportOptions(target="ncnn", size=SIZE).fixed_size), tmp_path / "a.param", "fp32")  # type: ignore[arg-type]
    magic, counts, *lines = (tmp_path / "a.param").read_text().splitlines()
    made, read = Counter[str](), Counter[str]()
    for line in lines:
        kind, _, inputs, outputs, *names = line.split()
        assert (kind.isalnum() and kind != "ReLU") or kind == "ReLU"
        read.update(names[: int(inputs)])
        made.update(names[int(inputs) : int(inputs) + int(outputs)])
    assert magic == "7767517" and counts == f"{len(lines)} {len(made)}"
    assert set(made.values()) == set(read.values()) == {1} and made.keys() - read.keys() == {"result"}


def test_what_cannot_be_asked_for(fourier: Checkpoint, tmp_path: Path) -> None:
    for asked in ({"precision": "int8"}, {"precision": "bf16"}, {"size": SIZE, "batch": 2}):
        with pytest.raises(ConfigError, match="--to ncnn takes one picture at a time, in float32 or --fp16"):
            ExportOptions(target="ncnn", **asked)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="give --size in multiples of it"):
        export_bundle(fourier, tmp_path / "out", ExportOptions(target="ncnn", size=(75, 80)))
    assert not list(tmp_path.iterdir())


def test_without_ncnn_the_extra_is_named(fourier: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"^ncnn is not installed: pip install .*\[export-ncnn\]"):
        export_bundle(fourier, tmp_path / "out", ExportOptions(target="ncnn"))
