"""A small builder of LiteRT's files (.tflite): tensors, operators, names, and nothing that converts anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from lama_deploy.arrays import Array

VERSION = 3  # of the format
IDENTIFIER = b"TFL3"
OLDEST_FOR_NEW_CODES = 127  # from this number on the old field of an operator's code holds this one
TYPES: Mapping[str, int] = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int32": schema.TensorType.INT32,
    "uint8": schema.TensorType.UINT8,
    "bool": schema.TensorType.BOOL,
}
# What operators say beside their inputs, by name: the class of their options.
OPTIONS: Mapping[str, str] = {
    "CONV_2D": "Conv2DOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "MIRROR_PAD": "MirrorPadOptions",
    "PAD": "PadOptions",
    "RESHAPE": "ReshapeOptions",
    "CONCATENATION": "ConcatenationOptions",
    "ADD": "AddOptions",
    "MUL": "MulOptions",
    "DIV": "DivOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "CAST": "CastOptions",
    "GATHER": "GatherOptions",
    "GREATER": "GreaterOptions",
    "SELECT_V2": "SelectV2Options",
    "SPLIT": "SplitOptions",
    "SLICE": "SliceOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "TRANSPOSE": "TransposeOptions",
}


class TfliteBuilder:
    """Collects tensors and operators. A value is its tensor's number; all shapes are known."""

    def __init__(self) -> None:
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.graph.name = "lama"
        self._buffers = [schema.BufferT()]  # the first is of tensors without content
        self._names: Counter[str] = Counter()
        self._codes: dict[tuple[str, int], int] = {}
        self._constants: dict[tuple[str, bytes, tuple[int, ...]], int] = {}

    def shape(self, value: int) -> tuple[int, ...]:
        return tuple(self.graph.tensors[value].shape)

    def tensor(self, name: str, shape: Sequence[int], dtype: str = "float32") -> int:
        """Of a name that no other has yet; a number is put behind one that is taken."""
        self._names[name] += 1
        tensor, count = schema.TensorT(), self._names[name]
        name = name if count == 1 else f"{name}_{count}"
        tensor.name, tensor.shape, tensor.type, tensor.hasRank = name, list(shape), TYPES[dtype], True
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, name: str, values: Any, dtype: str = "float32") -> int:
        """A tensor with content; one for equal contents, under the first's name."""
        array = np.ascontiguousarray(values, dtype)
        key = (dtype, array.tobytes(), array.shape)
        if key not in self._constants:
            self._constants[key] = self.tensor(name, array.shape, dtype)
            self.graph.tensors[-1].buffer = self._buffer(key[1])
        return self._constants[key]

    def op(
        self, kind: str, name: str, inputs: Sequence[int], shape: Sequence[int], dtype: str = "float32", **said: Any
    ) -> int:
        """Append an operator with one output."""
        output = self.tensor(name, shape, dtype)
        self.operator(kind, inputs, [output], **said)
        return output

    def operator(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], version: int = 1, **said: Any) -> None:
        operator = schema.OperatorT()
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        operator.opcodeIndex = self._codes.setdefault((kind, version), len(self._codes))
        if kind in OPTIONS:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, OPTIONS[kind])
            operator.builtinOptions = getattr(schema, f"{OPTIONS[kind]}T")(**said)
        self.graph.operators.append(operator)

    def finish(self, inputs: Mapping[str, int], outputs: Mapping[str, int], properties: Mapping[str, str]) -> bytes:
        """The file. properties: kept in it as metadata."""
        self.graph.inputs, self.graph.outputs = list(inputs.values()), list(outputs.values())
        model = schema.ModelT()
        model.version, model.description, model.subgraphs = VERSION, "lama-deploy", [self.graph]
        model.operatorCodes = [_code(*key) for key in self._codes]
        model.signatureDefs = [_signature(inputs, outputs)]
        model.metadata = [self._metadata(*entry) for entry in properties.items()]
        model.buffers = self._buffers
        packer = flatbuffers.Builder(1 << 20)
        packer.Finish(model.Pack(packer), IDENTIFIER)
        return bytes(packer.Output())

    def _buffer(self, data: bytes) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        self._buffers.append(buffer)
        return len(self._buffers) - 1

    def _metadata(self, name: str, value: str) -> Any:
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, self._buffer(value.encode())
        return entry


def _code(kind: str, version: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode, code.version = getattr(schema.BuiltinOperator, kind), version
    code.deprecatedBuiltinCode = min(code.builtinCode, OLDEST_FOR_NEW_CODES)
    return code


def _signature(inputs: Mapping[str, int], outputs: Mapping[str, int]) -> Any:
    signature = schema.SignatureDefT()
    signature.signatureKey = "serving_default"
    signature.inputs, signature.outputs = (
        [_mapped(*entry) for entry in values.items()] for values in (inputs, outputs)
    )
    return signature


def _mapped(name: str, tensor: int) -> Any:
    mapped = schema.TensorMapT()
    mapped.name, mapped.tensorIndex = name, tensor
    return mapped


__all__ = ["Array", "TfliteBuilder", "schema"]
