"""What an engine is made of, read from the builder's verbose log. `inspector` reads the same of an engine that is open.

Two dialects are known. TensorRT-RTX and TensorRT 11 write "Datatype: Half, Format: ..." and list weights under
"Constants"; TensorRT 10 writes "Format/Datatype: Half" or a sentence, "Channel major FP16 format where channel % 8 ==
0", and tells weights of convolutions by 'Weights: {"Type": "Half", "Count": 23232}'. Nothing here raises: what cannot
be read is left out, for `judging` to count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lama_export.graph.spectral import SPECTRAL_CONV

LISTINGS, MEMORY = ("Layers:", "Engine Layer Information:"), "Total Activation Memory: "
WANTED = (*LISTINGS, MEMORY)  # what the messages that are read here start with
# Of a product of halves that took in the casts by which the file asks for float32 sums (`spectral_conv_function`).
CASTS_TAKEN_IN = re.compile(r"node_of_to_b?float16|idft_w\b.*node_of_y\b")
PRECISIONS = {
    **{"Float": "fp32", "FP32": "fp32", "Half": "fp16", "FP16": "fp16", "BFloat16": "bf16", "BF16": "bf16"},
    **{"Int8": "int8", "INT8": "int8"},
}
_PRECISION = re.compile(rf"\b({'|'.join(PRECISIONS)})\b")
_TENSOR = re.compile(r"Dimensions: \[([^\]]*)\][^{}]*?\b(?:Format/)?Data[Tt]ype: ([^,}]*)")
_WEIGHTS = re.compile(r'\bWeights: \{"Type": "(\w+)", "Count": (\d+)')


@dataclass(frozen=True)
class EngineLayer:
    """reads, writes, weights: precisions of its tensors, but for single numbers, such as a product's alpha and beta.

    origin: the ONNX nodes it was made from, in words.
    """

    name: str
    kind: str
    reads: frozenset[str]
    writes: frozenset[str]
    weights: frozenset[str]
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
        if "gemm" in layer.kind.lower()
        and f"({SPECTRAL_CONV})" in layer.origin
        and "fp32" not in layer.reads | layer.writes
    ]
    granted = sum(CASTS_TAKEN_IN.search(layer.origin) is not None for layer in products)
    return {"granted": granted, "products": len(products)}


def read_listing(messages: Iterable[str]) -> Listing:
    """From the messages of a build that start with one of WANTED."""
    layers: list[EngineLayer] = []
    tensors: dict[str, dict[str, Any]] = {}
    memory: list[int] = []
    for message in messages:
        if found := re.match(rf"{MEMORY}(\d+)", message):
            memory.append(int(found[1]))
        for line in message.splitlines():
            if ", LayerType: " in line:
                layers.append(_layer(line))
            elif ", IOMode: " in line:
                tensors |= _tensor(line.strip())
    return Listing(tuple(layers), tensors, tuple(memory))


def precisions(tensors: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Of tensors of more than one number: pairs of dimensions, such as "1,8,-1", and what is said of the type."""
    words = [said for dims, said in tensors if dims.replace("1", "").strip(", ")]
    return frozenset(PRECISIONS[found[1]] for said in words if (found := _PRECISION.search(said)))


def _layer(line: str) -> EngineLayer:
    fields = _fields(line, "Name|LayerType|Inputs|Constants|Outputs|ParameterType|TacticName|StreamId|Metadata")

    def of(key: str) -> frozenset[str]:
        return precisions(_TENSOR.findall(fields.get(key, "")))

    weights = precisions((count, kind) for kind, count in _WEIGHTS.findall(line))
    return EngineLayer(
        name=fields.get("Name", ""),
        kind=fields.get("LayerType", ""),
        reads=of("Inputs"),
        writes=of("Outputs"),
        weights=of("Constants") | weights,
        origin=fields.get("Metadata", ""),
    )


def _tensor(line: str) -> dict[str, dict[str, Any]]:
    fields = _fields(line, "Name|IOMode|DataType|Dimensions|Location|IsShapeInferenceIO|ProfileInfo")
    shapes = [
        {kind.lower(): [int(size) for size in dims.split(",")] for kind, dims in found}
        for part in re.findall(r"\{([^}]*)\}", fields.get("ProfileInfo", ""))
        if (found := re.findall(r"(Min|Opt|Max)Shape: \[(\d+(?:,\d+)*)\]", part))
    ]
    return {fields.get("Name", ""): {"dtype": fields.get("DataType", ""), "profiles": shapes}}


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
