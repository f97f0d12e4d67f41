"""What an encoded picture may ask of its decoder besides pixels, counted in its bytes before anything is decoded.

Pillow bounds pixels, and decoders are linear in them and in the file's size, but for these: scans of a progressive JPEG
(each goes over the whole picture), chunks and segments by the million (each a call in Python), tags of a TIFF or EXIF
directory that all name the same megabytes, and strips of a pixel each. No camera, scanner or editor comes near a limit.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

MIB = 2**20
MOST_SCANS = 40  # of a JPEG: encoders write about ten
MOST_SEGMENTS = 10_000  # of a JPEG, 64 kB each: Photoshop's and depth maps take hundreds
MOST_JUNK = 64 * 1024  # bytes between the segments of a JPEG
MOST_JPEG_EXIF = MIB  # a segment has room for 64 kB, and few writers use more than one
MOST_CHUNKS = 10_000  # of a PNG, without its IDATs
MOST_DATA_CHUNKS = 250_000  # 100 megapixels of four 16-bit channels in the usual 8 kB
MOST_PPM_HEADER = 4096  # bytes; Pillow reads each in Python
MOST_BEFORE_FRAME = MIB  # bytes of comments and extensions in front of a GIF's first frame
MOST_TAGS = 512  # of a directory; TIFF and EXIF together know fewer
MOST_TILE = 4_000_000  # pixels of a tile, each of which is decoded whole; writers use 256x256
MOST_NUMBERS = 200_000  # in a tag: a colour map of 16 bits has 196,608
OVERLAP = 2  # tags have bytes of their own, so that all of them are at most the file
MOST_METADATA = 16 * MIB  # an EXIF block or colour profile

NOT_A_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
# Magic, width and height, and but for bitmaps the largest value, with comments between them.
PPM_HEADER = re.compile(
    rb"(P[14](?:GAP\d+){2}|P[^14\s]\S{0,5}(?:GAP[^\s#]+){3})\s".replace(b"GAP", rb"(?:\s|#[^\r\n]*[\r\n])+")
)
START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN, EXIF_SEGMENT = 0xD8, 0xD9, 0xDA, 0xE1
WITHOUT_LENGTH = (0x01, START_OF_IMAGE)
NUMBER_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # by type of tag, bytes
SHORT = 3
ORIENTATION = 0x0112  # tag
SIDES = (256, 257, 322, 323)  # tags: width and height of the picture, and of its tiles
DIRECTORIES = (0x8769, 0x8825, 0xA005)  # tags that hold the place of another: EXIF's own, GPS, interoperability


def excess(data: bytes) -> str | None:
    """What of an encoded picture is beyond its budget, in words; None for a picture within it or of another format."""
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _gif(data)
    if len(data) > MOST_PPM_HEADER and data[0] == ord("P") and data[1] in b"0123456fFy":
        head = data[:MOST_PPM_HEADER]
        return None if PPM_HEADER.match(head) else f"a header of more than {MOST_PPM_HEADER:,} bytes"
    return directory_excess(data) if data.startswith((b"II", b"MM")) else None


def directory_excess(data: bytes) -> str | None:
    """As `excess`, of a TIFF file or an EXIF block: its first directory and those that this one names."""
    try:
        return _first_directory(data)
    except (struct.error, IndexError):
        return None  # cut short, as the decoder will say


def orientation_in(data: bytes) -> int:
    """What an EXIF block says of it, 1 where it says nothing: for blocks of which nothing else is read."""
    try:
        order, big, first = _header(data)
        count = min(MOST_TAGS, struct.unpack_from(order + ("Q" if big else "H"), data, first)[0])
        for tag, kind, values, place in _tags(data, first + (8 if big else 2), count, order, big):
            if (tag, kind, values) == (ORIENTATION, SHORT, 1):
                value = _number(kind, place, order, big)
                return value if 1 <= value <= 8 else 1
    except (struct.error, IndexError):
        pass
    return 1


def _jpeg(data: bytes) -> str | None:
    scans = segments = junk = 0
    at, exif = 2, bytearray()
    while found := NOT_A_MARKER.search(data, at):
        if scans == 0:
            junk += found.start() - at
        marker, at = data[found.start() + 1], found.end()
        if marker == END_OF_IMAGE:
            break
        if marker in WITHOUT_LENGTH:
            continue
        segments += 1
        scans += marker == START_OF_SCAN
        if scans > MOST_SCANS:
            return f"more than {MOST_SCANS} scans"
        if segments > MOST_SEGMENTS or junk > MOST_JUNK:
            return f"more than {MOST_SEGMENTS:,} segments, or {MOST_JUNK:,} bytes between them"
        end = at + int.from_bytes(data[at : at + 2])
        if marker == EXIF_SEGMENT and data[at + 2 : at + 8] == b"Exif\0\0":
            exif += data[at + 8 : end]  # Pillow joins them, and reads the first directory when it opens the file
        if len(exif) > MOST_JPEG_EXIF:
            return f"more than {MOST_JPEG_EXIF:,} bytes of EXIF"
        at = end
    return directory_excess(bytes(exif))


def _png(data: bytes) -> str | None:
    at, chunks, pixels = 8, 0, 0
    while at + 8 <= len(data):
        kind = data[at + 4 : at + 8]
        if kind == b"IDAT":
            pixels += 1
        else:
            chunks += 1
        if chunks > MOST_CHUNKS or pixels > MOST_DATA_CHUNKS:
            return f"more than {MOST_CHUNKS:,} chunks, or {MOST_DATA_CHUNKS:,} of pixels"
        if kind == b"IEND":
            break
        at += 12 + int.from_bytes(data[at : at + 4])
    return None


def _gif(data: bytes) -> str | None:
    """Older Pillows join a comment block by block, which costs the square of its length."""
    flags = data[10] if len(data) > 10 else 0
    at = start = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while at < len(data) and data[at] not in b",;":
        if data[at] == ord("!"):
            at += 2
            while at < len(data) and data[at] and at - start <= MOST_BEFORE_FRAME:
                at += 1 + data[at]
        at += 1
        if at - start > MOST_BEFORE_FRAME:
            return f"more than {MOST_BEFORE_FRAME:,} bytes before the first frame"
    return None


def _header(data: bytes) -> tuple[str, bool, int]:
    """struct's byte order, whether it is a BigTIFF, and where the first directory begins."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    return order, big, struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]


