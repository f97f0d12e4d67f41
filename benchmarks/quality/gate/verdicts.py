"""Each defect before the gate in each precision, and before the gate that there was until November 2026."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.proof.hole_errors import HoleErrors
from lama_deploy.proof.parity import ParityRecord
from lama_deploy.proof.subjects import PHOTOGRAPHS
from lama_deploy.runtime.backend import Backend
from lama_export.options import PARITY_SIZES
from tests.defects import defects
from tests.defects.trial import Trial

# The table of commit 8462b5b: largest errors, and means where it asked for them, of the drawn scenes alone.
LARGEST = {"fp32": 2e-5, "fp16": 4e-2, "bf16": 2e-1, "int8": 1.0}
MEAN = {"bf16": 2e-2, "int8": 1e-1}
EAGER_FACTOR = 4.0
SCENES = 5  # the first of PARITY_SIZES, which that gate had
NONE = "none"
PASSED, REFUSED = "passes", "refused"


def verdicts(
    checkpoint: Checkpoint,
    artefacts: Mapping[str, tuple[Backend, str]],
    progress: Callable[[Any], Any] = iter,
    known: Collection[str] = (),
) -> Iterator[dict[str, Any]]:
    """A row for none and one for each defect, but for those `known`. artefacts: by name, (backend, precision)."""
    trial = Trial(checkpoint, artefacts, (*PARITY_SIZES, *PHOTOGRAPHS))
    if NONE not in known:
        yield {"defect": NONE, "alone": None, **_row({name: trial.right(name) for name in artefacts}, artefacts)}
    for name, defect in progress(defects(checkpoint.config).items()):
        if name in known:
            continue
        yield {"defect": name, "alone": trial.alone(defect), **_row(trial.records(defect), artefacts)}


def _row(records: Mapping[str, ParityRecord], artefacts: Mapping[str, tuple[Backend, str]]) -> dict[str, Any]:
    before = {name: _once(record, artefacts[name][1]) for name, record in records.items()}
    after = {name: PASSED if record.passed else REFUSED for name, record in records.items()}
    psnr = {name: record.cases[-1].found.psnr for name, record in records.items()}
    why = {name: _why(record) for name, record in records.items() if not record.passed}
    return {"before": before, "after": after, "psnr": psnr, "why": why}


def _once(record: ParityRecord, precision: str) -> str:
    scenes = record.cases[:SCENES]
    kept = all(_kept(case.found, case.eager, precision) for case in scenes)
    return PASSED if kept else REFUSED


def _kept(found: HoleErrors, eager: HoleErrors | None, precision: str) -> bool:
    allowed = max(LARGEST[precision], EAGER_FACTOR * (eager.largest if eager else 0.0))
    return found.largest <= allowed and found.mean <= MEAN.get(precision, float("inf"))


def _why(record: ParityRecord) -> str:
    """The last case that fails is all photographs together, if they do."""
    failed = [case for case in record.cases if not case.passed][-1]
    return f"{failed.subject}: {'; '.join(failed.broken)}"
