"""lama-inpaint: fill the holes of one picture or a folder of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from lama_deploy.checkpoints.weights import DEMO, DEMO_NOTE
from lama_deploy.cli.assuming import add_assume_option, told_inpainter
from lama_deploy.cli.common import (
    add_running_options,
    command,
    command_parser,
    few,
    positive,
    progress_bar,
)
from lama_deploy.cli.exit_codes import BAD_INPUT, DONE, PROOF_FAILED, SOME_FAILED
from lama_deploy.cli.picture_options import add_picture_options, is_drawn, mask_options_of, say, say_left_out
from lama_deploy.cli.pipes import STANDARD, Piped, through_pipes
from lama_deploy.cli.refine_options import add_refine_options, refine_options_of
from lama_deploy.cli.stores import through_stores, with_stores
from lama_deploy.cli.strategy_options import add_strategy_options, strategy_options_of
from lama_deploy.cli.throughput_options import (
    add_cluster_options,
    add_throughput_options,
    check_report,
    jobs_left,
    order_of,
    ray_options_of,
    save_options_of,
    why_there,
    with_usual_streams,
    write_report,
)
from lama_deploy.cli.verbosity import note
from lama_deploy.cli.video_options import add_video_options, inpaint_video, require_video_alone, video_summary
from lama_deploy.disk import require_place
from lama_deploy.errors import ImageError, LamaDeployError, brief
from lama_deploy.images.notes import Notes
from lama_deploy.images.opening import MAX_PIXELS, most_bytes, pillow_limit_lifted, pillow_quiet
from lama_deploy.images.pairs import Found, Job, Naming, find_jobs, jobs_of_files, result_suffix
from lama_deploy.jobs.folder import run_all
from lama_deploy.jobs.manifest import Manifest
from lama_deploy.jobs.outcomes import Outcomes
from lama_deploy.jobs.picture import PictureOptions
from lama_deploy.jobs.ray import run_all_on_ray
from lama_deploy.jobs.video.held import Held
from lama_deploy.overwriting import require_apart
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.opening import BACKENDS


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-inpaint",
        "Fill holes. Mask pixels above 0 are hole; all other pixels keep their value.",
        codes={
            BAD_INPUT: "nothing was written",
            SOME_FAILED: "some images of a folder failed, each with a line, and the others are written",
            PROOF_FAILED: "the weights do not go into --precision",
        },
    )
    _add_files(p)
    add_throughput_options(p)
    _add_model(p)
    add_strategy_options(p)
    add_picture_options(p)
    add_video_options(p)
    add_refine_options(p)
    add_assume_option(p)
    add_running_options(
        p,
        BACKENDS,
        "Run the model with this backend (default: the one that fits it; cuda runs checkpoints on an NVIDIA GPU).",
    )
    add_cluster_options(p)
    return p


def _add_files(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "paths",
        metavar="PATH",
        type=Path,
        nargs="+",
        help="An image and its mask; a folder of images and one of masks by their names, or one mask for all; several "
        "images and a folder of masks; or one folder with NAME.png and NAME_mask*.png. With --box and --point all are "
        "images. One of them may be -, which is standard input. Or a video and its mask: an image, a folder of images "
        "with the frames' numbers, or a video.",
    )
    p.add_argument(
        "--mask",
        metavar="MASK",
        type=Path,
        help="Take this mask, or folder of masks; then all that comes before is images.",
    )
    p.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        required=True,
        help="Write the result to this file, or the results of several images to this folder; - is standard output, in "
        "PNG or as --format says.",
    )


def _add_model(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--model",
        default=DEMO,
        metavar="BUNDLE|PATH|NAME",
        help=f"Run this bundle, .onnx file, checkpoint or name (default: {DEMO}).",
    )
    p.add_argument(
        "--streams",
        type=few,
        metavar="N",
        help="Compute N images at the same time, which share the threads: a folder is done sooner, for more memory "
        "(backends onnxruntime, openvino and tensorrt; default: 1, and up to 4 for folders in onnxruntime).",
    )
    p.add_argument(
        "--no-check",
        action="store_true",
        help="Open a bundle even where its files are not those that its bundle.json names.",
    )
    p.add_argument(
        "--max-pixels",
        type=positive,
        default=MAX_PIXELS,
        metavar="N",
        help=f"Refuse images of more than N pixels (default: {MAX_PIXELS:,}).",
    )


@command("torch")
def main() -> int:
    args = parser().parse_args()
    check_report(args)
    strategy_options_of(args)  # so that what is wrong there is said before the model is opened
    ray_options_of(args)
    with through_stores(args) as own:
        return _done(own)


def _done(args: argparse.Namespace) -> int:
    images, mask = _inputs(args)
    if require_video_alone(args, images):
        return _inpaint_video(args, images[0], mask)
    suffix = _suffix_in_pipe(args, images[0])
    with through_pipes([*images, mask] if mask else images, args.output, suffix, most_bytes(args.max_pixels)) as piped:
        own = argparse.Namespace(**vars(args))
        own.output, own.format = piped.output, args.format if args.output != STANDARD else None
        piped = with_stores(piped, args.stores)
        try:
            return _inpaint(own, piped, mask is not None, piped.given(str(args.output)))
        except LamaDeployError as error:
            raise type(error)(piped.told(str(error))) from error


def _inpaint_video(args: argparse.Namespace, video: Path, mask: Path | None) -> int:
    record = inpaint_video(args, video, mask, lambda: _inpainter(args))
    write_report(args, record)
    if args.report != str(STANDARD):
        print(video_summary(record))
    return DONE


def _suffix_in_pipe(args: argparse.Namespace, image: Path) -> str:
    """Of a result on standard output. Raises LamaDeployError where the image's own format cannot be told."""
    if args.format == "same" and args.output == image == STANDARD:
        raise LamaDeployError("--format same: standard input has no name that tells its format; name the format itself")
    return result_suffix(image, args.format)


