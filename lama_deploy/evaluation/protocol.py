"""The paper's protocol: composites against the originals of one test set, in total and by the area of the hole.

As official `bin/evaluate_predicts.py`: bins of ten per cent of the mask's mean (lower edge included, 100 % in the
last), mean and population standard deviation, distances between distributions for two pairs and more.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from lama_deploy.arrays import Array
from lama_deploy.errors import DataError, DeviceMemoryError, EngineError, ImageError, LamaDeployError, brief
from lama_deploy.evaluation.candidates import Candidate
from lama_deploy.evaluation.catalogue import DistributionMetric, Metric, PairMetric
from lama_deploy.evaluation.networks import to_tensor
from lama_deploy.evaluation.test_set import Pair, PairSet
from lama_deploy.images.opening import pillow_quiet

TOTAL = "total"
BINS = 10
EDGES = np.linspace(0, 1, BINS + 1)
AREAS = tuple(f"{100 * i // BINS}-{100 * (i + 1) // BINS}%" for i in range(BINS))
FEWEST_FOR_DISTRIBUTION = 2
ORIGINALS = ""  # whose features these are: no candidate has this name
FID_SCALE = 100


@dataclass(frozen=True)
class Value:
    mean: float
    std: float | None = None  # None: a distance between distributions has none


@dataclass(frozen=True)
class Row:
    """area: "total" or a bin. count: of pairs. values: by metric; a distance between too few pairs is left out."""

    area: str
    count: int
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Block:
    """One model at one size. scores: the official F1 scores, of the total, where their metrics were measured."""

    model: str
    size: str
    rows: tuple[Row, ...]
    scores: Mapping[str, float]


@dataclass
class SetRecord:
    """What was measured: sha256 is over the names and pixels of all pairs, so that equal sets can be told."""

    size: str
    pairs: int = 0
    without_pair: int = 0
    unreadable: list[str] = field(default_factory=list)
    sha256: str = ""


@dataclass
class _Measured:
    """Of one test set at one size: areas, scores by (model, metric), features by (model or ORIGINALS, extractor)."""

    areas: list[float] = field(default_factory=list)
    scores: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    features: dict[tuple[str, str], list[Array]] = field(default_factory=lambda: defaultdict(list))


def evaluate(
    candidates: Sequence[Candidate],
    test_set: PairSet,
    size: int | None,
    metrics: Sequence[Metric],
    *,
    device: str = "cpu",
    progress: Callable[[Sequence[Any]], Any] = iter,
    report: Callable[[str], None] = lambda line: None,
    keep: Callable[[Pair], None] = lambda pair: None,
) -> tuple[list[Block], SetRecord]:
    """All candidates on one pass over the test set, so that originals are read, made and looked at once.

    report: gets one line for each file left out. keep: gets each pair. Raises DataError when no pair is left.
    """
    record = SetRecord(str(size or test_set.own_size or "own"))
    measured = _Measured()
    digest = hashlib.sha256()
    for pair in _pairs(test_set, size, record, progress, report):
        try:
            results = [candidate.inpaint(pair.rgb, pair.hole) for candidate in candidates]
        except (ImageError, DeviceMemoryError, EngineError, MemoryError) as error:
            record.pairs -= 1
            _leave_out(record, f"{brief(pair.name)}: {_reason(error)}", report)
            continue
        keep(pair)
        for part in (pair.name.encode(errors="surrogateescape"), pair.rgb.tobytes(), pair.hole.tobytes()):
            digest.update(part)
        named = {candidate.name: result for candidate, result in zip(candidates, results, strict=True)}
        _measure(measured, pair, named, metrics, device)
    record.sha256 = digest.hexdigest()
    return [_block(measured, candidate.name, record.size, metrics) for candidate in candidates], record


def bin_of(area: float) -> int:
    """The bin of a mask's mean, 0 to 9."""
    return min(int(np.searchsorted(EDGES, area, side="right")) - 1, BINS - 1)


