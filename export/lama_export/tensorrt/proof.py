"""The proof of an engine itself, where this machine can run it: TensorRT-RTX also builds for GPUs elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lama_deploy.bundle import Bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import EngineError, KernelError, MissingDependencyError
from lama_deploy.installing import install
from lama_deploy.proof.candidate import candidate
from lama_deploy.proof.engine_sizes import best_sizes, engine_sizes
from lama_deploy.proof.parity import ParityRecord, measure, require
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.proof.subjects import Size, Subject, photographs_at
from lama_deploy.proof.tolerance import tolerance_for
from lama_deploy.runtime.backend import Backend
from lama_export.engine_options import EngineOptions, Sides
from lama_export.progress import Progress, phase
from lama_export.tensorrt.device import on_device

log = logging.getLogger(__name__)


def prove_engine(
    checkpoint: Checkpoint, directory: Path, bundle: Bundle, options: EngineOptions, progress: Progress = iter
) -> ParityRecord | None:
    """Run the engine in `directory` against eager PyTorch, on the GPU that was asked for, at `proof_subjects`.

    None where that was not asked for, where the engine has no weights yet, and where it cannot be run here, which only
    an engine of TensorRT-RTX may be. Raises ParityError, EngineError.
    """
    if not options.prove or options.strip_weights:
        log.info("the engine is not run: %s", "it has no weights yet" if options.strip_weights else "not asked for")
        return None
    with on_device(options.device):
        engine = _opened(directory, bundle)
        if engine is None:
            if options.proof_sizes:
                log.warning("--proof-sizes had no use: the engine cannot be run here; lama-verify runs it elsewhere")
            return None
        record = measure(
            engine,
            oracle(checkpoint),
            proof_subjects(bundle.engine, options.proof_sizes),
            tolerance_for(bundle),
            eager=eager(checkpoint),
            progress=phase(progress, "running the engine"),
        )
    require(record)
    return record


def proof_subjects(record: Mapping[str, Any], sizes: Sequence[Sides]) -> list[Subject]:
    """Drawn scenes of `sizes`, none for the corners and insides of the profiles in a bundle's `engine`; and a
    photograph of the best size of each profile.
    """
    batch = record["batch"]["min"]
    drawn = [Size(*sides, batch) for sides in dict.fromkeys(sizes)] or engine_sizes(record)
    return [*drawn, *photographs_at(best_sizes(record))]


def _opened(directory: Path, bundle: Bundle) -> Backend | None:
    try:
        return candidate(directory / bundle.model, bundle.precision)
    except (EngineError, KernelError, MissingDependencyError) as error:
        if bundle.target == "trt":
            raise
        log.info("the engine is not run here: %s", error)
        return None
    except ModuleNotFoundError as error:
        if bundle.target == "trt" or error.name is None or not error.name.startswith("cuda"):
            raise MissingDependencyError(f"to run an engine: {install('tensorrt')}") from error
        return None