def _inpaint(args: argparse.Namespace, piped: Piped, has_mask: bool, output: str) -> int:
    """args: with a file for a standard output, which `output` calls by the name that was given."""
    images, mask = (piped.inputs[:-1], piped.inputs[-1]) if has_mask else (piped.inputs, None)
    names = Naming(args.format, args.suffix)
    if len(images) > 1:
        found = jobs_of_files(images, mask, args.output, names)
    else:
        found = find_jobs(images[0], mask, args.output, names, drawn=is_drawn(args))
    # A mask counts only beside its image, so that results below are no input.
    of_pairs = mask == images[0] or (mask is None and not is_drawn(args))
    require_apart(args.output, [path for path in (*images, mask) if path], "-o", inside=of_pairs)
    say_left_out(found, args.format, piped.told)
    options = PictureOptions(
        max_pixels=args.max_pixels, mask=mask_options_of(args), save=save_options_of(args, found.jobs)
    )
    if args.clip and len(found.jobs) < 2:
        note("--clip is for the frames of a folder; of one image it changes nothing")
    if found.jobs:
        require_place(found.jobs[0].output)
    with jobs_left(args, found.jobs) as (left, manifest):
        call = _Call(args, found, left, manifest, piped)
        failed = call.run(options) if left else 0
    call.report()
    if str(STANDARD) not in (args.report, output):
        print(_summary(len(found.jobs), len(left), failed, brief(output)))
    if failed and failed == len(found.jobs):
        return BAD_INPUT
    return SOME_FAILED if failed else DONE


class _Call:
    """What one call does of its jobs, and the report on it."""

    def __init__(
        self, args: argparse.Namespace, found: Found, left: list[Job], manifest: Manifest | None, piped: Piped
    ) -> None:
        self._args, self._found, self._left, self._manifest, self._piped = args, found, left, manifest, piped
        self._notes, self._outcomes = Notes(), Outcomes()

    def run(self, options: PictureOptions) -> int:
        """How many failed."""
        try:
            return self._run(options)
        except KeyboardInterrupt:  # of any signal: what is done by then is told
            self.report()
            raise

    def _run(self, options: PictureOptions) -> int:
        told: dict[str, Any] = {"notes": self._notes, "outcome": self._outcomes, "told": self._piped.told}
        args, bar = self._args, progress_bar("inpaint")
        on_ray = ray_options_of(args)
        try:
            if on_ray is not None:
                return run_all_on_ray(order_of(args, _inpainter, options), self._left, on_ray, bar, **told)
            told["appearing"] = None if self._manifest is None else self._manifest.appended
            with pillow_limit_lifted(), pillow_quiet():
                inpainter = _inpainter(with_usual_streams(args, len(self._left)))
                return run_all(inpainter, self._left, options, bar, in_order=args.clip, **told)
        finally:
            say(self._notes, self._piped.told)

    def report(self) -> None:
        """Where it is asked for."""
        why = why_there(self._args)
        record = self._outcomes.record(self._found, self._left, self._notes, self._piped.given, why_there=why)
        write_report(self._args, record)


def _inpainter(args: argparse.Namespace) -> Inpainter:
    if args.model == DEMO:
        note(DEMO_NOTE)
    own = {name: getattr(args, name) for name in ("streams", "precision") if getattr(args, name) is not None}
    own |= {"backend": args.backend, "device": args.device, "threads": args.threads, "check": not args.no_check}
    own |= {"refine": refine_options_of(args), "strategy": strategy_options_of(args)}
    inpainter = told_inpainter(args) if args.assume else Inpainter.load(args.model, **own)
    return Held(inpainter) if args.clip else inpainter


def _summary(jobs: int, left: int, failed: int, output: str) -> str:
    if not left:
        return f"all {jobs} results are there already in {output}"
    there = f", {jobs - left} were there already" if left < jobs else ""
    return f"{left - failed} of {left} written to {output}{there}"


def _inputs(args: argparse.Namespace) -> tuple[list[Path], Path | None]:
    """(images, mask). Raises ImageError where it cannot be told which of several files is the mask."""
    if args.mask is not None or len(args.paths) == 1 or is_drawn(args):
        return args.paths, args.mask
    *images, mask = args.paths
    if len(images) > 1 and not mask.is_dir():
        raise ImageError(
            f"{brief(str(mask))} is the last of {len(args.paths)} files; after several images give a folder of masks, "
            "or one mask for all by --mask"
        )
    return images, mask


if __name__ == "__main__":
    sys.exit(main())
