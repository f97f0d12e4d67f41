"""A file for one shape: everything that depends on shapes alone is computed now, and every value has its dimensions.

For engines that want one size: OpenCV 4, tract, TVM, IREE, LiteRT, phones. What a shape decides is most of the graph's
nodes and none of its arithmetic on pictures: padding's indices, the DFT matrices, the shapes that values are brought
into. Node by node, in order: the types that onnx infers, and the values that its reference evaluator computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.shape_inference import infer_node_outputs

from lama_deploy.arrays import Array
from lama_deploy.proof.subjects import Size

Dims = dict[str, int]  # by the names that the dynamic file has for them: N, H, W
DATA_READ = 4096  # values of a constant, up to which type inference may read it: shapes, axes and indices of padding


def fix_shapes(model: onnx.ModelProto, size: Size) -> onnx.ModelProto:
    """The same computation for pictures of one shape, checked. The model has no functions and a decoder "whole"."""
    dims = {"N": size.batch, "H": size.height, "W": size.width}
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    folding = _Folding(copy, dims)
    nodes = [kept for node in graph.node for kept in folding.node(node)]
    outputs = {value.name for value in graph.output}
    nodes = [*_with_own_left_operands(_renamed(nodes, folding.outputs_that_are_others(outputs)), folding.constants)]
    used = {name for node in nodes for name in node.input}
    fixed = helper.make_graph(
        nodes,
        graph.name,
        [_with_dims(value, dims) for value in graph.input],
        [_with_dims(value, dims) for value in graph.output],
        [numpy_helper.from_array(value, name) for name, value in folding.constants.items() if name in used],
        value_info=list(folding.annotations(nodes, outputs)),
    )
    copy.graph.CopyFrom(fixed)
    onnx.checker.check_model(copy, full_check=True)
    return copy


class _Folding:
    """Nodes in their order; what is known of their values so far."""

    def __init__(self, model: onnx.ModelProto, dims: Dims) -> None:
        self._model = model
        self._opset = next(one.version for one in model.opset_import if one.domain == "")
        self.constants: dict[str, Array] = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
        self._types = {value.name: _with_dims(value, dims).type for value in model.graph.input}
        self._types |= {name: _type_of(value) for name, value in self.constants.items()}
        self._same: dict[str, str] = {}  # values that are others

    def node(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Itself, in terms of what is left; nothing where its value is known or that of another."""
        node.input[:] = [self._same.get(name, name) for name in node.input]
        inputs = [name for name in node.input if name]
        if node.op_type == "Shape":
            self._keep(node.output[0], np.array(self._shape(node.input[0]), np.int64))
        elif node.op_type != "DequantizeLinear" and all(name in self.constants for name in inputs):
            self._evaluate(node, inputs)
        elif self._changes_nothing(node):
            self._same[node.output[0]] = node.input[0]
        else:
            self._infer(node, inputs)
            yield node

    def outputs_that_are_others(self, outputs: set[str]) -> dict[str, str]:
        """{value: output that is the same}."""
        return {self._same[name]: name for name in outputs & self._same.keys()}

    def annotations(self, nodes: Sequence[onnx.NodeProto], outputs: set[str]) -> Iterator[onnx.ValueInfoProto]:
        for node in nodes:
            yield from (helper.make_value_info(name, self._types[name]) for name in node.output if name not in outputs)

    def _keep(self, name: str, value: Array) -> None:
        self.constants[name], self._types[name] = value, _type_of(value)

    def _shape(self, name: str) -> tuple[int, ...]:
        return tuple(dim.dim_value for dim in self._types[name].tensor_type.shape.dim)

    def _evaluate(self, node: onnx.NodeProto, inputs: Sequence[str]) -> None:
        graph = helper.make_graph(
            [node],
            "node",
            [helper.make_value_info(name, self._types[name]) for name in dict.fromkeys(inputs)],
            [helper.make_empty_tensor_value_info(name) for name in node.output],
        )
        single = helper.make_model(graph, opset_imports=self._model.opset_import, ir_version=self._model.ir_version)
        found = ReferenceEvaluator(single).run(None, {name: self.constants[name] for name in inputs})
        for name, value in zip(node.output, found, strict=True):
            self._keep(name, np.asarray(value))

    def _infer(self, node: onnx.NodeProto, inputs: Sequence[str]) -> None:
        found = infer_node_outputs(
            onnx.defs.get_schema(node.op_type, self._opset),
            node,
            {name: self._types[name] for name in inputs},
            {
                name: numpy_helper.from_array(self.constants[name], name)
                for name in inputs
                if name in self.constants and self.constants[name].size <= DATA_READ
            },
            opset_imports=list(self._model.opset_import),
            ir_version=self._model.ir_version,
        )
        self._types |= found

    def _changes_nothing(self, node: onnx.NodeProto) -> bool:
        """A Gather of all there is in its order, and a Slice from the first to the last: padding by nothing."""
        if node.op_type == "Identity":
            return True
        if node.op_type == "Gather" and node.input[1] in self.constants:
            axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
            return np.array_equal(self.constants[node.input[1]], np.arange(self._shape(node.input[0])[axis]))
        if node.op_type == "Slice":
            starts, ends, axes, *steps = (self.constants[name] for name in node.input[1:])
            shape = np.array(self._shape(node.input[0]))[axes]
            return not starts.any() and bool((ends >= shape).all()) and all((step == 1).all() for step in steps)
        return False


def _renamed(nodes: Sequence[onnx.NodeProto], names: dict[str, str]) -> Sequence[onnx.NodeProto]:
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return nodes


def _with_own_left_operands(nodes: Sequence[onnx.NodeProto], constants: dict[str, Array]) -> Iterator[onnx.NodeProto]:
    """Each product with a constant on its left has it for itself: OpenCV 4 names a layer after it, and once only."""
    taken: set[str] = set()
    for node in nodes:
        left = node.input[0]
        if node.op_type == "MatMul" and left in constants:
            if left in taken:
                node.input[0] = f"{node.name}/left"
                constants[node.input[0]] = constants[left]
            taken.add(left)
        yield node


def _with_dims(value: onnx.ValueInfoProto, dims: Dims) -> onnx.ValueInfoProto:
    fixed = onnx.ValueInfoProto()
    fixed.CopyFrom(value)
    for dim in fixed.type.tensor_type.shape.dim:
        if dim.dim_param:
            dim.dim_value = dims[dim.dim_param]
    return fixed


def _type_of(value: Array) -> onnx.TypeProto:
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
