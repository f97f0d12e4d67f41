"""What lama-inpaint does with results: where calls go on, how files are encoded and named, what it reports."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lama_deploy.cli.common import add_overwrite_option, few
from lama_deploy.cli.pipes import STANDARD
from lama_deploy.cli.verbosity import note
from lama_deploy.disk import require_writable, write_whole
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.images.files import FORMATS
from lama_deploy.images.pairs import RESULT_FORMATS, Job
from lama_deploy.images.save_options import COMPRESSION, JPEG_QUALITY, WITH_QUALITY, SaveOptions
from lama_deploy.jobs.manifest import NAME, Manifest, key_of, model_identity, opened_manifest
from lama_deploy.jobs.picture import PictureOptions
from lama_deploy.jobs.ray import LOCAL, Order, RayOptions
from lama_deploy.overwriting import require_free, taken
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.opening import engine_file, fitting_backends

# Options that decide nothing about what is in a result, or are in its name: with others of these a call still goes on.
NOT_IN_RESULTS = frozenset(
    (
        *("paths", "mask", "output", "model", "overwrite", "skip_existing", "resume", "report", "format", "suffix"),
        *("streams", "no_check", "max_pixels", "device", "threads", "ray", "workers", "stores"),
    )
)


FOLDER = 4  # pictures from which on a model that computes several of them at once is worth its memory
MOST_STREAMS = 4


def add_throughput_options(p: argparse.ArgumentParser) -> None:
    there = p.add_mutually_exclusive_group()
    add_overwrite_option(there, "results")
    there.add_argument(
        "--skip-existing",
        action="store_true",
        help="Leave out images whose result is there already, whatever it was made from.",
    )
    there.add_argument(
        "--resume",
        action="store_true",
        help=f"Keep a list of what is done in the folder of results ({NAME}), and go on by it: what was made from the "
        "same image, mask, model and options is left out, and what has changed since is made again. Give it from the "
        "first call on.",
    )
    p.add_argument(
        "--report",
        metavar="FILE",
        help="Write what became of each image, why, and how long it took to FILE, as JSON; - is standard output, in "
        "place of the summary.",
    )
    group = p.add_argument_group("how results are named and encoded")
    group.add_argument(
        "--format",
        choices=RESULT_FORMATS,
        help="Write the results in a folder in this format; same: in the image's own (default: png).",
    )
    group.add_argument(
        "--suffix",
        type=_suffix,
        default="",
        metavar="TEXT",
        help="Put TEXT behind the names of results in a folder: --suffix _filled makes NAME_filled.png.",
    )
    group.add_argument(
        "--quality",
        type=int,
        choices=range(1, 101),
        metavar="N",
        help=f"Write JPEG in this quality, 1 to 100 (default: {JPEG_QUALITY}), and WebP too, which is lossless without "
        "it. All pixels change a little then.",
    )
    group.add_argument(
        "--compression",
        type=int,
        choices=range(10),
        default=COMPRESSION,
        metavar="N",
        help=f"Compress PNG so hard, 0 to 9 (default: {COMPRESSION}; 6 takes three times as long for one per cent).",
    )


def add_cluster_options(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("many machines")
    group.add_argument(
        "--ray",
        nargs="?",
        const=LOCAL,
        metavar="ADDRESS",
        help="Run on a Ray cluster whose machines all have the folders and the model at one place, or with folders "
        "in object stores, such as s3://bucket/photos: auto is the one of "
        "this machine, and without ADDRESS one is started here for this call.",
    )
    group.add_argument(
        "--workers",
        type=few,
        metavar="N",
        help="Run N models on it, with --threads each, by default 1 (default: as many as it has GPUs, or else CPUs).",
    )


def ray_options_of(args: argparse.Namespace) -> RayOptions | None:
    """None without --ray. Raises LamaDeployError where it cannot be."""
    if args.ray is None:
        if args.workers is not None:
            raise LamaDeployError("--workers is for --ray; --streams computes several images at the same time here")
        return None
    if STANDARD in (*args.paths, args.mask, args.output):
        raise LamaDeployError("--ray takes no standard input or output (-); give files")
    if args.clip:
        raise LamaDeployError("--clip fills frames in their order, which a cluster does not keep; leave --ray out")
    return RayOptions(address=args.ray, workers=args.workers, cpus=args.threads or 1)


def with_usual_streams(args: argparse.Namespace, pictures: int) -> argparse.Namespace:
    """With --streams for a folder where nothing is said of it, and ONNX Runtime computes on the CPU."""
    if args.streams is not None or pictures < FOLDER or args.clip:
        return args
    own = argparse.Namespace(**vars(args))
    own.streams = usual_streams(args.model, args)
    return own


def usual_streams(source: str, args: argparse.Namespace) -> int | None:
    """Of a model for many pictures; None but for ONNX Runtime on the CPU. args: of `add_running_options`."""
    if args.device not in (None, "cpu"):
        return None
    model, _ = engine_file(Path(source), check=False)
    if (args.backend or fitting_backends(source, model)[0]) != "onnxruntime":
        return None
    return min(MOST_STREAMS, args.threads or os.cpu_count() or 1)


def order_of(
    args: argparse.Namespace, load: Callable[[argparse.Namespace], Inpainter], options: PictureOptions
) -> Order:
    """What the cluster's workers do. load: opens the model by the options, there."""
    own = argparse.Namespace(**vars(args))
    own.threads = args.threads or 1
    listed = (args.output.absolute(), _key(args)) if args.resume else None
    return Order(load=partial(load, own), options=options, listed=listed, stores=args.stores)


