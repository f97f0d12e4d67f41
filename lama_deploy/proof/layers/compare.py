"""Where two models that should compute the same part: the first layer that is off by more than its inputs explain.

Errors are relative: the RMS of the difference over the RMS of the reference. A layer may be off by `GROWTH` times what
its inputs are off by, and by `OWN_ERROR` of its precision, for what it rounds itself. So rounding that piles up over a
deep generator is no divergence, and a single wrong weight is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from lama_deploy.arrays import Array

# Measured layer by layer at 64x64 and 72x136 (2026-11-25), beyond GROWTH times the inputs' error: float32 in ONNX
# Runtime is off from float64 by up to 8 units of rounding (lama-demo, three seeded Fourier generators), and with every
# value rounded to fp16 or bf16 from float32 by up to half a unit (those of every kind). ONNX Runtime's DFT operator is
# off by up to 3e-5, at 960x320. Engines sum in other orders.
OWN_ERROR = {
    "fp32": 64 * 2.0**-24,
    "dft": 2.5e-4,
    "tf32": 8 * 2.0**-11,
    "fp16": 8 * 2.0**-11,
    "bf16": 8 * 2.0**-8,
}
GROWTH = 4.0
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)


@dataclass(frozen=True)
class GraphLayer:
    """A node by the value that it makes. module: its weight's official key, "" where it has none."""

    name: str
    op: str
    inputs: tuple[str, ...]
    module: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(filter(None, (self.op, self.module)))})"


def layers_of(graph: onnx.GraphProto) -> Iterator[GraphLayer]:
    """In the order of the file, which is topological, but for the picture; a node gives one for each of its outputs."""
    picture = {value.name for value in graph.output}
    weights = {tensor.name for tensor in graph.initializer if tensor.name.endswith(".weight")}
    for node in graph.node:
        module = next((name.removesuffix(".weight") for name in node.input if name in weights), "")
        yield from (
            GraphLayer(name, node.op_type, tuple(node.input), module) for name in node.output if name not in picture
        )


def comparable(model: onnx.ModelProto, *, scaled: bool) -> set[str]:
    """The values of a model without functions that can be compared: floats, before they become levels of bytes.

    Rounding to levels makes a difference of nothing one of 1 / 255: that is the picture's parity, no layer's. scaled:
    leave out concatenated channels, whose parts are scaled differently, and windows of them.
    """
    inferred = onnx.shape_inference.infer_shapes(model).graph
    floats = {value.name for value in inferred.value_info if value.type.tensor_type.elem_type in FLOATS}
    after: set[str] = set()
    joined: set[str] = set()
    for node in model.graph.node:
        if scaled and (_joins_channels(node) or (node.op_type == "Slice" and node.input[0] in joined)):
            joined.update(node.output)
        if node.op_type == "Floor" or after.intersection(node.input):
            after.update(node.output)
        elif node.op_type == "Constant" or joined.intersection(node.output):
            floats.difference_update(node.output)
    return floats - after


def _joins_channels(node: onnx.NodeProto) -> bool:
    return node.op_type == "Concat" and any(
        attribute.name == "axis" and attribute.i == 1 for attribute in node.attribute
    )


@dataclass(frozen=True)
class Difference:
    """How far a layer of the candidate is off, once it is divided by `scale`, a power of two.

    error: RMS of the difference. largest: of all values. inputs: the largest `error` among what the layer read. All are
    relative to the RMS of the reference; NaN where the candidate is not finite. allowed: what `error` may be.
    """

    layer: GraphLayer
    error: float
    largest: float
    inputs: float
    allowed: float
    scale: float = 1.0

    @property
    def diverges(self) -> bool:
        return not self.error <= self.allowed

    def __bool__(self) -> bool:
        """What Polygraphy asks: whether the two agree."""
        return not self.diverges


class LayerComparison:
    """A `compare_func` of Polygraphy's Comparator: of each layer that both results hold its Difference.

    layers: of the candidate, in order. own_error: see OWN_ERROR. scaled: find the power of two between the two, for
    files whose activation ranges were folded into their weights.
    """

    def __init__(self, layers: Sequence[GraphLayer], own_error: float, *, scaled: bool = False) -> None:
        self._layers, self._own_error, self._scaled = layers, own_error, scaled

    def __call__(self, reference: Mapping[str, Any], candidate: Mapping[str, Any]) -> dict[str, Difference]:
        """In the order of the layers. What stands between two layers that are compared passes on its inputs' error."""
        found: dict[str, Difference] = {}
        errors: dict[str, float] = {}
        for layer in self._layers:
            inputs = max((errors.get(name, 0.0) for name in layer.inputs), default=0.0)
            errors[layer.name] = inputs
            if layer.name in reference and layer.name in candidate:
                pair = _float64(reference[layer.name]), _float64(candidate[layer.name])
                difference = found[layer.name] = self._difference(layer, *pair, inputs)
                errors[layer.name] = difference.error
        return found

    def _difference(self, layer: GraphLayer, reference: Array, candidate: Array, inputs: float) -> Difference:
        allowed = GROWTH * inputs + self._own_error
        size = _rms(reference)
        scale = _power_of_two(_rms(candidate), size) if self._scaled else 1.0
        if reference.shape != candidate.shape:
            return Difference(layer, np.nan, np.nan, inputs, allowed)
        if not reference.size:
            return Difference(layer, 0.0, 0.0, inputs, allowed)
        with np.errstate(invalid="ignore", divide="ignore"):
            off = np.abs(candidate / scale - reference)
            unit = size or 1.0  # of a reference that is all zeros, errors are absolute
            return Difference(layer, _rms(off) / unit, float(off.max()) / unit, inputs, allowed, scale)


def first_divergence(found: Collection[Difference]) -> Difference | None:
    """The first of `found` in their order."""
    return next((one for one in found if one.diverges), None)


def _power_of_two(candidate: float, reference: float) -> float:
    """The one nearest to their ratio, on a logarithmic scale; 1 where there is no ratio."""
    if not (0 < candidate < np.inf and 0 < reference < np.inf):
        return 1.0
    return float(2.0 ** np.round(np.log2(candidate / reference)))


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


def _float64(values: Any) -> Array:
    """Of NumPy or torch, which alone has bfloat16."""
    return np.asarray(values.double() if hasattr(values, "double") else values, np.float64)
