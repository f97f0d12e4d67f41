"""Pictures of requests: bytes to pixels and back, by the same functions as lama-inpaint's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError, LamaDeployError
from lama_deploy.images.files import FORMATS, encoded_photograph, read_mask, read_photograph
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.images.notes import Note
from lama_deploy.images.opening import BeforeDecoding
from lama_deploy.images.photograph import Photograph, filled
from lama_deploy.images.placing import ORIENTATION, STORED_FROM_SHOWN, shown_size
from lama_deploy.images.save_options import WITH_QUALITY, SaveOptions

TYPES: Mapping[str, str] = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
}
KINDS: Mapping[str, str] = {suffix.removeprefix("."): kind for suffix, kind in FORMATS.items()}
# Of quarter turns the one undoes the other, and each other turn undoes itself.
SHOWN_FROM_STORED = {**STORED_FROM_SHOWN, 6: STORED_FROM_SHOWN[8], 8: STORED_FROM_SHOWN[6]}
NOT_WRITTEN = "the image's own format is not written, so the result is PNG"


@dataclass(frozen=True)
class Read:
    """hole: (H, W) uint8, as stored."""

    photograph: Photograph
    hole: Array


@dataclass(frozen=True)
class Encoded:
    """A picture as the body of an answer."""

    content: bytes
    type: str


@dataclass(frozen=True)
class MaskFile:
    """content: encoded. name: as the client has it, which tells ComfyUI's masks; it is written nowhere."""

    content: bytes
    name: str = ""


class Notes:
    """What is told of one picture, each kind once."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> None:
        if text not in self.texts:
            self.texts.append(text)


def read(
    image: bytes,
    mask: MaskFile | None,
    options: MaskOptions,
    max_pixels: int,
    before_decoding: BeforeDecoding,
    note: Note,
) -> Read:
    """Raises LamaDeployError, which says whether the image or the mask is meant."""
    with named("image"):
        photograph = read_photograph(image, max_pixels, before_decoding, note, one_frame=True)
    with named("mask"):
        content, name = (mask.content, mask.name) if mask else (None, "")
        return Read(photograph, read_mask(content, photograph, max_pixels, options, note, name=name))


def kind_of(form: str, photograph: Photograph, quality: int | None, note: Note) -> str:
    """Pillow's name of what a result is written in. form: a suffix without its dot, or "same".

    Raises ImageError for a quality that would change nothing.
    """
    kind = KINDS.get(form)
    if kind is None:
        kind = photograph.kind if photograph.kind in TYPES else None
        if kind is None:
            note(NOT_WRITTEN)
    if quality is not None and kind not in WITH_QUALITY:
        raise ImageError("quality is for JPEG and WebP, and the result is neither; give format jpg or webp")
    return kind or "PNG"


def encode(photograph: Photograph, form: str, save: SaveOptions, note: Note) -> Encoded:
    """Raises ImageError."""
    kind = kind_of(form, photograph, save.quality, note)
    return Encoded(encoded_photograph(photograph, kind, note, options=save), TYPES[kind])


def encode_filled(one: Read, rgb: Array, form: str, save: SaveOptions, note: Note) -> Encoded:
    """The picture with `rgb` (H, W, 3) uint8 in its hole. Raises ImageError."""
    return encode(filled(one.photograph, rgb, one.hole), form, save, note)


@dataclass(frozen=True)
class Carried:
    """What a picture carries besides its pixels. size: (height, width) in which it is shown."""

    size: tuple[int, int]
    exif: bytes
    icc_profile: bytes | None
    dpi: tuple[float, float] | None
    is_grey: bool
    kind: str | None


def carried_by(photograph: Photograph) -> Carried:
    height, width = photograph.rgb.shape[:2]
    return Carried(
        size=shown_size(height, width, photograph.exif.get(ORIENTATION, 1)),
        exif=photograph.exif.tobytes() if len(photograph.exif) else b"",
        icc_profile=photograph.icc_profile,
        dpi=photograph.dpi,
        is_grey=photograph.samples is not None and photograph.samples.ndim == 2,
        kind=photograph.kind,
    )


def carrying(photograph: Photograph, other: Carried) -> Photograph:
    """With EXIF, profile and resolution of another picture of its size; its own orientation, which its pixels have.

    Raises ImageError where the sizes, as the pictures are shown, are not the same.
    """
    own = carried_by(photograph)
    if own.size != other.size:
        raise ImageError(
            f"the image is {own.size[1]}x{own.size[0]}, the original {other.size[1]}x{other.size[0]}; both must have "
            "the same size"
        )
    exif = Image.Exif()
    exif.load(other.exif)
    exif.pop(ORIENTATION, None)
    if ORIENTATION in photograph.exif:
        exif[ORIENTATION] = photograph.exif[ORIENTATION]
    profile = other.icc_profile if own.is_grey == other.is_grey else own.icc_profile  # one of greys tells no colours
    return replace(photograph, exif=exif, icc_profile=profile, dpi=other.dpi, kind=other.kind)


def upright(photograph: Photograph) -> Photograph:
    """As it is shown, so that nothing has to turn it."""
    turn = SHOWN_FROM_STORED.get(photograph.exif.get(ORIENTATION, 1))
    if turn is None:
        return photograph

    def turned(array: Array) -> Array:
        """(H, W) or (H, W, C)."""
        return turn(array) if array.ndim == 2 else np.moveaxis(turn(np.moveaxis(array, -1, 0)), 0, -1)

    exif = Image.Exif()
    exif.load(photograph.exif.tobytes())
    del exif[ORIENTATION]
    return replace(
        photograph,
        rgb=np.ascontiguousarray(turned(photograph.rgb)),
        alpha=None if photograph.alpha is None else turned(photograph.alpha),
        samples=None if photograph.samples is None else turned(photograph.samples),
        exif=exif,
    )


@contextmanager
def named(what: str) -> Iterator[None]:
    """Errors say which of a request's pictures they are about."""
    try:
        yield
    except LamaDeployError as error:
        said = str(error)
        raise error if said.startswith(f"the {what}") else type(error)(f"{what}: {said}") from error
