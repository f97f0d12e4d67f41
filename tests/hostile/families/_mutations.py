"""Bytes of a good file, made bad: cut, flipped, spliced, repeated, their lengths and counts lied about."""

import random
import struct
import zlib

LIES = (0, 1, 2, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def mutated(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """One to three mutations of `data`; splices take their other half from `other`."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(MUTATIONS)(data, other, rng)
    return with_right_checksums(data) if rng.random() < 0.7 else data


def _cut(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _flipped(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return _set(data, rng, len(data), rng.randint(1, 20))


def _flipped_in_front(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return _set(data, rng, 200, rng.randint(1, 4))


def _set(data: bytes, rng: random.Random, within: int, count: int) -> bytes:
    changed = bytearray(data)
    for _ in range(count if data else 0):
        changed[rng.randrange(min(within, len(data)))] = rng.randrange(256)
    return bytes(changed)


def _lied(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A number near the front is another."""
    changed, size = bytearray(data), rng.choice((2, 4))
    at = rng.randrange(max(1, min(len(data), 600) - size))
    number = rng.choice(LIES) % 256**size
    changed[at : at + size] = number.to_bytes(size, rng.choice(("little", "big")))  # type: ignore[arg-type]
    return bytes(changed)


def _spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _repeated(data: bytes, other: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    end = min(len(data), start + rng.randint(1, 200))
    return data[:end] + data[start:end] * rng.choice((1, 2, 50)) + data[end:]


def _missing(data: bytes, other: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.randint(1, 100) :]


def _zeroed(data: bytes, other: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    end = min(len(data), start + rng.randint(1, 100))
    return data[:start] + bytes(end - start) + data[end:]


MUTATIONS = (_cut, _flipped, _flipped_in_front, _flipped_in_front, _lied, _lied, _spliced, _repeated, _missing, _zeroed)


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
