"""Windows that hold still: frames are taken by spans, and a span's windows are chosen by all holes in it.

What a model paints depends on where its window lies, so that windows which follow a moving hole from frame to frame
make the fill flicker. Here they move once a span at most, and only where they must: the next span keeps them while its
holes lie within the region that they were chosen by, which is wider than the holes by SLACK, and while that is not much
too large for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, repeat

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.images.grow import grown

SPAN = 24  # frames: a second of film
SLACK = 32  # pixels that holes may wander before windows move
TOO_LARGE = 4  # times the area that a span needs, from which on its windows are chosen anew


def still(hole: Array) -> Iterator[tuple[Array, Array]]:
    """For a mask that does not move: (hole, around) for any number of frames, the same."""
    return repeat((hole, hole))


def spans(holes: Iterable[Array]) -> Iterator[tuple[Array, Array]]:
    """(H, W) uint8 of each frame -> (hole, around): by what its windows are chosen. Holds SPAN frames, as bits."""
    around: Array | None = None
    ahead = map(_packed, holes)
    while packed := list(islice(ahead, SPAN)):
        everything = _unpacked(np.bitwise_or.reduce([bits for bits, _ in packed]), packed[0][1])
        around = _region(everything, around)
        for bits, width in packed:
            yield _unpacked(bits, width), around


def _region(holes: Array, before: Array | None) -> Array:
    """before: the region of the span before, which holds as long as it fits."""
    return before if before is not None and fits(holes, before, SLACK) else grown(holes, SLACK)


def fits(holes: Array, region: Array, slack: int) -> bool:
    """Whether windows for a region, (H, W), are good for holes that grow by `slack` for theirs."""
    if holes.shape != region.shape or (holes > region).any():
        return False
    return not holes.any() or bool(region.sum() <= TOO_LARGE * grown(holes, slack).sum())


def _packed(hole: Array) -> tuple[Array, int]:
    return np.packbits(hole > 0, axis=1), hole.shape[1]


def _unpacked(bits: Array, width: int) -> Array:
    return np.unpackbits(bits, axis=1, count=width)
