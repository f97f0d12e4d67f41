"""The forms of one ONNX file, side by side: `python -m benchmarks.cpu.onnx_forms [--model big-lama] [--size 512]`.

How large each is, how long it takes to open, and how long to run, in ONNX Runtime and, where it reads the form, in
OpenVINO. Rounds are interleaved; a ratio is the median over rounds of a form's time over the default form's in the same
round. `--besides NAME=FILE` times a file of another version of this package in the same rounds. Weights are seeded:
they decide nothing about time.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import onnx
import onnxruntime as ort

from benchmarks.cpu.runtimes import RESULTS
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.proof.subjects import Size
from lama_deploy.reports.machine import machine
from lama_deploy.runtime.backends.openvino_core import openvino_core
from lama_export.graph.fixed import fix_shapes
from lama_export.graph.model import onnx_from_state

DEFAULT = "default"
PACKAGES = ("onnxruntime", "openvino", "onnx", "numpy")
NOT_IN_OPENVINO = ("function", "DFT")
Feeds = Mapping[str, Any]
Run = Callable[[Feeds], Any]


def write_forms(folder: Path, model: str, size: Size) -> dict[str, Path]:
    """By name; for ONNX Runtime all decode a window around the holes, but the one for one size."""
    generator = seeded_generator(model)
    state = {key: tensor.numpy() for key, tensor in generator.state_dict().items()}
    made = lambda **options: onnx_from_state(generator.config, state, **options)  # noqa: E731
    without_shapes = made(decoder="hole")
    del without_shapes.graph.value_info[:]
    forms = {
        DEFAULT: made(decoder="hole"),
        "without latents' shapes": without_shapes,
        "function": made(decoder="hole", spectral="function"),
        "DFT": made(decoder="hole", spectral="dft"),
        "whole decoder": made(),
        "one size": fix_shapes(made(), size),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, written in forms.items():
        onnx.save(written, folder / f"{name}.onnx")
    return {name: folder / f"{name}.onnx" for name in forms}


def open_onnxruntime(file: Path, threads: int) -> Run:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.enable_mem_pattern, options.log_severity_level = threads, False, 3
    session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)


def open_openvino(file: Path, threads: int) -> Run:
    config = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino_core().compile_model(file, "CPU", config).create_infer_request()
    return lambda feeds: request.infer(feeds)


OPENERS = {"ONNX Runtime": open_onnxruntime, "OpenVINO": open_openvino}


def timed(files: Mapping[str, Path], opener: Callable[[Path, int], Run], feeds: Feeds, args: Any) -> dict[str, Any]:
    """By form: seconds to open and to run, and the run's ratio to the default form's."""
    opened, loads = {}, {name: [] for name in files}  # type: ignore[var-annotated]
    runs: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(args.loads):
        for name, file in files.items():
            start = time.perf_counter()
            opened[name] = opener(file, args.threads)
            loads[name].append(time.perf_counter() - start)
    for index in range(args.rounds + 1):
        for name, run in opened.items():
            start = time.perf_counter()
            run(feeds)
            if index:
                runs[name].append(time.perf_counter() - start)
    return {name: _summary(loads[name], runs[name], runs[DEFAULT], files[name]) for name in files}


def _summary(load: list[float], run: list[float], default: list[float], file: Path) -> dict[str, Any]:
    return {
        "megabytes": round(file.stat().st_size / 1e6, 2),
        "load_s": round(median(load), 3),
        "run_s": round(median(run), 4),
        "times_default": round(median(own / other for own, other in zip(run, default, strict=True)), 3),
    }


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", default="big-lama")
    p.add_argument("--size", type=int, default=512)
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--loads", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--besides", nargs="*", default=[], metavar="NAME=FILE")
    p.add_argument("--folder", type=Path, default=Path("build/benchmarks/forms"), help="for the exported files")
    args = p.parse_args()
    files = write_forms(args.folder, args.model, Size(args.size, args.size))
    files |= {name: Path(file) for name, file in (one.split("=", 1) for one in args.besides)}
    image, mask = scene(args.size, args.size)
    rows = {}
    for engine, opener in OPENERS.items():
        taken = {name: f for name, f in files.items() if engine != "OpenVINO" or name not in NOT_IN_OPENVINO}
        rows[engine] = timed(taken, opener, {"image": image, "mask": mask}, args)
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"Forms of the ONNX file: {args.model}, {args.size}x{args.size}, float32, {args.threads} threads",
        "date": today,
        "method": f"medians of {args.loads} interleaved loads, and of {args.rounds} interleaved rounds after one "
        "untimed; times the default: median of per-round ratios",
        "machine": machine(PACKAGES),
        "forms": rows,
    }
    (RESULTS / f"{today}-cpu-onnx-forms-{args.model}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
