"""The portable form with weights in half precision, so that MNN's converter cuts nothing off.

With --fp16 it stores every constant in half, 2 pi too, by cutting digits off (seen in 3.6.1), all but the biases of
convolutions before the head. lama-demo has 65 dB on the gate's photographs so, 81 with rounded weights, and 111 with
2 pi in two parts besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from lama_deploy.arrays import Array

HEAD = "/head/"  # whose convolutions' biases MNN stores as any constant
CONVOLUTIONS = ("Conv", "ConvTranspose")


def form_in_halves(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose weights are the nearest halves, and which computes all else as it did."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    _split_factors(copy.graph)
    _round(copy.graph)
    return copy


def _split_factors(graph: onnx.GraphProto) -> None:
    """x * c, for a number c that halves do not hold, as x * high + x * low, the two of which they do."""
    numbers = {name: float(value) for name, value in _constants(graph).items() if value.size == 1}
    nodes = [found for node in graph.node for found in _split(node, numbers, graph)]
    del graph.node[:]
    graph.node.extend(nodes)


def _split(node: onnx.NodeProto, numbers: Mapping[str, float], graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    factor = next((name for name in node.input if name in numbers), "")
    high = np.float16(numbers.get(factor, 0.0))
    low = np.float16(numbers.get(factor, 0.0) - float(high))
    if node.op_type != "Mul" or not low:
        yield node
        return
    value = next(name for name in node.input if name != factor)
    parts = []
    for word, part in (("high", high), ("low", low)):
        parts.append(f"{node.name}/{word}")
        graph.initializer.append(numpy_helper.from_array(np.array(part, np.float32), f"{parts[-1]}/factor"))
        yield helper.make_node("Mul", [value, f"{parts[-1]}/factor"], [parts[-1]], name=parts[-1])
    yield helper.make_node("Add", parts, list(node.output), name=node.name)


def _round(graph: onnx.GraphProto) -> None:
    """To the nearest, all but biases that MNN keeps as they are."""
    convolutions = [node for node in graph.node if node.op_type in CONVOLUTIONS and HEAD not in node.name]
    kept = {name for node in convolutions for name in node.input[2:]}
    for tensor in graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.name not in kept:
            values = numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _constants(graph: onnx.GraphProto) -> dict[str, Array]:
    """Floats, of initialisers and of nodes."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    tensors |= {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    return {
        name: numpy_helper.to_array(tensor)
        for name, tensor in tensors.items()
        if tensor.data_type == onnx.TensorProto.FLOAT
    }
