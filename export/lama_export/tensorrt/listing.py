"""The builder's own account of an engine, read from its verbose log: no engine can be opened without a GPU."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lama_deploy.errors import EngineError
from lama_export.graph.spectral import SPECTRAL_CONV

LISTING, MEMORY = "Layers:", "Total Activation Memory: "
WANTED = (LISTING, MEMORY)  # what the messages that are read here start with
# Kinds of layer that multiply: what they read and write is in the precision of their arithmetic.
PRODUCTS = ("correlation", "deconv", "gemm", "runtime_fusion", "custom_layer")
# Of a product of halves that took in the casts by which the file asks for float32 sums (`spectral_conv_function`).
CASTS_TAKEN_IN = re.compile(r"node_of_to_b?float16|idft_w\b.*node_of_y\b")
FOURIER_UNIT = "/fourier_unit"  # in the names of its nodes, written out
FLOATS = {"Float": "fp32", "FP32": "fp32", "Half": "fp16", "FP16": "fp16", "BFloat16": "bf16", "BF16": "bf16"}


@dataclass(frozen=True)
class EngineLayer:
    """precisions: of the floats that it reads and writes. origin: the ONNX nodes it was made from, in words."""

    name: str
    kind: str
    precisions: frozenset[str]
    origin: str


@dataclass(frozen=True)
class Listing:
    """layers: of all profiles. tensors: name -> {"dtype", "profiles"}. activation_bytes: of each profile, at most."""

    layers: tuple[EngineLayer, ...]
    tensors: dict[str, dict[str, Any]]
    activation_bytes: tuple[int, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Layers by kind, the most frequent first."""
        return dict(Counter(layer.kind for layer in self.layers).most_common())


def float32_sums(listing: Listing) -> dict[str, int]:
    """{"granted", "products"}: of the products of halves with DFT matrices, those that accumulate in float32."""
    products = [
        layer
        for layer in listing.layers
        if layer.kind == "gemm" and f"({SPECTRAL_CONV})" in layer.origin and "fp32" not in layer.precisions
    ]
    granted = sum(CASTS_TAKEN_IN.search(layer.origin) is not None for layer in products)
    return {"granted": granted, "products": len(products)}


def read_listing(messages: Iterable[str]) -> Listing:
    """From the messages of a build that start with one of WANTED."""
    layers: list[EngineLayer] = []
    tensors: dict[str, dict[str, Any]] = {}
    memory: list[int] = []
    for message in messages:
        if message.startswith(MEMORY):
            memory.append(int(message.split()[3]))
        for line in message.splitlines():
            if ", LayerType: " in line:
                layers.append(_layer(line))
            elif ", IOMode: " in line:
                tensors |= _tensor(line.strip())
    return Listing(tuple(layers), tensors, tuple(memory))


def _layer(line: str) -> EngineLayer:
    fields = _fields(line, "Name|LayerType|Inputs|Constants|Outputs|TacticName|StreamId|Metadata")
    types = re.findall(
        rf"Datatype: [^,}}]*?\b({'|'.join(FLOATS)})\b", fields.get("Inputs", "") + fields.get("Outputs", "")
    )
    return EngineLayer(
        fields["Name"], fields["LayerType"], frozenset(FLOATS[found] for found in types), fields.get("Metadata", "")
    )


def _tensor(line: str) -> dict[str, dict[str, Any]]:
    fields = _fields(line, "Name|IOMode|DataType|Dimensions|Location|IsShapeInferenceIO|ProfileInfo")
    shapes = [
        {kind.lower(): [int(size) for size in dims.split(",")] for kind, dims in found}
        for part in re.findall(r"\{([^}]*)\}", fields.get("ProfileInfo", ""))
        if (found := re.findall(r"(Min|Opt|Max)Shape: \[([\d,]+)\]", part))
    ]
    return {fields["Name"]: {"dtype": fields.get("DataType", ""), "profiles": shapes}}


def _fields(line: str, keys: str) -> dict[str, str]:
    """The top level of "Name: x, LayerType: y, Inputs: [...]": only these keys separate, and only once."""
    parts = re.split(rf"(?:^|, )({keys}): ", line)[1:]
    fields: dict[str, str] = {}
    for key, value in zip(parts[::2], parts[1::2], strict=True):
        if key in fields:  # the "Name" of a tensor inside "Inputs"
            last = next(reversed(fields))
            fields[last] += f", {key}: {value}"
        else:
            fields[key] = value
    return fields


def check_listing(listing: Listing, *, precision: str, plugin: bool, dft: bool = False) -> bool:
    """Whether the listing could be judged: False where the builder printed none that is understood.

    precision: "fp32", "fp16" or "bf16", of every convolution and product. plugin: whether the Fourier units' functions
    must all have been replaced. dft: whether these units are float32 in every precision, with casts around them that
    other layers may take in. Raises EngineError naming the first layer that is not as asked.
    """
    products = [layer for layer in listing.layers if layer.kind in PRODUCTS and layer.precisions]
    if not products:
        return False
    for layer in products:
        fits = precision in layer.precisions or FOURIER_UNIT in layer.origin if dft else layer.precisions == {precision}
        if not fits:
            found = " and ".join(sorted(layer.precisions))
            raise EngineError(
                f"TensorRT built {layer.name} in {found}, not in {precision}; nothing was written. Please report it"
            )
    inlined = [layer for layer in listing.layers if f"({SPECTRAL_CONV})" in layer.origin]
    if plugin and inlined:
        raise EngineError(
            f"TensorRT wrote a Fourier unit's function out ({inlined[0].origin.split(' | ')[-1]}) though a plugin was "
            "given; nothing was written. Export with --spectral inline, or check the plugin's name and version"
        )
    return True
