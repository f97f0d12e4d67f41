"""Reads a pickle as data: an interpreter of its opcodes that runs nothing.

It builds None, numbers, text, tuples, lists, dicts with text as keys, and the sealed values of `pickle_values`; no
object of a library ever takes part, so that there is nothing to call, to change or to break.
"""

from __future__ import annotations

import io
import pickletools
import struct
from collections.abc import Iterator
from typing import Any

from lama_deploy.checkpoints.pickle_machine import Machine
from lama_deploy.checkpoints.pickle_operations import OPERATIONS
from lama_deploy.checkpoints.pickle_values import DamagedPickleError
from lama_deploy.errors import brief

MOST_BYTES = 16 << 20  # of a pickle, of 1 MB in big-lama's; text takes up to four times as much memory
MOST_BITS = 4096  # of an integer: longer ones take time to compute with and to print
LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}


def read_pickle(data: bytes) -> Any:
    """What the pickle describes.

    Raises DamagedPickleError for one that is cut off, malformed or beyond the bounds, UnknownNameError for one that
    asks for something which no checkpoint needs, and UnreadableTensorError.
    """
    if len(data) > MOST_BYTES:
        raise DamagedPickleError(f"it has {len(data):,} bytes, of a checkpoint's at most {MOST_BYTES:,}")
    machine = Machine()
    for opcode, argument in _opcodes(data):
        machine.charge(1)
        if opcode in LITERALS:
            machine.stack.append(_literal(argument))
        elif opcode in OPERATIONS:
            OPERATIONS[opcode](machine, argument)
        elif opcode == "STOP":
            return machine.pop()
        elif opcode not in ("PROTO", "FRAME"):
            raise DamagedPickleError(f"it has the opcode {brief(opcode)}, which no checkpoint needs")
    raise DamagedPickleError("it has no end")


def _opcodes(data: bytes) -> Iterator[tuple[str, Any]]:
    """Names and arguments. pickletools only parses, and says in several ways that it cannot."""
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(data)):
            yield opcode.name, argument
    except (ValueError, OverflowError, struct.error) as error:
        raise DamagedPickleError(brief(error)) from error


def _literal(value: Any) -> Any:
    if type(value) is int and value.bit_length() > MOST_BITS:
        raise DamagedPickleError(f"it has an integer of {value.bit_length():,} bits, allowed are {MOST_BITS:,}")
    return bytes(value) if type(value) is bytearray else value
