"""lama-export: a LaMa checkpoint in, a proven bundle out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Literal

from lama_deploy.cli.common import command, progress_bar

PRECISIONS: tuple[Literal["fp16", "bf16", "int8"], ...] = ("fp16", "bf16", "int8")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="lama-export",
        description="Export a LaMa checkpoint to a bundle, and prove it against eager PyTorch before writing it.",
    )
    p.add_argument(
        "--weights",
        required=True,
        metavar="PATH|NAME",
        help="official .ckpt or its directory, TorchScript .pt, .safetensors, or a name: big-lama, lama-demo",
    )
    p.add_argument("--to", required=True, choices=["onnx", "openvino"], help="target engine")
    p.add_argument("--out", metavar="DIR", help="bundle directory (default: NAME-TARGET, NAME-TARGET-fp16 and so on)")
    p.add_argument(
        "--io",
        choices=["uint8", "float"],
        default="uint8",
        help="uint8 (default): image (N,H,W,3), mask (N,H,W) bytes in, bytes out; float: (N,3,H,W), (N,1,H,W) in [0,1]",
    )
    p.add_argument(
        "--spectral",
        choices=["function", "inline", "dft"],
        help="Fourier units in ONNX: as nodes with an FFT-free local function (default), that function written out for "
        "engines that reject functions, or the standard DFT operator",
    )
    precision = p.add_mutually_exclusive_group()
    precision.add_argument(
        "--fp16",
        action="store_true",
        help="half precision: activation ranges are measured and folded into the weights, far from its limits",
    )
    precision.add_argument("--bf16", action="store_true", help="bfloat16 where the CPU computes it (openvino)")
    precision.add_argument(
        "--int8",
        action="store_true",
        help="8-bit convolutions, calibrated on photographs, but for those that cost the pictures too much",
    )
    p.add_argument(
        "--calibration", type=Path, metavar="DIR", help="photographs for --fp16 and --int8 (default: six that ship)"
    )
    p.add_argument(
        "--least-psnr", type=float, metavar="DB", help="what --int8 has to keep inside holes (default: 35 dB)"
    )
    p.add_argument("--external-data", action="store_true", help="put the weights in a second file")
    return p


@command("export")
def main() -> int:
    args = parser().parse_args()
    from lama_deploy.bundle import load_bundle
    from lama_deploy.proof.table import parity_table, quantisation_summary, ranges_summary
    from lama_deploy.weights import DEMO, DEMO_NOTE, load_weights
    from lama_export.export import export_bundle
    from lama_export.options import ExportOptions, Precision

    precision: Precision = next((name for name in PRECISIONS if getattr(args, name)), "fp32")
    suffix = "" if precision == "fp32" else f"-{precision}"
    out = Path(args.out or f"{Path(args.weights).stem}-{args.to}{suffix}")
    if args.weights == DEMO:
        print(f"note: {DEMO_NOTE}", file=sys.stderr)
    options = ExportOptions(
        target=args.to,
        io=args.io,
        spectral=args.spectral,
        precision=precision,
        external_data=args.external_data,
        calibration=args.calibration,
        **({} if args.least_psnr is None else {"least_psnr": args.least_psnr}),
    )
    checkpoint = load_weights(args.weights)
    record = export_bundle(checkpoint, out, options, source=args.weights, progress=progress_bar("running"))
    print(parity_table(record))
    if precision == "fp16":
        print(ranges_summary(load_bundle(out).ranges))
    if precision == "int8":
        print(quantisation_summary(load_bundle(out).quantisation))
    if record.is_flat:
        print("warning: the output hardly varies, so this proves little; are these trained weights?", file=sys.stderr)
    print(f"wrote {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
