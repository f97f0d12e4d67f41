"""Files damaged at random, as disks, networks and attackers do it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Mutation = Callable[[random.Random, bytes], bytes]
INTERESTING = (
    b"\0",
    b"\xff",
    b"\xff" * 4,
    b"\xff" * 8,
    b"\x7f" + b"\xff" * 7,
    b"\0" * 8,
    b"\x80",
    b"-1",
    b"NaN",
    b"\n",
)


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def extend(rng: random.Random, data: bytes) -> bytes:
    return data + rng.randbytes(rng.randrange(1, 200))


def remove(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 200) :]


def repeat(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    part = data[start : start + rng.randrange(1, 200)]
    return data[:start] + part * rng.randrange(2, 9) + data[start:]


def overwrite(rng: random.Random, data: bytes) -> bytes:
    part = rng.choice((*INTERESTING, rng.randbytes(rng.randrange(1, 64))))
    start = rng.randrange(len(data))
    return data[:start] + part + data[start + len(part) :]


def insert(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + rng.choice(INTERESTING) * rng.randrange(1, 4) + data[start:]


MUTATIONS: Sequence[Mutation] = (flip_bits, flip_bits, flip_bits, truncate, extend, remove, repeat, overwrite, insert)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Damaged in one way or, seldom, in several; never the same, nor empty before the last."""
    found = data
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        found = rng.choice(MUTATIONS)(rng, found or data)
    return found if found != data else data[:-1]
