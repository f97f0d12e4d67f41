"""The hole of every frame of a video: one for all, a picture a frame, or another video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from av import VideoFrame
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError, brief
from lama_deploy.images.files import read_mask
from lama_deploy.images.folders import files_below, is_picture
from lama_deploy.images.hole import MaskLayers, holes_in
from lama_deploy.images.mask_notes import EMPTY
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.images.notes import Note, Notes
from lama_deploy.images.photograph import Photograph
from lama_deploy.images.placing import ORIENTATION, as_stored, check_mask_size
from lama_deploy.images.whole_hole import whole_hole
from lama_deploy.jobs.video.codecs import is_video
from lama_deploy.jobs.video.planes import rgb_of
from lama_deploy.jobs.video.source import Facts, opened_video
from lama_deploy.jobs.video.spans import spans, still

HALF = 127.0  # above which a mask video is hole: what it is compressed with leaves no black pixel at 0
NUMBER = re.compile(r"(\d+)\D*$")  # the last of a name
UNNUMBERED = "frames without a mask of their number stay as they are"


@dataclass(frozen=True)
class Clip:
    """What holes are made for. photograph: the first frame, with the orientation in which it is shown."""

    photograph: Photograph
    max_pixels: int
    options: MaskOptions
    notes: Notes

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), as stored."""
        height, width = self.photograph.rgb.shape[:2]
        return height, width

    @property
    def orientation(self) -> int:
        return int(self.photograph.exif.get(ORIENTATION, 1))


def clip_of(facts: Facts, max_pixels: int, options: MaskOptions, notes: Notes) -> Clip:
    exif = Image.Exif()
    if facts.orientation != 1:
        exif[ORIENTATION] = facts.orientation
    return Clip(Photograph(rgb_of(facts.first), None, exif, None), max_pixels, options, notes)


def holes_and_windows(mask: Path | None, clip: Clip, name: Path) -> Iterator[tuple[Array, Array]]:
    """(hole, around) of each frame, (H, W) uint8 as stored. name: the video's, for notes where there is no mask.

    Raises ImageError for masks that do not fit, and where a mask video cannot be read.
    """
    if mask is not None and mask.is_dir():
        note = clip.notes.about(mask)
        return chain(spans(_numbered(_by_number(mask), clip, note)), _without(clip, note))
    if mask is not None and is_video(mask):
        return spans(_of_video(mask, clip))
    hole = read_mask(mask, clip.photograph, clip.max_pixels, clip.options, clip.notes.about(mask or name))
    return still(hole)


def _by_number(folder: Path) -> dict[int, Path]:
    """By the last number in each name. Raises ImageError for a name without, and for two with the same."""
    found: dict[int, Path] = {}
    for path in filter(is_picture, files_below(folder)):
        number = NUMBER.search(path.stem)
        if number is None:
            raise ImageError(
                f"{brief(str(path))}: no number in its name; those of a video have their frames', as in 1.png"
            )
        if found.setdefault(int(number[1]), path) != path:
            raise ImageError(f"{brief(str(path))}: another mask has the number {int(number[1])} too")
    if not found:
        raise ImageError(f"{brief(str(folder))}: no picture in it")
    return found


def _numbered(by_number: dict[int, Path], clip: Clip, note: Note) -> Iterator[Array]:
    """Up to the last that there is. Frames count from 1, or from 0 where there is a mask of that number."""
    for number in range(min(1, *by_number), max(by_number) + 1):
        path = by_number.get(number)
        if path is None:
            note(UNNUMBERED)
            yield np.zeros(clip.size, np.uint8)
        else:
            yield read_mask(path, clip.photograph, clip.max_pixels, clip.options, _but_empty(clip.notes.about(path)))


def _without(clip: Clip, note: Note) -> Iterator[tuple[Array, Array]]:
    """For frames after the last mask."""
    none = np.zeros(clip.size, np.uint8)
    while True:
        note(UNNUMBERED)
        yield none, none


def _of_video(path: Path, clip: Clip) -> Iterator[Array]:
    options = clip.options
    if not options.mask_threshold:
        options = replace(options, mask_threshold=HALF)
    note = _but_empty(clip.notes.about(path))
    with opened_video(path, note) as source:
        orientation = source.facts(clip.max_pixels).orientation
    with opened_video(path, note) as source:
        for frame in source.read():
            if isinstance(frame, VideoFrame):
                yield _hole_of(frame, orientation, clip, options, note)


def _hole_of(frame: VideoFrame, turned: int, clip: Clip, options: MaskOptions, note: Note) -> Array:
    """turned: how the mask's own frames are shown."""
    mask_as = "stored" if turned == clip.orientation and options.mask_as == "auto" else options.mask_as
    check_mask_size((frame.height, frame.width), clip.size, clip.orientation, mask_as)
    holes = holes_in(MaskLayers(frame.reformat(format="gray").to_ndarray()), options, note)
    placed = as_stored(holes, clip.size, clip.orientation, mask_as, "shown", note)
    return whole_hole(np.ascontiguousarray(placed), options, clip.size, clip.orientation, note)


def _but_empty(note: Note) -> Note:
    """A frame without a hole is no news among others."""
    return lambda text: None if text == EMPTY else note(text)
