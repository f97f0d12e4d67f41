"""What a builder and an inspector print of an engine, in TensorRT's dialects (tests/data/listings says where from)."""

import json
from typing import Any

import onnx

PRODUCTS = {"Conv": "CaskConvolution", "ConvTranspose": "CaskDeconvolutionV2", "SpectralConv": "gemm"}
TYPES = {onnx.TensorProto.FLOAT: "Float", onnx.TensorProto.FLOAT16: "Half", onnx.TensorProto.BFLOAT16: "BFloat16"}
SENTENCES = {
    "Float": "Row major linear FP32",
    "Half": "Channel major FP16 format where channel % 8 == 0",
    "BFloat16": "Row major linear BFloat16 format",
}


def layers_of(model: onnx.ModelProto, miscompiled: dict[str, str]) -> list[dict[str, Any]]:
    """A layer for each product of the file. miscompiled: types to print instead of others."""
    types = {tensor.name: TYPES.get(tensor.data_type, "") for tensor in model.graph.initializer}
    layers = []
    for node in (one for one in model.graph.node if one.op_type in PRODUCTS):
        dtype = next(types[name] for name in node.input if types.get(name))
        dtype = miscompiled.get(dtype, dtype)
        inner = node.op_type == "SpectralConv"
        origin = f"node_of_mix | {node.name} (SpectralConv)" if inner else node.name
        layers.append({"name": node.name, "kind": PRODUCTS[node.op_type], "type": dtype, "origin": origin})
    return layers


def verbose_lines(module: Any, layers: list[dict[str, Any]]) -> str:
    return "\n".join(["Layers:", *(_line(module.dialect, layer) for layer in layers), "", "Bindings:", "image"])


def _line(dialect: str, layer: dict[str, Any]) -> str:
    said = f"Datatype: {layer['type']}, Format: (NHWC)" if dialect == "trt-11" else f"Format/Datatype: {layer['type']}"
    tensor = f"{{ Name: x, Location: Device, Dimensions: [1,8,-1,-1], {said} }}"
    weights = f'Weights: {{"Type": "{layer["type"]}", "Count": 64}}, ' if layer["kind"].startswith("Cask") else ""
    return (
        f"Name: {layer['name']}, LayerType: {layer['kind']}, Inputs: [ {tensor}], Outputs: [ {tensor}], {weights}"
        f"TacticName: sm90, StreamId: 0, Metadata: [ONNX Layer: {layer['origin']}]"
    )


def inspector_json(dialect: str, layers: list[dict[str, Any]]) -> str:
    def tensor(dtype: str) -> dict[str, Any]:
        said = {"Datatype": dtype, "Format": "(NHWC)"} if dialect == "trt-11" else {"Format/Datatype": SENTENCES[dtype]}
        return {"Name": "x", "Location": "Device", "Dimensions": [1, 8, -1, -1], **said}

    told = [
        {
            "Name": layer["name"],
            "LayerType": layer["kind"],
            "Inputs": [tensor(layer["type"])],
            "Outputs": [tensor(layer["type"])],
            **({"Weights": {"Type": layer["type"], "Count": 64}} if layer["kind"].startswith("Cask") else {}),
            "Metadata": f"[ONNX Layer: {layer['origin']}]",
        }
        for layer in layers
    ]
    bindings = {"Bindings": ["image", "mask", "result"]} if dialect != "trt-11" else {"I/O Tensors": []}
    return json.dumps({"Layers": told, **bindings})
