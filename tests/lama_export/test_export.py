"""Exports prove themselves, and leave nothing behind when they cannot."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

import lama_export.targets as targets_module
from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.errors import BundleError, LamaDeployError
from lama_deploy.model import seeded_generator
from lama_deploy.proof.parity import DynamicShapeError, KnownPixelsError, ToleranceError
from lama_deploy.proof.subjects import Size
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, export_bundle

CONFIG = GeneratorConfig(width=8, blocks=1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    state = {key: tensor.numpy() for key, tensor in seeded_generator(CONFIG, seed=5).state_dict().items()}
    save_checkpoint(path, CONFIG, state)
    return load_checkpoint(path)


def test_bundle_records_what_it_is(checkpoint: Checkpoint, tmp_path: Path) -> None:
    record = export_bundle(checkpoint, tmp_path / "out", source="tiny")
    bundle = load_bundle(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bundle.json", "model.onnx"]
    assert (bundle.config, bundle.weights) == (CONFIG, {"source": "tiny", "sha256": checkpoint.sha256})
    assert bundle.parity == json.loads(json.dumps(record.to_dict()))
    assert bundle.parity["passed"] and len(bundle.parity["cases"]) == len(ExportOptions().compared) + 1
    assert bundle.files["model.onnx"]["bytes"] == (tmp_path / "out" / "model.onnx").stat().st_size


def test_external_data_only_when_asked(checkpoint: Checkpoint, tmp_path: Path) -> None:
    export_bundle(
        checkpoint,
        tmp_path / "out",
        ExportOptions(external_data=True, parity_subjects=[Size(16, 16)]),
    )
    assert set(load_bundle(tmp_path / "out").files) == {"model.onnx", "model.onnx.data"}


def test_bundles_are_replaced_but_nothing_else_is(checkpoint: Checkpoint, tmp_path: Path) -> None:
    quick = ExportOptions(parity_subjects=[Size(16, 16)])
    export_bundle(checkpoint, tmp_path / "out", quick, source="first")
    export_bundle(checkpoint, tmp_path / "out", quick, source="second")
    assert load_bundle(tmp_path / "out").weights["source"] == "second"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.png").touch()
    with pytest.raises(BundleError, match=r"holiday\.png, which is no file of a bundle"):
        export_bundle(checkpoint, tmp_path / "photos", quick)
    assert (tmp_path / "photos" / "holiday.png").exists()


def nudge_head(model: onnx.ModelProto) -> None:
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "model.10.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(1e-2), bias.name))


def node_of(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.name == name)


def fix_size(model: onnx.ModelProto) -> None:
    """As a tracing exporter does: the size becomes a constant."""
    size = node_of(model, "picture/size")
    size.CopyFrom(onnx.helper.make_node("Constant", [], list(size.output), name=size.name, value_ints=[64, 64]))


def composite_nothing(model: onnx.ModelProto) -> None:
    composite = node_of(model, "result/composite")
    composite.input[2] = composite.input[1]


def return_integers(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT32
    node_of(model, "result").attribute[0].i = onnx.TensorProto.INT32


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (nudge_head, ToleranceError),
        (fix_size, DynamicShapeError),
        (composite_nothing, KnownPixelsError),
        (return_integers, BundleError),
    ],
)
def test_wrong_graphs_fail_by_class_and_leave_nothing(
    damage: Callable[[onnx.ModelProto], None],
    error: type[LamaDeployError],
    checkpoint: Checkpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = targets_module.onnx_from_state

    def damaged(*args: object, **kwargs: object) -> onnx.ModelProto:
        model = original(*args, **kwargs)  # type: ignore[arg-type]
        damage(model)
        return model

    monkeypatch.setattr(targets_module, "onnx_from_state", damaged)
    with pytest.raises(error):
        export_bundle(
            checkpoint,
            tmp_path / "deep" / "out",
            ExportOptions(parity_subjects=[Size(64, 64), Size(37, 50)]),
        )
    assert not list((tmp_path / "deep").iterdir())
