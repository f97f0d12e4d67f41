"""How lama-inpaint reads masks and writes pictures, and what it says of the files that it leaves out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from lama_deploy.cli.verbosity import note
from lama_deploy.errors import ImageError, brief
from lama_deploy.images.drawn import ALLOWED, BoxGiven, PointGiven, is_length
from lama_deploy.images.files import FORMATS
from lama_deploy.images.grow import MOST_GROWTH
from lama_deploy.images.mask_options import MaskAs, MaskFrom, MaskOptions
from lama_deploy.images.notes import MOST_NAMED, Notes
from lama_deploy.images.opening import HEIC
from lama_deploy.images.pairs import Found


def add_picture_options(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("how masks are read")
    group.add_argument(
        "--mask-threshold",
        type=_threshold,
        default=0,
        metavar="N",
        help="Take what is brighter than N for the hole, 0 to 254 whatever the mask's depth (default: 0).",
    )
    group.add_argument("--invert", action="store_true", help="Take the other pixels for the hole.")
    group.add_argument(
        "--mask-from",
        choices=get_args(MaskFrom),
        default="auto",
        help="Take the hole from what is opaque, or bright; auto: bright, unless a mask is one colour and its "
        "transparency varies.",
    )
    group.add_argument(
        "--mask-as",
        choices=get_args(MaskAs),
        default="auto",
        help="Take masks as drawn over a picture as EXIF turns it (shown) or over its stored pixels (auto: what fits, "
        "shown where both do).",
    )
    _add_shape_options(group)


def mask_options_of(args: argparse.Namespace) -> MaskOptions:
    return MaskOptions(
        mask_threshold=args.mask_threshold,
        invert=args.invert,
        mask_from=args.mask_from,
        mask_as=args.mask_as,
        grow=args.grow,
        boxes=args.box,
        points=args.point,
    )


def is_drawn(args: argparse.Namespace) -> bool:
    """Whether the hole is, or part of it; then all PATHs are images."""
    return bool(args.box or args.point)


def _add_shape_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--grow",
        type=_growth,
        default=0,
        metavar="N",
        help="Let the hole grow by N pixels on all sides, for masks that are cut too close.",
    )
    group.add_argument(
        "--box",
        type=_box,
        action="append",
        default=[],
        metavar="X,Y,W,H",
        help="Fill this rectangle of every image, whose left upper corner is at X, Y; with --mask, besides its hole. "
        "Each is in pixels or a share of the image, as in 80%%,90%%,20%%,10%%, or both: 100%%-200 is 200 pixels from "
        "the right; what begins with - is written --box=-5,0,50,20. May be given several times.",
    )
    group.add_argument(
        "--point",
        type=_point,
        action="append",
        default=[],
        metavar="X,Y,R",
        help="Fill the disc of radius R around X, Y, as --box does.",
    )


def say_left_out(found: Found, form: str | None, told: Callable[[str], str] = str) -> None:
    """One line for each kind of file of the folders that is not used, or not as it was asked for."""
    _say(found.without_mask, "{} images have no mask and are left out, first {}", told)
    _say(found.without_image, "{} masks have no image and are left out, first {}", told)
    heic = any(path.suffix.lower() in (".heic", ".heif") for path in found.not_read)
    _say(
        found.not_read, "{} files are no pictures that are read and are left out, first {}" + (f"; {HEIC}" * heic), told
    )
    if form == "same":
        others = [job.image for job in found.jobs if job.image.suffix.lower() not in FORMATS]
        _say(others, "{} images have a format that is not written, and become PNG, first {}", told)


def say(notes: Notes, told: Callable[[str], str]) -> None:
    """told: a line as people are told it."""
    for line in notes.lines():
        note(told(line))


def _say(paths: list[Path], text: str, told: Callable[[str], str]) -> None:
    if paths:
        first = ", ".join(brief(str(path)) for path in paths[:MOST_NAMED])
        note(told(text.format(len(paths), first)))


def _growth(text: str) -> int:
    """argparse's type, of what MaskOptions allows."""
    if not text.isdecimal() or len(text) > 4 or int(text) > MOST_GROWTH:
        raise argparse.ArgumentTypeError(f"{brief(repr(text))} is no integer from 0 to {MOST_GROWTH}")
    return int(text)


def _box(text: str) -> BoxGiven:
    """argparse's type, of four lengths as `images.drawn` has them."""
    x, y, width, height = _given(text, "X,Y,W,H")
    return x, y, width, height


def _point(text: str) -> PointGiven:
    """argparse's type, of three lengths."""
    x, y, radius = _given(text, "X,Y,R")
    return x, y, radius


def _given(text: str, form: str) -> list[str]:
    parts = text.split(",")
    if len(parts) != form.count(",") + 1 or not all(is_length(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{brief(repr(text))} is no {form}, each in {ALLOWED}")
    return parts


def _threshold(text: str) -> Any:
    """argparse's type, of what MaskOptions allows."""
    try:
        return MaskOptions(mask_threshold=float(text)).mask_threshold
    except (ValueError, ImageError) as error:
        raise argparse.ArgumentTypeError(f"{brief(repr(text))} is no number from 0 to below 255") from error
