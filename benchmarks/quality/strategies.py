"""What each strategy makes of large photographs: `python -m benchmarks.quality.strategies CORPUS --large DIR`.

CORPUS is what examples/demo_model/build_corpus.py made; its test photographs were never trained on, and have two
megapixels at most. DIR: larger photographs. Holes: an object of three per cent of the picture, and thin lines across
it. The truth is the photograph itself.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from benchmarks.drawn_holes import hole_of_lines, hole_of_object
from benchmarks.quality.iopaint import iopaint_fill
from lama_deploy import Inpainter
from lama_deploy.arrays import Array
from lama_deploy.evaluation.networks import st_lpips
from lama_deploy.images.opening import opened
from lama_deploy.reports.machine import machine
from lama_deploy.runtime.strategies.options import StrategyOptions

OURS = ("whole", "crop", "resize", "tile", "auto")
IOPAINT = {"IOPaint crop": "Crop", "IOPaint resize": "Resize"}
PATCH, PATCHES = 256, 4  # pixels a side, and how many of a picture are compared by ST-LPIPS
LARGEST_WHOLE = 4  # megapixels
Fill = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Case:
    megapixels: int
    holes: str
    truth: Array
    hole: Array


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--large", type=Path, help="a folder of photographs of 12 megapixels and more")
    parser.add_argument("--iopaint", type=Path, help="where its wheel and loguru's are unpacked")
    parser.add_argument("--model", default="lama-demo")
    parser.add_argument("--photographs", type=int, default=5, help="of each size (default: 5)")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    fills = _fills(args.model, args.threads, args.iopaint)
    distance = st_lpips("alex")("cpu", {})
    scores: dict[tuple[int, str, str], list[dict[str, float]]] = defaultdict(list)
    for case in _cases(args.corpus / "test", args.large, args.photographs):
        for name, fill in fills.items():
            if name == "whole" and case.megapixels > LARGEST_WHOLE:
                continue
            row = scores_of(case.truth, case.hole, fill(case.truth, case.hole), distance)
            scores[case.megapixels, case.holes, name].append(row)
            print(case.megapixels, case.holes, name, {key: round(value, 4) for key, value in row.items()}, flush=True)
    _write(args, scores)


def _fills(model: str, threads: int, iopaint: Path | None) -> Mapping[str, Fill]:
    backend = Inpainter.load(model, backend="onnxruntime", threads=threads).backend
    fills = {name: _ours(Inpainter(backend, StrategyOptions(strategy=name))) for name in OURS}  # type: ignore[arg-type]
    if iopaint is not None:
        whole = Inpainter(backend, "whole")
        fills |= {name: iopaint_fill(iopaint, whole, strategy) for name, strategy in IOPAINT.items()}
    return fills


def _ours(inpainter: Inpainter) -> Fill:
    return lambda image, hole: inpainter.run(image[None], hole[None])[0]


def _cases(held_out: Path, large: Path | None, count: int) -> Iterator[Case]:
    of_size = {1: held_out, 2: held_out} | ({4: large, 12: large} if large is not None else {})
    for megapixels, folder in of_size.items():
        found = [path for path in sorted(folder.iterdir()) if _pixels(path) > 0.9e6 * megapixels]
        for seed, path in enumerate(found[:: max(1, len(found) // count)][:count]):
            truth = _photograph(path, megapixels)
            for holes, draw in (("object", hole_of_object), ("lines", hole_of_lines)):
                yield Case(megapixels, holes, truth, draw(truth.shape[:2], seed))


def _pixels(path: Path) -> int:
    with opened(path) as image:
        return image.width * image.height


def _photograph(path: Path, megapixels: int) -> Array:
    with opened(path) as given:
        image = given.convert("RGB")
    scale = min(1.0, (megapixels * 1e6 / (image.width * image.height)) ** 0.5)
    return np.asarray(image.resize((int(image.width * scale), int(image.height * scale)), Image.Resampling.LANCZOS))


def scores_of(truth: Array, holes: Array, result: Array, distance: Callable[..., float]) -> dict[str, float]:
    """seam: gradients across the hole's edge, as parts of the truth's; sharpness: the same inside the hole.

    truth, result: (H, W, 3) uint8, holes: (H, W), nonzero = hole. distance: ST-LPIPS.
    """
    hole = holes > 0
    assert np.array_equal(truth[~hole], result[~hole])
    difference = np.abs(truth[hole].astype(np.int16) - result[hole])
    return {
        "l1": float(difference.mean()) / 255,
        "st_lpips": _perceived(truth, result, hole, distance),
        "seam": _gradients(result, hole, across=True) / _gradients(truth, hole, across=True),
        "sharpness": _gradients(result, hole, across=False) / _gradients(truth, hole, across=False),
    }


def _gradients(image: Array, hole: Array, *, across: bool) -> float:
    """The mean difference of neighbours, of which one is hole and one known, or both are hole."""
    found = []
    for axis in (0, 1):
        steps = np.abs(np.diff(image.astype(np.int16), axis=axis)).mean(axis=2)
        first, second = np.delete(hole, -1, axis), np.delete(hole, 0, axis)
        found.append(steps[first != second] if across else steps[first & second])
    return float(np.concatenate(found).mean())


def _perceived(truth: Array, result: Array, hole: Array, distance: Callable[..., float]) -> float:
    """ST-LPIPS of patches around points of the hole."""
    points = np.argwhere(hole)[np.random.default_rng(0).integers(0, np.count_nonzero(hole), PATCHES)]
    corners = np.clip(points - PATCH // 2, 0, np.array(hole.shape) - PATCH)
    pairs = [[_planes(image[y : y + PATCH, x : x + PATCH]) for image in (truth, result)] for y, x in corners]
    return float(np.mean([distance(one, other, None) for one, other in pairs]))


def _planes(patch: Array) -> torch.Tensor:
    return torch.tensor(patch).permute(2, 0, 1)[None].float() / 255


def _write(args: argparse.Namespace, scores: Mapping[tuple[int, str, str], list[dict[str, float]]]) -> None:
    today = datetime.now(UTC).date().isoformat()
    rows = [
        {"megapixels": megapixels, "holes": holes, "strategy": name, "photographs": len(some)}
        | {key: float(np.mean([one[key] for one in some])) for key in some[0]}
        for (megapixels, holes, name), some in scores.items()
    ]
    record: dict[str, Any] = {
        "what": f"Strategies on photographs, {args.model}, ONNX Runtime, {args.threads} threads",
        "date": today,
        "method": "means over photographs; 1 and 2 megapixels: held out; 4 and 12: larger than any that the model was "
        "trained on, which had smaller copies of them. seam and sharpness: mean differences of neighbours "
        f"across the hole's edge and inside it, as parts of the truth's. ST-LPIPS: alex, {PATCHES} patches of {PATCH} "
        "pixels at points of the hole. IOPaint: its own code around the same model, with its defaults",
        "machine": machine(PACKAGES),
        "strategies": rows,
    }
    file = RESULTS / f"{today}-cpu-strategies-{args.model}.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(f"wrote {file}")


if __name__ == "__main__":
    main()
