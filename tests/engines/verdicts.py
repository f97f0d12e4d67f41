"""What became of one case: the engine's result against eager PyTorch in float64."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.images.pixels import to_bytes
from tests.engines.forms import Picture, as_floats

RIGHT, BUILT = "right", "built"
REFUSED, WRONG, CRASHED, SLOW, ABSENT = "refuses", "WRONG", "crashes", "too slow", "not installed"
LARGEST = 1e-4  # of floats in [0, 1] inside holes; bytes may be one level off
LARGEST_OF_HALVES = 0.03
ROUNDED_TO_HALVES = 2.0**-11  # of known pixels that go through half precision
AS_FLOATS = "its bytes come back as whole numbers in float32"
LONGEST = 160  # characters of an engine's own words


# What marks the line of an engine's words that says most, the best first.
TELLING = (r"impossible|unsupported|not[ -](yet )?(support|implement)|assertion", r"\berror: ", r"error|fail|exception")


@dataclass(frozen=True)
class Verdict:
    """detail: the engine's own line, or how far it is off: in levels of 255 for bytes, of 1 for floats."""

    verdict: str
    detail: str = ""
    error: float | None = None


def judge(result: Array, picture: Picture, io: str, *, coarse: bool) -> Verdict:
    """coarse: the engine computes in half precision."""
    known, given, expected = _wanted(picture, io)
    note = ""
    if io == "uint8" and result.dtype == np.float32 and np.array_equal(result, np.clip(np.floor(result), 0, 255)):
        result, note = result.astype(np.uint8), AS_FLOATS
    if result.shape != given.shape or result.dtype != given.dtype:
        return Verdict(WRONG, f"the result is {result.dtype} {result.shape}, not {given.dtype} {given.shape}")
    off = np.abs(result.astype(np.float64) - expected)
    outside = float(np.abs(result.astype(np.float64) - given)[known].max(initial=0))
    inside = float(off[~known].max(initial=0))
    if not outside <= (ROUNDED_TO_HALVES if coarse and io == "float" else 0):
        return Verdict(WRONG, f"known pixels are off by {outside:.3g}", inside)
    if not inside <= _largest(io, coarse=coarse):
        return Verdict(WRONG, f"off by {inside:.3g} inside of holes", inside)
    return Verdict(RIGHT, note, inside)


def _largest(io: str, *, coarse: bool) -> float:
    if io == "uint8":
        return LARGEST_OF_HALVES * 255 if coarse else 1
    return LARGEST_OF_HALVES if coarse else LARGEST


def _wanted(picture: Picture, io: str) -> tuple[Array, Array, Array]:
    """Which values are known, what was given, what is expected, as the interface has them."""
    known = np.broadcast_to((picture.masks == 0)[..., None], picture.images.shape)
    if io == "uint8":
        return known, picture.images, to_bytes(picture.expected).astype(np.float64)
    expected = picture.expected.transpose(0, 3, 1, 2)
    return known.transpose(0, 3, 1, 2), as_floats(picture)[0], expected


def own_line(text: str) -> str:
    """The line of an engine's words that says most, without places on this machine."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() if line.strip()]
    lines = [line for line in lines if "Exception from src" not in line] or lines  # OpenVINO's places
    for words in TELLING:
        telling = [line for line in lines if re.search(words, line, re.IGNORECASE)]
        if telling:
            break
    line = (telling or lines or ["it gave no reason"])[0]
    line = re.sub(r"(?:/[\w.+~-]+)+/", "", line)
    return line if len(line) <= LONGEST else line[: LONGEST - 4].rstrip() + " ..."
