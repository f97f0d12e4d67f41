"""The tests of `run.py` and every model's score on every picture of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.claims.periodic import periodic_pairs
from benchmarks.claims.runs import PAPER_CROP, Size
from lama_deploy.evaluation.candidates import Candidate
from lama_deploy.evaluation.catalogue import Metric, PairMetric, load_metrics
from lama_deploy.evaluation.drawn_set import MadeSet
from lama_deploy.evaluation.protocol import evaluate
from lama_deploy.evaluation.test_set import Pair
from lama_deploy.images.files import read_photograph
from lama_deploy.images.masks import mask_set

WIDE, NARROW, PERIODIC = "wide", "narrow", "periodic"
METRICS = ("ST-LPIPS-vgg", "SSIM", "L1-hole", "KID-EffLite0")
HIGHER_IS_BETTER = ("SSIM", "hole correlation")
FEWEST_FOR_DISTRIBUTION = 20  # pairs; with fewer, a distance between distributions is noise
SEED = 0  # of the tests' draws, whatever seeds are trained


@dataclass(frozen=True)
class HeldSet:
    """A test in memory, so that each model can be measured in a pass of its own. A PairSet."""

    kind: str
    held: tuple[Pair, ...]

    own_size = None

    @property
    def sources(self) -> Sequence[int]:
        return range(len(self.held))

    def pairs(self, source: int, size: int | None) -> list[Pair]:
        return [self.held[source]]

    def describe(self) -> dict[str, Any]:
        return {"kind": self.kind, "seed": SEED}

    @property
    def sha256(self) -> str:
        """As SetRecord's: over the names and pixels of all pairs."""
        digest = hashlib.sha256()
        for pair in self.held:
            for part in (pair.name.encode(), pair.rgb.tobytes(), pair.hole.tobytes()):
                digest.update(part)
        return digest.hexdigest()


def enlarged(factor: int) -> str:
    """The name of the wide test at `factor` times the training size."""
    return f"{WIDE} x{factor}"


def held_tests(folder: Path, size: Size) -> dict[str, HeldSet]:
    """The tests by name. The enlarged ones are photographs of the wide one, with the same holes."""
    wide = _made(folder, "thick-256", size.crop)
    narrow = _made(folder, "thin-256", size.crop)
    some = _spread(wide.sources, size.photographs)
    largest = size.crop * max(size.factors)
    fine = _spread([source for source in some if _smaller_side(source) >= largest], size.large)
    return {
        WIDE: _held(wide, some, size.crop),
        NARROW: _held(narrow, some, size.crop),
        PERIODIC: HeldSet("drawn", tuple(periodic_pairs(size.periodic, size.crop, wide.masks, SEED))),
        **{enlarged(factor): _held(wide, fine, size.crop * factor) for factor in size.factors},
    }


def _made(folder: Path, masks: str, crop: int) -> MadeSet:
    return MadeSet(folder, mask_set(masks).scaled(crop / PAPER_CROP), crop, seed=SEED)


def _held(made: MadeSet, sources: Sequence[Path], side: int) -> HeldSet:
    return HeldSet("made", tuple(pair for source in sources for pair in made.pairs(source, side)))


def _spread(items: Sequence[Path], count: int) -> list[Path]:
    """`count` of them (or all), evenly over their order."""
    return [items[index * len(items) // count] for index in range(count)] if count < len(items) else list(items)


def _smaller_side(source: Path) -> int:
    return min(read_photograph(source).rgb.shape[:2])


def metrics_for(device: str) -> list[Metric]:
    """Raises MissingBackboneError where a network's weights are not on this machine."""
    return [*load_metrics(METRICS, device, {}), PairMetric("hole correlation", hole_correlation)]


def hole_correlation(original: Tensor, result: Tensor, hole: Tensor) -> float:
    """Correlation of brightness inside the hole: 1 where a pattern goes on in phase, 0 for a blur."""
    a, b = (picture.mean(dim=1, keepdim=True)[hole].double() for picture in (original, result))
    if len(a) < 2 or float(a.std()) == 0 or float(b.std()) == 0:
        return 0.0
    return float(torch.corrcoef(torch.stack((a, b)))[0, 1])


def measure(candidate: Candidate, test: HeldSet, metrics: Sequence[Metric], device: str) -> dict[str, Any]:
    """Metric -> score of each pair, in order; a distance between distributions, of enough pairs, is one number."""
    recorders = [_Recorder(metric) for metric in metrics if isinstance(metric, PairMetric)]
    enough = len(test.held) >= FEWEST_FOR_DISTRIBUTION
    others = [metric for metric in metrics if enough and not isinstance(metric, PairMetric)]
    recording: list[Metric] = [PairMetric(recorder.metric.name, recorder) for recorder in recorders]
    [block], _ = evaluate([candidate], test, None, [*recording, *others], device=device)
    total = block.rows[0].values
    scores: dict[str, Any] = {recorder.metric.name: recorder.scores for recorder in recorders}
    return scores | {metric.name: total[metric.name].mean for metric in others}


class _Recorder:
    """A metric that keeps what it said: an evaluation gives means, comparisons in pairs need every picture."""

    def __init__(self, metric: PairMetric) -> None:
        self.metric = metric
        self.scores: list[float] = []

    def __call__(self, original: Tensor, result: Tensor, hole: Tensor) -> float:
        self.scores.append(self.metric.score(original, result, hole))
        return self.scores[-1]


def scores_of(tests: dict[str, Any], test: str, model: str, metric: str, names: Sequence[str]) -> np.ndarray[Any, Any]:
    """(seeds, pictures) from a record's tests, for the pairs of those names."""
    position = {name: index for index, name in enumerate(tests[test]["pairs"])}
    rows = np.array(tests[test]["scores"][model][metric], np.float64)
    return rows[:, [position[name] for name in names]]
