"""A folder of pictures of mixed sizes: lama-inpaint's pipeline against a plain loop over the same engine.

`python -m benchmarks.cpu.folder`. 200 JPEGs of seeded scenes with one elliptic hole each, lama-demo in ONNX Runtime.
The loop is what a person writes: open, call, save, one after the other. Parts of the folder are done by every case in
turn, so that a busy neighbour hits all alike; whole pictures take long, so those cases do a fourth of them.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.checkpoints.weights import DEMO
from lama_deploy.images.folders import SHIPPED
from lama_deploy.images.opening import opened
from lama_deploy.images.pairs import Job, find_jobs
from lama_deploy.images.scenes import scene
from lama_deploy.jobs.folder import run_all
from lama_deploy.jobs.outcomes import STAGES
from lama_deploy.reports.machine import machine
from lama_deploy.runtime.inpainter import Inpainter

SIZES = ((240, 320), (480, 640), (600, 800), (768, 1024), (1200, 1600))
PARTS, EVERY = 10, 4
LEVELS = (1, 2, 3, 4, 6, 9)
Case = Callable[[list[Job]], dict[str, float]]  # does jobs; the seconds of each stage, and "whole"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/folder"))
    args = parser.parse_args()
    jobs = _pictures(args.folder, args.count)
    cases = _cases()
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    done = dict.fromkeys(cases, 0)
    for part in range(PARTS):
        for name, (do, every) in cases.items():
            some = [job for index, job in enumerate(jobs[part::PARTS]) if index // len(SIZES) % every == 0]
            seconds[name].append(do(some))
            done[name] += len(some)
        print(part, {name: round(sum(one["whole"] for one in rows), 1) for name, rows in seconds.items()}, flush=True)
    rows = {name: _row(done[name], seconds[name]) for name in cases}
    _write({"rows": rows, "png_levels": _png_levels()}, args.count)


def _cases() -> dict[str, tuple[Case, int]]:
    """(what does jobs, every how many of them it does)."""
    auto = Inpainter.load(DEMO, backend="onnxruntime", threads=2)
    whole = Inpainter.load(DEMO, backend="onnxruntime", threads=2, strategy="whole")
    streams = Inpainter.load(DEMO, backend="onnxruntime", threads=2, streams=2)
    return {
        "a loop, whole pictures": (lambda jobs: _loop(whole, jobs), EVERY),
        "the pipeline, whole pictures": (lambda jobs: _pipeline(whole, jobs), EVERY),
        "a loop, strategy auto": (lambda jobs: _loop(auto, jobs), 1),
        "the pipeline, strategy auto": (lambda jobs: _pipeline(auto, jobs), 1),
        "the pipeline, strategy auto, 2 streams": (lambda jobs: _pipeline(streams, jobs), 1),
    }


def _loop(inpaint: Inpainter, jobs: list[Job]) -> dict[str, float]:
    seconds = dict.fromkeys(STAGES, 0.0)
    first = time.perf_counter()
    for job in jobs:
        start = time.perf_counter()
        with opened(job.image) as image, opened(job.mask) as mask:
            image.load()
            mask.load()
            read = time.perf_counter()
            result = inpaint(image, mask)
        inferred = time.perf_counter()
        result.save(job.output)
        written = time.perf_counter()
        for stage, took in zip(STAGES, (read - start, inferred - read, written - inferred), strict=True):
            seconds[stage] += took
    return seconds | {"whole": time.perf_counter() - first}


def _pipeline(inpaint: Inpainter, jobs: list[Job]) -> dict[str, float]:
    ended: list[dict[str, float]] = []
    first = time.perf_counter()
    if run_all(inpaint, jobs, outcome=lambda job, one: ended.append(dict(one.seconds))):
        raise SystemExit("a picture failed")
    whole = time.perf_counter() - first
    return {stage: sum(one[stage] for one in ended) for stage in STAGES} | {"whole": whole}


def _row(count: int, parts: list[dict[str, float]]) -> dict[str, float]:
    total = {stage: round(sum(part[stage] for part in parts), 2) for stage in ("whole", *STAGES)}
    return {"pictures": count, "per_second": round(count / total["whole"], 3), **total}


def _pictures(folder: Path, count: int) -> list[Job]:
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("images", "masks", "out"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        height, width = SIZES[number // PARTS % len(SIZES)]  # within each part all, in turn
        images, _ = scene(height, width, seed=number)
        Image.fromarray(images[0]).save(folder / f"images/{number:03d}.jpg", quality=90)
        _mask(height, width, number).save(folder / f"masks/{number:03d}.png")
    return find_jobs(folder / "images", folder / "masks", folder / "out").jobs


def _mask(height: int, width: int, seed: int) -> Image.Image:
    """An ellipse of 10 to 30 per cent of each side, anywhere."""
    random = np.random.default_rng(seed)
    across, down = (int(side * random.uniform(0.1, 0.3)) for side in (width, height))
    left, top = int(random.integers(width - across)), int(random.integers(height - down))
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).ellipse((left, top, left + across, top + down), fill=255)
    return mask


def _png_levels() -> dict[str, dict[str, float]]:
    """Seconds and bytes a pixel of each level, of the six photographs that ship: why SaveOptions has its default."""
    pictures = []
    for path in sorted(SHIPPED.glob("*.jpg")):
        with opened(path) as image:
            pictures.append(image.convert("RGB"))
    pixels = sum(picture.width * picture.height for picture in pictures)
    found = {}
    for level in LEVELS:
        start, size = time.perf_counter(), 0
        for picture in pictures:
            stream = io.BytesIO()
            picture.save(stream, "PNG", compress_level=level)
            size += stream.tell()
        took = time.perf_counter() - start
        found[str(level)] = {"s_a_megapixel": round(took / pixels * 1e6, 3), "bytes_a_pixel": round(size / pixels, 3)}
    return found


def _write(found: dict[str, Any], count: int) -> None:
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"a folder of {count} pictures of 320x240 to 1600x1200 in ONNX Runtime, lama-demo, 2 threads",
        "date": today,
        "method": "JPEGs of seeded scenes, one elliptic hole each, results in PNG; the loop opens, calls and saves "
        f"with Pillow's defaults; {PARTS} parts, every case in turn; stages of a pipeline run at the same time",
        "machine": machine((*PACKAGES, "pillow")),
        "folder": found,
    }
    file = RESULTS / f"{today}-cpu-folder.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(found, indent=1), f"\nwrote {file}")


if __name__ == "__main__":
    main()
