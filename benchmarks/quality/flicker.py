"""How much the fill of a clip flickers: `python -m benchmarks.quality.flicker CORPUS [--model MODEL] [--frames N]`.

Clips are made from photographs of CORPUS/test (examples/demo_model/build_corpus.py), so that what lies behind the hole
is known and does not move: 1280x720 pixels, noise of its own in every frame, and a hole or a camera that moves. Each
clip is filled twice: windows chosen anew for every frame's hole, and held still by `jobs.video.spans`. Measured is the
mean change from frame to frame of what was filled in both, at the same place of the scene, in levels of 255: the
scene's own change is none.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy import Inpainter
from lama_deploy.arrays import Array
from lama_deploy.images.folders import is_picture
from lama_deploy.images.opening import opened
from lama_deploy.jobs.video.spans import spans
from lama_deploy.reports.machine import machine

SIZE = (720, 1280)
RADIUS = 60  # pixels, of the hole, a disc
SPEED = 5  # pixels a frame of what moves on purpose
TREMBLING = 5  # pixels, as masks tremble that a network drew for each frame by itself
NOISE = 2.0  # levels, standard deviation

Places = Callable[[int, np.random.Generator], tuple[int, int]]


@dataclass(frozen=True)
class Case:
    """pan: pixels that the camera moves to the right a frame. place: of the hole's middle (y, x) in the frame."""

    text: str
    pan: int
    place: Places


def _trembling(index: int, rng: np.random.Generator) -> tuple[int, int]:
    y, x = rng.integers(-TREMBLING, TREMBLING + 1, 2).tolist()
    return 360 + y, 640 + x


def _passing(index: int, rng: np.random.Generator) -> tuple[int, int]:
    return 360, 320 + SPEED * index


def _passed(index: int, rng: np.random.Generator) -> tuple[int, int]:
    """Of a thing that stands, while the camera moves."""
    y, x = _trembling(index, rng)
    return y, x + 200 - SPEED * index


CASES = {
    "trembling": Case("a mask that trembles by up to 5 pixels", 0, _trembling),
    "passing": Case("a hole that passes at 5 pixels a frame", 0, _passing),
    "panning": Case("a camera that pans by 5 pixels a frame, the mask trembling", SPEED, _passed),
}


@dataclass(frozen=True)
class Clip:
    """frames (N, H, W, 3) uint8, holes (N, H, W) uint8."""

    frames: Array
    holes: Array
    pan: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--model", default="lama-demo")
    parser.add_argument("--photographs", type=int, default=4)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    inpainter = Inpainter.load(args.model, threads=args.threads)
    photographs = _photographs(args.corpus / "test", args.photographs, args.frames)
    work = [(name, case, photograph) for photograph in photographs for name, case in CASES.items()]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CASES}
    for name, case, photograph in tqdm(work):
        found[name].append(_measured(inpainter, _clip(photograph, case, args.frames)))
    _write(args, [path.name for path in photographs], found)


def _photographs(folder: Path, count: int, frames: int) -> list[Path]:
    """Evenly over those, by name, that are large enough for every clip."""
    height, width = SIZE[0], SIZE[1] + SPEED * frames
    fitting = []
    for path in filter(is_picture, sorted(folder.iterdir())):
        with opened(path) as image:
            if image.width >= width and image.height >= height:
                fitting.append(path)
    return fitting[:: max(1, len(fitting) // count)][:count]


def _clip(photograph: Path, case: Case, frames: int) -> Clip:
    rng = np.random.default_rng(0)
    with opened(photograph) as image:
        scene = np.asarray(image.convert("RGB"))
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    pictures, holes = [], []
    for index in range(frames):
        seen = scene[: SIZE[0], case.pan * index :][:, : SIZE[1]]
        noisy = seen + rng.normal(0, NOISE, seen.shape)
        pictures.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
        middle = case.place(index, rng)
        holes.append(((y - middle[0]) ** 2 + (x - middle[1]) ** 2 <= RADIUS**2).astype(np.uint8))
    return Clip(np.stack(pictures), np.stack(holes), case.pan)


def _measured(inpainter: Inpainter, clip: Clip) -> dict[str, float]:
    """Levels, and how often windows moved, for each way of choosing them."""
    each = [(hole, hole) for hole in clip.holes]
    found = {}
    for name, windows in (("each frame's own", each), ("held still", list(spans(clip.holes)))):
        filled = [
            inpainter.run(frame[None], hole[None], around=around)[0]
            for frame, (hole, around) in zip(clip.frames, windows, strict=True)
        ]
        plans = [tuple((s.window, s.size) for s in inpainter.plan(around).steps) for _, around in windows]
        found[name] = float(np.mean(list(_changes(filled, clip))))
        found[f"{name}: windows moved"] = sum(one != other for one, other in pairwise(plans))
    return found


def _changes(filled: list[Array], clip: Clip) -> Iterator[float]:
    """Of each frame from the one before, where both are filled, in the scene's place."""
    width = SIZE[1] - clip.pan
    for (before, hole_before), (after, hole_after) in pairwise(zip(filled, clip.holes, strict=True)):
        both = (hole_before[:, clip.pan :] & hole_after[:, :width]) > 0
        yield float(np.abs(before[:, clip.pan :].astype(np.int16) - after[:, :width])[both].mean())


def _write(args: argparse.Namespace, photographs: list[str], found: dict[str, list[dict[str, float]]]) -> None:
    today = datetime.now(UTC).date().isoformat()
    flicker = {
        CASES[name].text: {what: round(float(np.mean([one[what] for one in ones])), 3) for what in ones[0]}
        for name, ones in found.items()
    }
    content = {
        "what": f"Flicker of {args.model} in clips: windows held still against each frame's own",
        "date": today,
        "method": f"{len(photographs)} photographs, {args.frames} frames of {SIZE[1]}x{SIZE[0]} each with noise of its "
        f"own (sigma {NOISE:g}), a disc of radius {RADIUS} as hole; mean change of the fill from frame to frame at the "
        "same place of the scene, which does not move, in levels of 255",
        "machine": machine(PACKAGES),
        "photographs": photographs,
        "flicker": flicker,
        "by_photograph": found,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{today}-flicker.json").write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps(flicker, indent=1))


if __name__ == "__main__":
    main()
