"""How long from a bundle's file to the first result, each time in a new process: `python -m benchmarks.cpu.load`.

Reading the file is timed apart: it is in the page cache, and its bytes are read once before the session opens.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import onnx

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.model import seeded_generator
from lama_deploy.reports.machine import machine
from lama_export.graph.model import onnx_from_state

SIZES = (256, 512)
FORMS = {"one file": "load.onnx", "weights in a second file": "load_external.onnx"}
RUNS = 7
CHILD = """
import json, sys, time
from lama_deploy import Inpainter
import onnxruntime
from lama_deploy.images.scenes import scene
path, size = sys.argv[1], int(sys.argv[2])
images, masks = scene(size, size)
start = time.perf_counter(); open(path, "rb").read(); read = time.perf_counter() - start
start = time.perf_counter(); inpaint = Inpainter.load(path, threads=2); loaded = time.perf_counter() - start
inpaint.run(images, masks); first = time.perf_counter() - start
start = time.perf_counter(); inpaint.run(images, masks); second = time.perf_counter() - start
print(json.dumps({"read_file": read, "load": loaded, "load_to_first_result": first, "later_result": second}))
"""


def main() -> None:
    folder = Path("build/benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    generator = seeded_generator("big-lama")
    state = {key: tensor.numpy() for key, tensor in generator.state_dict().items()}
    model = onnx_from_state(generator.config, state)
    onnx.save(model, folder / FORMS["one file"])
    external, data = FORMS["weights in a second file"], "load_external.data"
    onnx.save(model, folder / external, save_as_external_data=True, location=data)
    seconds = {
        f"{form}, {size}x{size}": [_run(folder / file, size) for _ in range(RUNS)]
        for size in SIZES
        for form, file in FORMS.items()
    }
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": "big-lama bundle, ONNX Runtime, 2 threads: seconds in a new process, imports done",
        "date": today,
        "method": f"median (minimum) of {RUNS} processes; the load includes reading the cached file",
        "machine": machine(PACKAGES),
        "load": {case: {key: _both([run[key] for run in runs]) for key in runs[0]} for case, runs in seconds.items()},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{today}-cpu-load-big-lama.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["load"], indent=1))


def _run(file: Path, size: int) -> dict[str, float]:
    result = subprocess.run([sys.executable, "-c", CHILD, str(file), str(size)], check=True, capture_output=True)
    return dict(json.loads(result.stdout))


def _both(values: list[float]) -> dict[str, float]:
    return {"median_s": round(median(values), 3), "min_s": round(min(values), 3)}


if __name__ == "__main__":
    main()
