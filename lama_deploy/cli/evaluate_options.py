"""What can be asked of lama-evaluate."""

from __future__ import annotations

import argparse
from pathlib import Path

from lama_deploy.cli.common import add_overwrite_option, add_running_options, command_parser, positive
from lama_deploy.cli.exit_codes import BAD_INPUT, SOME_FAILED
from lama_deploy.errors import brief
from lama_deploy.images.masks import MASK_SETS
from lama_deploy.runtime.opening import OF_CHECKPOINTS

MODELS = """MODEL is a bundle, .onnx, checkpoint or name as for lama-inpaint; onnx:PATH or torchscript:PATH for another
method's network (image and mask as floats in [0, 1], 1 = hole; any size or a fixed one; output in [0, 1] or 0..255);
opencv-telea or opencv-ns."""


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-evaluate",
        "Composites against originals: similarity and distribution metrics, in total and by the hole's area. " + MODELS,
        "LPIPS and FID are the reference ones or absent; networks that "
        "come inside packages give ST-LPIPS-vgg, Frechet-EffLite0 and KID-EffLite0, comparable only among themselves.",
        codes={BAD_INPUT: "nothing could be measured", SOME_FAILED: "some pictures could not be read"},
    )
    p.add_argument("models", metavar="MODEL", nargs="*", help="One or more models; none with --write alone.")
    p.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        required=True,
        help="Read pairs NAME.png with NAME_mask*.png from this folder; or, with --masks, photographs.",
    )
    p.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=Path("evaluation"),
        help="Write metrics.tsv and metrics.json to this folder (default: evaluation).",
    )
    add_overwrite_option(p, "results, and pairs of --write,")
    _add_test_set(p)
    _add_metrics(p)
    _add_other_methods(p)
    add_running_options(p, OF_CHECKPOINTS, f"Run checkpoints with this backend (default: {OF_CHECKPOINTS[0]}).")
    return p


def _add_test_set(p: argparse.ArgumentParser) -> None:
    made = p.add_argument_group("a test set made of photographs, as official gen_mask_dataset.py makes it")
    made.add_argument("--masks", metavar="SET", help=f"Draw holes of this set: {', '.join(MASK_SETS)}.")
    made.add_argument("--size", type=positive, metavar="N", help="Cut squares of side N (default: the set's own).")
    made.add_argument("--seed", type=_seed, metavar="N", help="Draw from this seed (default: 0).")
    made.add_argument(
        "--per-image", type=positive, metavar="N", help="Make N pairs of a photograph, at most 5 (default: 1)."
    )
    both = p.add_argument_group("any test set")
    both.add_argument(
        "--sizes",
        type=_sizes,
        default=[None],
        metavar="N,N,...",
        help="Scale images to these smaller sides, with their holes, one block of results each (default: as they are).",
    )
    both.add_argument(
        "--write", metavar="DIR", type=Path, help="Write the pairs as PNG, one folder for each of --sizes."
    )


def _add_metrics(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("metrics")
    group.add_argument(
        "--metrics",
        metavar="NAME,...",
        help="Measure these of SSIM, PSNR, L1, L1-hole, LPIPS, ST-LPIPS-vgg, ST-LPIPS-alex, FID, Frechet-EffLite0, "
        "KID-EffLite0 (default: those whose networks are on this machine).",
    )
    group.add_argument(
        "--backbone",
        metavar="NAME=FILE",
        action="append",
        default=[],
        help="Read weights that are not in the cache from FILE: vgg16, inception-fid, st-lpips-vgg, st-lpips-alex, "
        "efficientnet-lite0.",
    )


def _add_other_methods(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("other methods")
    group.add_argument(
        "--opencv-radius",
        type=positive,
        default=3,
        metavar="N",
        help="Let OpenCV's methods look N pixels far (default: 3).",
    )
    group.add_argument(
        "--output-range",
        choices=["unit", "byte"],
        help="Take the output of onnx: and torchscript: models as [0, 1] or 0..255 (default: by a probe image).",
    )
    group.add_argument(
        "--multiple",
        type=positive,
        default=8,
        metavar="N",
        help="Pad images for onnx: and torchscript: models to a multiple of N (default: 8).",
    )


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{brief(text)}' is no integer of at least 0")
    return int(text)


def _sizes(text: str) -> list[int]:
    sizes = [positive(part) for part in text.split(",")]
    if len(set(sizes)) < len(sizes):
        raise argparse.ArgumentTypeError(f"'{brief(text)}' has a size twice")
    return sizes
