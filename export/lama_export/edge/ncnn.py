"""A bundle's `model.ncnn.param` and `model.ncnn.bin`, written here from the portable ONNX form of one size.

ncnn's own converter, pnnx, leaves what its engine has no layer for in the file under PyTorch's names (of 20261020:
`torch.gt`, `torch.where` and `Tensor.to`, which select the hole). ncnn then refuses the file, and a program that does
not look at what `load_param` returns is ended by the first run. So the selection is written as arithmetic on masks of 0
and 1, and the file has layers that ncnn has had since 2022.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import onnx

from lama_deploy.errors import ConfigError
from lama_export.edge.ncnn_layers import WRITTEN, Layer, Values

MAGIC = 7767517  # ncnn's, of a .param file
OURS = "lama_deploy"  # what the name of the first layer begins with
SELECTIONS = ("Greater", "Cast")  # of the hole, from a mask that is 0 or 1 already


def ncnn_from_onnx(model: onnx.ModelProto, path: Path, precision: str) -> None:
    """Write `path` (.param) and its weights (.bin) from a float model of one size, one picture.

    precision: "fp32" or "fp16", of the stored weights. Raises ConfigError for a size that needs padding.
    """
    layers = with_splits(with_activations(list(_layers(model, precision))))
    blobs = sum(len(layer.outputs) for layer in layers)
    lines = [str(MAGIC), f"{len(layers)} {blobs}", *(str(layer) for layer in layers)]
    path.write_text("\n".join(lines) + "\n")
    path.with_suffix(".bin").write_bytes(b"".join(part for layer in layers for part in layer.weights))


def _layers(model: onnx.ModelProto, precision: str) -> Iterator[Layer]:
    values = Values(model, halves=precision == "fp16")
    for count, value in enumerate(model.graph.input):
        name = f"{OURS}/float/{precision}" if count == 0 else value.name
        yield Layer("Input", name, [], [value.name], values.dimensions(value.name))
    same: dict[str, str] = {}
    for node in model.graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
        if node.op_type in SELECTIONS:
            same[node.output[0]] = node.input[0]
            continue
        if node.op_type not in WRITTEN:
            raise ConfigError(
                f"ncnn has no layer for {node.op_type}, by which a picture is padded to the generator's multiple of "
                "pixels; give --size in multiples of it, such as 512x512"
            )
        yield from WRITTEN[node.op_type](values, node)


def with_activations(layers: Sequence[Layer]) -> list[Layer]:
    """ReLUs taken into the convolutions before them, where nothing else reads these."""
    readers = Counter(name for layer in layers for name in layer.inputs)
    relus = {layer.inputs[0]: layer.outputs[0] for layer in layers if layer.kind == "ReLU"}
    fused: dict[str, str] = {}
    for layer in layers:
        value = layer.outputs[0]
        if layer.kind in ("Convolution", "Deconvolution") and value in relus and readers[value] == 1:
            fused[value] = relus[value]
    return [
        replace(layer, outputs=[fused[layer.outputs[0]]], parameters={**layer.parameters, 9: 1})
        if layer.outputs[0] in fused
        else layer
        for layer in layers
        if not (layer.kind == "ReLU" and layer.inputs[0] in fused)
    ]


def with_splits(layers: Sequence[Layer]) -> list[Layer]:
    """In ncnn a value has one reader: others read copies that a layer gives out."""
    readers = Counter(name for layer in layers for name in layer.inputs)
    copies = {name: [f"{name}/{number}" for number in range(count)] for name, count in readers.items() if count > 1}
    waiting = {name: iter(given) for name, given in copies.items()}
    found = []
    for layer in layers:
        found.append(replace(layer, inputs=[next(waiting[name]) if name in waiting else name for name in layer.inputs]))
        found += [Layer("Split", f"{name}/split", [name], copies[name]) for name in layer.outputs if name in copies]
    return found
