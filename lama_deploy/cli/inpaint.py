"""lama-inpaint: fill the holes of one picture or a folder of them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from lama_deploy.checkpoints.weights import DEMO, DEMO_NOTE
from lama_deploy.cli.assuming import add_assume_option, told_inpainter
from lama_deploy.cli.common import (
    add_overwrite_option,
    add_running_options,
    command,
    command_parser,
    few,
    positive,
    progress_bar,
)
from lama_deploy.cli.exit_codes import BAD_INPUT, DONE, PROOF_FAILED, SOME_FAILED
from lama_deploy.cli.picture_options import add_picture_options, mask_options_of, say, say_left_out
from lama_deploy.cli.pipes import STANDARD, Piped, through_pipes
from lama_deploy.cli.refine_options import add_refine_options, refine_options_of
from lama_deploy.cli.verbosity import note
from lama_deploy.disk import require_writable, write_whole
from lama_deploy.errors import ImageError, LamaDeployError, brief
from lama_deploy.images.notes import Notes
from lama_deploy.images.opening import MAX_PIXELS, most_bytes, pillow_limit_lifted, pillow_quiet
from lama_deploy.images.pairs import Job, find_jobs, jobs_of_files, result_suffix
from lama_deploy.jobs.folder import run_all
from lama_deploy.jobs.outcomes import Outcomes
from lama_deploy.overwriting import require_apart, require_free, taken
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
    p.add_argument(
        "paths",
        metavar="PATH",
        type=Path,
        nargs="+",
        help="An image and its mask; a folder of images and one of masks by their names, or one mask for all; several "
        "images and a folder of masks; or one folder with NAME.png and NAME_mask*.png. One of them may be -, which is "
        "standard input.",
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
    there = p.add_mutually_exclusive_group()
    add_overwrite_option(there, "results")
    there.add_argument(
        "--skip-existing",
        action="store_true",
        help="Leave out images whose result is there already, so that a folder goes on where it was interrupted.",
    )
    p.add_argument(
        "--json",
        metavar="FILE",
        help="Write what became of each picture to FILE; - is standard output, in place of the summary.",
    )
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
        help="Run N images at the same time (backends openvino and tensorrt; default: 1).",
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
    add_picture_options(p)
    add_refine_options(p)
    add_assume_option(p)
    add_running_options(
        p,
        BACKENDS,
        "Run the model with this backend (default: the one that fits it; cuda runs checkpoints on an NVIDIA GPU).",
    )
    return p


@command("torch")
def main() -> int:
    args = parser().parse_args()
    _check_outputs(args)
    images, mask = _inputs(args)
    suffix = _suffix_in_pipe(args, images[0])
    with through_pipes([*images, mask] if mask else images, args.output, suffix, most_bytes(args.max_pixels)) as piped:
        own = argparse.Namespace(**vars(args))
        own.output, own.format = piped.output, args.format if args.output != STANDARD else None
        try:
            return _inpaint(own, piped, mask is not None, str(args.output))
        except LamaDeployError as error:
            raise type(error)(piped.told(str(error))) from error


def _suffix_in_pipe(args: argparse.Namespace, image: Path) -> str:
    """Of a result on standard output. Raises LamaDeployError where the image's own format cannot be told."""
    if args.format == "same" and args.output == image == STANDARD:
        raise LamaDeployError("--format same: standard input has no name that tells its format; name the format itself")
    return result_suffix(image, args.format)


