"""What a half-precision file computes on an engine that really stores halves.

ONNX Runtime's CPU provider has hardly any fp16 kernels: it computes in float32 and drops the roundings between its own
casts, so that a file which overflows everywhere else looks fine there. Here every value that is typed fp16 is rounded
to fp16, infinity included, by casts that the file itself asks for, which are kept. Products accumulate in float32, as
on tensor cores.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, inliner, numpy_helper

from lama_deploy.runtime.onnxruntime_backend import OnnxRuntimeBackend

ROUNDING = ("Conv", "ConvTranspose", "MatMul", "Add", "Mul", "Cast")  # others make no value that was not there


def half_backend(model: str | os.PathLike[str], **options: Any) -> OnnxRuntimeBackend:
    """A `model.onnx` of lama-export in fp16, on the CPU, storing halves. options: of OnnxRuntimeBackend."""
    simulated = simulate_half(onnx.load(os.fspath(model)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(simulated, path)
        return OnnxRuntimeBackend(path, device="cpu", **options)


def simulate_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in float32, with each fp16 value rounded to fp16 where it is made."""
    inlined = onnx.shape_inference.infer_shapes(inliner.inline_local_functions(model))
    halves = _half_values(inlined.graph)
    nodes: list[onnx.NodeProto] = []
    for node in inlined.graph.node:
        nodes += _rounded(node) if node.output[0] in halves and node.op_type in ROUNDING else [node]
    for tensor in inlined.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    del inlined.graph.node[:], inlined.graph.value_info[:]
    inlined.graph.node.extend(nodes)
    return inlined


def _half_values(graph: onnx.GraphProto) -> set[str]:
    values = {value.name for value in graph.value_info if value.type.tensor_type.elem_type == TensorProto.FLOAT16}
    known = {value.name for value in graph.value_info}
    missing = [node.name for node in graph.node if node.op_type == "Conv" and node.output[0] not in known]
    if missing:
        raise ValueError(f"type inference does not reach {missing[0]}")
    return values


def _rounded(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """The node in float32, then down to fp16 and up again."""
    name = node.output[0]
    exact, half = f"{name}/exact", f"{name}/half"
    down = helper.make_node("Cast", [exact], [half], name=half, to=TensorProto.FLOAT16)
    up = helper.make_node("Cast", [half], [name], name=f"{name}/stored", to=TensorProto.FLOAT)
    if node.op_type == "Cast":
        down.input[0] = node.input[0]
        return [down, up]
    computed = onnx.NodeProto()
    computed.CopyFrom(node)
    computed.output[0] = exact
    return [computed, down, up]
