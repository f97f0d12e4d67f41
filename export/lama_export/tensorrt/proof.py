"""The proof of an engine itself, where this machine can run it: TensorRT-RTX also builds for GPUs elsewhere."""

from __future__ import annotations

import logging
from pathlib import Path

from lama_deploy.bundle import Bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import EngineError, KernelError, MissingDependencyError
from lama_deploy.installing import install
from lama_deploy.proof.candidate import candidate
from lama_deploy.proof.engine_sizes import best_sizes, engine_sizes
from lama_deploy.proof.parity import ParityRecord, measure, require
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.proof.subjects import photographs_at
from lama_deploy.proof.tolerance import tolerance_for
from lama_deploy.runtime.backend import Backend
from lama_export.progress import Progress, phase

log = logging.getLogger(__name__)


def prove_engine(
    checkpoint: Checkpoint, directory: Path, bundle: Bundle, progress: Progress = iter
) -> ParityRecord | None:
    """Run the engine in `directory` against eager PyTorch at its profiles' corners and inside them.

    None where it cannot be run here, which only an engine of TensorRT-RTX may be. Raises ParityError, EngineError.
    """
    engine = _opened(directory, bundle)
    if engine is None:
        return None
    record = measure(
        engine,
        oracle(checkpoint),
        [*engine_sizes(bundle.engine), *photographs_at(best_sizes(bundle.engine))],
        tolerance_for(bundle),
        eager=eager(checkpoint),
        progress=phase(progress, "running the engine"),
    )
    require(record)
    return record


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