def _inpaint(args: argparse.Namespace, piped: Piped, has_mask: bool, output: str) -> int:
    """args: with a file for a standard output, which `output` calls by the name that was given."""
    images, mask = (piped.inputs[:-1], piped.inputs[-1]) if has_mask else (piped.inputs, None)
    if len(images) > 1 and mask is not None:
        found = jobs_of_files(images, mask, args.output, args.format)
    else:
        found = find_jobs(images[0], mask, args.output, args.format)
    of_pairs = mask in (None, images[0])  # a mask counts only beside its image, so results below are no input
    require_apart(args.output, [path for path in (*images, mask) if path], "-o", inside=of_pairs)
    say_left_out(found, args.format)
    left, notes, outcomes = _left(found.jobs, args), Notes(), Outcomes()
    try:
        failed = _run(args, left, notes, outcomes, piped) if left else 0
    except KeyboardInterrupt:  # of any signal: what is done by then is told
        _write_record(args, outcomes.record(found, left, notes, piped.given))
        raise
    _write_record(args, outcomes.record(found, left, notes, piped.given))
    if str(STANDARD) not in (args.json, output):
        print(_summary(len(found.jobs), len(left), failed, brief(output)))
    if failed and failed == len(found.jobs):
        return BAD_INPUT
    return SOME_FAILED if failed else DONE


def _run(args: argparse.Namespace, jobs: list[Job], notes: Notes, outcomes: Outcomes, piped: Piped) -> int:
    """How many failed."""
    if args.model == DEMO:
        note(DEMO_NOTE)
    own = {name: getattr(args, name) for name in ("streams", "precision") if getattr(args, name) is not None}
    own |= {"backend": args.backend, "device": args.device, "threads": args.threads, "check": not args.no_check}
    own["refine"] = refine_options_of(args)
    inpainter = told_inpainter(args) if args.assume else Inpainter.load(args.model, **own)
    told: dict[str, Any] = {
        "mask_options": mask_options_of(args),
        "notes": notes,
        "outcome": outcomes,
        "told": piped.told,
    }
    try:
        with pillow_limit_lifted(), pillow_quiet():
            return run_all(inpainter, jobs, args.max_pixels, progress_bar("inpaint"), **told)
    finally:
        say(notes, piped.told)


def _summary(jobs: int, left: int, failed: int, output: str) -> str:
    if not left:
        return f"all {jobs} results are there already in {output}"
    there = f", {jobs - left} were there already" if left < jobs else ""
    return f"{left - failed} of {left} written to {output}{there}"


def _inputs(args: argparse.Namespace) -> tuple[list[Path], Path | None]:
    """(images, mask). Raises ImageError where it cannot be told which of several files is the mask."""
    if args.mask is not None or len(args.paths) == 1:
        return args.paths, args.mask
    *images, mask = args.paths
    if len(images) > 1 and not mask.is_dir():
        raise ImageError(
            f"{brief(str(mask))} is the last of {len(args.paths)} files; after several images give a folder of masks, "
            "or one mask for all by --mask"
        )
    return images, mask


def _check_outputs(args: argparse.Namespace) -> None:
    """Of the record. Raises LamaDeployError."""
    if args.json == str(STANDARD) and args.output == STANDARD:
        raise LamaDeployError("-o and --json cannot both be standard output; give one of them a file")
    if args.json and args.json != str(STANDARD):
        if args.skip_existing and taken([args.json]):  # which goes with no --overwrite
            raise LamaDeployError(
                f"{brief(args.json)}: exists already; --skip-existing keeps it, so give another --json"
            )
        require_free([args.json], overwrite=args.overwrite)
        require_writable(args.json)


def _write_record(args: argparse.Namespace, record: dict[str, Any]) -> None:
    """Where --json asks for it."""
    text = json.dumps({"model": args.model, **record}, indent=1) + "\n"
    if args.json == str(STANDARD):
        print(text, end="")
    elif args.json:
        write_whole(args.json, text)


def _left(jobs: list[Job], args: argparse.Namespace) -> list[Job]:
    """The jobs to do. Raises LamaDeployError where a result is there and may be neither replaced nor left out."""
    outputs = [job.output for job in jobs]
    if args.skip_existing:
        there = set(taken(outputs))  # files appear whole or not at all, so what is there is done
        return [job for job in jobs if job.output not in there]
    several = len(jobs) > 1
    otherwise = "give another -o, --skip-existing to do the others" if several else "give another -o"
    require_free(outputs, overwrite=args.overwrite, otherwise=otherwise)
    return jobs


if __name__ == "__main__":
    sys.exit(main())