def _first_directory(data: bytes) -> str | None:
    order, big, first = _header(data)
    places, seen = [first], 0
    while places and seen <= len(DIRECTORIES):
        seen += 1
        found = _directory(data, places.pop(), order, big)
        if isinstance(found, str):
            return found
        places += found
    return None


def _directory(data: bytes, at: int, order: str, big: bool) -> str | list[int]:
    """What is in excess, or the places of the directories that it names."""
    count = struct.unpack_from(order + ("Q" if big else "H"), data, at)[0]
    if count > MOST_TAGS:
        return f"a directory of {count:,} tags, of which {MOST_TAGS} are allowed"
    total, places, sides = 0, [], dict.fromkeys(SIDES, 1)
    for tag, kind, values, place in _tags(data, at + (8 if big else 2), count, order, big):
        size = values * NUMBER_SIZES.get(kind, 1)
        if size <= len(data):  # no more is read than there is
            total += size
            if kind in NUMBER_SIZES and values > MOST_NUMBERS:
                return f"{values:,} numbers in the tag {tag}, of which {MOST_NUMBERS:,} are allowed"
        if total > OVERLAP * len(data):
            return "tags that hold the same bytes many times over"
        if tag in DIRECTORIES:
            places.append(place)
        if tag in SIDES:
            sides[tag] = _number(kind, place, order, big)
    width, height, tile_width, tile_height = sides.values()
    if tile_width * tile_height > max(MOST_TILE, width * height):
        return f"tiles of {tile_width}x{tile_height} pixels, larger than the picture"
    return places


def _number(kind: int, place: int, order: str, big: bool) -> int:
    """A tag's only value, which stands where others have its place."""
    return place if order == "<" or kind != SHORT else place >> (48 if big else 16)


def _tags(data: bytes, at: int, count: int, order: str, big: bool) -> Iterator[tuple[int, int, int, int]]:
    """(tag, type, number of values, their place) of each."""
    layout = struct.Struct(order + ("HHQQ" if big else "HHII"))
    for index in range(count):
        yield layout.unpack_from(data, at + index * layout.size)
