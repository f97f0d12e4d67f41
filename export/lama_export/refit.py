"""lama-refit: new weights of the same generator into a bundle's TensorRT engine, without building it again."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lama_deploy.cli.assuming import add_assume_option, told
from lama_deploy.cli.common import command, command_parser, progress_bar
from lama_deploy.cli.exit_codes import PROOF_FAILED
from lama_deploy.errors import ConfigError, brief, one_line

if TYPE_CHECKING:
    from lama_deploy.bundle import Bundle
    from lama_deploy.checkpoints.checkpoint import Checkpoint
    from lama_deploy.proof.parity import ParityRecord
    from lama_export.engine_options import EngineOptions
    from lama_export.options import ExportOptions
    from lama_export.progress import Progress


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-refit",
        "Put the weights of a fine-tuned checkpoint into the engine of a bundle that was exported with --refit or "
        "--strip-weights, and prove it as an export is proven.",
        codes={PROOF_FAILED: "the engine does not compute what the checkpoint computes, and nothing was written"},
    )
    p.add_argument("bundle", metavar="BUNDLE", type=Path, help="A bundle of lama-export --to trt or trt-rtx.")
    p.add_argument(
        "--weights", required=True, metavar="PATH|NAME", help="A checkpoint of the same generator, as lama-export's."
    )
    p.add_argument(
        "--out", metavar="DIR", help="Write the new bundle to this folder (default: beside BUNDLE, NAME-TARGET)."
    )
    p.add_argument(
        "--overwrite", action="store_true", help="Replace a bundle also where other files lie beside its own."
    )
    p.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="Measure ranges in half precision on these photographs, as the bundle's were (default: six that ship).",
    )
    p.add_argument("--device", type=int, metavar="N", help="Refit and prove on this GPU (default: the first).")
    p.add_argument(
        "--no-engine-proof", dest="prove", action="store_false", help="Do not run the engine (default: prove it)."
    )
    p.add_argument(
        "--keep-failed", type=Path, metavar="DIR", help="Keep what was made where it fails (default: nothing)."
    )
    p.add_argument("--json", action="store_true", help="Print what was written as JSON, as lama-deploy info does.")
    add_assume_option(p)
    return p


def refit_bundle(
    directory: Path,
    checkpoint: Checkpoint,
    out: Path,
    *,
    calibration: Path | None = None,
    device: int | None = None,
    prove: bool = True,
    source: str = "",
    progress: Progress = iter,
    overwrite: bool = False,
    keep_failed: Path | None = None,
) -> ParityRecord:
    """Write to `out` the bundle in `directory` with other weights. Errors: `export_bundle`.

    Raises ConfigError for a bundle that cannot be refitted, and for weights of another generator.
    """
    from lama_deploy.bundle import load_bundle
    from lama_export.export import export_bundle
    from lama_export.refitter import Refitter
    from lama_export.tensorrt.refitting import record_of

    bundle = load_bundle(directory)
    engine = _engine_options(record_of(bundle), device, prove)
    _require_same_generator(bundle, checkpoint)
    return export_bundle(
        checkpoint,
        out,
        _options(bundle, engine, calibration),
        source=source,
        progress=progress,
        overwrite=overwrite,
        keep_failed=keep_failed,
        write=Refitter(directory, bundle, device),
    )


def _require_same_generator(bundle: Bundle, checkpoint: Checkpoint) -> None:
    if checkpoint.config != bundle.config:
        differing = [
            name
            for name, value in checkpoint.config.to_dict().items()
            if value != bundle.config.to_dict().get(name, value)
        ]
        raise ConfigError(
            f"{brief(str(checkpoint.path))} is of another generator than the bundle ({', '.join(differing)}): "
            "export it with lama-export"
        )


def _options(bundle: Bundle, engine: EngineOptions, calibration: Path | None) -> ExportOptions:
    from lama_export.options import ExportOptions

    folder = bundle.ranges.get("calibration", {}).get("folder", "shipped")
    if folder != "shipped" and calibration is None:
        raise ConfigError(f"the bundle's ranges were measured on {brief(folder)}: give it by --calibration")
    fields: dict[str, Any] = {
        "target": bundle.target,
        "io": bundle.io,
        "precision": bundle.precision,
        "spectral": "dft" if bundle.spectral == "dft" else "inline",  # with a plugin the file is the same as without
    }
    return ExportOptions(**fields, calibration=calibration, engine=engine)


def _engine_options(record: Mapping[str, Any], device: int | None, prove: bool) -> EngineOptions:
    """As the engine was built, as far as that shapes its proof."""
    from lama_export.engine_options import Batch, EngineOptions, Profile

    profiles = [Profile(*(tuple(profile[key]) for key in ("min", "opt", "max"))) for profile in record["profiles"]]
    return EngineOptions(
        profiles=profiles,
        batch=Batch(**record["batch"]),
        tf32=record.get("tf32", False),
        refit=True,
        device=device,
        prove=prove,
    )


@command("export")
def main() -> int:
    args = parser().parse_args()
    from lama_deploy.bundle import load_bundle
    from lama_deploy.checkpoints.weights import load_weights, provenance
    from lama_deploy.proof.summaries import engine_summary, parity_table
    from lama_deploy.reports.about import about_bundle
    from lama_export.naming import name_of

    old = load_bundle(args.bundle, check=False)
    checkpoint = load_weights(args.weights, told(args))
    if not args.json:
        print(provenance(checkpoint))
    suffix = "" if old.precision == "fp32" else f"-{old.precision}"
    out = Path(
        args.bundle.absolute().parent / f"{name_of(checkpoint)}-{old.target}{suffix}" if args.out is None else args.out
    )
    if args.out is None and out.resolve() == args.bundle.resolve():
        raise ConfigError(f"{brief(str(out))} is the bundle itself: give --out, that folder to replace it or another")
    record = refit_bundle(
        args.bundle,
        checkpoint,
        out,
        calibration=args.calibration,
        device=args.device,
        prove=args.prove,
        source=args.weights,
        progress=progress_bar("refitting"),
        overwrite=args.overwrite,
        keep_failed=args.keep_failed,
    )
    bundle = load_bundle(out)
    if args.json:
        print(json.dumps(about_bundle(out, bundle), indent=1))
    else:
        print("\n".join([parity_table(record), engine_summary(bundle.engine), one_line(f"wrote {out}")]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
