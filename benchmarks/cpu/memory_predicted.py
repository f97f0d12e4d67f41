"""How far the foretold peak memory is from the measured one: `python -m benchmarks.cpu.memory_predicted`.

Each model is measured as at its first use (`lama_deploy.runtime.measuring`). Then shapes that this has not seen, drawn
from a seed, run in a new process each: VmHWM of /proc/self/status (Linux only), of the whole process.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.cpu.memory_growth import bundle_of, seeded_weights
from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy import Inpainter
from lama_deploy.reports.machine import machine
from lama_deploy.runtime.measuring import measure, memory_of
from lama_deploy.runtime.memory_fit import peak
from lama_deploy.shapes import Shape

SEED = 20
LEAST, MOST = 50_000, 3_000_000  # pixels of all pictures
COUNTS = (1, 1, 1, 1, 2, 3, 4, 6)
LONGEST_ASPECT = 4
MANY, FEW = 40, 8
CHILD = """
import json, sys
from pathlib import Path
from lama_deploy import Inpainter
from lama_deploy.images.scenes import scene

path, shape, options = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
backend = Inpainter.load(path, **options).backend
count, height, width = shape
images, masks = scene(height, width, count)
masks[:] = 255  # what is foretold: holes that are less of a picture may take less
Path("/proc/self/clear_refs").write_text("5")
backend.run(images, masks)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) * 1024)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/memory"), help="for the exported files")
    parser.add_argument("--models", default="lama-demo,big-lama", metavar="NAME,...")
    parser.add_argument("--backends", default="onnxruntime,openvino,torch", metavar="NAME,...")
    args = parser.parse_args()
    rows = []
    for name in args.models.split(","):
        shapes = list(_shapes(MANY if name == "lama-demo" else FEW))
        for backend, path, options in _cases(name, args.folder / name):
            if backend in args.backends.split(","):
                rows.append({"model": name, "backend": backend} | _case(path, options, shapes))
                _write(rows)


def _write(rows: list[dict[str, Any]]) -> None:
    """After each case: all of them take an hour or more."""
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": "peak memory of a process that runs pictures, as foretold and as measured, 1 thread",
        "date": today,
        "method": "the error is foretold less measured, by measured, for shapes drawn with mixed aspect ratios (up to "
        f"{LONGEST_ASPECT}:1), batches of 1 to {max(COUNTS)} and {LEAST / 1e6} to {MOST / 1e6:.0f} MP, all hole, each "
        "in a new process; what is foretold comes from the runs of another process "
        "(`lama_deploy.runtime.measuring`), none of these shapes among them",
        "machine": machine((*PACKAGES, "openvino")),
        "memory_predicted": rows,
    }
    file = RESULTS / f"{today}-cpu-memory-predicted.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(f"wrote {file}")


def _shapes(count: int) -> Iterator[Shape]:
    """Pixels and aspect ratios evenly by their logarithms."""
    draw = random.Random(SEED)
    for _ in range(count):
        pictures = draw.choice(COUNTS)
        pixels = LEAST * (MOST / LEAST) ** draw.random() / pictures
        aspect = LONGEST_ASPECT ** draw.uniform(-1, 1)
        yield pictures, round((pixels * aspect) ** 0.5), round((pixels / aspect) ** 0.5)


def _cases(name: str, folder: Path) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    weights = seeded_weights(name, folder)
    yield "onnxruntime", bundle_of(weights, folder / "onnx-fp32"), {"device": "cpu"}
    yield "openvino", bundle_of(weights, folder / "openvino-fp32"), {"device": "cpu", "cache": ""}
    yield "torch", weights, {"backend": "torch", "device": "cpu"}


def _case(path: Path, options: dict[str, Any], shapes: list[Shape]) -> dict[str, Any]:
    options = options | {"threads": 1}
    recipe = Inpainter.load(path, **options).backend.capabilities.recipe
    assert recipe is not None
    record = measure(recipe)
    memory = memory_of(record)
    assert memory is not None
    runs = []
    for shape in shapes:
        runs.append({"shape": shape, "measured": _peak(path, options, shape), "foretold": peak(memory, shape)})
        print(json.dumps(runs[-1]), flush=True)
    errors = [run["foretold"] / run["measured"] - 1 for run in runs]
    sizes = sorted(map(abs, errors))
    spread = {"worst": max(errors, key=abs), "median": sizes[len(sizes) // 2], "least": min(errors)}
    return spread | {"coefficients": record["memory"], "measuring": record["runs"], "runs": runs}


def _peak(path: Path, options: dict[str, Any], shape: Shape) -> int:
    command = [sys.executable, "-c", CHILD, str(path), json.dumps(shape), json.dumps(options)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"{path}, {shape}: {result.stderr[-2000:]}")
    return int(result.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
