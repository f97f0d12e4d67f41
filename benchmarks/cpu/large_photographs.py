"""Time and peak memory of large photographs with one hole: `python -m benchmarks.cpu.large_photographs PHOTOGRAPH`.

A photograph is made 12 and 48 megapixels large, with an object of three per cent of it to remove. Each way of filling
it runs in new processes, in turns: the call of an Inpainter with two files, decoding included; VmHWM of
/proc/self/status (Linux only) after it, everything included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from benchmarks.drawn_holes import hole_of_object
from lama_deploy.images.opening import opened
from lama_deploy.reports.machine import machine

SIZES = {12: (4000, 3000), 48: (8000, 6000)}  # by megapixels: width and height
EAGER = "eager PyTorch, whole"
# (megapixels, what `Inpainter.load` is given besides the model)
WAYS: Mapping[str, tuple[tuple[int, ...], Mapping[str, str]]] = {
    EAGER: ((12,), {"backend": "torch", "strategy": "whole"}),
    "PyTorch, auto": ((12, 48), {"backend": "torch", "strategy": "auto"}),
    "ONNX Runtime, auto": ((12, 48), {"backend": "onnxruntime", "strategy": "auto"}),
}
CHILD = """
import json, sys, time
from lama_deploy import Inpainter
image, mask, model, options = *sys.argv[1:4], json.loads(sys.argv[4])
inpaint = Inpainter.load(model, device="cpu", **options)
began = time.perf_counter()
result = inpaint(image, mask)
seconds = time.perf_counter() - began
with open("/proc/self/status") as file:
    peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
print(json.dumps({"seconds": seconds, "peak_bytes": peak}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--model", default="lama-demo")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/large"), help="for the pictures")
    args = parser.parse_args()
    pictures = _pictures(args.photograph, args.folder)
    runs: dict[str, list[dict[str, Any]]] = {}
    for _ in range(args.rounds):
        for name, (sizes, options) in WAYS.items():
            for megapixels in sizes:
                case = f"{megapixels} megapixels, {name}"
                runs.setdefault(case, []).append(
                    _run(pictures[megapixels], args.model, {"threads": args.threads, **options})
                )
                print(case, runs[case][-1], flush=True)
    _write(args, runs)


def _pictures(photograph: Path, folder: Path) -> dict[int, tuple[Path, Path]]:
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for megapixels, size in SIZES.items():
        image, mask = folder / f"{megapixels}.jpg", folder / f"{megapixels}-mask.png"
        with opened(photograph) as given:
            given.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(image, quality=95)
        Image.fromarray(hole_of_object(size[::-1], seed=0) * 255).save(mask)
        made[megapixels] = image, mask
    return made


def _run(files: tuple[Path, Path], model: str, options: Mapping[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-c", CHILD, *map(str, files), model, json.dumps(options)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"{files[0]}, {options}: {result.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def _write(args: argparse.Namespace, runs: Mapping[str, list[dict[str, Any]]]) -> None:
    today = datetime.now(UTC).date().isoformat()
    eager = runs[f"12 megapixels, {EAGER}"]
    rows = {
        case: {
            "seconds": median(run["seconds"] for run in some),
            "times_eager": median(one["seconds"] / run["seconds"] for one, run in zip(eager, some, strict=True)),
            "peak_bytes": max(run["peak_bytes"] for run in some),
        }
        for case, some in runs.items()
    }
    record = {
        "what": f"Large photographs with one object to remove, {args.model}, {args.threads} threads",
        "date": today,
        "method": f"{args.rounds} rounds in new processes, in turns; seconds of a call with two files, decoding "
        "included: medians; times eager: medians of the rounds' ratios to eager PyTorch on the whole picture of 12 "
        "megapixels; the largest peak of memory (VmHWM), everything included. The hole is three per cent of it",
        "machine": machine(PACKAGES),
        "large_photographs": rows,
    }
    file = RESULTS / f"{today}-cpu-large-photographs-{args.model}.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(f"wrote {file}")


if __name__ == "__main__":
    main()
