"""Pictures made bad: as any file is, and besides spliced, and lied about in the lengths and counts of their headers."""

import random
import struct
import zlib

from tests.hostile.mutations import mutated

LIES = (0, 1, 2, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
HEADER = 600  # bytes


def damaged(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """`data`, whose other half is that of `other` where they are spliced."""
    drawn = rng.random()
    if drawn < 0.3:
        data = _lied(rng, data)
    elif drawn < 0.4:
        data = data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]
    else:
        data = mutated(rng, data)
    return with_right_checksums(data) if rng.random() < 0.7 else data


def _lied(rng: random.Random, data: bytes) -> bytes:
    """One to three numbers near the front are others."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        size = rng.choice((2, 4))
        at = rng.randrange(max(1, min(len(data), HEADER) - size))
        order = "<" if rng.random() < 0.5 else ">"
        changed[at : at + size] = struct.pack(order + {2: "H", 4: "I"}[size], rng.choice(LIES) % 256**size)
    return bytes(changed)


def with_right_checksums(data: bytes) -> bytes:
    """A PNG's chunks get theirs, so that a mutation is seen by more than the check; other data as it is."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    whole, at = bytearray(data), 8
    while at + 12 <= len(whole):
        end = at + 8 + int.from_bytes(whole[at : at + 4], "big")
        if end + 4 > len(whole):
            break
        whole[end : end + 4] = struct.pack(">I", zlib.crc32(whole[at + 4 : end]))
        at = end + 4
    return bytes(whole)
