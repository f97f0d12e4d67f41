"""Which kinds of convolution quantisation has to leave out, by what each of them costs.

A kind is what all blocks have in common: the convolutions that read the same value ("conv1/local" reads the local
branch in the first half of every block). Each kind is left out alone first; then, in the order of what that gained,
kinds are left out together until holes are filled within so many dB of what the model fills without quantisation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import ParityError
from lama_export.progress import Progress, phase

RANKING_PICTURES = 3
SPECTRAL = "/g2g/"  # the spectral transforms are never quantised

# The parts of a node's name that tell kinds apart: of stages what they begin with, of an FFC's paths what they read.
STAGES = ("stem", "down", "conv1", "conv2", "up", "head")
READS = {"l2l": "local", "l2g": "local", "g2l": "global"}

Pair = tuple[Array, Array]  # image (H, W, 3) uint8, mask (H, W) uint8


@dataclass(frozen=True)
class Choice:
    """PSNR in dB inside holes: asked for, as chosen, with nothing left out, and with each kind left out alone."""

    least_psnr: float
    psnr: float
    psnr_of_all: float
    psnr_without: dict[str, float]
    left_out: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def choose(
    kinds: Sequence[str], psnr: Callable[[Collection[str]], float], least_psnr: float, progress: Progress = iter
) -> Choice:
    """psnr: of a model with these kinds left out. Raises ParityError where all of them would have to be."""
    psnr_of_all = reached = psnr(())
    without = {kind: psnr((kind,)) for kind in phase(progress, "choosing what stays exact")(kinds)}
    left_out: list[str] = []
    for kind in sorted(kinds, key=lambda kind: -without[kind]):
        if reached >= least_psnr:
            break
        left_out.append(kind)
        reached = psnr(left_out)
    if len(left_out) == len(kinds):
        raise ParityError(f"in int8 no kind of convolution keeps {least_psnr:g} dB inside holes; export without --int8")
    return Choice(least_psnr, reached, psnr_of_all, without, tuple(left_out))


def psnr_in_holes(wanted: Iterable[Array], found: Iterable[Array], pairs: Iterable[Pair]) -> float:
    """dB between results (H, W, 3) uint8, over the hole pixels of all of them; infinite for equal ones."""
    triples = zip(wanted, found, pairs, strict=True)
    squares = [(a.astype(np.float64) - b)[mask > 0] ** 2 for a, b, (_, mask) in triples]
    mean = np.concatenate(squares).mean()
    return float(10 * np.log10(255**2 / mean)) if mean else float("inf")


def kind_of(name: str) -> str:
    """Of a node: "generator/block03/conv1/l2g/WithoutBiases" -> "conv1/local", "generator/up1/conv" -> "up1"."""
    return "/".join(READS.get(part, part) for part in name.split("/") if part in READS or part.startswith(STAGES))
