"""Files for phones beside ONNX Runtime on one thread of a CPU: `python -m benchmarks.cpu.phones [--size 256]`.

lama-demo, as `lama-export` writes it for each engine at one size, run by its backend. Rounds are interleaved; a ratio
is the median over rounds of an engine's time over ONNX Runtime's in the same round. No phone is measured.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.cpu.runtimes import RESULTS, Run, interleaved
from lama_deploy import Inpainter
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.images.scenes import scene
from lama_deploy.proof.subjects import Size
from lama_deploy.reports.machine import machine
from lama_export import ExportOptions, export_bundle
from lama_export.options import Precision, Target

BESIDE = "ONNX Runtime"
BUNDLES: dict[str, tuple[Target, Precision]] = {
    BESIDE: ("onnx", "fp32"),
    "LiteRT": ("litert", "fp32"),
    "LiteRT --int8": ("litert", "int8"),
    "MNN": ("mnn", "fp32"),
    "MNN --fp16": ("mnn", "fp16"),
    "MNN --int8": ("mnn", "int8"),
    "ncnn": ("ncnn", "fp32"),
    "ncnn --fp16": ("ncnn", "fp16"),
}
PACKAGES = ("onnxruntime", "ai-edge-litert", "MNN", "ncnn", "numpy")


def opened(name: str, folder: Path, size: int) -> tuple[Run, int]:
    """A backend on one thread, and the bytes of its files; the bundle is written where there is none."""
    target, precision = BUNDLES[name]
    bundle = folder / f"{target}-{precision}-{size}"
    if not bundle.exists():
        # Times are compared here; what the files compute is proven by every export, on more pictures.
        options = ExportOptions(
            target=target, precision=precision, size=(size, size), parity_subjects=[Size(size, size)]
        )
        export_bundle(load_weights("lama-demo"), bundle, options)
    files = sum(file.stat().st_size for file in bundle.iterdir() if file.name != "bundle.json")
    return Inpainter.load(bundle, threads=1).backend.run, files


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", type=int, default=256)
    p.add_argument("--rounds", type=int, default=25)
    p.add_argument("--folder", type=Path, default=Path("build/benchmarks/phones"), help="for the exported files")
    args = p.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    made = {name: opened(name, args.folder, args.size) for name in BUNDLES}
    seconds = interleaved({name: run for name, (run, _) in made.items()}, *scene(args.size, args.size), args.rounds)
    rows = {
        name: {
            "megabytes": round(made[name][1] / 1e6, 1),
            "median_s": round(median(own), 3),
            "times_onnxruntime": round(median(a / b for a, b in zip(own, seconds[BESIDE], strict=True)), 2),
        }
        for name, own in seconds.items()
    }
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"Files for phones, on one thread of a CPU: lama-demo, {args.size}x{args.size}",
        "date": today,
        "method": f"{args.rounds} interleaved rounds after one untimed; times ONNX Runtime: median of per-round ratios",
        "machine": machine(PACKAGES),
        "phones": rows,
    }
    (RESULTS / f"{today}-cpu-phones.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
