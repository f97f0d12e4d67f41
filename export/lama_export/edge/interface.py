"""Inputs and outputs of a file that is no ONNX file, in ONNX's words, which bundles describe them from."""

from __future__ import annotations

import onnx
from onnx import helper

from lama_deploy.proof.subjects import Size
from lama_export.graph.picture import Interface, picture_inputs, picture_outputs


def interface_of(io: Interface, size: Size | None = None) -> onnx.ModelProto:
    """A model without nodes. size: what it takes alone; None for any."""
    dims = {"N": size.batch, "H": size.height, "W": size.width} if size else {}
    inputs, outputs = picture_inputs(io), picture_outputs(io)
    for dim in (dim for value in (*inputs, *outputs) for dim in value.type.tensor_type.shape.dim):
        if dim.dim_param in dims:
            dim.dim_value = dims[dim.dim_param]
    return helper.make_model(helper.make_graph([], "interface", inputs, outputs))
