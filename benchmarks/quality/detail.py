"""What detail from similar places is worth at a lower resolution: `python -m benchmarks.quality.detail DIR`.

No model fills here: the truth, made smaller, is what "resize" would get from a model that is always right. So what is
lost is resolution alone. DIR: photographs of 2 megapixels and more.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from benchmarks.drawn_holes import hole_of_object
from benchmarks.quality.strategies import scores_of
from lama_deploy.arrays import Array
from lama_deploy.evaluation.networks import st_lpips
from lama_deploy.images.opening import opened
from lama_deploy.reports.machine import machine
from lama_deploy.runtime.strategies.detail import detailed
from lama_deploy.runtime.strategies.holes import find_holes
from lama_deploy.runtime.strategies.resample import enlarged, shrunk

SCALE = 0.4
MARGIN = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--photographs", type=int, default=6, help="of each folder (default: 6)")
    args = parser.parse_args()
    distance = st_lpips("alex")("cpu", {})
    rows: list[dict[str, dict[str, float]]] = []
    for folder in args.folders:
        found = sorted(folder.iterdir())
        for seed, path in enumerate(found[:: max(1, len(found) // args.photographs)][: args.photographs]):
            with opened(path) as image:
                truth = np.asarray(image.convert("RGB"))
            window, hole = _window(truth, hole_of_object(truth.shape[:2], seed))
            results = _results(window, hole)
            rows.append({name: scores_of(window, hole, result, distance) for name, result in results.items()})
            print(path.name, rows[-1], flush=True)
    _write(rows)


def _window(truth: Array, hole: Array) -> tuple[Array, Array]:
    """What "resize" would take of it."""
    place = find_holes(hole, MARGIN)[0].window.place
    return np.ascontiguousarray(truth[place]), np.ascontiguousarray(hole[place])


def _results(truth: Array, hole: Array) -> dict[str, Array]:
    size = (int(hole.shape[0] * SCALE) // 8 * 8, int(hole.shape[1] * SCALE) // 8 * 8)
    small, _ = shrunk(truth, np.zeros_like(hole), size)
    _, small_hole = shrunk(truth, hole, size)
    large = enlarged(small, (hole.shape[0], hole.shape[1]))
    with_detail = detailed(large, np.where(hole[..., None] > 0, np.uint8(0), truth), hole, small, small_hole)
    filled = {"enlarged": large, "with detail": with_detail}
    return {name: np.where(hole[..., None] > 0, result, truth) for name, result in filled.items()}


def _write(rows: list[dict[str, dict[str, float]]]) -> None:
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"A right fill at a lower resolution, {len(rows)} photographs, objects of three per cent",
        "date": today,
        "method": f"the truth at {SCALE} of its size stands for the model's fill; means. seam and sharpness: mean "
        "differences of neighbours across the hole's edge and inside it, as parts of the truth's",
        "machine": machine(PACKAGES),
        "detail": {
            name: {metric: float(np.mean([row[name][metric] for row in rows])) for metric in rows[0][name]}
            for name in rows[0]
        },
    }
    file = RESULTS / f"{today}-cpu-detail.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(f"wrote {file}")


if __name__ == "__main__":
    main()
