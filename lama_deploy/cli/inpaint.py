"""lama-inpaint: fill the holes of one picture or a folder of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lama_deploy.checkpoints.weights import DEMO, DEMO_NOTE
from lama_deploy.cli.assuming import add_assume_option, told_inpainter
from lama_deploy.cli.common import add_running_options, command, command_parser, few, positive, progress_bar
from lama_deploy.cli.exit_codes import BAD_INPUT, PROOF_FAILED, SOME_FAILED
from lama_deploy.cli.picture_options import add_picture_options, mask_options_of, say, say_left_out
from lama_deploy.errors import brief
from lama_deploy.images.notes import Notes
from lama_deploy.images.opening import MAX_PIXELS, pillow_limit_lifted, pillow_quiet
from lama_deploy.images.pairs import find_jobs
from lama_deploy.jobs.folder import run_all
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
    say_left_out(found, args.format)
    if args.model == DEMO:
        print(f"note: {DEMO_NOTE}", file=sys.stderr)
    own = {name: getattr(args, name) for name in ("streams", "precision") if getattr(args, name) is not None}
    own |= {"backend": args.backend, "device": args.device, "threads": args.threads, "check": not args.no_check}
    inpainter = told_inpainter(args) if args.assume else Inpainter.load(args.model, **own)
    try:
        with pillow_limit_lifted(), pillow_quiet():
            bar = progress_bar("inpaint")
            failed = run_all(inpainter, jobs, args.max_pixels, bar, mask_options=mask_options_of(args), notes=notes)
    finally:
        say(notes)
    print(f"{len(jobs) - failed} of {len(jobs)} written to {brief(str(args.output))}")
    if failed == len(jobs):
        return BAD_INPUT
    return SOME_FAILED if failed else 0


if __name__ == "__main__":
    sys.exit(main())
