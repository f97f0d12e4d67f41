"""Peak memory and time of refinement on a CPU: `python -m benchmarks.cpu.refinement`.

A new process for each case fills and refines one picture whole, on one thread. Weights are seeded: they decide neither.
Memory does not depend on the number of passes and time grows with it, so two passes are made of the usual 15.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.cpu.memory_growth import seeded_weights
from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.reports.machine import machine

CASES = (("lama-demo", 1024), ("big-lama", 1024))
PASSES = 2
CHILD = """
import json, sys, time
from pathlib import Path
from lama_deploy import Inpainter
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.refine_options import RefineOptions

def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

path, size, passes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
options = {"backend": "torch", "device": "cpu", "threads": 1}
refine = RefineOptions(n_iters=passes) if passes else None
backend = Inpainter.load(path, refine=refine, **options).backend
foretold = backend.capabilities.memory
pictures = scene(size, size)
loaded = resident("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
began = time.process_time()
backend.run(*pictures)
seconds = time.process_time() - began
foretold = foretold.fixed + foretold.per_pixel * size * size
print(json.dumps({"loaded": loaded, "peak": resident("VmHWM"), "foretold": foretold, "seconds": seconds}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/memory"), help="for the seeded weights")
    args = parser.parse_args()
    rows = []
    for name, size in CASES:
        weights = seeded_weights(name, args.folder / name)
        plain, refined = (_run(weights, size, passes) for passes in (0, PASSES))
        rows.append({"model": name, "size": size, "plain": plain, "refined": refined, "passes": PASSES})
        print(json.dumps(rows[-1]), flush=True)
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"refinement of one picture taken whole, eager PyTorch, 1 thread, {PASSES} passes a size",
        "date": today,
        "method": "VmHWM of a new process meanwhile and processor seconds of the run, one run each; the usual 15 "
        "passes take the same memory and, by these passes, the time in the last column, roughly: other programs ran "
        "beside",
        "machine": machine(PACKAGES),
        "refinement": rows,
    }
    file = RESULTS / f"{today}-cpu-refinement.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(f"wrote {file}")


def _run(weights: Path, size: int, passes: int) -> dict[str, float]:
    command = [sys.executable, "-c", CHILD, str(weights), str(size), str(passes)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"{weights}, {size}: {result.stderr[-2000:]}")
    return dict(json.loads(result.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
