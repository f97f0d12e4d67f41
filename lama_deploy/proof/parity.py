"""The gate: does an artefact compute what the reference computes? Measured, judged by the tolerance table, recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import DeviceMemoryError, ParityError, brief
from lama_deploy.images.pixels import to_bytes
from lama_deploy.proof.hole_errors import HoleErrors
from lama_deploy.proof.subjects import Photograph, Subject
from lama_deploy.proof.tolerance import FLAT_SPREAD, Limits, Tolerance
from lama_deploy.runtime.backend import Backend

SSIM_WINDOW = 7  # scikit-image's default; smaller images have no SSIM
TOGETHER = "photographs together"
REPORT = "please report it with the weights' source"


class DynamicShapeError(ParityError):
    """The artefact does not run at a size it was not made with."""


class OutputShapeError(ParityError):
    """The result has another shape or dtype than the image calls for."""


class KnownPixelsError(ParityError):
    """Pixels outside the hole were changed."""


class ToleranceError(ParityError):
    """The result differs from the reference by more than the tolerance."""


@dataclass(frozen=True)
class Case:
    """One measurement, or all photographs together. found: of the candidate; eager: of eager float32, if it was run.

    ssim: of whole pictures, None where they are too small. spread: the reference's standard deviation inside the hole.
    differing: the share of the hole's bytes that are not the reference's. in_bytes: whether the candidate gives bytes,
    which hide what is below a level: of bytes that differ by one, the least error that explains them is none.
    """

    subject: str
    found: HoleErrors
    limits: Limits
    eager: HoleErrors | None = None
    ssim: float | None = None
    spread: float = 0.0
    differing: float = 0.0
    in_bytes: bool = False

    @property
    def broken(self) -> list[str]:
        """A phrase for each limit that is not kept."""
        return self.limits.broken_by(self.found)

    @property
    def passed(self) -> bool:
        return not self.broken

    def to_dict(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "passed": self.passed,
            "found": self.found.to_dict(),
            "limits": asdict(self.limits),
            "eager": self.eager and self.eager.to_dict(),
            "ssim": self.ssim,
            "spread": self.spread,
            "differing": self.differing,
            "in_bytes": self.in_bytes,
        }


@dataclass(frozen=True)
class ParityRecord:
    reference: str
    tolerance: Tolerance
    cases: tuple[Case, ...]
    engine: str = ""  # what computed the candidate, and in which precision where the engine chooses one

    @property
    def passed(self) -> bool:
        return all(case.passed for case in self.cases)

    @property
    def is_flat(self) -> bool:
        """True when the reference hardly varies, so that agreement shows little."""
        return max(case.spread for case in self.cases) < FLAT_SPREAD

    def to_dict(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "engine": self.engine,
            "tolerance": asdict(self.tolerance),
            "passed": self.passed,
            "cases": [case.to_dict() for case in self.cases],
        }


def measure(
    candidate: Backend,
    reference: Backend,
    subjects: Sequence[Subject],
    tolerance: Tolerance,
    *,
    eager: Backend | HoleErrors | None = None,
    reference_name: str = "eager PyTorch, float64",
    progress: Callable[[Sequence[Subject]], Any] = iter,
) -> ParityRecord:
    """Run both on every subject and compare; photographs are also judged together.

    eager: the float32 reference, whose own error bounds what can be asked (see `tolerance`), or that error as it was
    measured before. Raises a ParityError of its class when the candidate fails to run, returns a wrong shape, or
    touches known pixels; a large error is only recorded.
    """
    cases = [_measure_one(candidate, reference, eager, subject, tolerance) for subject in progress(subjects)]
    natural = [case for case, subject in zip(cases, subjects, strict=True) if isinstance(subject, Photograph)]
    if natural:
        cases.append(_together(natural, tolerance))
    return ParityRecord(reference_name, tolerance, tuple(cases), engine_name(candidate))


def require(record: ParityRecord, advice: str = REPORT) -> None:
    """Raise ToleranceError, which ends with `advice`, for a record that did not pass."""
    failed = [case for case in record.cases if not case.passed]
    if failed:
        worst = max(failed, key=lambda case: case.found.rms / case.limits.rms)
        others = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise ToleranceError(
            f"parity failed at {worst.subject}{others}: {'; '.join(worst.broken)} (against {record.reference}); "
            f"nothing was written; {advice}"
        )


def recorded_eager(record: Mapping[str, Any]) -> HoleErrors | None:
    """The worst of what eager float32 was off by, of a bundle's `parity`; None where that was not measured."""
    found = [case.get("eager") for case in record.get("cases", [])]
    known = [HoleErrors.from_dict(eager) for eager in found if eager]
    return max(known, key=lambda eager: eager.rms, default=None)


