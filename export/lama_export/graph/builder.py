"""A small builder of ONNX graphs with readable names.

The graph is written node by node instead of traced, so that no exporter's idea of an FFT, a pad or a dynamic shape
comes between the model and the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import helper, numpy_helper

from lama_deploy.errors import ParityError

OPSET = 13  # the oldest with every operator that is used for any form, in the meaning used here, but for DFT
OPSET_OF_REDUCE_BY_INPUT = 18  # its axes are an attribute before; Split has to be told how many parts from then on
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DOMAIN = "lama.deploy"


class GraphBuilder:
    """Collects nodes and initialisers. Values are named after the node that makes them: "block03/conv1/l2l".

    dtype: of the weights and of what is computed between `to_dtype` and `to_float32`. opset: that the file will be of,
    OPSET or newer; where operators have changed, nodes are written as it has them.
    """

    def __init__(self, dtype: Any = np.float32, opset: int = OPSET) -> None:
        self.dtype, self.opset = np.dtype(dtype), opset
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.value_infos: list[onnx.ValueInfoProto] = []
        self._scopes: list[str] = []
        self._taken: set[str] = set()

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Prefix the names of everything built inside."""
        self._scopes.append(name)
        yield
        self._scopes.pop()

    def op(self, op_type: str, *inputs: str, name: str = "", domain: str = "", **attributes: Any) -> str:
        """Append a node with one output; return the name of its value. Attributes that are None are left out."""
        return self.multi_op(op_type, *inputs, outputs=("",), name=name, domain=domain, **attributes)[0]

    def multi_op(
        self, op_type: str, *inputs: str, outputs: Sequence[str], name: str = "", domain: str = "", **attributes: Any
    ) -> list[str]:
        """Append a node with several outputs, named "<node>/<output>"; return their names."""
        node_name = self.unique(name or op_type.lower())
        values = [f"{node_name}/{output}" if output else node_name for output in outputs]
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(op_type, inputs, values, name=node_name, domain=domain, **given))
        return values

    def dims(self, x: str, start: int, end: int, name: str = "") -> str:
        """Sizes of the axes from `start` to before `end`, int64.

        By Shape and Slice: tools that simplify graphs fold a Shape as if it had no `start` and `end` (graphsurgeon
        0.6.1), and the file then computes something else.
        """
        return self.op("Slice", self.op("Shape", x), self.ints(start), self.ints(end), name=name)

    def reduce(self, op_type: str, x: str, axes: Sequence[int], name: str = "") -> str:
        """A reduction ("ReduceMax" and so on) that drops its axes."""
        if self.opset < OPSET_OF_REDUCE_BY_INPUT:
            return self.op(op_type, x, axes=list(axes), keepdims=0, name=name)
        return self.op(op_type, x, self.ints(*axes), keepdims=0, name=name)

    def split(self, x: str, axis: int, outputs: Sequence[str], name: str = "split") -> list[str]:
        """Equal parts."""
        number = len(outputs) if self.opset >= OPSET_OF_REDUCE_BY_INPUT else None
        return self.multi_op("Split", x, outputs=outputs, name=name, axis=axis, num_outputs=number)

    def to_dtype(self, x: str) -> str:
        """A float32 value in the builder's dtype."""
        return self._cast(x, self.dtype)

    def to_float32(self, x: str) -> str:
        """A value of the builder's dtype in float32."""
        return self._cast(x, np.dtype(np.float32))

    def _cast(self, x: str, dtype: np.dtype[Any]) -> str:
        if self.dtype == np.float32:
            return x
        return self.op("Cast", x, to=helper.np_dtype_to_tensor_dtype(dtype), name=f"to_{dtype}")

    def constant(self, name: str, values: Any, dtype: Any = None) -> str:
        """An initialiser, or its name where the same name and content exist already. dtype: None for the builder's."""
        try:
            with np.errstate(over="raise"):
                array = np.asarray(values, self.dtype if dtype is None else dtype)
        except FloatingPointError as error:
            raise ParityError(f"{name} does not fit {self.dtype}; export in float32") from error
        tensor = numpy_helper.from_array(array, name)
        if self.initializers.setdefault(name, tensor) != tensor:
            raise ValueError(f"two different initialisers are named {name}")
        return name

    def bias(self, name: str, values: Any) -> str:
        """An initialiser that no other node has: OpenVINO fuses a bias into its convolution only then."""
        own, count = name, 1
        while own in self.initializers:
            count += 1
            own = f"{name}_{count}"
        return self.constant(own, values)

    def annotate(self, value: str, dims: Sequence[int | str]) -> str:
        """Record the shape of a value (of the builder's dtype) that shape inference cannot find; return its name."""
        dtype = helper.np_dtype_to_tensor_dtype(self.dtype)
        self.value_infos.append(helper.make_tensor_value_info(value, dtype, dims))
        return value

    def ints(self, *values: int) -> str:
        """A one-dimensional int64 constant, shared by all its users."""
        return self.constant("ints_" + "_".join(map(str, values)), values, np.int64)

    def int_scalar(self, value: int) -> str:
        return self.constant(f"int_{value}", value, np.int64)

    def scalar(self, value: float) -> str:
        """A float32 scalar constant, shared by all its users."""
        return self.constant(f"float_{value:g}", value, np.float32)

    def unique(self, name: str) -> str:
        full = "/".join([*self._scopes, name])
        candidate, count = full, 1
        while candidate in self._taken:
            count += 1
            candidate = f"{full}_{count}"
        self._taken.add(candidate)
        return candidate


def function_from(
    builder: GraphBuilder, name: str, inputs: Sequence[str], outputs: Sequence[str], doc: str
) -> onnx.FunctionProto:
    """A local function of our domain from a builder's nodes; its initialisers become Constant nodes.

    Nodes lose their names (values keep theirs): inlined many times, they would no longer be unique.
    """
    constants = [helper.make_node("Constant", [], [key], value=tensor) for key, tensor in builder.initializers.items()]
    for node in builder.nodes:
        node.ClearField("name")
    imports = [helper.make_opsetid("", builder.opset)]
    return helper.make_function(DOMAIN, name, inputs, outputs, [*constants, *builder.nodes], imports, doc_string=doc)
