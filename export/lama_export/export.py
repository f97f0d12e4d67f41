"""Checkpoint -> bundle on disk, with its proof. A failed export leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lama_deploy.arrays import Array
from lama_deploy.bundle import MODELS, Bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.precision.calibration import CalibrationSet
from lama_deploy.proof.candidate import candidate
from lama_deploy.proof.labels import check_label
from lama_deploy.proof.parity import REPORT, ParityRecord, measure, require
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.proof.tolerance import tolerance_of
from lama_export.engine_options import EngineOptions
from lama_export.keeping import kept_if_failed
from lama_export.manifest import describe
from lama_export.memory import memory_record
from lama_export.options import ExportOptions
from lama_export.place import new_bundle
from lama_export.precision.fp16 import fold_ranges
from lama_export.progress import Progress, phase
from lama_export.targets import WRITERS, ExportJob, Writer, Written, tools_of

# What to do about a right export that costs the pictures too much.
ADVICE = {"int8": "leave out --int8, or give it more and larger photographs with --calibration"}
ADVICE_WITHOUT_RANGES = "leave out --int8, or ask for less with --least-psnr"


def export_bundle(
    checkpoint: Checkpoint,
    out: str | os.PathLike[str],
    options: ExportOptions | None = None,
    *,
    source: str = "",
    progress: Progress = iter,
    overwrite: bool = False,
    keep_failed: Path | None = None,
    write: Writer | None = None,
) -> ParityRecord:
    """Write the bundle directory `out`, proven against eager PyTorch. An older bundle there is replaced.

    overwrite: also where other files lie beside its own; they stay. keep_failed: a new folder for what was made, where
    the export fails (`keeping`). write: what makes the files, instead of the target's own.
    Raises ParityError when the file does not reproduce the reference, BundleError when `out` holds something else or
    its label would be wrong, DataError and ImageError for calibration images that cannot be used,
    MissingDependencyError, EngineError.
    """
    options = options or ExportOptions()
    tools = tools_of(options)
    with new_bundle(out, checkpoint, overwrite=overwrite) as directory, kept_if_failed(directory, keep_failed):
        state_dict, ranges = _folded(checkpoint, options, progress)
        path = directory / MODELS[options.target]
        written = (write or WRITERS[options.target])(ExportJob(checkpoint.config, state_dict, options, progress), path)
        record = measure(
            candidate(written.path, options.precision),
            oracle(checkpoint),
            options.compared,
            tolerance_of(
                options.precision, written.spectral, least_psnr=options.least_psnr, judged_here=written.stores_weights
            ),
            eager=eager(checkpoint),
            progress=phase(progress, "comparing with PyTorch"),
        )
        require(record, _advice(options, written))
        bundle = describe(
            checkpoint,
            written.model,
            record,
            directory,
            tools=tools,
            source=source,
            target=options.target,
            precision=options.precision,
            spectral=written.spectral,
            io=options.interface,
            decoder=options.chosen_decoder,
            ranges=ranges,
            quantisation=written.quantisation,
            engine=written.engine,
        )
        check_label(directory, bundle)
        bundle.save(directory)
        if options.memory:
            bundle = replace(bundle, memory=memory_record(directory, bundle, progress))
            bundle.save(directory)
        if bundle.engine:
            _prove_engine(checkpoint, directory, bundle, options.engine or EngineOptions(), progress)
    return record


def _advice(options: ExportOptions, written: Written) -> str:
    if options.precision == "int8" and written.stores_weights:
        return ADVICE_WITHOUT_RANGES
    return ADVICE.get(options.precision, REPORT)


def _prove_engine(
    checkpoint: Checkpoint, directory: Path, bundle: Bundle, options: EngineOptions, progress: Progress
) -> None:
    """Add what the engine itself computes to the bundle, which is there already because engines are opened by it."""
    from lama_export.tensorrt.proof import prove_engine

    proof = prove_engine(checkpoint, directory, bundle, options, progress)
    executed = {"executed": proof is not None, "parity": proof.to_dict() if proof else {}}
    replace(bundle, engine={**bundle.engine, **executed}).save(directory)


def _folded(
    checkpoint: Checkpoint, options: ExportOptions, progress: Progress
) -> tuple[Mapping[str, Array], dict[str, Any]]:
    """Weights that fit the precision, and the record of their ranges."""
    if options.graph_precision != "fp16":
        return checkpoint.state_dict, {}
    images = CalibrationSet(options.calibration)
    folded = fold_ranges(checkpoint.config, checkpoint.state_dict, phase(progress, "measuring ranges")(images))
    return folded.state_dict, {"calibration": images.describe(), **folded.to_dict()}
