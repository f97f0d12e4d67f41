"""How far a result is from the reference inside the holes, by more than one measure: each is blind to some defects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.images.pixels import to_bytes

LONGEST_WAVE = 16  # pixels, two latents: errors of right artefacts are smooth, and so rich in longer waves


@dataclass(frozen=True)
class HoleErrors:
    """Errors over `pixels` hole pixels, of values in [0, 1].

    largest, mean, rms: of absolute errors. shift: the mean of signed errors in red, green and blue, positive where the
    result is too bright. wave: the share of the errors' energy that one wave of at most LONGEST_WAVE pixels explains: 1
    for a grid or stripes, next to nothing for what rounding does. levels: how many different bytes the result has for
    each that the reference has: below 1 where it is posterised or flat.
    """

    pixels: int
    largest: float
    mean: float
    rms: float
    shift: tuple[float, ...]
    wave: float
    levels: float

    @property
    def psnr(self) -> float | None:
        """In dB; None where there is no error at all."""
        return decibels(self.rms)

    @classmethod
    def of(cls, reference: Array, candidate: Array, masks: Array) -> HoleErrors:
        """reference, candidate: (N, H, W, 3), floats in [0, 1] or uint8. masks: (N, H, W), nonzero = hole."""
        with np.errstate(invalid="ignore"):  # NaN and infinity go through to the measures, which no limit lets pass
            return cls._of(reference, candidate, masks > 0)

    @classmethod
    def _of(cls, reference: Array, candidate: Array, hole: Array) -> HoleErrors:
        signed = signed_errors(reference, candidate)
        inside = signed[hole]
        squares = inside**2
        return cls(
            pixels=int(hole.sum()),
            largest=float(np.abs(inside).max()),
            mean=float(np.abs(inside).mean()),
            rms=math.sqrt(squares.mean()),
            shift=tuple(inside.mean(axis=0).tolist()),
            wave=max(_wave(*one) for one in zip(np.where(hole[..., None], signed, 0), hole, strict=True)),
            levels=_levels(candidate, hole) / _levels(reference, hole),
        )

    @classmethod
    def together(cls, parts: Sequence[HoleErrors]) -> HoleErrors:
        """Of several pictures as if they were one; `wave` and `levels` are the worst, each by itself."""
        pixels = sum(part.pixels for part in parts)

        def mean(values: Iterable[float]) -> float:
            return sum(part.pixels * value for part, value in zip(parts, values, strict=True)) / pixels

        return cls(
            pixels=pixels,
            largest=max(part.largest for part in parts),
            mean=mean(part.mean for part in parts),
            rms=math.sqrt(mean(part.rms**2 for part in parts)),
            shift=tuple(map(mean, zip(*(part.shift for part in parts), strict=True))),
            wave=max(part.wave for part in parts),
            levels=min(part.levels for part in parts),
        )

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "psnr": self.psnr}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HoleErrors:
        """Inverse of `to_dict`."""
        own = {field.name: values[field.name] for field in fields(cls)}
        return cls(**{**own, "shift": tuple(own["shift"])})


def decibels(rms: float) -> float | None:
    """PSNR of an error in [0, 1]; None of none."""
    return -20 * math.log10(rms) if rms else None


def signed_errors(reference: Array, candidate: Array) -> Array:
    """Candidate minus reference in [0, 1] units.

    For bytes: the least error, before truncation to bytes, that explains them.
    """
    if candidate.dtype != np.uint8 and reference.dtype == np.uint8:
        return -signed_errors(candidate, reference)
    if candidate.dtype != np.uint8:
        return candidate.astype(np.float64) - reference
    low = candidate / 255.0
    high = np.where(candidate == 255, np.inf, (candidate + 1.0) / 255)
    if reference.dtype == np.uint8:
        reference_high = (reference + 1.0) / 255
        return np.maximum(0, low - reference_high) - np.maximum(0, reference / 255.0 - high)
    bounded = np.clip(reference, 0, 1)
    return np.maximum(0, low - bounded) - np.maximum(0, bounded - high)


def _wave(errors: Array, hole: Array) -> float:
    """`HoleErrors.wave` of one picture; errors (H, W, 3), zero outside the hole.

    By Cauchy and Schwarz a Fourier coefficient's square is at most the errors' energy times the number of pixels.
    """
    height, width = hole.shape
    power = np.abs(np.fft.rfft2(errors, axes=(0, 1))) ** 2
    rows, columns = np.abs(np.fft.fftfreq(height))[:, None], np.fft.rfftfreq(width)[None]
    power[np.maximum(rows, columns) < 1 / LONGEST_WAVE] = 0
    # All but those that are their own mirror image come in pairs of conjugates.
    single = (rows % 0.5 == 0) & (columns % 0.5 == 0)
    share = power * np.where(single, 1, 2)[..., None]
    energy = (errors**2).sum(axis=(0, 1)) * hole.sum()
    found = (share.max(axis=(0, 1)) / np.where(energy > 0, energy, np.inf)).max()
    return float(np.minimum(found, 1.0))  # of single pixels everything is a wave


def _levels(result: Array, hole: Array) -> int:
    return sum(np.unique(channel).size for channel in to_bytes(result)[hole].T)
