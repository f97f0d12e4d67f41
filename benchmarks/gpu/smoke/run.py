"""Are the kernels right on this GPU? `python -m benchmarks.gpu.smoke.run [--out FOLDER]` from the root, no pytest.

Both kernels at LaMa's channels and several latents, frames, graphs, side streams, plans of several sizes in turn. The
record is written after every case, and a case that breaks the device or hangs costs only itself: the next ones run in
a new process. Without a GPU: --device cpu --smoke --library, the emulated kernel library.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu.page import smoke_table
from benchmarks.gpu.process import run_limited
from benchmarks.gpu.record import record_file, write

ROOT, CHILD = Path(__file__).parents[3], "benchmarks.gpu.smoke.child"
UNFINISHED = "smoke.json"  # the hardware, which the record is named after, is known only to the child


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "results", help="folder of the record")
    p.add_argument("--seconds", type=float, default=60, help="budget of all")
    p.add_argument("--device", default="cuda")
    p.add_argument("--library", type=Path, help="the emulated kernel library, for --device cpu")
    p.add_argument("--smoke", action="store_true", help="tiny sizes")
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / UNFINISHED
    file.unlink(missing_ok=True)
    failure = _run(args, file, time.monotonic() + args.seconds)
    if not file.exists():
        sys.exit(f"no case was run: {failure}")
    record = json.loads(file.read_text())
    file.replace(record_file(args.out, "smoke", record))
    print(smoke_table(record["smoke"]), f"\n\nwrote {record_file(args.out, 'smoke', record)}")
    rows = record["smoke"]["rows"]
    return 1 if len(rows) < record["smoke"]["cases"] or any("failed" in row for row in rows) else 0


def _run(args: argparse.Namespace, file: Path, end: float) -> str | None:
    """Until all cases are through, or a process got no further. Returns what went wrong with the last process."""
    command = [sys.executable, "-m", CHILD, "--record", str(file), "--device", args.device]
    command += [*(["--library", str(args.library)] if args.library else []), *(["--smoke"] if args.smoke else [])]
    done = -1
    while True:
        left = end - time.monotonic()
        with tempfile.NamedTemporaryFile() as log:
            failure = run_limited([*command, "--seconds", str(left)], left, Path(log.name), folder=ROOT)
            print(Path(log.name).read_text(errors="replace"), flush=True)
        rows = _with_the_broken_one(file, failure)
        if failure is None or len(rows) <= done or end <= time.monotonic():
            return failure
        done = len(rows)


def _with_the_broken_one(file: Path, failure: str | None) -> list[dict[str, Any]]:
    """The rows; a case that was under way when its process ended is the last of them."""
    if not file.exists():
        return []
    record = json.loads(file.read_text())
    found = record["smoke"]
    if "under_way" in found:
        found["rows"].append({**found.pop("under_way"), "failed": f"its process ended: {failure}"})
        write(file, record)
    return found["rows"]


if __name__ == "__main__":
    sys.exit(main())
