"""Whether a picture moves: files of several frames or pages, of which no more than the first would be read."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image

from lama_deploy.errors import ImageError
from lama_deploy.images.notes import Note

BESIDE = "the file holds more pictures (of a second lens, a preview, a depth or gain map), which are left out"
ONE_OF_MANY = "the picture has more frames than the one that it is at, which alone is filled; seek goes to the others"
MOST_BLOCKS = 2_000_000  # of a GIF, 255 bytes each: a picture of 100 megapixels has a fifth of it
GAIN_MAP = b"hdrgm:Version"
EXTENSION, SEPARATOR = 0x21, 0x2C  # blocks of a GIF


def refuse_frames(image: Image.Image, note: Note) -> None:
    """An opened picture, not decoded yet. Raises ImageError for animations and for files of several pages."""
    if image.format == "MPO" or _has_gain_map(image):  # of a phone or camera: what is behind the JPEG belongs to it
        note(BESIDE)
        return
    moves = _gif_moves(image) if image.format == "GIF" else getattr(image, "is_animated", False)
    if moves:
        raise ImageError(
            f"has more than one {'page' if image.format == 'TIFF' else 'frame'}, and one picture a file is filled; "
            "write them as pictures of their own first, for instance with ffmpeg or ImageMagick, then give that folder"
        )


def note_frames(image: Image.Image, note: Note) -> None:
    """A picture that a caller has opened, decoded: not refused, since the caller may go from frame to frame."""
    moves = False
    with suppress(Exception):  # the file may be closed by now
        moves = bool(getattr(image, "is_animated", False))
    if moves:
        note(BESIDE if image.format == "MPO" else ONE_OF_MANY)


def _has_gain_map(image: Image.Image) -> bool:
    """Ultra HDR, which Pillow takes for a plain JPEG."""
    return any(GAIN_MAP in content for _, content in getattr(image, "applist", ()))


def _gif_moves(image: Image.Image) -> bool:
    """By its blocks: Pillow would read all comments between frames, which it joins one by one."""
    stream = getattr(image, "fp", None)
    data = stream.getvalue() if isinstance(stream, io.BytesIO) else b""
    flags = data[10] if len(data) > 10 else 0
    at, found, blocks = 13 + _colours(flags), False, 0
    while at < len(data) and data[at] in (EXTENSION, SEPARATOR):
        if data[at] == SEPARATOR:
            if found:
                return True
            found = True
            at += 11 + (_colours(data[at + 9]) if at + 9 < len(data) else 0)
        else:
            at += 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
            blocks += 1
            if blocks > MOST_BLOCKS:
                raise ImageError(f"has more than {MOST_BLOCKS:,} blocks; no picture needs that, so it is not decoded")
        at += 1
    return False


def _colours(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
