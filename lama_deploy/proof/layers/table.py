"""What `lama-verify --layers` prints."""

from __future__ import annotations

from collections.abc import Sequence

from lama_deploy.proof.layers.compare import Difference, first_divergence
from lama_deploy.reports.text import aligned

HEADER = ("layer", "operator", "module", "error", "of inputs", "allowed", "largest", "scale")
BEFORE, AFTER, CLOSEST = 3, 2, 5


def layer_table(found: Sequence[Difference]) -> str:
    """The layers around the first divergence, or else those that come closest to one; then a line with the verdict."""
    first = first_divergence(found)
    if first is None:
        closest = sorted(found, key=lambda one: one.error / one.allowed, reverse=True)[:CLOSEST]
        shown = [one for one in found if one in closest]
        verdict = f"no layer diverges: {len(found)} compared, those closest to it above"
    else:
        at = found.index(first)
        shown = list(found[max(0, at - BEFORE) : at + 1 + AFTER])
        verdict = f"first diverging layer: {first.layer}: {_reason(first)}"
    return f"{aligned([HEADER, *map(_row, shown)], left=range(3))}\n{verdict}"


def _reason(first: Difference) -> str:
    if not first.error < float("inf"):
        return "not finite, or of another shape"
    return f"off by {first.error:.1e} of its RMS, allowed {first.allowed:.1e}, its inputs by {first.inputs:.1e}"


def _row(one: Difference) -> tuple[str, ...]:
    numbers = (f"{value:.1e}" for value in (one.error, one.inputs, one.allowed, one.largest))
    return one.layer.name, one.layer.op, one.layer.module, *numbers, f"{one.scale:g}"
