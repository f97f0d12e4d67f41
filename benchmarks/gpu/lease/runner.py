"""Runs steps by the clock, and writes down how each ended before the next one begins."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.gpu.lease.steps import ROOT, Step
from benchmarks.gpu.process import last_line, run_limited
from lama_deploy.disk import write_whole
from lama_deploy.native.build import LIBRARY_VARIABLE

RECORD, LOG = "lease.json", "lease.log"
NOTE = "note: "  # how a step's output begins lines that belong into the record
NO_GPU_CODE = 3  # how "machine" ends where there is no GPU to use
FREE_GIB = re.compile(r"([\d.]+) GiB free")  # as "machine" says it
NO_LIBRARY = "no-library-see-lease.json"  # no file: who looks for the kernels gives up at once, instead of compiling


class Lease:
    """A run into the folder `out`, which may hold earlier ones.

    environment: of every step; the kernels that the step "library" finds are put into it.
    """

    def __init__(self, out: Path, environment: dict[str, str], *, rehearsal: bool) -> None:
        self._out, self._environment = out, environment
        self._no_gpu: str | None = None
        self._free_gib = math.inf
        file = out / RECORD
        before = json.loads(file.read_text())["steps"] if file.exists() else {}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._record: dict[str, Any] = {"date": now, "commit": commit(), "rehearsal": rehearsal, "steps": before}

    def run(self, steps: Iterable[Step]) -> bool:
        """Whether all passed. Every step has to end by the sum of the budgets up to it."""
        end, passed = time.monotonic(), True
        for step in steps:
            end += step.budget
            self._write(step.name)
            outcome = self._outcome(step, max(0.0, end - time.monotonic()))
            self._record["steps"][step.name] = outcome
            self._write(None)
            passed = passed and outcome["failed"] is None
            with suppress(OSError):  # nobody may be listening any more; the record is
                print(_lines(step.name, outcome), flush=True)
        return passed

    def _write(self, under_way: str | None) -> None:
        write_whole(self._out / RECORD, json.dumps({**self._record, "under_way": under_way}, indent=1) + "\n")

    def _outcome(self, step: Step, limit: float) -> dict[str, Any]:
        """failed: None or one line; seconds, of limit; said: the step's last line; notes."""
        refusal = self._refusal(step)
        if refusal:
            return {"failed": f"not run: {refusal}", "seconds": 0.0, "limit": limit, "said": "", "notes": []}
        log, start = self._out / LOG, time.monotonic()
        with log.open("a") as file:
            file.write(f"\n== {step.name}, {limit:.0f} s at most\n")
        begin = log.stat().st_size
        failed = run_limited(self._command(step, limit), limit, log, folder=ROOT, environment=self._environment)
        said, notes = last_line(log, begin), _notes(log, begin)
        self._learn(step, failed, said)
        seconds = round(time.monotonic() - start, 1)
        return {"failed": failed, "seconds": seconds, "limit": round(limit, 1), "said": said, "notes": notes}

    def _refusal(self, step: Step) -> str | None:
        if not step.needs_gpu or self._no_gpu:
            return self._no_gpu if step.needs_gpu else None
        if step.gib <= self._free_gib:
            return None
        return f"needs about {step.gib:g} GiB of GPU memory, {self._free_gib:g} were free"

    def _command(self, step: Step, limit: float) -> list[str]:
        """A benchmark ends by itself before its limit, and its processes take a while to start and to end."""
        values = {"seconds": f"{max(1.0, 0.9 * limit - 3):.1f}", "library": self._environment.get(LIBRARY_VARIABLE, "")}
        return [sys.executable, *(argument.format_map(values) for argument in step.arguments)]

    def _learn(self, step: Step, failed: str | None, said: str) -> None:
        """What the next steps have to know of the first ones."""
        if step.name == "library":
            self._environment[LIBRARY_VARIABLE] = str(self._out / NO_LIBRARY) if failed else said
        if step.name == "machine" and failed and failed.startswith(f"exit code {NO_GPU_CODE}:"):
            self._no_gpu = said
        if step.name == "machine" and (free := FREE_GIB.search(said)):
            self._free_gib = float(free[1])


def commit() -> str | None:
    """None outside of a repository: the tree may have been copied without it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _notes(log: Path, begin: int) -> list[str]:
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").splitlines()
    return [line.removeprefix(NOTE) for line in lines if line.startswith(NOTE)]


def _lines(name: str, outcome: dict[str, Any]) -> str:
    first = f"{name}: {outcome['failed'] or 'done, ' + outcome['said']} ({outcome['seconds']} s)"
    return "\n".join([first, *(f"  {note}" for note in outcome["notes"])])