def f1_scores(values: Mapping[str, Value]) -> dict[str, float]:
    """Official `ssim_fid100_f1` (selects checkpoints) and `lpips_fid100_f1` (in tables); reference metrics only."""
    if "FID" not in values:
        return {}
    fid = max(0, FID_SCALE - values["FID"].mean) / FID_SCALE
    similarities = {}
    if "SSIM" in values:
        similarities["ssim_fid100_f1"] = values["SSIM"].mean
    if "LPIPS" in values:
        similarities["lpips_fid100_f1"] = 1 - values["LPIPS"].mean
    return {name: 2 * value * fid / (value + fid + 1e-3) for name, value in similarities.items()}


def _pairs(
    test_set: PairSet,
    size: int | None,
    record: SetRecord,
    progress: Callable[[Sequence[Any]], Any],
    report: Callable[[str], None],
) -> Iterator[Pair]:
    for source in progress(test_set.sources):
        try:
            with pillow_quiet():
                pairs = test_set.pairs(source, size)
        except Exception as error:  # whatever it is, it is this picture's: the others can be measured
            _leave_out(record, _reason(error), report)
            continue
        record.pairs += len(pairs)
        record.without_pair += not pairs
        yield from pairs
    if record.pairs == 0:
        raise DataError(
            f"nothing to measure: of {len(test_set.sources)} pictures {len(record.unreadable)} are unreadable and "
            f"{record.without_pair} got no hole that fits"
        )


def _leave_out(record: SetRecord, reason: str, report: Callable[[str], None]) -> None:
    record.unreadable.append(reason)
    report(f"left out: {reason}")


def _reason(error: Exception) -> str:
    if isinstance(error, LamaDeployError):
        return str(error)
    return f"failed unexpectedly ({type(error).__name__}: {brief(error)})"


@torch.inference_mode()
def _measure(
    measured: _Measured, pair: Pair, results: Mapping[str, Array], metrics: Sequence[Metric], device: str
) -> None:
    measured.areas.append(float(pair.hole.mean()))
    original = to_tensor(pair.rgb, device)
    hole = torch.tensor(pair.hole > 0, device=device)[None, None]
    extractors = {m.extractor: m.features for m in metrics if isinstance(m, DistributionMetric)}
    for name, features in extractors.items():
        measured.features[ORIGINALS, name].append(features(original))
    for candidate, pixels in results.items():
        result = to_tensor(pixels, device)
        for metric in metrics:
            if isinstance(metric, PairMetric):
                measured.scores[candidate, metric.name].append(metric.score(original, result, hole))
        for name, features in extractors.items():
            measured.features[candidate, name].append(features(result))


def _block(measured: _Measured, model: str, size: str, metrics: Sequence[Metric]) -> Block:
    scores = {name: np.array(scores) for (owner, name), scores in measured.scores.items() if owner == model}
    features = {
        name: (np.stack(rows), np.stack(measured.features[ORIGINALS, name]))
        for (owner, name), rows in measured.features.items()
        if owner == model
    }
    bins = np.array([bin_of(area) for area in measured.areas])
    members = {TOTAL: np.arange(len(bins))} | {area: np.flatnonzero(bins == i) for i, area in enumerate(AREAS)}
    rows = [
        Row(area, len(index), {m.name: v for m in metrics if (v := _value(m, index, scores, features))})
        for area, index in members.items()
    ]
    return Block(model, size, tuple(rows), f1_scores(rows[0].values))


def _value(
    metric: Metric, index: Array, scores: Mapping[str, Array], features: Mapping[str, tuple[Array, Array]]
) -> Value | None:
    if isinstance(metric, PairMetric):
        chosen = scores[metric.name][index]
        return Value(float(chosen.mean()), float(chosen.std())) if len(index) else None
    if len(index) < FEWEST_FOR_DISTRIBUTION:
        return None
    results, originals = features[metric.extractor]
    return Value(metric.distance(results[index], originals[index]))
