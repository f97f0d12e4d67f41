"""Peak memory of one inference on a CPU, each in a new process: `python -m benchmarks.cpu.memory [--size 2048]`.

Takes the bundles that `precisions.py` exported. The peak is the process's largest resident set, with interpreter,
libraries and weights (Linux only; not below what this script itself takes, which a child inherits).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.cpu.precisions import BUNDLES, ENGINES, seeded_checkpoint
from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.reports.machine import machine

CHILD = """
import resource, sys
from lama_deploy import Inpainter
from lama_deploy.images.scenes import scene
path, size = sys.argv[1], int(sys.argv[2])
Inpainter.load(path, threads=2).run(*scene(size, size))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="big-lama")
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks"))
    args = parser.parse_args()
    seeded_checkpoint(args.model, args.folder)
    models = {"eager PyTorch fp32": args.folder / f"{args.model}.safetensors"}
    models |= {f"ours, {ENGINES[t]} {p}": args.folder / f"{t}-{p}" for t, p in BUNDLES}
    found = {name: _run(path, args.size) for name, path in models.items()}
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"{args.model}, {args.size}x{args.size}, batch 1: peak memory of a process, 2 threads",
        "date": today,
        "method": "largest resident set in GiB of a process that loads the model and fills one picture, one run each",
        "machine": machine((*PACKAGES, "openvino")),
        "memory": found,
    }
    file = RESULTS / f"{today}-cpu-memory-{args.model}-{args.size}.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(found, indent=1), f"\nwrote {file}")


def _run(path: Path, size: int) -> float:
    """GiB."""
    result = subprocess.run([sys.executable, "-c", CHILD, str(path), str(size)], check=True, capture_output=True)
    return round(float(result.stdout), 2)


if __name__ == "__main__":
    main()
