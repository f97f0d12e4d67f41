"""lama-inpaint: fill the holes of one picture or a folder of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lama_deploy.checkpoints.weights import DEMO, DEMO_NOTE
from lama_deploy.cli.common import BAD_INPUT, PRECISIONS, command, positive, progress_bar
from lama_deploy.images.files import MAX_PIXELS, format_of, pillow_limit_lifted
from lama_deploy.images.pairs import find_jobs, images_without_mask
from lama_deploy.jobs.folder import run_all
from lama_deploy.runtime.inpainter import BACKENDS, Inpainter

SOME_FAILED = 1


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="lama-inpaint",
        description="Fill holes. Any nonzero mask pixel is hole; all other pixels keep their bytes. Exit code: 0 all "
        "written, 1 some pictures of a folder failed, 2 nothing could be done.",
    )
    p.add_argument("image", metavar="IMAGE_OR_DIR", type=Path)
    p.add_argument(
        "mask",
        metavar="MASK_OR_DIR",
        type=Path,
        nargs="?",
        help="a mask, or a folder of masks by the images' names; without it, the folder has NAME.png, NAME_mask*.png",
    )
    p.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="file, or folder for a folder")
    p.add_argument(
        "--model", default=DEMO, metavar="BUNDLE|PATH|NAME", help=f"bundle, .onnx, checkpoint or name (default: {DEMO})"
    )
    p.add_argument(
        "--backend", choices=BACKENDS, help="default: the one that fits the model; cuda: checkpoints on an NVIDIA GPU"
    )
    p.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    p.add_argument("--threads", type=positive, metavar="N", help="CPU threads")
    p.add_argument("--precision", choices=PRECISIONS, help="of --backend cuda (default: fp16; on the CPU fp32)")
    p.add_argument(
        "--streams", type=positive, metavar="N", help="pictures at the same time (openvino, tensorrt; default: 1)"
    )
    p.add_argument(
        "--no-check", action="store_true", help="open a bundle whose files are not those that its bundle.json names"
    )
    p.add_argument(
        "--max-pixels",
        type=positive,
        default=MAX_PIXELS,
        metavar="N",
        help=f"refuse larger pictures (default: {MAX_PIXELS:,})",
    )
    return p


@command("torch")
def main() -> int:
    args = parser().parse_args()
    jobs = find_jobs(args.image, args.mask, args.output)
    for job in jobs:
        format_of(job.output)
    skipped = images_without_mask(args.image, args.mask, jobs)
    if skipped:
        print(f"note: {len(skipped)} images have no mask and are left out, first {skipped[0]}", file=sys.stderr)
    if args.model == DEMO:
        print(f"note: {DEMO_NOTE}", file=sys.stderr)
    own = {name: getattr(args, name) for name in ("streams", "precision") if getattr(args, name) is not None}
    own |= {"backend": args.backend, "device": args.device, "threads": args.threads, "check": not args.no_check}
    inpainter = Inpainter.load(args.model, **own)
    with pillow_limit_lifted():
        failed = run_all(inpainter, jobs, args.max_pixels, progress_bar("inpaint"))
    print(f"{len(jobs) - failed} of {len(jobs)} written to {args.output}")
    if failed == len(jobs):
        return BAD_INPUT
    return SOME_FAILED if failed else 0


if __name__ == "__main__":
    sys.exit(main())
