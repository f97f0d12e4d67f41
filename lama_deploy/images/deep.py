"""Colours of 16 bits a sample, which PIL has no mode for: read in two halves, written into a PNG that PIL has made.

PIL decodes such a file to the upper bytes. Told that the bytes of a sample stand the other way round, it gives the
lower ones: the same decoder, the same sizes, another byte. Greys with alpha it has as four bytes, all of them.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.images.notes import Note
from lama_deploy.images.opening import opened

SWAPPED = {"16B": "16L", "16L": "16B"}
SWAPPED["16N"] = SWAPPED["16L" if np.little_endian else "16B"]
LAYOUTS = ("RGB", "RGBX", "RGBA")  # of pixels in the file
GREY_WITH_ALPHA = "LA;16B"  # four bytes, as many as RGBA of 8 bits has
LOST = "the picture has more than 8 bits a sample, of which 8 are read; PNG and TIFF in grey, RGB or RGBA keep all"
AVIF_HEAD, AVIF_DEPTH, DEEP_AVIF = 65536, b"av1C", 0x40  # bytes to look in, box, and bit of its third byte
PNG_HEADER = 8 + 25  # signature and IHDR, which is the first chunk
DEPTH_AT = 24


class RawMode:
    """How the pixels of an opened picture stand in its file; None where PIL reads all of them."""

    def __init__(self) -> None:
        self.name: str | None = None

    def look(self, image: Image.Image) -> None:
        """Before it is decoded, which forgets it."""
        if image.format == "AVIF" and _is_deep_avif(image):
            self.name = "AVIF;16"
        for tile in getattr(image, "tile", []):
            if image.mode in ("RGB", "RGBA", "LA", "CMYK") and ";16" in (name := _raw_mode(tile)):
                self.name = name
            elif tile[0] in ("ppm", "ppm_plain") and image.mode == "RGB" and tile[3][-1] > 255:
                self.name = "PPM;16"

    @property
    def is_kept(self) -> bool:
        layout, _, depth = (self.name or "").partition(";")
        return self.name == GREY_WITH_ALPHA or (layout in LAYOUTS and depth in SWAPPED)


def deep_bands(source: Path | bytes, upper: Image.Image, raw: RawMode, max_pixels: int, note: Note) -> Array | None:
    """(H, W, C) uint16 of a picture whose upper bytes are read, alpha last where C is 2 or 4; None for all others.

    Raises as `opened`.
    """
    if raw.name is None:
        return None
    if not raw.is_kept:
        note(LOST)
        return None
    if raw.name == GREY_WITH_ALPHA:
        with opened(source, max_pixels, undecoded=_as_bytes) as whole:
            return np.asarray(whole).view(">u2").astype(np.uint16)
    halves = np.empty((upper.height, upper.width, len(upper.getbands()), 2), np.uint8)
    halves[..., 1] = np.asarray(upper)
    with opened(source, max_pixels, undecoded=_swap) as lower:
        halves[..., 0] = np.asarray(lower)
    return halves.view("<u2")[..., 0].astype(np.uint16, copy=False)


def _is_deep_avif(image: Image.Image) -> bool:
    stream = getattr(image, "fp", None)
    head = bytes(stream.getbuffer()[:AVIF_HEAD]) if isinstance(stream, io.BytesIO) else b""
    at = head.find(AVIF_DEPTH) + len(AVIF_DEPTH) + 2
    return AVIF_DEPTH in head and at < len(head) and bool(head[at] & DEEP_AVIF)


def _swap(image: Image.Image) -> None:
    """The lower bytes are decoded in place of the upper ones."""
    _rename(image, lambda layout, depth: f"{layout};{SWAPPED.get(depth, depth)}")


def _as_bytes(image: Image.Image) -> None:
    """Grey and alpha of two bytes each are decoded as four bytes."""
    _rename(image, lambda layout, depth: "RGBA")


def _rename(image: Any, name: Callable[[str, str], str]) -> None:
    image.tile = [_renamed(tile, name(*_raw_mode(tile).partition(";")[::2])) for tile in image.tile]


def _renamed(tile: Any, name: str) -> Any:
    arguments = name if isinstance(tile[3], str) else (name, *tile[3][1:])
    swapped = (*tile[:3], arguments)
    return swapped if type(tile) is tuple else type(tile)(*swapped)  # older Pillows have plain ones


def _raw_mode(tile: Any) -> str:
    arguments = tile[3]
    name = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return name if isinstance(name, str) else ""


def png_with(data: bytes, bands: Array, compression: int = 6) -> bytes:
    """A PNG of 8 bits, as PIL has made it of the same size and channels, with (H, W, C) uint16 instead.

    compression: zlib's, 0 to 9.
    """
    head = data[:DEPTH_AT] + bytes([16]) + data[DEPTH_AT + 1 : PNG_HEADER - 4]
    head += struct.pack(">I", zlib.crc32(head[12:]))
    kept = (_chunk(kind, body) for kind, body in _chunks(data, PNG_HEADER) if kind not in (b"IDAT", b"IEND"))
    return head + b"".join(kept) + _chunk(b"IDAT", zlib.compress(_filtered(bands), compression)) + _chunk(b"IEND", b"")


def _filtered(bands: Array) -> bytes:
    """Rows of differences to the pixel at the left (filter 1), which compress well."""
    height, width, channels = bands.shape
    samples = np.ascontiguousarray(bands.astype(">u2")).view(np.uint8).reshape(height, width, 2 * channels)
    rows = np.empty((height, 1 + samples[0].size), np.uint8)
    rows[:, 0] = 1
    rows[:, 1 : 1 + 2 * channels] = samples[:, 0]
    rows[:, 1 + 2 * channels :] = (samples[:, 1:] - samples[:, :-1]).reshape(height, -1)
    return rows.tobytes()


def _chunks(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += 12 + size


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
