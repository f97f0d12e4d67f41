"""The form of a quantised ONNX file that TensorRT builds 8-bit convolutions from, the rest of it in half precision.

TensorRT takes zero points of 0 alone, and nothing of 32 bits into DequantizeLinear, so biases stay floats ("Working
with Quantized Types" in its documentation). Its networks are strongly typed: a scale in half precision makes a result
in half precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType

SYMMETRIC: Mapping[str, Any] = {
    "activation_type": QuantType.QInt8,
    "extra_options": {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False},
}


def with_biases_apart(model: onnx.ModelProto) -> onnx.ModelProto:
    """Biases of quantised convolutions are sums behind them, in place; TensorRT takes these in again.

    ONNX Runtime would quantise such a bias by the product of both scales, which is 0 in half precision: at 12 dB, with
    the same file that computes the right picture without optimisations (1.32).
    """
    made_by = {name: node.op_type for node in model.graph.node for name in node.output}
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    maps: dict[str, onnx.TensorProto] = {}
    for node in model.graph.node:
        nodes.append(node)
        if node.op_type == "Conv" and len(node.input) == 3 and made_by.get(node.input[1]) == "DequantizeLinear":
            bias = node.input.pop()
            shifts = numpy_helper.to_array(initializers[bias]).reshape(1, -1, 1, 1)
            maps[bias] = numpy_helper.from_array(shifts, f"{bias}_map")
            nodes.append(_sum_behind(node, f"{bias}_map"))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(maps.values())
    _drop_unused(model.graph)
    return model


def _sum_behind(convolution: onnx.NodeProto, bias: str) -> onnx.NodeProto:
    result = convolution.output[0]
    convolution.output[0] = f"{result}_without_bias"
    return helper.make_node("Add", [convolution.output[0], bias], [result], name=f"{convolution.name}/bias")


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = set(_names_used(graph))
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _names_used(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield from node.input
    yield from (value.name for value in graph.output)
