"""The paper's claims as comparisons, and the rule that says whether the numbers bear them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from benchmarks.claims.measure import HIGHER_IS_BETTER, NARROW, PERIODIC, WIDE, enlarged, scores_of
from lama_deploy.arrays import Array

Verdict = Literal["held", "not held", "undecided"]

DECIDES = "ST-LPIPS-vgg"
BESIDE = ("L1-hole", "SSIM", "hole correlation")
BESIDE_GROWTH = ("L1-hole",)  # the others have no growth: they are bounded, or can be negative
RESAMPLES = 10_000
COVERAGE = 0.95
RULE = (
    f"For each comparison the difference of the two models' {DECIDES} is taken on every picture, and a 95 % interval "
    f"of its mean by {RESAMPLES:,} bootstrap resamples, of the pictures and, where there are several, of the seeds. A "
    "comparison is held when the whole interval is in the claim's favour, not held when the whole interval is against "
    "it, else undecided. A claim is held when all its comparisons are, not held when any is not held, else undecided. "
    "Beyond the training size a picture's number is the logarithm of its score divided by its score at the training "
    "size, so that what a larger picture does to the metric itself cancels."
)


@dataclass(frozen=True)
class Comparison:
    """`better` is claimed to do better than `worse` on a test; with `base`, to lose less from that test to this."""

    better: str
    worse: str
    test: str
    base: str | None = None


@dataclass(frozen=True)
class Claim:
    key: str
    text: str
    paper: str
    comparisons: tuple[Comparison, ...]


def claims(factors: Sequence[int]) -> tuple[Claim, ...]:
    """factors: of the enlarged tests; the claim is judged at the largest."""
    largest = enlarged(max(factors))
    others = ("regular", "dilated")
    trained_on = (("regular", "regular-narrow"), ("fourier", "fourier-narrow"))
    return (
        Claim(
            "wide holes",
            "At an equal budget, Fourier fills wide holes better than Regular and Dilated",
            "Table 2",
            tuple(Comparison("fourier", other, WIDE) for other in others),
        ),
        Claim(
            "resolution",
            f"Beyond the training size ({largest.removeprefix(WIDE).strip()}), Fourier loses less than Regular and "
            "Dilated",
            "Figure 6",
            tuple(Comparison("fourier", other, largest, WIDE) for other in others),
        ),
        Claim(
            "wide training, wide holes",
            "Training on wide masks fills wide holes better than training on narrow ones",
            "Table 4",
            tuple(Comparison(wide, narrow, WIDE) for wide, narrow in trained_on),
        ),
        Claim(
            "wide training, narrow holes",
            "Training on wide masks fills narrow holes better, too",
            "Table 4",
            tuple(Comparison(wide, narrow, NARROW) for wide, narrow in trained_on),
        ),
        Claim(
            "periodic structures",
            "Fourier continues periodic structures better than Regular and Dilated",
            "abstract, Figure 1",
            tuple(Comparison("fourier", other, PERIODIC) for other in others),
        ),
    )


def judge(claim: Claim, tests: Mapping[str, Any]) -> dict[str, Any]:
    """The claim with its verdict and every comparison's numbers, for the record."""
    judged = [_judged(comparison, tests) for comparison in claim.comparisons]
    verdict = claim_verdict([row[DECIDES]["verdict"] for row in judged])
    return {"key": claim.key, "text": claim.text, "paper": claim.paper, "verdict": verdict, "comparisons": judged}


def _judged(comparison: Comparison, tests: Mapping[str, Any]) -> dict[str, Any]:
    beside = BESIDE if comparison.base is None else BESIDE_GROWTH
    return asdict(comparison) | {metric: _numbers(comparison, metric, tests) for metric in (DECIDES, *beside)}


def _numbers(comparison: Comparison, metric: str, tests: Mapping[str, Any]) -> dict[str, Any]:
    better, worse = (
        quantities(tests, model, metric, comparison.test, comparison.base)
        for model in (comparison.better, comparison.worse)
    )
    advantage = better - worse if metric in HIGHER_IS_BETTER else worse - better
    low, high = interval(advantage)
    return {
        "better": float(better.mean()),
        "worse": float(worse.mean()),
        "advantage": float(advantage.mean()),
        "interval": [low, high],
        "verdict": comparison_verdict(low, high),
    }


def quantities(tests: Mapping[str, Any], model: str, metric: str, test: str, base: str | None) -> Array:
    """(seeds, pictures): scores, or with `base` logarithms of their growth since that test."""
    names = tests[test]["pairs"]
    scores = scores_of(tests, test, model, metric, names)
    return scores if base is None else np.log(scores / scores_of(tests, base, model, metric, names))


def interval(values: Array) -> tuple[float, float]:
    """Of the mean of (seeds, pictures), by resampling both; with one seed, the seeds' spread is not in it."""
    random = np.random.default_rng(0)
    seeds, pictures = values.shape
    rows = random.integers(seeds, size=(RESAMPLES, seeds, 1))
    columns = random.integers(pictures, size=(RESAMPLES, 1, pictures))
    means = values[rows, columns].mean(axis=(1, 2))
    low, high = np.quantile(means, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def comparison_verdict(low: float, high: float) -> Verdict:
    """low, high: interval of the advantage that is claimed."""
    if low > 0:
        return "held"
    return "not held" if high < 0 else "undecided"


def claim_verdict(verdicts: Sequence[Verdict]) -> Verdict:
    if "not held" in verdicts:
        return "not held"
    return "held" if all(verdict == "held" for verdict in verdicts) else "undecided"
