"""lama-export: a LaMa checkpoint in, a proven bundle out."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from lama_deploy.bundle import MODELS, PACKAGE
from lama_deploy.cli.assuming import add_assume_option, told
from lama_deploy.cli.common import command, command_parser, progress_bar
from lama_deploy.cli.exit_codes import PROOF_FAILED
from lama_deploy.cli.verbosity import note
from lama_deploy.errors import ConfigError, one_line
from lama_deploy.reports.text import megabytes
from lama_export.engine_arguments import add_engine_arguments, engine_options
from lama_export.form_arguments import add_form_arguments, form_options
from lama_export.packagings import (
    PACKAGINGS,
    Packaging,
    add_packaging_arguments,
    check_packaging,
    new_folder,
)

if TYPE_CHECKING:
    from lama_deploy.bundle import Bundle
    from lama_deploy.proof.parity import ParityRecord
    from lama_export.options import ExportOptions

PRECISIONS: tuple[Literal["fp16", "bf16", "int8"], ...] = ("fp16", "bf16", "int8")


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-export",
        "Export a LaMa checkpoint to a bundle, and prove it against eager PyTorch before writing it.",
        codes={
            PROOF_FAILED: "what was exported does not compute what the checkpoint computes, and nothing was written"
        },
    )
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--weights",
        metavar="PATH|NAME",
        help="Export this checkpoint: official .ckpt or its folder, TorchScript .pt, .safetensors, or a name: "
        "big-lama, lama-demo.",
    )
    source.add_argument(
        "--from",
        dest="bundle",
        type=Path,
        metavar="BUNDLE",
        help=f"Make what --to {' and '.join(PACKAGINGS)} name of this bundle, whose files are copied as they are.",
    )
    p.add_argument(
        "--to",
        required=True,
        choices=[*MODELS, *PACKAGINGS],
        help="Export for this target engine, or make a folder that is served: web is a page to paint on for browsers "
        "alone, triton a model repository.",
    )
    p.add_argument(
        "--out",
        metavar="DIR",
        help="Write the bundle to this folder (default: NAME-TARGET, NAME-TARGET-fp16 and so on, with the name of the "
        "weights or of their official folder, or of the bundle that --from names; lama-web, lama-triton).",
    )
    p.add_argument(
        "--overwrite",
        action="store_true",
        help="Replace a bundle also where other files lie beside its own; they stay (default: only its own may).",
    )
    p.add_argument(
        "--no-memory",
        action="store_true",
        help="Do not measure what memory the bundle takes on this machine, which takes some seconds (default: "
        "bundle.json says it).",
    )
    add_form_arguments(p)
    precision = p.add_mutually_exclusive_group()
    precision.add_argument(
        "--fp16",
        action="store_true",
        help="Compute in half precision, with activation ranges measured and folded into the weights.",
    )
    precision.add_argument("--bf16", action="store_true", help="Compute in bfloat16, where the target can (not onnx).")
    precision.add_argument(
        "--int8",
        action="store_true",
        help="Compute convolutions in 8 bits, calibrated on photographs, but for those that cost the images too much; "
        "the rest in float32, for TensorRT in half precision.",
    )
    p.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="Measure ranges for --fp16 and --int8 on these photographs (default: six that ship).",
    )
    p.add_argument(
        "--least-psnr", type=float, metavar="DB", help="Keep this PSNR inside holes with --int8 (default: 35 dB)."
    )
    p.add_argument(
        "--keep-failed",
        type=Path,
        metavar="DIR",
        help="Keep in this new folder what was made, and why it is no export, where it fails (default: nothing).",
    )
    p.add_argument(
        "--json", action="store_true", help="Print what was written as JSON, as lama-deploy info does, and no tables."
    )
    add_assume_option(p)
    add_engine_arguments(p)
    add_packaging_arguments(p)
    return p


def _options(args: argparse.Namespace) -> ExportOptions:
    """Raises ConfigError."""
    from lama_export.options import ExportOptions

    return ExportOptions(
        target=args.to,
        precision=next((name for name in PRECISIONS if getattr(args, name)), "fp32"),
        memory=not args.no_memory,
        calibration=args.calibration,
        engine=engine_options(args),
        **form_options(args),
        **({} if args.least_psnr is None else {"least_psnr": args.least_psnr}),
    )


@command("export")
def main() -> int:
    of_command = parser()
    args = of_command.parse_args()
    check_packaging(args, of_command)
    if args.to in PACKAGINGS:
        return _package(args, PACKAGINGS[args.to])
    out, bundle, lines = _export(args, args.out)
    if args.json:
        from lama_deploy.reports.about import about_bundle

        print(json.dumps(about_bundle(out, bundle), indent=1))
    else:
        print("\n".join([*lines, *_written(out, bundle)]))
    return 0


def _package(args: argparse.Namespace, packaging: Packaging) -> int:
    """The folder of a bundle, which is exported first where weights are given."""
    if args.json or args.overwrite:
        raise ConfigError(f"--json and --overwrite are of bundles; leave them out with --to {args.to}")
    out = Path(args.out or f"{args.bundle.resolve().name if args.bundle else 'lama'}-{args.to}")
    with new_folder(out) as building:
        if args.bundle:
            packaging.write(args.bundle, building, args)
        else:
            with TemporaryDirectory(prefix="lama-export-") as folder:
                made = Path(folder) / "bundle"
                own = argparse.Namespace(**{**vars(args), "to": packaging.target})
                print("\n".join(_export(own, made)[2]))
                packaging.write(made, building, args)
        written = [path for path in building.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in written)
    print(one_line(f"wrote {out}: {len(written)} files, {megabytes(size)}"))
    print(one_line(f"next: {packaging.next.format(shlex.quote(str(out)))}"))
    return 0


def _export(args: argparse.Namespace, asked: str | os.PathLike[str] | None) -> tuple[Path, Bundle, list[str]]:
    """The bundle, written, and what is to be said of it. asked: where to; None for a name of its own."""
    from lama_deploy.bundle import load_bundle
    from lama_deploy.checkpoints.weights import DEMO, DEMO_NOTE, load_weights, provenance
    from lama_deploy.reports.about import about_generator, generator_line
    from lama_export.naming import name_of

    if args.weights == DEMO:
        note(DEMO_NOTE)
    options = _options(args)
    checkpoint = load_weights(args.weights, told(args))
    if not args.json:
        print(provenance(checkpoint))
        print(f"recognised: {generator_line(about_generator(checkpoint.config))}")
    suffix = "" if options.precision == "fp32" else f"-{options.precision}"
    out = Path(asked or f"{name_of(checkpoint)}-{args.to}{suffix}")
    from lama_export.export import export_bundle  # torch: after what is refused, and after what is said at once

    record = export_bundle(
        checkpoint,
        out,
        options,
        source=args.weights,
        progress=progress_bar("exporting"),
        overwrite=args.overwrite,
        keep_failed=args.keep_failed,
    )
    bundle = load_bundle(out)
    if record.is_flat:
        note("the output hardly varies, so this proves little; are these trained weights?")
    return out, bundle, list(_tables(bundle, record))


def _tables(bundle: Bundle, record: ParityRecord) -> Iterator[str]:
    from lama_deploy.proof.summaries import engine_summary, parity_table, quantisation_summary, ranges_summary

    yield parity_table(record)
    if bundle.ranges:
        yield ranges_summary(bundle.ranges)
    if bundle.quantisation:
        yield quantisation_summary(bundle.quantisation)
    if bundle.engine:
        yield engine_summary(bundle.engine)


def _written(out: Path, bundle: Bundle) -> Iterator[str]:
    """What was written, and what can be done with it."""
    files = ", ".join(f"{name} {megabytes(recorded['bytes'])}" for name, recorded in bundle.files.items())
    yield one_line(f"wrote {out}: {files}")
    if bundle.model == PACKAGE:
        yield one_line(f"next: add {out / PACKAGE} to an Xcode project; docs/phones.md says how")
        return
    yield one_line(f"next: lama-inpaint IMAGE MASK -o RESULT.png --model {shlex.quote(str(out))}")


if __name__ == "__main__":
    sys.exit(main())
