"""The options of lama-export that say how the ONNX file is written, and for which pictures."""

from __future__ import annotations

import argparse
import re
from typing import Any

from lama_deploy.errors import ConfigError, LamaDeployError, brief
from lama_export.engine_options import ENGINES


def add_form_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--io",
        choices=["uint8", "float"],
        help="Take and give uint8 (default, but with --to ncnn and torchscript): image (N,H,W,3) and mask (N,H,W) as "
        "bytes; or float: (N,3,H,W) and (N,1,H,W) in [0,1].",
    )
    p.add_argument(
        "--spectral",
        choices=["function", "inline", "dft", "plugin"],
        help="Write Fourier units in ONNX as matrix products, by operators that every engine has (inline, the "
        "default), as nodes with that as their local function (function, for engines with a plugin), or as the "
        "standard DFT operator, which ONNX Runtime computes from 1.15 on; in TensorRT as our plugin (default where it "
        "can be had), as that function, or from 11.2 as the DFT operator.",
    )
    p.add_argument(
        "--decoder",
        choices=["hole", "whole"],
        help="Compute what follows the trunk for a window around the holes alone (hole: the same pixels in less memory "
        "and time; the default but for TensorRT, --size, phones and OpenVINO's --int8), or for the whole picture "
        "(whole: no shape in the file depends on the mask).",
    )
    p.add_argument(
        "--size",
        type=_size,
        metavar="HxW",
        help="Write a file for pictures of this height and width alone, one or --batch N at once, with everything "
        "computed that depends on shapes, for engines that want one size (default: any size; 512x512 with --to litert, "
        "coreml and ncnn).",
    )
    p.add_argument(
        "--opset",
        type=int,
        metavar="N",
        help="Write the ONNX file in this opset (default: the oldest that has what it uses: 13, with --spectral dft "
        "17, in bfloat16 22).",
    )
    p.add_argument(
        "--basic",
        action="store_true",
        help="Write reflect padding as slices put together, and the last pixels as a transposition, for engines that "
        "lack these operators or compute them wrongly (IREE).",
    )
    p.add_argument("--external-data", action="store_true", help="Put the weights in a second file.")


def form_options(args: argparse.Namespace) -> dict[str, Any]:
    """For `ExportOptions`."""
    from lama_export.options import OF_FLOATS

    names = ("io", "spectral", "decoder", "size", "opset", "basic", "external_data")
    given = {name: getattr(args, name) for name in names}
    if args.io == "uint8" and args.to in OF_FLOATS:
        raise ConfigError(f"--io uint8 is not for --to {args.to}, whose files take and give floats; leave it out")
    if args.io is None:
        del given["io"]
    return given if args.batch is None or args.to in ENGINES else {**given, "batch": _count(args.batch)}


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise ConfigError(f"batch '{brief(text)}' is not a number of pictures, such as 2; MIN:OPT:MAX is for --to trt")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    from lama_deploy.proof.subjects import Size

    try:
        size = Size.parse(text)
    except LamaDeployError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if size.batch != 1:
        raise argparse.ArgumentTypeError(f"'{text}' has three numbers; give HEIGHTxWIDTH, and the third as --batch")
    return size.height, size.width
