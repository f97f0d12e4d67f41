"""What precision an .mnn file's convolutions are stored in, read off the file: a flatbuffer of MNN's schema."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Fields of MNN's tables, by their place in its schema (schema/default: MNN.fbs, CaffeOp.fbs), stable since 1.0.
BUSINESS_CODE, OPERATIONS = 0, 3  # of Net
PARAMETER_KIND, PARAMETER, KIND = 1, 2, 5  # of Op
WEIGHT, STORED = 1, 3  # of Convolution2D
STORED_AS = 2  # of IDSTQuan
CONVOLUTION = 9  # of OpParameter
HALF = 3  # of IDSTQuan's types; 1, 2 and 4 are of 8 bits and fewer


@dataclass(frozen=True)
class Table:
    """One of a flatbuffer. Raises struct.error, IndexError or ValueError where the bytes are none."""

    data: bytes
    at: int

    def _field(self, number: int) -> int:
        """Where the field lies; 0 where it has its default."""
        layout = self.at - self._read("i", self.at)
        if not 0 <= layout < len(self.data):
            raise ValueError("a table without a layout")
        place = 4 + 2 * number
        offset = self._read("H", layout + place) if place < self._read("H", layout) else 0
        return self.at + offset if offset else 0

    def _read(self, kind: str, at: int) -> int:
        return int(struct.unpack_from(f"<{kind}", self.data, at)[0])

    def _behind(self, number: int) -> int:
        at = self._field(number)
        return at + self._read("I", at) if at else 0

    def number(self, number: int, kind: str = "i") -> int:
        at = self._field(number)
        return self._read(kind, at) if at else 0

    def table(self, number: int) -> Table | None:
        at = self._behind(number)
        return Table(self.data, at) if at else None

    def text(self, number: int) -> str:
        at = self._behind(number)
        return self.data[at + 4 : at + 4 + self._read("I", at)].decode() if at else ""

    def length(self, number: int) -> int:
        at = self._behind(number)
        return self._read("I", at) if at else 0

    def tables(self, number: int) -> Iterator[Table]:
        start = self._behind(number) + 4
        for at in range(start, start + 4 * self.length(number), 4):
            yield Table(self.data, at + self._read("I", at))


def read_mnn(path: Path) -> tuple[str | None, set[str]]:
    """(precision that the file names, those of its convolutions' weights). Raises as `Table`."""
    data = path.read_bytes()
    net = Table(data, int(struct.unpack_from("<I", data)[0]))
    found = set()
    for operation in net.tables(OPERATIONS):
        parameter = operation.table(PARAMETER)
        if parameter is not None and operation.number(PARAMETER_KIND, "B") == CONVOLUTION:
            found.add(_stored(parameter))
    named = net.text(BUSINESS_CODE).rpartition("/")[2]
    return named or None, found


def _stored(convolution: Table) -> str:
    other = convolution.table(STORED)
    if other is None or convolution.length(WEIGHT):
        return "fp32"
    return "fp16" if other.number(STORED_AS) == HALF else "int8"
