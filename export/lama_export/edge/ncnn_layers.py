"""ONNX nodes of the portable form as layers of ncnn, whose values have no batch: axes count from the channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import numpy_helper

from lama_deploy.arrays import Array

FLOATS, HALVES = 0, 0x01306B47  # what stands before the weights of a convolution
ARRAY = -23300  # the number of a parameter that is an array is this minus its own
Parameter = int | float | Sequence[int]


@dataclass(frozen=True)
class Layer:
    """A line of the .param file, and its part of the .bin file. parameters: by ncnn's numbers."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    parameters: Mapping[int, Parameter] = field(default_factory=dict)
    weights: Sequence[bytes] = ()

    def __str__(self) -> str:
        counts = f"{len(self.inputs)} {len(self.outputs)}"
        words = [_parameter(number, value) for number, value in self.parameters.items()]
        return " ".join([f"{self.kind:<16}", self.name, counts, *self.inputs, *self.outputs, *words])


def _parameter(number: int, value: Parameter) -> str:
    if isinstance(value, (int, float)):
        return f"{number}={value}"
    return f"{ARRAY - number}={','.join(map(str, [len(value), *value]))}"


class Values:
    """What nodes read: constants, and the dimensions of everything else."""

    def __init__(self, model: onnx.ModelProto, *, halves: bool) -> None:
        graph = model.graph
        self.halves = halves
        self.constants: dict[str, Array] = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        infos = (*graph.input, *graph.output, *graph.value_info)
        self.shapes = {one.name: [dim.dim_value for dim in one.type.tensor_type.shape.dim] for one in infos}
        self._written: dict[bytes, str] = {}

    def dimensions(self, name: str) -> dict[int, int]:
        """Width, height and channels, as Input and Reshape number them."""
        _, channels, height, width = self.shapes[name]
        return {0: width, 1: height, 2: channels}

    def stored(self, weight: Array) -> tuple[bytes, bytes]:
        """A convolution's weights, after what says how they are stored."""
        kind, dtype = (HALVES, np.float16) if self.halves else (FLOATS, np.float32)
        data = weight.astype(dtype).tobytes()
        return kind.to_bytes(4, "little"), data + bytes(-len(data) % 4)

    def matrix(self, name: str) -> Iterator[Layer]:
        """The layer that holds a constant, unless an equal one has been written; `named` says what it is called."""
        data = self.constants[name].astype(np.float32).tobytes()
        if data not in self._written:
            self._written[data] = name
            rows, columns = self.constants[name].shape
            yield Layer("MemoryData", name, [], [name], {0: columns, 1: rows}, [data])

    def named(self, name: str) -> str:
        """A constant that is equal and has been written; a value as it is."""
        known = self.constants.get(name)
        return name if known is None else self._written[known.astype(np.float32).tobytes()]


Writer = Callable[[Values, onnx.NodeProto], Iterator[Layer]]


def _attributes(node: onnx.NodeProto) -> dict[str, list[int]]:
    return {one.name: list(one.ints) for one in node.attribute}


def _convolution(values: Values, node: onnx.NodeProto) -> Iterator[Layer]:
    weight, attributes = values.constants[node.input[1]], _attributes(node)
    transposed = node.op_type == "ConvTranspose"
    if transposed:
        weight = weight.transpose(1, 0, 2, 3)
    outputs, _, height, width = weight.shape
    biased = len(node.input) > 2
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    parameters: dict[int, Parameter] = {0: outputs, 1: width, 11: height, 4: left, 15: right, 14: top, 16: bottom}
    parameters |= {3: attributes.get("strides", [1])[0], 2: attributes.get("dilations", [1])[0]}
    parameters |= {5: int(biased), 6: weight.size}
    if transposed:
        row, column = attributes.get("output_padding", [0, 0])
        parameters |= {18: column, 19: row}
    weights = [*values.stored(weight)]
    if biased:
        weights.append(values.constants[node.input[2]].astype(np.float32).tobytes())
    kind = "Deconvolution" if transposed else "Convolution"
    yield Layer(kind, node.name, [node.input[0]], [node.output[0]], parameters, weights)


