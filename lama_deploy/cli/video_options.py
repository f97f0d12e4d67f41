"""lama-inpaint's options for videos, and its way with one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lama_deploy.cli.common import progress_bar
from lama_deploy.cli.picture_options import mask_options_of, say
from lama_deploy.cli.pipes import STANDARD
from lama_deploy.errors import ImageError, LamaDeployError, MissingDependencyError, brief
from lama_deploy.images.notes import Notes
from lama_deploy.images.opening import pillow_limit_lifted, pillow_quiet
from lama_deploy.installing import install
from lama_deploy.jobs.video.codecs import CONTAINERS, NAMES, is_video
from lama_deploy.overwriting import require_free, taken
from lama_deploy.runtime.inpainter import Inpainter

MOST_CRF = 63
OF_IMAGES = ("resume", "ray", "suffix", "quality")  # options


def add_video_options(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("videos")
    group.add_argument(
        "--codec",
        choices=NAMES,
        help="Write a video with this codec, same: its own (default: h264, in .webm vp9; ffv1 in .mkv is lossless).",
    )
    group.add_argument(
        "--crf",
        type=_crf,
        metavar="N",
        help="Write it in this quality, 0 (lossless) to 51, for vp9 63 (default: 16 for h264, 18 hevc, 20 vp9).",
    )
    group.add_argument(
        "--clip",
        action="store_true",
        help="Take a folder of images for the frames of a clip, in the order of their names, and hold the model's "
        "windows still over them.",
    )


def require_video_alone(args: argparse.Namespace, images: list[Path]) -> bool:
    """Whether the call is for a video. Raises LamaDeployError where it cannot be done as it was asked for."""
    if not any(is_video(path) for path in images):
        asked = [f"--{name}" for name in ("codec", "crf") if getattr(args, name) is not None]
        if asked:
            raise LamaDeployError(f"{asked[0]} is of videos, and there is none; leave it out")
        return False
    if len(images) > 1:
        raise ImageError(f"{brief(str(images[0]))} and others: one video is filled a call; give one, and its mask")
    if args.clip or args.format is not None:
        raise LamaDeployError(f"{'--clip' if args.clip else '--format'} is of images; a video's -o says its format")
    _require_of_videos(args)
    if args.output == STANDARD or args.output.is_dir():
        raise LamaDeployError(f"-o: a video needs a file of its own, such as result.mp4 ({', '.join(CONTAINERS)})")
    return True


def _require_of_videos(args: argparse.Namespace) -> None:
    """Raises LamaDeployError for what would change nothing."""
    given = [name for name in OF_IMAGES if getattr(args, name) not in (None, False, "")]
    if given:
        raise LamaDeployError(f"--{given[0]} is of images; leave it out for a video")


def inpaint_video(
    args: argparse.Namespace, video: Path, mask: Path | None, opened: Callable[[], Inpainter]
) -> dict[str, Any]:
    """What became of it, for the record. opened: gives the model. Raises LamaDeployError."""
    fill = _filler()
    if args.skip_existing and taken([args.output]):
        return _record(video, mask, args.output, "there", 0, Notes())
    for one in (video, mask):
        if one is not None and not one.exists():
            raise ImageError(f"{brief(str(one))}: no such file or folder")
        if one is not None and one.exists() and args.output.exists() and one.samefile(args.output):
            raise ImageError(f"{brief(str(one))}: is an input and would be overwritten; give another -o")
    require_free([args.output], overwrite=args.overwrite)
    notes = Notes()
    try:
        with pillow_limit_lifted(), pillow_quiet():
            frames = fill(
                opened(),
                video,
                mask,
                args.output,
                codec=args.codec,
                crf=args.crf,
                mask_options=mask_options_of(args),
                max_pixels=args.max_pixels,
                progress=progress_bar("frames"),
                notes=notes,
            )
    finally:
        say(notes, str)
    return _record(video, mask, args.output, "written", frames, notes)


def video_summary(record: dict[str, Any]) -> str:
    """One line."""
    name = brief(record["output"])
    return f"{name} is there already" if record["state"] == "there" else f"{record['frames']} frames written to {name}"


def _filler() -> Callable[..., int]:
    try:
        from lama_deploy.jobs.video.fill import fill_video
    except ImportError as error:
        raise MissingDependencyError(f"videos need PyAV: {install('video')}") from error
    return fill_video


def _record(video: Path, mask: Path | None, output: Path, state: str, frames: int, notes: Notes) -> dict[str, Any]:
    return {
        "video": str(video),
        "mask": None if mask is None else str(mask),
        "output": str(output),
        "state": state,
        "frames": frames,
        "notes": dict(notes.names()),
    }


def _crf(text: str) -> int:
    """argparse's type."""
    if not text.isdecimal() or len(text) > 2 or int(text) > MOST_CRF:
        raise argparse.ArgumentTypeError(f"{brief(repr(text))} is no integer from 0 to {MOST_CRF}")
    return int(text)
