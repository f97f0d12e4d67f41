"""A Core ML package read back from its files: the program, its constants, and what it says of itself.

By the format's own definitions, not by what wrote it: the gate is to see what a device will see.
"""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import BundleError, MissingDependencyError, brief
from lama_deploy.installing import install

SPECIFICATION = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"
SENTINEL = 0xDEADBEEF  # in front of each constant in the file of weights
FIELDS = struct.Struct("<IIQQ")  # sentinel, type, bytes, offset
FLOAT16, FLOAT32 = 10, 11  # of the intermediate language's types
TYPES: dict[int, Any] = {FLOAT16: np.dtype("<f2"), FLOAT32: np.dtype("<f4"), 21: np.dtype("i1"), 23: np.dtype("<i4")}
TYPES |= {31: np.dtype("u1"), 1: np.dtype("bool")}
OF_FIELDS = {"floats": "<f4", "ints": "<i4", "bools": "bool"}  # of small constants; "bytes" have their own type


@dataclass(frozen=True)
class CoreMlPackage:
    """model: the specification, of coremltools' protocol buffer. weights: the file beside it."""

    path: Path
    model: Any
    weights: bytes

    @classmethod
    def read(cls, path: Path) -> CoreMlPackage:
        """path: `model.mlpackage`. Raises BundleError."""
        logging.getLogger("coremltools").setLevel(logging.ERROR)  # it says what it cannot do off a Mac
        try:
            from coremltools.proto import Model_pb2
        except ModuleNotFoundError as error:
            raise MissingDependencyError(f"{path}: needs coremltools: {install('export-coreml')}") from error
        model = Model_pb2.Model()
        try:
            model.ParseFromString((path / SPECIFICATION).read_bytes())
            weights = (path / WEIGHTS).read_bytes()
        except OSError as error:
            raise BundleError(f"{path}: cannot be read ({error.strerror}); export it again") from error
        except Exception as error:  # protobuf's own
            raise BundleError(f"{path}: damaged ({brief(error)}); export it again") from error
        if "main" not in model.mlProgram.functions:
            raise BundleError(f"{path}: no Core ML program of lama-export; make one with lama-export --to coreml")
        return cls(path, model, weights)

    @property
    def properties(self) -> dict[str, str]:
        return dict(self.model.description.metadata.userDefined)

    @cached_property
    def block(self) -> Any:
        """The operations in their order."""
        main = self.model.mlProgram.functions["main"]
        return main.block_specializations[main.opset]

    def constant(self, value: Any) -> Any:
        """A constant's content: an array, text, or a number."""
        kind = value.WhichOneof("value")
        if kind == "blobFileValue":
            return self._blob(value.blobFileValue.offset, shape_of(value.type), value.type.tensorType.dataType)
        tensor = value.immediateValue.tensor
        field = tensor.WhichOneof("value")
        if field == "strings":
            return tensor.strings.values[0]
        if field == "bytes":
            return np.frombuffer(tensor.bytes.values, TYPES[value.type.tensorType.dataType]).reshape(
                shape_of(value.type)
            )
        return np.array(getattr(tensor, field).values, OF_FIELDS[field]).reshape(shape_of(value.type))

    def _blob(self, place: int, shape: tuple[int, ...], dtype: int) -> Array:
        sentinel, _, size, offset = FIELDS.unpack_from(self.weights, place)
        array = np.frombuffer(self.weights, TYPES[dtype], int(np.prod(shape)), offset)
        if sentinel != SENTINEL or array.nbytes != size:
            raise BundleError(f"{self.path}: its weights are not where the program looks for them; export it again")
        return array.reshape(shape)


def shape_of(value_type: Any) -> tuple[int, ...]:
    """Of a tensor's type; all dimensions are known."""
    return tuple(dim.constant.size for dim in value_type.tensorType.dimensions)
