"""Does an artefact compute what the reference computes? Measured at given sizes, judged by the tolerance table."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lama_deploy.errors import LamaDeployError, ParityError
from lama_deploy.proof.scenes import scene
from lama_deploy.proof.tolerance import EAGER_FACTOR, FLAT_SPREAD, Tolerance
from lama_deploy.runtime.backend import Array, Backend, to_bytes

SSIM_WINDOW = 7  # scikit-image's default; smaller images have no SSIM


class DynamicShapeError(ParityError):
    """The artefact does not run at a size it was not made with."""


class OutputShapeError(ParityError):
    """The result has another shape or dtype than the image calls for."""


class KnownPixelsError(ParityError):
    """Pixels outside the hole were changed."""


class ToleranceError(ParityError):
    """The result differs from the reference by more than the tolerance."""


@dataclass(frozen=True)
class Size:
    height: int
    width: int
    batch: int = 1

    @classmethod
    def parse(cls, text: str) -> Size:
        """From "HxW" or "HxWxN". Raises LamaDeployError."""
        if not re.fullmatch(r"[1-9]\d*x[1-9]\d*(x[1-9]\d*)?", text):
            raise LamaDeployError(
                f"size {text!r} is not HEIGHTxWIDTH or HEIGHTxWIDTHxBATCH, such as 256x320 or 64x64x2"
            )
        return cls(*map(int, text.split("x")))

    def __str__(self) -> str:
        return f"{self.height}x{self.width}" + (f"x{self.batch}" if self.batch > 1 else "")


@dataclass(frozen=True)
class Case:
    """One measurement. Errors are absolute, in [0, 1]; psnr in dB.

    allowed, allowed_mean: what `max_error` and `mean_error` are held to; None where the largest is enough.
    """

    size: str
    max_error: float
    mean_error: float
    allowed: float
    allowed_mean: float | None
    eager_error: float | None
    psnr: float | None
    ssim: float | None
    spread: float

    @property
    def passed(self) -> bool:
        return self.max_error <= self.allowed and (self.allowed_mean is None or self.mean_error <= self.allowed_mean)


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
        cases = [{**asdict(case), "passed": case.passed} for case in self.cases]
        return {
            "reference": self.reference,
            "engine": self.engine,
            "tolerance": asdict(self.tolerance),
            "passed": self.passed,
            "cases": cases,
        }


def measure(
    candidate: Backend,
    reference: Backend,
    sizes: Sequence[Size],
    tolerance: Tolerance,
    *,
    eager: Backend | None = None,
    reference_name: str = "eager PyTorch, float64",
    progress: Callable[[Sequence[Size]], Any] = iter,
) -> ParityRecord:
    """Run both at every size on scenes of their own and compare.

    eager: the float32 reference, whose own error bounds what can be asked (see `tolerance`). Raises a ParityError of
    its class when the candidate fails to run, returns a wrong shape, or touches known pixels; a large error is only
    recorded.
    """
    cases = tuple(_measure_one(candidate, reference, eager, size, tolerance) for size in progress(sizes))
    return ParityRecord(reference_name, tolerance, cases, engine_name(candidate))


def require(record: ParityRecord) -> None:
    """Raise ToleranceError for a record that did not pass."""
    failed = [case for case in record.cases if not case.passed]
    if failed:
        worst = max(failed, key=lambda case: case.max_error / case.allowed)
        mean = f", mean {worst.mean_error:.2e}, allowed {worst.allowed_mean:.2e}" if worst.allowed_mean else ""
        raise ToleranceError(
            f"parity failed at {worst.size}: max error {worst.max_error:.2e}, allowed {worst.allowed:.2e}{mean} "
            f"(against {record.reference}); nothing was written. Please report it with the weights' source"
        )


def engine_name(candidate: Backend) -> str:
    """What computes, and in which precision where the engine chooses one."""
    hint = getattr(candidate, "hint", None)
    return f"{candidate.name} in {hint}" if hint else candidate.name


def errors(reference: Array, candidate: Array) -> Array:
    """Absolute error per value in [0, 1] units.

    For bytes: the least error, before truncation to bytes, that explains them.
    """
    if candidate.dtype != np.uint8 and reference.dtype == np.uint8:
        return errors(candidate, reference)
    if candidate.dtype != np.uint8:
        return np.abs(candidate.astype(np.float64) - reference)
    low = candidate / 255.0
    high = np.where(candidate == 255, np.inf, (candidate + 1.0) / 255)
    if reference.dtype == np.uint8:
        reference_high = (reference + 1.0) / 255
        return np.maximum(0, np.maximum(low - reference_high, reference / 255.0 - high))
    bounded = np.clip(reference, 0, 1)
    return np.maximum(0, np.maximum(low - bounded, bounded - high))


def _measure_one(
    candidate: Backend, reference: Backend, eager: Backend | None, size: Size, tolerance: Tolerance
) -> Case:
    images, masks = scene(size.height, size.width, size.batch)
    expected = reference.run(images, masks)
    got = run_at(size, candidate, images, masks)
    require_composite(got, images, masks, size)
    hole = masks > 0
    error = errors(expected, got)[hole]
    eager_error = float(errors(expected, eager.run(images, masks))[hole].max()) if eager else None
    psnr, ssim = _picture_metrics(to_bytes(expected), to_bytes(got))
    return Case(
        size=str(size),
        max_error=float(error.max()),
        mean_error=float(error.mean()),
        allowed=max(tolerance.largest, EAGER_FACTOR * (eager_error or 0.0)),
        allowed_mean=tolerance.mean,
        eager_error=eager_error,
        psnr=psnr,
        ssim=ssim,
        spread=float(_unit(expected)[hole].std()),
    )


def run_at(size: Size, candidate: Backend, images: Array, masks: Array) -> Array:
    """The candidate's result. Raises DynamicShapeError, whatever went wrong."""
    try:
        return candidate.run(images, masks)
    except Exception as error:  # every engine has its own exceptions; whatever it is, the size does not run
        what = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DynamicShapeError(f"the artefact does not run at {size}: {what}") from error


def require_composite(got: Array, images: Array, masks: Array, size: Size) -> None:
    """Raises OutputShapeError or KnownPixelsError for what is no composite of these images."""
    if got.shape != images.shape or got.dtype.kind not in "uf":
        raise OutputShapeError(f"at {size} the result is {got.dtype} {got.shape}, expected {images.shape}")
    known = masks == 0
    if not np.array_equal(to_bytes(got)[known], images[known]):
        raise KnownPixelsError(f"at {size} pixels outside the hole were changed")


def _unit(values: Array) -> Array:
    return values / 255.0 if values.dtype == np.uint8 else values


def _picture_metrics(expected: Array, got: Array) -> tuple[float | None, float | None]:
    """PSNR in dB (None: identical) and SSIM (None: too small an image), on bytes."""
    squared = np.mean((expected.astype(np.float64) - got) ** 2)
    psnr = None if squared == 0 else float(10 * np.log10(255**2 / squared))
    if min(expected.shape[1:3]) < SSIM_WINDOW:
        return psnr, None
    from skimage.metrics import structural_similarity

    scores = [structural_similarity(a, b, channel_axis=-1) for a, b in zip(expected, got, strict=True)]
    return psnr, float(np.mean(scores))
