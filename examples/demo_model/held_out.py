"""Scores on held-out photographs: of the weights under training, and of the OpenCV methods that they have to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lama_deploy.errors import LamaDeployError
from lama_deploy.evaluation.candidates import InpainterOptions, open_candidate
from lama_deploy.evaluation.catalogue import Metric, load_metrics
from lama_deploy.evaluation.drawn_set import DEFAULT_SIZE, MadeSet
from lama_deploy.evaluation.protocol import evaluate
from lama_deploy.images.masks import mask_set
from packed import Unpacked

OPPONENTS = ("opencv-telea", "opencv-ns")
MASKS = "thick-256"
PLAIN = ("SSIM", "L1-hole")
ST_LPIPS = ("ST-LPIPS-vgg", "ST-LPIPS-alex")  # the first that can be had

Scores = Mapping[str, float]


@dataclass(frozen=True)
class HeldOut:
    """The test set and what is measured on it; `opponents`: their scores."""

    test_set: MadeSet
    metrics: tuple[Metric, ...]
    device: str
    opponents: Mapping[str, Scores]

    def score(self, weights: Path) -> dict[str, float]:
        """Means over the set, by metric. Raises LamaDeployError."""
        return _scores(str(weights), self.test_set, self.metrics, self.device)

    def ratio(self, scores: Scores) -> float:
        """The largest of the errors, each divided by that of the best opponent: below 1 beats all in everything."""
        return max(
            _error(name, value) / min(_error(name, opponent[name]) for opponent in self.opponents.values())
            for name, value in scores.items()
        )


def open_held_out(corpus: Unpacked, device: str, most: int | None = None) -> tuple[HeldOut, list[str]]:
    """The pack's held-out photographs (`most` of them) with the paper's wide holes, and lines on what is not measured.

    At 256 pixels the holes are those of `lama-evaluate --masks thick-256`.
    """
    side = corpus.sides.held_out_side
    test_set = MadeSet(corpus.held_out, mask_set(MASKS).scaled(side / DEFAULT_SIZE), side)
    test_set.sources = test_set.sources[:most]
    metrics, lines = load_metrics(PLAIN, device, {}), []
    for name in ST_LPIPS:
        try:
            metrics += load_metrics([name], device, corpus.networks)
            break
        except LamaDeployError as error:
            lines.append(f"{name} left out: {error}")
    opponents = {name: _scores(name, test_set, metrics, device) for name in OPPONENTS}
    return HeldOut(test_set, tuple(metrics), device, opponents), lines if len(metrics) == len(PLAIN) else []


def verdict(held_out: HeldOut, scores: Scores) -> str:
    """One line: whether the weights beat every opponent in everything that was measured."""
    shown = ", ".join(
        f"{name} {value:.4f} ({', '.join(f'{opponent[name]:.4f}' for opponent in held_out.opponents.values())})"
        for name, value in scores.items()
    )
    opponents = " and ".join(OPPONENTS)
    wins = held_out.ratio(scores) < 1
    lacking = "" if len(scores) > len(PLAIN) else "; ST-LPIPS was not measured, measure it before shipping"
    if wins:
        return f"beats {opponents}: {shown}{lacking}; next: ship.py"
    lost = [name for name, value in scores.items() if held_out.ratio({name: value}) >= 1]
    return f"does not beat {opponents} on {', '.join(lost)}: {shown}; do not ship it, go on with --resume"


def _scores(model: str, test_set: MadeSet, metrics: Sequence[Metric], device: str) -> dict[str, float]:
    candidate = open_candidate(model, InpainterOptions(device=device))
    (block,), _ = evaluate([candidate], test_set, None, metrics, device=device)
    return {name: value.mean for name, value in block.rows[0].values.items()}


def _error(metric: str, value: float) -> float:
    """Smaller is better, never 0."""
    return max(1 - value if metric == "SSIM" else value, 1e-9)
