"""All that waits for a GPU, in nine minutes: `python -m benchmarks.gpu.lease [STEP...] [--out FOLDER]`.

Steps by their worth, each with a budget and in a process of its own: what breaks or hangs costs its own step. A step
that ends early leaves its time to the next ones. Results are in FOLDER as they come: lease.json has the outcome of
every step, lease.log all output, tests.jsonl a line for each test, results/ a record of each measurement. Calls into
one folder add up. Needs PyTorch, pytest, pytest-xdist and hypothesis, no network and no installation of this package.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks.gpu.lease.runner import Lease
from benchmarks.gpu.lease.steps import FIRST, ROOT, Step, all_cases, nine_minutes, rehearsal
from benchmarks.gpu.page import TABLES


def main() -> int:
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu.lease",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "steps", nargs="*", metavar="STEP", help=f"of {', '.join(step.name for step in nine_minutes(Path()))}"
    )
    p.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "gpu-results")), help="default: $OUT")
    how = p.add_mutually_exclusive_group()
    how.add_argument("--all-cases", action="store_true", help="every dtype, layout, size and candidate: 25 minutes")
    how.add_argument("--rehearse", action="store_true", help="on a CPU: emulated kernels, tiny sizes, the same steps")
    args = p.parse_args()
    out = args.out.resolve()
    steps = (all_cases if args.all_cases else rehearsal if args.rehearse else nine_minutes)(out)
    if unknown := set(args.steps) - {step.name for step in steps}:
        p.error(f"no step {', '.join(sorted(unknown))}; known: {', '.join(step.name for step in steps)}")
    (out / "results").mkdir(parents=True, exist_ok=True)
    own = environment() | ({"OMP_NUM_THREADS": "1"} if args.rehearse else {})  # nothing there is worth two threads
    lease = Lease(out, own, rehearsal=args.rehearse)
    passed = lease.run(_chosen(steps, args.steps))
    _show(out)
    return 0 if passed else 1


def environment() -> dict[str, str]:
    """This process's, with this checkout's packages before installed ones; what is said comes at once, crashes too."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "export")))
    return {**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}


def _chosen(steps: list[Step], names: list[str]) -> list[Step]:
    """All, without names. What the others stand on comes first, named or not."""
    return [step for step in steps if not names or step.name in (*FIRST, *names)]


def _show(out: Path) -> None:
    """The records' tables, and the tests that failed."""
    for file in sorted((out / "results").glob("*.json")):
        record = json.loads(file.read_text())
        for table in (make(record[kind]) for kind, make in TABLES.items() if kind in record):
            print(f"\n== {file.name}\n{table}")
    journal = out / "tests.jsonl"
    rows = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    failed = [f"{row['test']}: {row['why'].splitlines()[-1]}" for row in rows if row["outcome"] == "failed"]
    print("\n".join([f"\n== tests.jsonl: {len(rows)} tests, {len(failed)} failed", *failed]))


if __name__ == "__main__":
    sys.exit(main())