def _product(values: Values, node: onnx.NodeProto) -> Iterator[Layer]:
    for name in node.input:
        if name in values.constants:
            yield from values.matrix(name)
    yield Layer("MatMul", node.name, [values.named(name) for name in node.input], list(node.output))


def _pad(values: Values, node: onnx.NodeProto) -> Iterator[Layer]:
    _, _, top, left, _, _, bottom, right = values.constants[node.input[1]].tolist()
    yield _plain("Padding", node, {0: top, 1: bottom, 2: left, 3: right, 4: 2})  # 2: reflect


def _slice(values: Values, node: onnx.NodeProto) -> Iterator[Layer]:
    starts, ends, axes = (values.constants[name].tolist() for name in node.input[1:4])
    sizes = [values.shapes[node.input[0]][axis] for axis in axes]
    first = [start % size for start, size in zip(starts, sizes, strict=True)]
    last = [min(end, size) if end >= 0 else size + end for end, size in zip(ends, sizes, strict=True)]
    yield _plain("Crop", node, {9: first, 10: last, 11: [axis - 1 for axis in axes]})


def _split(values: Values, node: onnx.NodeProto) -> Iterator[Layer]:
    sizes = [values.shapes[name][1] for name in node.output]
    yield Layer("Slice", node.name, [node.input[0]], list(node.output), {0: sizes, 1: 0})


def _concat(values: Values, node: onnx.NodeProto) -> Iterator[Layer]:
    axis = next(one.i for one in node.attribute if one.name == "axis")
    yield Layer("Concat", node.name, list(node.input), list(node.output), {0: axis - 1})


def _reshape(values: Values, node: onnx.NodeProto) -> Iterator[Layer]:
    yield _plain("Reshape", node, values.dimensions(node.output[0]))


def _add(values: Values, node: onnx.NodeProto) -> Iterator[Layer]:
    yield _sum(node.name, node.input[0], node.input[1], node.output[0])


def _where(values: Values, node: onnx.NodeProto) -> Iterator[Layer]:
    """Of a hole that is 0 or 1: hole * inside + (1 - hole) * outside, exact for finite values."""
    hole, inside, outside = node.input
    name, output = node.name, node.output[0]
    known, kept = f"{name}/known", f"{name}/kept"
    yield Layer("BinaryOp", known, [hole], [known], {0: 7, 1: 1, 2: 1.0})  # 7: the scalar minus the value
    if inside in values.constants:  # zero
        yield _times(name, outside, known, output)
        return
    yield _times(kept, outside, known, kept)
    yield _times(f"{name}/filled", inside, hole, f"{name}/filled")
    yield _sum(name, kept, f"{name}/filled", output)


def _times(name: str, left: str, right: str, output: str) -> Layer:
    return Layer("BinaryOp", name, [left, right], [output], {0: 2})


def _sum(name: str, left: str, right: str, output: str) -> Layer:
    return Layer("BinaryOp", name, [left, right], [output], {0: 0})


def _pixels(values: Values, node: onnx.NodeProto) -> Iterator[Layer]:
    yield _plain("PixelShuffle", node, {0: 2, 1: 0})  # 0: columns, then rows, then depth vary slowest, as CRD


def _plain(kind: str, node: onnx.NodeProto, parameters: Mapping[int, Parameter] | None = None) -> Layer:
    return Layer(kind, node.name, [node.input[0]], [node.output[0]], parameters or {})


WRITTEN: Mapping[str, Writer] = {
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    "MatMul": _product,
    "Pad": _pad,
    "Slice": _slice,
    "Split": _split,
    "Concat": _concat,
    "Reshape": _reshape,
    "Add": _add,
    "Where": _where,
    "DepthToSpace": _pixels,
    "Relu": lambda values, node: iter([_plain("ReLU", node)]),
    "Sigmoid": lambda values, node: iter([_plain("Sigmoid", node)]),
}
