"""Whether an engine computes in the precision that was asked for, as far as its own account of itself tells.

Products are judged by what they read and by their weights, not by what they write: an engine may take the cast behind a
product in. Only a certain contradiction fails an export; every doubt is a line in the bundle's record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from lama_deploy.errors import EngineError, brief
from lama_export.graph.spectral import SPECTRAL_CONV
from lama_export.tensorrt.asked import Asked, Origin, Precisions, origins
from lama_export.tensorrt.listing import EngineLayer, Listing

# Kinds of layers that multiply, as they were seen: correlation, deconv, gemm (TensorRT's compiler of fusions, in both
# modules), CaskConvolution, CaskGemmConvolution, CaskDeconvolutionV2, CaskConvActPool, MatrixMultiply (TensorRT).
PRODUCT = re.compile(r"conv|correlation|gemm|matrix ?multiply|matmul", re.IGNORECASE)
# These may: runtime_fusion, fusion; a plugin is custom_layer or Plugin with a version.
PERHAPS = re.compile(r"fusion|custom_layer|plugin", re.IGNORECASE)
_CONVOLUTION = re.compile(r"conv|correlation", re.IGNORECASE)
_PROFILE = re.compile(r" \[profile \d+\]$")
MOST_DOUBTS = 8  # lines in a record
Standing = Literal["right", "doubtful", "no product"]


@dataclass(frozen=True)
class Verdict:
    """right: layers that multiply as asked. of: all that multiply, and all products of the file that no layer names."""

    right: int
    of: int
    doubts: tuple[str, ...]

    @property
    def checked(self) -> bool | Literal["partly"]:
        if not self.right:
            return False
        return True if self.right == self.of else "partly"

    def to_dict(self) -> dict[str, Any]:
        more = len(self.doubts) - MOST_DOUBTS
        lines = [*self.doubts[:MOST_DOUBTS], *([f"and {more} more"] if more > 0 else [])]
        return {"checked": self.checked, "judged": {"right": self.right, "of": self.of}, "doubts": lines}


def judge(listing: Listing, asked: Asked, *, plugin: bool) -> Verdict:
    """plugin: whether the Fourier units' functions must all have been replaced.

    Raises EngineError for a product none of whose operands is of the precision that the file asks for there, and for a
    Fourier unit that was written out.
    """
    doubts: list[str] = []
    right, named = 0, set[str]()
    for layer in listing.layers:
        nodes = origins(layer.origin) or [Origin(name) for name in _PROFILE.sub("", layer.name).split(" + ")]
        standing = _standing(layer, nodes, asked, doubts)
        right += standing == "right"
        if standing != "no product":
            named |= {node.call or node.node for node in nodes}
    if plugin:
        _require_units_replaced(listing)
    missing = sorted(set(asked.nodes) - named) if named else []
    of = right + len(doubts) + len(missing)
    if missing:
        doubts.append(f"no layer that multiplies names {len(missing)} products of the file, the first {missing[0]}")
    if not of:
        doubts.append("no layer was told of that is known to multiply")
    return Verdict(right, of, tuple(doubts))


def _standing(layer: EngineLayer, nodes: list[Origin], asked: Asked, doubts: list[str]) -> Standing:
    """Adds a line to `doubts` if there is one."""
    wanted = [found for node in nodes if (found := asked.of(node)) is not None]
    certain = PRODUCT.search(layer.kind) is not None
    if not certain and not (wanted and PERHAPS.search(layer.kind)):
        return "no product"
    allowed: Precisions = frozenset().union(*(wanted or asked.nodes.values()))
    operands = layer.reads | layer.weights
    if not operands:
        doubts.append(f"{_called(layer)} does not tell what it reads")
        return "doubtful"
    cast = any(node.node in asked.casts for node in nodes)
    if operands <= allowed or "int8" in operands & allowed or (operands & allowed and cast):
        return "right"  # what is quantised also reads scales and a bias, in whatever floats
    if not operands & allowed and (wanted or _CONVOLUTION.search(layer.kind) or not operands & asked.anywhere):
        raise EngineError(
            f"TensorRT built {_called(layer)} in {_words(operands)}, not in {_words(allowed)}; nothing was written. "
            "Please report it"
        )
    doubts.append(f"{_called(layer)} reads {_words(operands)}, where the file asks for {_words(allowed)}")
    return "doubtful"


def _require_units_replaced(listing: Listing) -> None:
    for layer in listing.layers:
        for node in origins(layer.origin):
            if node.function == SPECTRAL_CONV:
                raise EngineError(
                    f"TensorRT wrote a Fourier unit's function out ({node.call}) though a plugin was given; nothing "
                    "was written. Export with --spectral inline, or check the plugin's name and version"
                )


def _called(layer: EngineLayer) -> str:
    return f"{brief(layer.name, 80)} ({layer.kind})"


def _words(found: Iterable[str]) -> str:
    return " and ".join(sorted(found))