def save_options_of(args: argparse.Namespace, jobs: Sequence[Job]) -> SaveOptions:
    """Raises LamaDeployError where --quality would change nothing."""
    if args.quality is not None and not any(FORMATS.get(job.output.suffix.lower()) in WITH_QUALITY for job in jobs):
        raise LamaDeployError("--quality is for JPEG and WebP, and no result is one; give --format jpg or webp")
    return SaveOptions(quality=args.quality, compression=args.compression)


@contextmanager
def jobs_left(args: argparse.Namespace, jobs: Sequence[Job]) -> Iterator[tuple[list[Job], Manifest | None]]:
    """The jobs to do, and the list to enter them in, if --resume asks for one.

    Raises LamaDeployError where a result is there and may be neither replaced nor left out.
    """
    if not args.resume:
        yield _without_those_there(args, jobs), None
        return
    if not args.output.is_dir() and any(job.output == args.output for job in jobs):
        raise LamaDeployError("--resume is for folders; one image that failed is given again")
    with opened_manifest(args.output, _key(args)) as manifest:
        left = manifest.left(jobs)
        others = [job.output for job in left if not manifest.is_ours(job)]
        require_free(others, otherwise="--resume did not write it; give another -o")
        changed = len(taken(job.output for job in left))
        if changed:
            note(f"{changed} results are made again: the image, the mask, the model or the options are others now")
        yield left, manifest


def why_there(args: argparse.Namespace) -> str:
    """For the report."""
    return f"done by an earlier call, says {NAME}" if args.resume else "its result was there already"


def check_report(args: argparse.Namespace) -> None:
    """Before the work. Raises LamaDeployError."""
    if args.report == str(STANDARD) and args.output == STANDARD:
        raise LamaDeployError("-o and --report cannot both be standard output; give one of them a file")
    if not args.report or args.report == str(STANDARD):
        return
    if args.skip_existing and taken([args.report]):  # which goes with no --overwrite
        raise LamaDeployError(
            f"{brief(args.report)}: exists already; --skip-existing keeps it, so give another --report"
        )
    require_free([args.report], overwrite=args.overwrite or args.resume)
    require_writable(args.report)


def write_report(args: argparse.Namespace, record: dict[str, Any]) -> None:
    """Where --report asks for it."""
    text = json.dumps({"model": args.model, **record}, indent=1) + "\n"
    if args.report == str(STANDARD):
        print(text, end="")
    elif args.report:
        write_whole(args.report, text)


def _without_those_there(args: argparse.Namespace, jobs: Sequence[Job]) -> list[Job]:
    outputs = [job.output for job in jobs]
    if args.skip_existing:
        there = set(taken(outputs))  # files appear whole or not at all, so what is there is done
        return [job for job in jobs if job.output not in there]
    several = len(jobs) > 1
    otherwise = "give another -o, --skip-existing to do the others" if several else "give another -o"
    require_free(outputs, overwrite=args.overwrite, otherwise=otherwise)
    return list(jobs)


def _key(args: argparse.Namespace) -> str:
    return key_of(
        {name: value for name, value in vars(args).items() if name not in NOT_IN_RESULTS}, model_identity(args.model)
    )


def _suffix(text: str) -> str:
    """argparse's type: a part of a file's name."""
    if not text.isprintable() or set(text) & set('/\\:*?"<>|') or len(text) > 100:
        raise argparse.ArgumentTypeError(f"{brief(repr(text))} is no part of a file name")
    return text
