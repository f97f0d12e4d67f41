"""What a right artefact of each precision may be off by inside the holes: one table, for every backend alike.

A network amplifies rounding by its own measure, so float precisions are held to multiples of what eager float32 PyTorch
is off by on the same picture: storing 11 bits (fp16) rounds 2**13 times as much as storing 24, 8 bits (bf16) 2**16
times. The least allowance stands beside the factor, for pictures on which float32 happens to be exact. int8 rounds by
its ranges, not by the network's measure, and has least allowances only.

Each entry is at most twice the worst that right artefacts showed in 200 drawn cases and on the shipped photographs;
`python -m benchmarks.quality.gate.run` measures them, and what broken ones show; `benchmarks/gate.md` has the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from lama_deploy.bundle import Bundle
from lama_deploy.proof.hole_errors import HoleErrors, decibels

FP16, BF16 = 2.0**13, 2.0**16  # what one rounding is of float32's
LEAST_PIXELS = 4000  # of a hole: in smaller ones any errors may be a wave or a shift by chance
MOST_IN_A_WAVE = 0.07  # 0.038 was seen
LEAST_LEVELS = 0.9  # 0.986 was seen
# A float32 result of order one is taken to be off by this at least: eager is exact on some pictures, by chance.
EXACT_RMS, EXACT_LARGEST = 6e-8, 2.4e-7
FLAT_SPREAD = 0.01  # standard deviation inside holes below which an output proves nothing
LEAST_PSNR = 35.0  # dB inside holes that int8 is exported to keep, unless the user asks for another
# What eager float32 is taken to be off by where nobody measured it.
USUAL_EAGER = HoleErrors(1, largest=3e-6, mean=5e-7, rms=6e-7, shift=(0.0, 0.0, 0.0), wave=0.0, levels=1.0)


@dataclass(frozen=True)
class Allowance:
    """least: whatever the network. factor: of what eager float32 is off by, where that gives more."""

    least: float
    factor: float = 0.0

    def of(self, eager: float) -> float:
        return max(self.least, self.factor * eager)

    def times(self, factor: float) -> Allowance:
        return Allowance(self.least * factor, self.factor * factor)


@dataclass(frozen=True)
class Limits:
    """What `HoleErrors` are held to, as numbers; None where a measure is not asked for."""

    largest: float
    mean: float
    rms: float
    shift: float | None = None
    wave: float | None = None
    levels: float | None = None

    def broken_by(self, found: HoleErrors) -> list[str]:
        """A phrase for each limit that is not kept; NaN keeps none."""
        words = []
        for name in ("largest", "mean"):
            value, limit = getattr(found, name), getattr(self, name)
            if not value <= limit:
                words.append(f"{NAMES[name]} {value:.2e}, allowed {limit:.2e}")
        if not found.rms <= self.rms:
            words.append(f"PSNR {decibel_text(found.rms)} dB, at least {decibel_text(self.rms)}")
        shift = max(found.shift, key=abs)
        if self.shift is not None and not abs(shift) <= self.shift:
            words.append(f"a shift of {255 * shift:+.1f} grey levels, allowed {255 * self.shift:.1f}")
        if self.wave is not None and not found.wave <= self.wave:
            words.append(f"{found.wave:.0%} of the error in one wave, allowed {self.wave:.0%}")
        if self.levels is not None and not found.levels >= self.levels:
            words.append(f"{found.levels:.0%} of the reference's grey levels, asked for {self.levels:.0%}")
        return words


NAMES = {"largest": "max error", "mean": "mean error"}


@dataclass(frozen=True)
class Allowances:
    """Of one kind of subject. shift, wave and levels: where they are asked for."""

    largest: Allowance
    mean: Allowance
    rms: Allowance
    shift: Allowance | None = None
    wave: float | None = None
    levels: float | None = None

    def coarser(self, factor: float) -> Allowances:
        return replace(self, mean=self.mean.times(factor), rms=self.rms.times(factor))

    def limits(self, eager: HoleErrors | None, smallest: int = LEAST_PIXELS) -> Limits:
        """For one case. eager: what eager float32 is off by in it, if that is known. smallest: hole, in pixels."""
        known = eager or USUAL_EAGER
        rounding = Limits(self.largest.of(known.largest), self.mean.of(known.mean), self.rms.of(known.rms))
        if self.shift is None or smallest < LEAST_PIXELS:
            return rounding
        return replace(rounding, shift=self.shift.of(known.rms), wave=self.wave, levels=self.levels)


@dataclass(frozen=True)
class Tolerance:
    """drawn: of any picture, drawn to find the worst. photograph: of one; photographs: of all of the gate together,
    where chance evens out, so that more can be asked for.
    """

    drawn: Allowances
    photograph: Allowances
    photographs: Allowances

    def coarser(self, factor: float) -> Tolerance:
        """With mean and rms errors so many times as large, if it is more than once."""
        kinds = (self.drawn, self.photograph, self.photographs)
        return Tolerance(*(kind.coarser(max(1.0, factor)) for kind in kinds))


def _rounding(
    unit: float, *, largest: float, drawn: float, photograph: float, photographs: float, least: float = 0.0
) -> Tolerance:
    """Of a float precision. unit: what one rounding is of float32's. All others but `least` are in units of what eager
    float32 is off by: largest of largest errors, the three others of mean and rms errors alike, and the last of shifts.

    least: of largest errors, whatever eager says.
    """

    def allowance(factor: float, exact: float) -> Allowance:
        return Allowance(unit * factor * exact, unit * factor)

    far = replace(allowance(largest, EXACT_LARGEST), least=max(least, unit * largest * EXACT_LARGEST))
    any_picture, one = (
        Allowances(far, allowance(near, EXACT_RMS), allowance(near, EXACT_RMS)) for near in (drawn, photograph)
    )
    together = allowance(photographs, EXACT_RMS)
    return Tolerance(any_picture, one, Allowances(far, together, together, together, MOST_IN_A_WAVE, LEAST_LEVELS))


# The worst that was seen stands beside each line, in its own units: factors are of (largest, drawn, photograph,
# photographs together). lama-demo, and seeded weights of the paper's six generators.
TABLE: Mapping[str, Tolerance] = {
    # 3.8, 4.1, 2.1, 2.1. least: OpenVINO was off by 1e-5 on a Xeon with AMX.
    "fp32": _rounding(1.0, largest=8.0, drawn=8.0, photograph=4.0, photographs=4.0, least=2e-5),
    # 35, 27 (a photograph of 776x584): ONNX Runtime's DFT kernel loses digits off powers of two.
    "fp32-dft": _rounding(1.0, largest=69.0, drawn=53.0, photograph=53.0, photographs=53.0),
    # 0.85, 1.9, 0.50, 0.33.
    "fp16": _rounding(FP16, largest=1.7, drawn=3.8, photograph=1.0, photographs=0.65),
    # 0.60, 1.2, 0.51, 0.42.
    "bf16": _rounding(BF16, largest=1.2, drawn=2.4, photograph=1.0, photographs=0.84),
    "int8": Tolerance(
        # Activations beyond the calibrated range are clipped: of single pixels a largest error says nothing (0.8 was
        # seen), and of pictures that are all hole even the mean says little (0.09; rms 0.1).
        drawn=Allowances(Allowance(1.0), Allowance(0.1), Allowance(0.12)),
        # 1.2e-2, 1.7e-2 (35 dB).
        photograph=Allowances(Allowance(1.0), Allowance(2.4e-2), Allowance(3e-2)),
        # 8.4e-3, 1.25e-2 (38 dB); 0.7 grey levels.
        photographs=Allowances(
            Allowance(1.0),
            Allowance(1.6e-2),
            Allowance(10 ** (-(LEAST_PSNR - 0.5) / 20)),
            Allowance(1.5 / 255),
            MOST_IN_A_WAVE,
            LEAST_LEVELS,
        ),
    ),
}


def tolerance_of(
    precision: str, spectral: str = "", *, least_psnr: float = LEAST_PSNR, judged_here: bool = False
) -> Tolerance:
    """The entry for an artefact of this precision and spectral form. least_psnr: what int8 was asked to keep, in dB.

    judged_here: nothing else sees whether int8 kept it, as where all weights are stored so, none left out.
    """
    found = TABLE.get(f"{precision}-{spectral}", TABLE[precision])
    if precision != "int8":
        return found
    coarser = found.coarser(10 ** ((LEAST_PSNR - least_psnr) / 20))
    if not judged_here:
        return coarser
    asked = Allowance(10 ** (-(least_psnr - 0.5) / 20))
    return replace(coarser, photographs=replace(coarser.photographs, rms=asked))


def tolerance_for(bundle: Bundle) -> Tolerance:
    """What a bundle is held to. TF32 rounds what goes into products to 11 bits, as fp16 does."""
    asked = max(0.0, bundle.quantisation.get("least_psnr", LEAST_PSNR))
    precision = "fp16" if bundle.engine.get("tf32") else bundle.precision
    return tolerance_of(precision, bundle.spectral, least_psnr=asked, judged_here="weights" in bundle.quantisation)


def wider(tolerances: Iterable[Tolerance]) -> Tolerance:
    """Of two artefacts that are compared with each other."""
    return max(tolerances, key=lambda tolerance: tolerance.photographs.rms.least)


def decibel_text(rms: float) -> str:
    """PSNR in dB, of an error in [0, 1]."""
    found = decibels(rms)
    return "identical" if found is None else f"{found:.1f}"
