"""Whether memory stays flat: 5,000 pictures through one Inpainter: `python -m benchmarks.cpu.flat_memory`.

Each backend has a process of its own. Sizes are drawn from 24 to 128 pixels a side, so that nearly every picture has a
shape that the engine has not met before, which is the worst that its caches of shapes can be given.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.checkpoints.weights import DEMO, load_weights
from lama_deploy.proof.subjects import Size
from lama_deploy.reports.machine import machine
from lama_export import ExportOptions, export_bundle

COUNT, EVERY = 5000, 250
CHILD = """
import json, sys
import numpy as np
from lama_deploy import Inpainter
from lama_deploy.images.scenes import scene
from lama_deploy.process_memory import process_memory

source, options, count, every = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
inpaint = Inpainter.load(source, threads=1, **options)
random = np.random.default_rng(0)
print(process_memory().held, flush=True)
for number in range(1, count + 1):
    height, width = (int(side) for side in random.integers(24, 129, 2))
    inpaint.run(*scene(height, width, seed=number))
    if number % every == 0:
        print(process_memory().held, flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--backends", default="onnxruntime,openvino,torch,cuda", metavar="NAME,...")
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks"), help="for the exported file")
    args = parser.parse_args()
    wanted = args.backends.split(",")
    cases = [case for case in _cases(args.folder) if case[2]["backend"] in wanted]
    found = {name: _kept(name, source, options, args) for name, source, options in cases}
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"{args.count:,} pictures of mixed shapes through one Inpainter, lama-demo, 1 thread: resident memory",
        "date": today,
        "method": f"VmRSS in MiB after loading and after every {EVERY} pictures; sides drawn from 24 to 128 pixels",
        "machine": machine((*PACKAGES, "openvino")),
        "flat_memory": {"every": EVERY, "rows": found},
    }
    file = RESULTS / f"{today}-cpu-flat-memory.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(found), f"\nwrote {file}")


def _cases(folder: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """(name, what `Inpainter.load` opens, its options)."""
    bundle = folder / f"{DEMO}-openvino"
    if not bundle.exists():
        folder.mkdir(parents=True, exist_ok=True)
        options = ExportOptions(target="openvino", parity_subjects=(Size(64, 64),))
        export_bundle(load_weights(DEMO), bundle, options)
    return [
        ("onnxruntime fp32", DEMO, {"backend": "onnxruntime"}),
        ("openvino fp32", str(bundle), {"backend": "openvino", "cache": ""}),
        ("torch fp32", DEMO, {"backend": "torch", "device": "cpu"}),
        ("cuda fp32, on the CPU", DEMO, {"backend": "cuda", "device": "cpu"}),
    ]


def _kept(name: str, source: str, options: dict[str, Any], args: argparse.Namespace) -> list[int]:
    """MiB. Each takes minutes, so that what has been measured is kept for the next call."""
    file = args.folder / f"flat-memory-{args.count}-{options['backend']}.json"
    if not file.exists():
        file.write_text(json.dumps(_run(name, source, options, args.count)))
    return list(json.loads(file.read_text()))


def _run(name: str, source: str, options: dict[str, Any], count: int) -> list[int]:
    command = [sys.executable, "-c", CHILD, source, json.dumps(options), str(count), str(EVERY)]
    rows = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            rows.append(round(int(line) / 2**20))
            print(name, rows[-1], flush=True)
    if child.returncode:
        raise SystemExit(f"{name} ended with {child.returncode}")
    return rows


if __name__ == "__main__":
    main()
