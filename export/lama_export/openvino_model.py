"""An ONNX model of ours -> OpenVINO's own format, which computes right in bf16 and fp16 too.

OpenVINO's precision hint lowers every float value on the way to a convolution or product, the phases of the DFT
matrices included: in bf16 an angle is then wrong by up to pi / 512, and pictures of 1000 to 2200 px by three to four
times as much as bf16 has to cost. Nodes with the mark `precise` in the file keep float32. The plugin's own rewriting
drops marks where it turns a division, or an operation with one constant, into a node of another kind, so those are
written here in a form that it leaves alone.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
from openvino import opset13 as ops

from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.runtime.backends.openvino_core import openvino_core

DFT_SCOPE = "/dft/"
PICTURE_SCOPES = ("picture/", "result/")  # known pixels pass through them
# How the file writes `ov::DisableFP16Compression`; `ov.save_model` writes it only where its own passes set it.
PRECISE = {"name": "precise", "version": "0"}


def openvino_from_onnx(model: onnx.ModelProto, precision: str) -> ov.Model:
    """The same computation, for `save_openvino`. The ONNX model must be float32 and have no local functions.

    precision: what it is to be run in, recorded in the file.
    """
    converted = openvino_core().read_model(model.SerializeToString())
    properties = {entry.key: entry.value for entry in model.metadata_props}
    for name, value in ((IO_PROPERTY, properties[IO_PROPERTY]), (PRECISION_PROPERTY, precision)):
        converted.set_rt_info(value, name.split("."))
        converted.set_rt_info(value, ["framework", name])  # where the reader puts what the ONNX model says of itself
    _keep_nodes_markable(converted)
    return converted


def save_openvino(model: ov.Model, path: Path, *, halves: bool = False) -> None:
    """Write `path` (.xml) and its weights (.bin), as fp16 with `halves`."""
    ov.save_model(model, path, compress_to_fp16=halves)
    tree = ElementTree.parse(path)
    for layer in tree.getroot().iterfind("layers/layer"):
        name = layer.get("name", "")
        if (DFT_SCOPE in name or name.startswith(PICTURE_SCOPES)) and layer.get("type") != "Const":
            info = layer.find("rt_info")
            info = ElementTree.SubElement(layer, "rt_info") if info is None else info
            if not any(attribute.get("name") == PRECISE["name"] for attribute in info):
                ElementTree.SubElement(info, "attribute", PRECISE)
    tree.write(path, encoding="utf-8", xml_declaration=True)


def _keep_nodes_markable(model: ov.Model) -> None:
    """Write the float arithmetic of the DFT matrices without divisions and without constant factors."""
    size = None  # h or w as a float, whichever comes first: what makes a constant look like none
    for node in model.get_ordered_ops():
        if DFT_SCOPE not in node.get_friendly_name() or node.get_output_element_type(0) != ov.Type.f32:
            continue
        name = node.get_friendly_name()
        if node.get_type_name() == "Divide":
            size = size or node.input_value(1)
            minus_one = _disguised(-1.0, size, f"{name}/minus_one")
            inverse = ops.power(node.input_value(1), minus_one)
            inverse.set_friendly_name(f"{name}/inverse")
            _replace(node, ops.multiply(node.input_value(0), inverse))
        elif node.get_type_name() == "Multiply" and size is not None:
            constant = node.input_value(1).get_node()
            if constant.get_type_name() == "Constant" and constant.get_byte_size() == np.float32().nbytes:
                factor = _disguised(float(constant.get_data()), size, f"{name}/factor")
                _replace(node, ops.multiply(node.input_value(0), factor))


def _disguised(value: float, positive: ov.Output, name: str) -> ov.Node:
    """`value`, chosen at run time because `positive` is positive."""
    zero = ops.constant(np.float32(0))
    node = ops.select(ops.greater(positive, zero), ops.constant(np.float32(value)), zero)
    node.set_friendly_name(name)
    node.input_value(0).get_node().set_friendly_name(f"{name}/positive")
    return node


def _replace(node: ov.Node, by: ov.Node) -> None:
    by.set_friendly_name(node.get_friendly_name())
    node.output(0).replace(by.output(0))
