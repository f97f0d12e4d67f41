"""What precision an ncnn model's convolutions are stored in, read off its two files."""

from __future__ import annotations

import struct
from pathlib import Path

CONVOLUTIONS = ("Convolution", "Deconvolution")
KINDS = {0: ("fp32", 4), 0x01306B47: ("fp16", 2)}  # by what stands before the weights: precision, bytes of each
OUTPUTS, BIASED, WEIGHTS = 0, 5, 6  # parameters of a convolution by number


def read_ncnn(path: Path) -> tuple[str | None, set[str]]:
    """(precision that the file names, those of its convolutions' weights).

    Raises ValueError, IndexError, KeyError or struct.error for files that are not lama-export's.
    """
    data, at = path.with_suffix(".bin").read_bytes(), 0
    named, found = None, set()
    for line in path.read_text().splitlines()[2:]:
        kind, name, inputs, outputs, *rest = line.split()
        pairs = (word.split("=") for word in rest[int(inputs) + int(outputs) :])
        parameters = {int(number): value for number, value in pairs}
        if kind == "Input" and "/" in name:
            named = name.rpartition("/")[2]
        elif kind == "MemoryData":
            at += 4 * int(parameters[0]) * int(parameters[1])
        elif kind in CONVOLUTIONS:
            precision, size = KINDS[struct.unpack_from("<I", data, at)[0]]
            found.add(precision)
            at += 4 + -(-int(parameters[WEIGHTS]) * size // 4) * 4
            at += 4 * int(parameters[OUTPUTS]) * int(parameters[BIASED])
    if at != len(data):
        raise ValueError(f"its layers have {at} bytes of weights, and {len(data)} are there")
    return named, found
