"""One photograph filled by each strategy: `python -m benchmarks.quality.strategy_pictures PHOTOGRAPH OUT`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.drawn_holes import hole_of_object
from lama_deploy import Inpainter, StrategyOptions
from lama_deploy.arrays import Array
from lama_deploy.images.opening import opened

STRATEGIES = ("whole", "crop", "resize", "tile")
SIDE = 360  # pixels of each picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="lama-demo")
    parser.add_argument("--pixels", type=float, default=2e6, help="of the photograph (default: 2 megapixels)")
    args = parser.parse_args()
    with opened(args.photograph) as given:
        scale = min(1.0, (args.pixels / (given.width * given.height)) ** 0.5)
        truth = np.asarray(given.convert("RGB").resize((int(given.width * scale), int(given.height * scale))))
    hole = hole_of_object(truth.shape[:2], seed=1)
    backend = Inpainter.load(args.model, backend="onnxruntime").backend
    shown = [np.where(hole[..., None] > 0, np.uint8(255), truth)]
    for strategy in STRATEGIES:
        inpainter = Inpainter(backend, StrategyOptions(strategy=strategy, limit=512))  # type: ignore[arg-type]
        shown.append(inpainter.run(truth[None], hole[None])[0])
    Image.fromarray(np.hstack([_around(picture, hole) for picture in (*shown, truth)])).save(args.out, quality=90)


def _around(picture: Array, hole: Array) -> Array:
    """A square around the hole, a quarter of it on each side."""
    rows, columns = np.nonzero(hole)
    side = int(1.5 * max(np.ptp(rows), np.ptp(columns)))
    top, left = (
        int(np.clip(np.mean(one) - side / 2, 0, n - side)) for one, n in zip((rows, columns), hole.shape, strict=True)
    )
    return np.asarray(Image.fromarray(picture[top : top + side, left : left + side]).resize((SIDE, SIDE)))


if __name__ == "__main__":
    main()
