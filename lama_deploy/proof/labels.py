"""Does a bundle's file compute in the precision that `bundle.json` names, which its results are held to?

Read off the graph, since its metadata can be edited as easily as the bundle's: a float32 file that is labelled "int8"
would get the room for error that int8 has. What lama-export leaves in other precisions (in int8 transposed convolutions
and kinds of convolution, which are float32, for TensorRT float16; Fourier units around a DFT operator) does not count.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import onnx
from onnx import TensorProto

from lama_deploy.bundle import MODEL, PRECISION_PROPERTY, Bundle, check_precision, load_bundle
from lama_deploy.errors import BundleError, LamaDeployError, MissingDependencyError, brief
from lama_deploy.installing import install
from lama_deploy.proof.coreml_label import read_coreml
from lama_deploy.proof.mnn_label import read_mnn
from lama_deploy.proof.ncnn_label import read_ncnn
from lama_deploy.proof.torchscript_label import read_torchscript

TYPES = {TensorProto.FLOAT: "fp32", TensorProto.FLOAT16: "fp16", TensorProto.BFLOAT16: "bf16", TensorProto.INT8: "int8"}
Reader = Callable[[Path], tuple[str | None, str]]
QUANTISERS = ("Quantize", "QLinear", "Integer")  # in the names of ONNX's operators
ELEMENTS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "int8"}
FOURIER_UNIT = "/fourier_unit/"


def load_labelled(directory: str | os.PathLike[str]) -> Bundle:
    """As `load_bundle`, for a bundle that is about to be judged: raises BundleError also where its label is wrong."""
    bundle = load_bundle(directory)
    check_label(Path(directory), bundle)
    return bundle


def check_label(directory: Path, bundle: Bundle) -> None:
    """Raise BundleError unless graph and metadata of its file, of an engine those of its ONNX file, are as labelled."""
    read = READERS.get(bundle.target, _read_onnx)
    path = directory / (MODEL if read is _read_onnx else bundle.model)
    try:
        named, found = read(path)
    except LamaDeployError:
        raise
    except Exception as error:  # protobuf's, ONNX's, the XML parser's, struct's, and what a strange graph lacks
        raise BundleError(f"{path}: damaged ({brief(error)}); export it again") from error
    check_precision(path, bundle, found or "of no known type", "its weights and nodes")
    check_precision(path, bundle, named)


def _read_onnx(path: Path) -> tuple[str | None, str]:
    """What the file says, and what it is: several, "fp16 and fp32", of a graph that lama-export does not write."""
    model = onnx.load(path, load_external_data=False)
    types = {tensor.name: TYPES.get(tensor.data_type, "another type") for tensor in model.graph.initializer}
    dequantised = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    weights = [
        dequantised.get(node.input[1], node.input[1])
        for node in model.graph.node
        if node.op_type in ("Conv", "ConvTranspose") and FOURIER_UNIT not in node.name
    ]
    stored = {types.get(name, "no constant") for name in weights}
    found = _judged(stored, stored | set(_asked_by_nodes(model)))
    named = {entry.key: entry.value for entry in model.metadata_props}.get(PRECISION_PROPERTY)
    return named, " and ".join(sorted(found))


def _asked_by_nodes(model: onnx.ModelProto) -> Iterator[str]:
    """Precisions below float32 that nodes ask for, also in local functions and in graphs inside of nodes."""
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    while nodes:
        node = nodes.pop()
        if any(part in node.op_type for part in QUANTISERS):
            yield "int8"
        for attribute in node.attribute:
            nodes += [inner for graph in (attribute.g, *attribute.graphs) for inner in graph.node]
            if (node.op_type, attribute.name) == ("Cast", "to") and TYPES.get(attribute.i) in ("fp16", "bf16"):
                yield TYPES[attribute.i]


def _read_openvino(path: Path) -> tuple[str | None, str]:
    """As `_read_onnx`, by constants of four dimensions. In bf16 the file is float32, and its metadata a hint."""
    root = ElementTree.parse(path).getroot()
    element = root.find("rt_info/" + PRECISION_PROPERTY.replace(".", "/"))
    named = None if element is None else element.get("value")
    constants = [data.attrib for data in root.iterfind("layers/layer[@type='Const']/data")]
    weights = {data["element_type"] for data in constants if data["shape"].count(",") == 3}
    stored = {ELEMENTS[one] for one in weights & ELEMENTS.keys()}
    found = _judged(stored, stored)
    if root.find("layers/layer[@type='FakeQuantize']") is not None:
        found.add("int8")
    return named, "bf16" if (named, found) == ("bf16", {"fp32"}) else " and ".join(sorted(found))


def _read_stored(read: Callable[[Path], tuple[str | None, set[str]]], path: Path) -> tuple[str | None, str]:
    named, stored = read(path)
    return named, " and ".join(sorted(_judged(stored, stored)))


def _read_litert(path: Path) -> tuple[str | None, str]:
    try:
        from lama_deploy.proof.litert_label import read_litert
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"{path}: needs ai_edge_litert: {install('litert')}") from error
    return _read_stored(read_litert, path)


READERS: Mapping[str, Reader] = {  # the others have an ONNX file
    "openvino": _read_openvino,
    "litert": _read_litert,
    "coreml": partial(_read_stored, read_coreml),
    "mnn": partial(_read_stored, read_mnn),
    "ncnn": partial(_read_stored, read_ncnn),
    "torchscript": partial(_read_stored, read_torchscript),
}


def _judged(stored: set[str], found: set[str]) -> set[str]:
    """Beside weights stored in 8 bits, floats of 32 and of 16 are what was left out."""
    return found - {"fp32", "fp16"} if "int8" in stored else found
