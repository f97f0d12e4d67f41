"""Picture files: opened with everything a photograph carries, written back with it, never half."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from lama_deploy.arrays import Array
from lama_deploy.disk import appears_whole
from lama_deploy.errors import ImageError, brief
from lama_deploy.images.deep import RawMode, deep_bands, png_with
from lama_deploy.images.frames import refuse_frames
from lama_deploy.images.hole import holes_in
from lama_deploy.images.mask_options import AS_OFFICIAL, MaskOptions
from lama_deploy.images.notes import Note, ignore
from lama_deploy.images.opening import MAX_PIXELS, BeforeDecoding, nothing, opened
from lama_deploy.images.photograph import (
    Photograph,
    image_of,
    in_eight_bits,
    is_whole_in_pil,
    metadata_of,
    photograph_of,
)
from lama_deploy.images.pixel_modes import icc_profile_of, mask_layers
from lama_deploy.images.placing import ORIENTATION, as_stored, check_mask_size
from lama_deploy.images.save_options import AS_USUAL, SaveOptions
from lama_deploy.images.whole_hole import whole_hole

BeforeAppearing = Callable[[os.stat_result], None]  # is told the file, whole but not yet under its name

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
OPAQUE = ("JPEG", "BMP")
COLOURED = ("WEBP",)  # formats that have no greys
RECOMPRESSED = "JPEG recompresses the known pixels too; .png, .webp and .tif keep them"
LOSSY_WEBP = "WebP with a quality recompresses the known pixels too; without one it keeps them"
SHALLOW = "8 of the picture's 16 bits a sample are written; .png keeps all, .tif those of greys without transparency"
FORGETFUL = "BMP keeps no EXIF and no colour profile; .png, .webp and .tif do"


def read_photograph(
    source: Path | bytes,
    max_pixels: int = MAX_PIXELS,
    before_decoding: BeforeDecoding = nothing,
    note: Note = ignore,
    *,
    one_frame: bool = False,
) -> Photograph:
    """A picture of `opening.READ`, its first frame. Metadata that cannot be read or kept is left out.

    source: a file, which the errors name, or its content. note: is told of what is lost. one_frame: refuse animations
    and files of several pages.
    Raises ImageError for anything unreadable, truncated or too large, DeviceMemoryError for what this process has not
    the memory to decode. max_pixels, before_decoding: as `opening.opened`.
    """
    raw = RawMode()

    def look(image: Image.Image) -> None:
        if one_frame:
            refuse_frames(image, note)
        raw.look(image)

    with opened(source, max_pixels, before_decoding, look) as image:
        photograph = photograph_of(image, note)
        bands = deep_bands(source, image, raw, max_pixels, note)
        return photograph if bands is None else _deepened(photograph, bands, image)


def _deepened(photograph: Photograph, bands: Array, image: Image.Image) -> Photograph:
    """With (H, W, C) uint16 for samples, and for alpha where they have that."""
    channels = bands.shape[2]
    alpha = photograph.alpha if channels == 3 else bands[..., -1]
    if channels == 2:
        return replace(photograph, samples=bands[..., 0], alpha=alpha, icc_profile=icc_profile_of(image, grey=True))
    return replace(photograph, samples=bands[..., :3], alpha=alpha)


def read_mask(
    source: Path | bytes | None,
    photograph: Photograph,
    max_pixels: int = MAX_PIXELS,
    options: MaskOptions = AS_OFFICIAL,
    note: Note = ignore,
    *,
    name: str = "",
) -> Array:
    """(H, W) uint8 of the photograph's stored size, 1 in the hole.

    A mask is drawn over the picture as it is shown, so it is turned with the photograph's EXIF orientation; one that
    fits only the stored size is taken as stored. source: None where `options` draw the hole; name: what its content was
    called, which tells ComfyUI's. note: is told what looks wrong.
    Raises ImageError when neither fits, and as `read_photograph` and `whole_hole`.
    """
    stored = photograph.rgb.shape[:2]
    orientation = photograph.exif.get(ORIENTATION, 1)
    if source is None:
        return whole_hole(None, options, stored, orientation, note)

    def check_size(height: int, width: int) -> None:
        check_mask_size((height, width), stored, orientation, options.mask_as)

    with opened(source, max_pixels, check_size) as mask:
        called = source.name if isinstance(source, Path) else name
        holes = holes_in(mask_layers(mask, called), options, note, photograph.rgb)
    placed = np.ascontiguousarray(as_stored(holes, stored, orientation, options.mask_as, "shown", note))
    return whole_hole(placed, options, stored, orientation, note)


def format_of(path: Path) -> str:
    """Pillow's format name for an output path. Raises ImageError for an unknown suffix."""
    if path.suffix.lower() not in FORMATS:
        raise ImageError(
            f"{brief(str(path))}: cannot write {brief(path.suffix) or 'a file without suffix'}; "
            f"allowed: {', '.join(FORMATS)}"
        )
    return FORMATS[path.suffix.lower()]


