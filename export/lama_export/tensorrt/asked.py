"""Which precision an ONNX file asks for in each of its products, by the names that TensorRT gives a layer's origin."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import onnx

PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm", "Einsum")
DTYPES = {onnx.TensorProto.FLOAT: "fp32", onnx.TensorProto.FLOAT16: "fp16", onnx.TensorProto.BFLOAT16: "bf16"}
FOURIER_UNIT = "/fourier_unit"  # in the names of its nodes, also where its function is written out
Precisions = frozenset[str]


@dataclass(frozen=True)
class Origin:
    """An ONNX node as a layer's metadata names it. call: the node whose local function it is in, "" for none."""

    node: str
    call: str = ""
    function: str = ""


def origins(metadata: str) -> list[Origin]:
    """Of "[ONNX Layer: conv][ONNX Layer: node_of_mix | block/fourier_unit (SpectralConv)]", however separated."""
    found = []
    for entry in re.findall(r"\[ONNX Layer: ([^\]]*)\]", metadata):
        node, *calls = entry.split(" | ")
        call, _, function = (calls[0] if calls else "").partition(" (")
        found.append(Origin(node.strip(), call.strip(), function.rstrip(") ")))
    return found


@dataclass(frozen=True)
class Asked:
    """nodes: products of the graph. inner: (function, name) of products in local functions. casts: names of casts.

    The precisions of a product are those that its operands may have in an engine: where the file casts halves to
    float32 around it, an engine may do so or take the casts in.
    """

    nodes: Mapping[str, Precisions]
    inner: Mapping[tuple[str, str], Precisions]
    casts: frozenset[str]

    @property
    def anywhere(self) -> Precisions:
        return frozenset().union(*self.nodes.values(), *self.inner.values())

    def of(self, origin: Origin) -> Precisions | None:
        """None for what is no product."""
        if origin.call:
            return self.inner.get((origin.function, origin.node))
        return self.nodes.get(origin.node)


def asked_of(model: onnx.ModelProto, precision: str, *, quantised: bool = False) -> Asked:
    """precision: of the graph, quantised or not; an engine may compute in it what is quantised, too.

    The file tells another only of a Fourier unit's products: by the type of their weights, with DFT operators, and by
    casts around those with DFT matrices.
    """
    base = frozenset({precision, "int8"} if quantised else {precision})
    types = {tensor.name: DTYPES.get(tensor.data_type, "") for tensor in model.graph.initializer}
    functions = {function.name for function in model.functions}
    nodes = {
        node.name: base | _told(node, model.graph.node, types) if FOURIER_UNIT in node.name else base
        for node in model.graph.node
        if node.op_type in PRODUCTS or (node.op_type in functions and _has_weights(node, types))
    }
    inner = {
        (function.name, f"node_of_{node.output[0]}"): base | _told(node, function.node, {})
        for function in model.functions
        for node in function.node
        if node.op_type in PRODUCTS
    }
    nested = (node for function in model.functions for node in function.node)
    casts = (node for node in (*model.graph.node, *nested) if node.op_type == "Cast")
    return Asked(nodes, inner, frozenset(node.name or f"node_of_{node.output[0]}" for node in casts))


def _has_weights(node: onnx.NodeProto, types: Mapping[str, str]) -> bool:
    return any(types.get(name) for name in node.input)


def _told(node: onnx.NodeProto, around: Iterable[onnx.NodeProto], types: Mapping[str, str]) -> Precisions:
    """By its weights and by casts before it."""
    inputs = set(node.input)
    casts = [one for one in around if one.op_type == "Cast" and inputs & set(one.output)]
    targets = {DTYPES.get(attribute.i, "") for one in casts for attribute in one.attribute if attribute.name == "to"}
    return frozenset({*targets, *(types.get(name, "") for name in inputs)} - {""})
