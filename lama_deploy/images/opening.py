"""The one place of the project where pictures are opened: an explicit list of formats, budgets, one kind of error.

Pillow alone opens whatever a file begins with, whatever its name: an EPS starts Ghostscript, others have decoders that
nobody has looked at for years.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from lama_deploy.errors import ImageError, LamaDeployError, TooLargeError, brief
from lama_deploy.images.budgets import MIB, excess
from lama_deploy.process_memory import require_memory

MAX_PIXELS = 100_000_000  # a 100-megapixel camera; more is taken for a decompression bomb unless allowed
RAISE_IT = "; if that is what it should be, raise --max-pixels"
# What cameras, phones, scanners, editors and the web write, decoded in this process by libraries that are looked after.
# Not here: EPS and WMF (programs that start others), PSD, PCX, TGA and the like (decoders in Python or without care),
# JPEG 2000 (a decoder with a long record of memory errors, and hardly a photograph to gain). MPO is read as JPEG.
READ = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF")
HEIC = "HEIC is read by no Pillow; make it a PNG first, for instance with heif-convert, or pillow-heif in Python"
AVIF = "AVIF is read by Pillow 11.3 and newer: pip install --upgrade pillow"
ADVICE: Mapping[bytes, str] = {
    rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)": HEIC,
    rb".{4}ftypavi[fs]": AVIF,
    rb"\xff\x0a|\0\0\0\x0cJXL ": "JPEG XL is not read; make it a PNG first, for instance with djxl",
    rb"8BPS": "layers of Photoshop are not read; save it as PNG or TIFF first",
}
SLOW_DECODERS = ("bmp_rle", "ppm", "ppm_plain")  # Pillow's own in Python: a second takes about a megapixel
MOST_SLOW_PIXELS = 4_000_000
# A file is at most this much: four channels of 16 bits, uncompressed, and metadata.
BYTES_A_PIXEL, BYTES_BESIDES = 8, 64 * MIB
# Bytes that reading takes at its peak: 8 to 18 a pixel were measured by mode, 22 of WebP; a long column has a row each.
DECODED_A_PIXEL, DECODED_A_ROW, ENCODED_COPIES = 24, 16, 3

BeforeDecoding = Callable[[int, int], None]
Undecoded = Callable[[Image.Image], None]


def nothing(height: int, width: int) -> None:
    """For pictures whose size nobody minds."""


def unseen(image: Image.Image) -> None:
    """For pictures that nobody looks at before they are decoded."""


@cache
def formats() -> tuple[str, ...]:
    """Those of READ that this Pillow can decode."""
    Image.init()
    return tuple(name for name in READ if name in Image.OPEN)


@contextmanager
def opened(
    source: Path | bytes,
    max_pixels: int = MAX_PIXELS,
    before_decoding: BeforeDecoding = nothing,
    undecoded: Undecoded = unseen,
) -> Iterator[Image.Image]:
    """As `decoded`; the errors name the file, where it is one."""
    try:
        with decoded(source, max_pixels, before_decoding, undecoded) as image:
            yield image
    except LamaDeployError as error:
        if isinstance(source, bytes):
            raise
        raise type(error)(f"{brief(str(source))}: {error}") from error


@contextmanager
def decoded(
    source: Path | bytes,
    max_pixels: int = MAX_PIXELS,
    before_decoding: BeforeDecoding = nothing,
    undecoded: Undecoded = unseen,
) -> Iterator[Image.Image]:
    """A picture's first frame; whatever goes wrong with it in the block is an ImageError too, with the reason alone.

    source: a file or its content. before_decoding: is told height and width, and raises a LamaDeployError where such a
    picture is not wanted. undecoded: is shown it afterwards, to look at what decoding forgets or to say how it is done.
    Raises ImageError, and DeviceMemoryError for a picture that this process has not the memory to decode. Above
    179 megapixels `max_pixels` needs `pillow_limit_lifted` too.
    """
    try:
        with _image(_content(source, max_pixels), max_pixels, before_decoding, undecoded) as image:
            yield image
    except LamaDeployError:
        raise
    except FileNotFoundError as error:
        raise ImageError("no such file") from error
    except Image.DecompressionBombError as error:
        hint = "make it smaller, or see pillow_limit_lifted"
        raise TooLargeError(f"more pixels than Pillow opens ({brief(error)}); {hint}") from error
    except MemoryError as error:
        raise ImageError("needs more memory than there is; make it smaller") from error
    except Exception as error:  # decoders have no common one: AVIF's RuntimeError, struct.error, IndexError and others
        raise ImageError(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:  # the system's, not a decoder's
        return f"cannot be read ({brief(error.strerror)})"
    known = isinstance(error, (OSError, SyntaxError, ValueError, EOFError))
    return f"truncated or damaged ({'' if known else f'{type(error).__name__}: '}{brief(error)})"


@contextmanager
def _image(
    data: bytes, max_pixels: int, before_decoding: BeforeDecoding, undecoded: Undecoded
) -> Iterator[Image.Image]:
    """From memory, not by name: Pillow maps named files, wrongly where a TIFF is turned, fatally where one shrinks."""
    found = excess(data)
    if found is not None:
        raise ImageError(f"has {found}; no picture needs that, so it is not decoded")
    try:
        image = Image.open(io.BytesIO(data), formats=formats())
    except UnidentifiedImageError as error:
        raise ImageError(
            f"not a picture in any format that is read: {', '.join(formats())}{_what_to_do(data)}"
        ) from error
    with image:
        _check_pixels(image, max_pixels)
        before_decoding(image.height, image.width)
        needed = image.width * image.height * DECODED_A_PIXEL + image.height * DECODED_A_ROW
        require_memory(needed + ENCODED_COPIES * len(data), f"decoding {image.width}x{image.height} pixels")
        undecoded(image)
        image.load()
        yield image


def _what_to_do(data: bytes) -> str:
    """About formats that many people have."""
    advice = next((text for beginning, text in ADVICE.items() if re.match(beginning, data, re.DOTALL)), "")
    return f"; {advice}" if advice and not (advice == AVIF and "AVIF" in formats()) else ""


def _content(source: Path | bytes, max_pixels: int) -> bytes:
    """Raises ImageError for what is no regular file: reading a pipe or device may never end."""
    most = most_bytes(max_pixels)
    if isinstance(source, bytes):
        if len(source) > most:
            raise TooLargeError(f"longer than {most:,} bytes, more than a picture may be")
        return source
    if source.exists() and not source.is_file():
        raise ImageError("a directory, or no regular file; give a picture")
    size = source.stat().st_size
    if size > most:
        raise TooLargeError(f"a file of {size:,} bytes; {most:,} are allowed, by --max-pixels")
    require_memory(size, "reading the file")
    with source.open("rb") as stream:
        return stream.read(most)


def most_bytes(max_pixels: int = MAX_PIXELS) -> int:
    """Of an encoded picture."""
    return BYTES_BESIDES + BYTES_A_PIXEL * max_pixels


def _check_pixels(image: Image.Image, max_pixels: int) -> None:
    size = f"{image.width}x{image.height}"
    if image.width * image.height > max_pixels:
        raise TooLargeError(f"{size} is more than {max_pixels:,} pixels{RAISE_IT}")
    tiles: list[Any] = getattr(image, "tile", [])
    if image.width * image.height > MOST_SLOW_PIXELS and any(tile[0] in SLOW_DECODERS for tile in tiles):
        raise ImageError(
            f"{size} is more than {MOST_SLOW_PIXELS:,} pixels of a {image.format} that is written as text, compressed "
            "or scaled, which takes minutes to decode; write it as PNG"
        )


@contextmanager
def pillow_limit_lifted() -> Iterator[None]:
    """Leave the limit of pixels to `max_pixels`. Pillow's is one for the process: enter this before threads start."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextmanager
def pillow_quiet() -> Iterator[None]:
    """For commands: no warnings and log lines of Pillow's between theirs. Enter this before threads start."""
    log = logging.getLogger("PIL")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        log.setLevel(before)
