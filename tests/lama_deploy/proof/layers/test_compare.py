"""The judgement by itself: what is compared, what a layer may be off by, and which of them is first."""

import numpy as np
import onnx
import pytest
import torch

from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.proof.layers.compare import (
    GROWTH,
    OWN_ERROR,
    GraphLayer,
    LayerComparison,
    comparable,
    first_divergence,
    layers_of,
)
from lama_export.graph.model import onnx_from_state

OWN = OWN_ERROR["fp32"]
CHAIN = [GraphLayer("a", "Conv", ("x",)), GraphLayer("b", "Relu", ("a",)), GraphLayer("c", "Conv", ("b", "a"))]
REFERENCE = {name: np.linspace(-1, 2, 60, dtype=np.float32).reshape(1, 3, 4, 5) for name in "abc"}


@pytest.fixture(scope="module")
def model(tiny: Checkpoint) -> onnx.ModelProto:
    return onnx_from_state(tiny.config, tiny.state_dict)


def off_by(**errors: float) -> dict[str, np.ndarray]:
    """REFERENCE, each value larger by that part of itself."""
    return {name: values.astype(np.float64) * (1 + errors.get(name, 0.0)) for name, values in REFERENCE.items()}


def first(candidate: dict[str, np.ndarray], **options: bool) -> str | None:
    found = LayerComparison(CHAIN, OWN, **options)(REFERENCE, candidate)
    divergence = first_divergence(found.values())
    return divergence.layer.name if divergence is not None else None


@pytest.mark.parametrize(
    ("errors", "named"),
    [
        ({}, None),
        ({"a": OWN / 2, "b": OWN, "c": 4 * OWN}, None),
        ({"a": OWN / 2, "b": 4 * OWN}, "b"),
        ({"a": 1.0, "b": 1.0, "c": 1.0}, "a"),
        ({"c": np.nan}, "c"),
        ({"b": np.inf}, "b"),
    ],
)
def test_the_first_layer_that_its_inputs_do_not_explain(errors: dict[str, float], named: str | None) -> None:
    assert first(off_by(**errors)) == named


def test_errors_pass_through_what_is_not_compared() -> None:
    """A cast, say, that only one of the files has stands between."""
    found = LayerComparison(
        [CHAIN[0], GraphLayer("hidden", "Cast", ("a",)), GraphLayer("c", "Conv", ("hidden",))], OWN
    )(REFERENCE, off_by(a=1e-2, c=2e-2))
    assert list(found) == ["a", "c"] and found["a"].diverges and not found["c"].diverges
    assert found["c"].inputs == pytest.approx(1e-2) and found["c"].allowed == pytest.approx(GROWTH * 1e-2, rel=1e-3)


def test_powers_of_two_are_found_where_ranges_were_folded() -> None:
    candidate = {name: values * scale for (name, values), scale in zip(REFERENCE.items(), (4, 0.125, 1), strict=True)}
    found = LayerComparison(CHAIN, OWN, scaled=True)(REFERENCE, candidate)
    assert [one.scale for one in found.values()] == [4, 0.125, 1] and all(one.error == 0 for one in found.values())
    assert first(candidate) == "a"


def test_another_shape_diverges_and_zeros_do_not() -> None:
    assert first({**REFERENCE, "b": REFERENCE["b"][:, :1]}) == "b"
    zeros = {name: np.zeros((2, 3), np.float32) for name in "abc"}
    assert all(LayerComparison(CHAIN, OWN, scaled=True)(zeros, zeros).values())
    assert LayerComparison(CHAIN, OWN)(zeros, {"a": zeros["a"] + 1e-3})["a"].diverges


def test_polygraphys_comparator_takes_it() -> None:
    pytest.importorskip("polygraphy")
    from polygraphy.comparator import Comparator, IterationResult, RunResults
    from polygraphy.logger import G_LOGGER

    results = RunResults()
    for name, values in (("reference", REFERENCE), ("candidate", off_by(b=1e-2))):
        results.append((name, [IterationResult(values, runner_name=name)]))
    with G_LOGGER.verbosity(G_LOGGER.CRITICAL):
        (accuracy,) = Comparator.compare_accuracy(results, compare_func=LayerComparison(CHAIN, OWN))
    ((found,),) = accuracy.values()
    assert not accuracy and [name for name, agrees in found.items() if not agrees] == ["b"]


def test_bfloat16_comes_as_tensors() -> None:
    candidate = {name: torch.tensor(values).to(torch.bfloat16) for name, values in REFERENCE.items()}
    (difference, *_) = LayerComparison(CHAIN, OWN_ERROR["bf16"])(REFERENCE, candidate).values()
    assert not difference.diverges and 2.0**-11 < difference.error < 2.0**-8


def test_layers_know_their_operator_and_official_module(model: onnx.ModelProto) -> None:
    layers = {layer.name: layer for layer in layers_of(model.graph)}
    assert str(layers["generator/block01/conv1/l2l"]) == (
        "generator/block01/conv1/l2l (Conv, model.5.conv1.ffc.convl2l)"
    )
    assert layers["generator/block01/conv2/g2g/fourier_unit/mix"].module == "model.5.conv2.ffc.convg2g.fu.conv_layer"
    assert str(layers["generator/branches"]) == "generator/branches (Concat)"


def test_what_is_compared(model: onnx.ModelProto) -> None:
    """Floats of the generator, inside of Fourier units too, but no levels, sizes and constants."""
    names = comparable(model, scaled=False)
    assert {"picture/input", "generator/block01/conv1/g2g/fourier_unit/dft_h", "generator/head/sigmoid"} <= names
    assert "generator/branches" in names and "generator/branches" not in comparable(model, scaled=True)
    assert not names & {"result/floor", "result/nhwc", "picture/size", "picture/hole"}
    constants = {node.output[0] for node in model.graph.node if node.op_type == "Constant"}
    assert constants and not names & constants