def engine_name(candidate: Backend) -> str:
    """What computes, and in which precision where the engine chooses one."""
    hint = candidate.capabilities.hint
    return f"{candidate.name} in {hint}" if hint else candidate.name


def _measure_one(
    candidate: Backend, reference: Backend, eager: Backend | HoleErrors | None, subject: Subject, tolerance: Tolerance
) -> Case:
    images, masks = subject.pictures()
    expected = reference.run(images, masks)
    got = run_at(subject, candidate.run, images, masks)
    require_composite(got, images, masks, subject)
    own = eager if eager is None or isinstance(eager, HoleErrors) else _errors_of(eager, expected, images, masks)
    asked = tolerance.photograph if isinstance(subject, Photograph) else tolerance.drawn
    found, wanted = to_bytes(got), to_bytes(expected)
    return Case(
        subject=str(subject),
        found=HoleErrors.of(expected, got, masks),
        limits=asked.limits(own),
        eager=own,
        ssim=_ssim(wanted, found),
        differing=float((found != wanted)[masks > 0].mean()),
        in_bytes=got.dtype == np.uint8,
        spread=float(_unit(expected)[masks > 0].std()),
    )


def _errors_of(backend: Backend, expected: Array, images: Array, masks: Array) -> HoleErrors:
    return HoleErrors.of(expected, backend.run(images, masks), masks)


def _together(cases: Sequence[Case], tolerance: Tolerance) -> Case:
    eager = [case.eager for case in cases if case.eager]
    own = HoleErrors.together(eager) if eager else None
    found = HoleErrors.together([case.found for case in cases])
    limits = tolerance.photographs.limits(own, min(case.found.pixels for case in cases))
    differing = sum(case.differing * case.found.pixels for case in cases) / found.pixels
    spread, in_bytes = max(case.spread for case in cases), any(case.in_bytes for case in cases)
    return Case(TOGETHER, found, limits, own, spread=spread, differing=differing, in_bytes=in_bytes)


def run_at(subject: Subject, run: Callable[[Array, Array], Array], images: Array, masks: Array) -> Array:
    """The result of a candidate's `run`. Raises DynamicShapeError, whatever went wrong but for a want of memory."""
    try:
        return run(images, masks)
    except DeviceMemoryError:
        raise
    except Exception as error:  # every engine has its own exceptions; whatever it is, the size does not run
        raise DynamicShapeError(f"the artefact does not run at {subject}: {brief(error)}") from error


def require_composite(got: Array, images: Array, masks: Array, subject: Subject) -> None:
    """Raises OutputShapeError or KnownPixelsError for what is no composite of these images."""
    if got.shape != images.shape or got.dtype.kind not in "uf":
        raise OutputShapeError(f"at {subject} the result is {got.dtype} {got.shape}, expected {images.shape}")
    known = masks == 0
    with np.errstate(invalid="ignore"):  # NaN in a hole is no byte, and `HoleErrors` says so
        pixels = to_bytes(got)
    if not np.array_equal(pixels[known], images[known]):
        raise KnownPixelsError(f"at {subject} pixels outside the hole were changed")


def _unit(values: Array) -> Array:
    return values / 255.0 if values.dtype == np.uint8 else values


def _ssim(expected: Array, got: Array) -> float | None:
    if min(expected.shape[1:3]) < SSIM_WINDOW:
        return None
    from skimage.metrics import structural_similarity

    scores = [structural_similarity(a, b, channel_axis=-1) for a, b in zip(expected, got, strict=True)]
    return float(np.mean(scores))
