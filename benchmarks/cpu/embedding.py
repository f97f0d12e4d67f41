"""What a call costs besides the engine's own, in C++ and in Python: `python -m benchmarks.cpu.embedding`.

lama-demo in ONNX Runtime and OpenVINO, two threads. Both languages have a clock around the engine alone: the rest of a
call is checks, the mask, the strategy, copies and the result. C++ and Python take turns, a process of C++ at a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.arrays import Array
from lama_deploy.checkpoints.weights import DEMO, load_weights
from lama_deploy.reports.machine import machine
from lama_deploy.runtime.backend import Backend
from lama_deploy.runtime.inpainter import Inpainter
from lama_export import ExportOptions, export_bundle

FOLDER = Path("build/benchmarks/embedding")
SOURCES = Path(__file__).parents[2] / "cpp"
# (height, width), share of it that a rectangle in its middle hides, rounds of each turn.
PICTURES: Mapping[str, tuple[tuple[int, int], float, int]] = {
    "512x512, whole": ((512, 512), 0.03, 6),
    "4000x3000, by crop": ((3000, 4000), 0.002, 3),
}
ENGINES = {"onnx": ("onnxruntime", "capi"), "openvino": ("openvino", "libs")}
TURNS = 5
Times = list[tuple[float, float]]  # (all of a call, the engine's part) in ms


class Timed:
    """A backend with a clock."""

    def __init__(self, inside: Backend) -> None:
        self.name, self.device, self.capabilities = inside.name, inside.device, inside.capabilities
        self._inside, self.spent = inside, 0.0

    def run(self, images: Array, masks: Array) -> Array:
        start = time.perf_counter()
        result = self._inside.run(images, masks)
        self.spent += time.perf_counter() - start
        return result


def main() -> None:
    program = _program()
    rows: dict[str, dict[str, float]] = {}
    for target in ENGINES:
        bundle = FOLDER / target
        if not bundle.is_dir():
            export_bundle(load_weights(DEMO), bundle, ExportOptions(target=target))
        for name, picture in PICTURES.items():
            of_c, of_python = _in_turns(program, bundle, target, *picture)
            rows[f"{ENGINES[target][0]}, {name}"] = _row(of_c, of_python)
            print(name, rows[f"{ENGINES[target][0]}, {name}"], flush=True)
    _write(rows)


def _program() -> Path:
    """Compiled by CMake, which comes with the development environment."""
    tree = FOLDER / "tree"
    for step in (["-S", str(SOURCES), "-B", str(tree)], ["--build", str(tree), "--target", "overhead"]):
        subprocess.run(["cmake", *step], check=True, stdout=subprocess.DEVNULL)
    return tree / "tests" / "overhead"


def _in_turns(
    program: Path, bundle: Path, target: str, size: tuple[int, int], share: float, rounds: int
) -> tuple[Times, Times]:
    of_c: Times = []
    of_python: Times = []
    opened = Inpainter.load(bundle, threads=2)
    for _ in range(TURNS):
        of_c += _by_c(program, bundle, target, size, share, rounds)
        of_python += _by_python(opened.backend, size, share, rounds)
    return of_c, of_python


def _by_c(program: Path, bundle: Path, target: str, size: tuple[int, int], share: float, rounds: int) -> Times:
    package, folder = ENGINES[target]
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    environment = {**os.environ, "LAMA_ENGINE": str(Path(spec.origin).parent / folder), "OMP_NUM_THREADS": "2"}
    command = [program, bundle, *map(str, (size[1], size[0], share, rounds))]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    pairs = (line.split() for line in done.stdout.splitlines())
    return [(int(whole) / 1e6, int(engine) / 1e6) for whole, engine in pairs]


def _by_python(backend: Backend, size: tuple[int, int], share: float, rounds: int) -> Times:
    timed = Timed(backend)
    inpaint = Inpainter(timed)  # type: ignore[arg-type]
    (height, width), side = size, share**0.5
    image = (np.arange(height * width * 3, dtype=np.uint32) * np.uint32(2654435761) >> 24).astype(np.uint8)
    image, mask = image.reshape(height, width, 3), np.zeros(size, np.uint8)
    rows, columns = int(height * side), int(width * side)
    mask[(height - rows) // 2 : (height + rows) // 2, (width - columns) // 2 : (width + columns) // 2] = 255
    inpaint(image, mask)
    times: Times = []
    for _ in range(rounds):
        timed.spent, start = 0.0, time.perf_counter()
        inpaint(image, mask)
        times.append(((time.perf_counter() - start) * 1e3, timed.spent * 1e3))
    return times


def _row(of_c: Times, of_python: Times) -> dict[str, float]:
    row = {}
    for name, times in (("c", of_c), ("python", of_python)):
        row[f"{name}_ms"] = round(median(whole - engine for whole, engine in times), 3)
        row[f"{name}_share"] = round(median((whole - engine) / engine for whole, engine in times), 5)
    row["engine_ms"] = round(median(engine for _, engine in of_c + of_python), 1)
    return row


def _write(rows: dict[str, dict[str, float]]) -> None:
    today = datetime.now(UTC).date().isoformat()
    record: dict[str, Any] = {
        "what": "What a call costs besides the engine's own, in C++ and in Python: lama-demo on a CPU",
        "date": today,
        "method": f"median of {TURNS} turns of each language, {PICTURES['512x512, whole'][2]} or "
        f"{PICTURES['4000x3000, by crop'][2]} calls a turn, with a clock around the engine; the picture is RGB in "
        "memory, and so is the result",
        "machine": machine((*PACKAGES, "openvino")),
        "embedding": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{today}-cpu-embedding.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