def write_photograph(
    path: Path,
    photograph: Photograph,
    note: Note = ignore,
    *,
    options: SaveOptions = AS_USUAL,
    before_appearing: BeforeAppearing | None = None,
) -> None:
    """Write with alpha, EXIF, ICC profile and resolution; lossless but where `options` or JPEG lose.

    The file appears whole or not at all. BMP carries neither EXIF nor profile: its pixels are turned as they are shown.
    note: is told of what is lost. Raises ImageError.
    """
    kind = format_of(path)
    try:
        _check_kept(kind, photograph)
    except ImageError as error:
        raise ImageError(f"{brief(str(path))}: {error}") from error
    _note_losses(kind, photograph, note, options)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with appears_whole(path) as stream:
            _encode(kind, photograph, stream, options)
            if before_appearing is not None:
                stream.flush()
                before_appearing(os.fstat(stream.fileno()))
    except (OSError, ValueError) as error:  # ValueError: too large for the format
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{brief(str(path))}: cannot be written ({brief(reason)})") from error


def encoded_photograph(
    photograph: Photograph, kind: str, note: Note = ignore, *, options: SaveOptions = AS_USUAL
) -> bytes:
    """What `write_photograph` would write. kind: Pillow's name of one of FORMATS. Raises ImageError."""
    _check_kept(kind, photograph)
    _note_losses(kind, photograph, note, options)
    stream = io.BytesIO()
    try:
        _encode(kind, photograph, stream, options)
    except (OSError, ValueError) as error:  # too large for the format
        raise ImageError(f"cannot be written as {kind} ({brief(error)})") from error
    return stream.getvalue()


def _check_kept(kind: str, photograph: Photograph) -> None:
    if photograph.alpha is not None and kind in OPAQUE:
        raise ImageError(f"{kind} cannot keep the image's transparency; write .png, .webp or .tif")


def _note_losses(kind: str, photograph: Photograph, note: Note, options: SaveOptions) -> None:
    if options.loses(kind):
        note(LOSSY_WEBP if kind == "WEBP" else RECOMPRESSED)
    if photograph.is_deep and not _keeps_depth(kind, photograph):
        note(SHALLOW)
    if kind == "BMP" and (photograph.icc_profile or set(photograph.exif) - {ORIENTATION}):
        note(FORGETFUL)


def _keeps_depth(kind: str, photograph: Photograph) -> bool:
    return kind == "PNG" or (kind == "TIFF" and is_whole_in_pil(photograph))


def _encode(kind: str, photograph: Photograph, stream: BinaryIO, save: SaveOptions) -> None:
    deep = photograph.is_deep and _keeps_depth(kind, photograph)
    image = image_of(photograph if deep or not photograph.is_deep else in_eight_bits(photograph))
    options = {**save.of(kind), **metadata_of(photograph)}
    if kind == "BMP":
        ImageOps.exif_transpose(image, in_place=True)
        options = {name: value for name, value in options.items() if name == "dpi"}
    if kind in COLOURED and image.mode in ("L", "LA"):
        image = image.convert("RGB" if image.mode == "L" else "RGBA")
        options["icc_profile"] = icc_profile_of(image)
    if deep and image.mode != "I;16":
        shallow = io.BytesIO()
        image.save(shallow, format=kind, **options)
        stream.write(png_with(shallow.getvalue(), _deep_bands(photograph), save.compression))
    else:
        image.save(stream, format=kind, **options)


def _deep_bands(photograph: Photograph) -> Array:
    assert photograph.samples is not None
    if photograph.alpha is None:
        return photograph.samples
    alpha = photograph.alpha
    return np.dstack((photograph.samples, alpha if alpha.dtype == np.uint16 else alpha * np.uint16(257)))
