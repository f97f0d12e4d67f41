"""A bundle is what its label says, by the graph itself, whatever the file says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from lama_deploy.bundle import PRECISION_PROPERTY, load_bundle
from lama_deploy.errors import BundleError
from lama_deploy.proof.labels import check_label, load_labelled
from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend
from tests.resign import resign

Make = Callable[..., Path]
LABELS = ("fp32", "fp16", "bf16", "int8")


def refused(bundle: Path, message: str, **changes: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        check_label(bundle, replace(load_bundle(bundle), **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spectral", ["function", "inline", "dft"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_each_precision_has_one_label(precision: str, spectral: str, make_bundle: Make) -> None:
    bundle = make_bundle("made", precision, spectral=spectral)
    assert load_labelled(bundle).precision == precision
    for label in set(LABELS) - {precision}:
        refused(
            bundle, f"model.onnx: {precision} by its weights and nodes, and bundle.json says {label};", precision=label
        )


def test_openvino(openvino_bundles: Mapping[str, Path]) -> None:
    for precision in ("fp32", "bf16"):
        bundle = openvino_bundles[precision]
        assert load_labelled(bundle).precision == precision
        for label in set(LABELS) - {precision}:
            refused(bundle, f"model.xml: {precision} by its weights and nodes", precision=label)


def edited(bundle: Path, edit: Callable[[onnx.ModelProto], None], precision: str) -> Path:
    """With metadata and label of that precision."""
    model = onnx.load(bundle / "model.onnx")
    edit(model)
    (entry,) = (entry for entry in model.metadata_props if entry.key == PRECISION_PROPERTY)
    entry.value = precision
    onnx.save(model, bundle / "model.onnx")
    assert OnnxRuntimeBackend(bundle / "model.onnx", device="cpu").capabilities.made_for == precision
    return resign(bundle, precision=precision)


def quantise_something(model: onnx.ModelProto, where: str = "graph") -> None:
    """A quantisation that nothing reads, which int8 would not be made by."""
    nodes = model.graph.node if where == "graph" else model.functions[0].node
    constant = helper.make_tensor("unused_scale", TensorProto.FLOAT, [], [1.0])
    nodes.insert(0, helper.make_node("Constant", [], ["unused_scale"], value=constant))
    nodes.insert(1, helper.make_node("QuantizeLinear", ["unused_scale", "unused_scale"], ["unused_bytes"]))


def round_in_function(model: onnx.ModelProto) -> None:
    (function,) = (function for function in model.functions if function.name == "SpectralConv")
    x = function.input[0]
    function.node.insert(0, helper.make_node("Cast", [x], ["unused_half"], to=TensorProto.FLOAT16))


@pytest.mark.parametrize(
    ("edit", "precision", "found"),
    [
        (lambda model: None, "int8", "fp32"),
        (quantise_something, "int8", "fp32 and int8"),
        (lambda model: quantise_something(model, "function"), "fp32", "fp32 and int8"),
        (round_in_function, "fp32", "fp16 and fp32"),
    ],
)
def test_metadata_that_agrees_is_not_enough(
    edit: Callable[[onnx.ModelProto], None], precision: str, found: str, make_bundle: Make
) -> None:
    bundle = edited(make_bundle("made"), edit, precision)
    refused(bundle, f"model.onnx: {found} by its weights and nodes, and bundle.json says {precision};")


def test_metadata_that_does_not_agree(make_bundle: Make) -> None:
    bundle = edited(make_bundle("made"), lambda model: None, "fp16")
    refused(bundle, r"model\.onnx: fp16 by its metadata, and bundle\.json says fp32;", precision="fp32")


@pytest.mark.parametrize(("content", "message"), [(b"nonsense", "damaged"), (b"", "of no known type by its weights")])
def test_no_graph(content: bytes, message: str, make_bundle: Make) -> None:
    bundle = make_bundle("made")
    (bundle / "model.onnx").write_bytes(content)
    refused(resign(bundle), message)


def test_no_xml(openvino_bundles: Mapping[str, Path], tmp_path: Path) -> None:
    (tmp_path / "model.xml").write_text("<net")
    with pytest.raises(BundleError, match=r"model\.xml: damaged \(unclosed token"):
        check_label(tmp_path, load_bundle(openvino_bundles["fp32"]))
