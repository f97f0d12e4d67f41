"""lama-inpaint: fill the holes of one picture or a folder of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

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
from lama_deploy.cli.verbosity import note
from lama_deploy.errors import brief
from lama_deploy.images.notes import Notes
from lama_deploy.images.opening import MAX_PIXELS, pillow_limit_lifted, pillow_quiet
from lama_deploy.images.pairs import Job, find_jobs
from lama_deploy.jobs.folder import run_all
from lama_deploy.overwriting import require_apart, require_free, taken
from lama_deploy.runtime.inpainter import BACKENDS, Inpainter


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
    p.add_argument("image", metavar="IMAGE_OR_DIR", type=Path, help="An image, or a folder of images.")
    p.add_argument(
        "mask",
        metavar="MASK_OR_DIR",
        type=Path,
        nargs="?",
        help="A mask, or a folder of masks by the images' names; without it, folders have NAME.png and NAME_mask*.png.",
    )
    p.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        required=True,
        help="Write the result to this file, or the results of a folder to this folder.",
    )
    there = p.add_mutually_exclusive_group()
    add_overwrite_option(there, "results")
    there.add_argument(
        "--skip-existing",
        action="store_true",
        help="Leave out images whose result is there already, so that a folder goes on where it was interrupted.",
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
    found = find_jobs(args.image, args.mask, args.output, args.format)
    jobs, notes = found.jobs, Notes()
    require_apart(args.output, [path for path in (args.image, args.mask) if path], "-o")
    say_left_out(found, args.format)
    left = _left(jobs, args)
    if not left:
        print(f"all {len(jobs)} results are there already in {brief(str(args.output))}")
        return DONE
    if args.model == DEMO:
        note(DEMO_NOTE)
    own = {name: getattr(args, name) for name in ("streams", "precision") if getattr(args, name) is not None}
    own |= {"backend": args.backend, "device": args.device, "threads": args.threads, "check": not args.no_check}
    inpainter = told_inpainter(args) if args.assume else Inpainter.load(args.model, **own)
    try:
        with pillow_limit_lifted(), pillow_quiet():
            bar = progress_bar("inpaint")
            failed = run_all(inpainter, left, args.max_pixels, bar, mask_options=mask_options_of(args), notes=notes)
    finally:
        say(notes)
    there = f", {len(jobs) - len(left)} were there already" if len(left) < len(jobs) else ""
    print(f"{len(left) - failed} of {len(left)} written to {brief(str(args.output))}{there}")
    if failed == len(jobs):
        return BAD_INPUT
    return SOME_FAILED if failed else DONE


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
