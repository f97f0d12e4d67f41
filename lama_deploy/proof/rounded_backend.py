"""What a half-precision file (fp16 or bf16) computes on an engine that really stores halves.

ONNX Runtime's CPU provider has hardly any fp16 kernels: it computes in float32 and drops the roundings between its own
casts, so that a file which overflows everywhere else looks fine there. Of bf16 it has none. Here every value that is
typed as a half is rounded to it, infinity included, by casts that the file itself asks for, which are kept. Products
accumulate in float32, as on tensor cores.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, inliner, numpy_helper

from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend

HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
ROUNDING = ("Conv", "ConvTranspose", "MatMul", "Add", "Mul", "Cast")  # others make no value that was not there


def half_backend(model: str | os.PathLike[str], **options: Any) -> OnnxRuntimeBackend:
    """A `model.onnx` of lama-export in fp16 or bf16, on the CPU, storing halves. options: of OnnxRuntimeBackend."""
    simulated = simulate_half(onnx.load(os.fspath(model)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(simulated, path)
        return OnnxRuntimeBackend(path, device="cpu", **options)


def simulate_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in float32, with each fp16 or bf16 value rounded to its type where it is made."""
    inlined = onnx.shape_inference.infer_shapes(inliner.inline_local_functions(model))
    halves = _half_values(inlined.graph)
    nodes: list[onnx.NodeProto] = []
    for node in inlined.graph.node:
        stored = halves.get(node.output[0])
        nodes += _rounded(node, stored) if stored and node.op_type in ROUNDING else [node]
    for tensor in inlined.graph.initializer:
        if tensor.data_type in HALVES:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    del inlined.graph.node[:], inlined.graph.value_info[:]
    inlined.graph.node.extend(nodes)
    return inlined


def _half_values(graph: onnx.GraphProto) -> dict[str, int]:
    """Their types."""
    known = {value.name: value.type.tensor_type.elem_type for value in graph.value_info}
    missing = [node.name for node in graph.node if node.op_type == "Conv" and node.output[0] not in known]
    if missing:
        raise ValueError(f"type inference does not reach {missing[0]}")
    return {name: stored for name, stored in known.items() if stored in HALVES}


def _rounded(node: onnx.NodeProto, stored: int) -> list[onnx.NodeProto]:
    """The node in float32, then down to the stored type and up again."""
    name = node.output[0]
    exact, half = f"{name}/exact", f"{name}/half"
    down = helper.make_node("Cast", [exact], [half], name=half, to=stored)
    up = helper.make_node("Cast", [half], [name], name=f"{name}/stored", to=TensorProto.FLOAT)
    if node.op_type == "Cast":
        down.input[0] = node.input[0]
        return [down, up]
    computed = onnx.NodeProto()
    computed.CopyFrom(node)
    computed.output[0] = exact
    return [computed, down, up]
