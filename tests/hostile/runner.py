"""Runs families of hostile input: what hangs is killed, what crashes is noted, and the rest goes on."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from tests.hostile.family import family

ROOT = Path(__file__).parents[2]
STARTING = 120.0  # seconds for imports and `prepare`, on a machine that is busy
# What a user has in his home and in the folder that he is in: hostile input may name any of it.
OF_A_USER = {
    "notes.txt": b"mine",
    "model.onnx": b"my own",
    "photo.png.partial": b"mine too",
    ".config/app": b"settings",
}


@dataclass
class Report:
    """counts: by "taken", "refused", "failed", "hung", "crashed", "over budget". failures: a line or more each."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    grown: int = 0

    def note(self, kind: str, seed: int, detail: str = "") -> None:
        self.counts[kind] += 1
        if kind not in ("taken", "refused"):
            self.failures.append(f"{self.name} {seed}: {kind}: {detail}")

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        return f"{self.name}: {sum(self.counts.values())} cases: {counts}; at most {self.grown >> 20} MiB more memory"


def run(name: str, folder: Path, start: int, stop: int) -> Report:
    """Cases start to stop - 1 of a family, in processes whose home and current folder hold files of a user."""
    report = Report(name)
    place = folder / "user"
    _furnish(place)
    before = _fingerprint(place)
    while start < stop:
        work = folder / f"from-{start}"
        work.mkdir()
        start = _some(report, place, work, start, stop)
    touched = sorted({path for path, _ in before ^ _fingerprint(place)})
    if touched:
        report.note("touched a user's files", stop, ", ".join(touched))
    return report


def _some(report: Report, place: Path, work: Path, start: int, stop: int) -> int:
    """One process; where the next one has to begin: behind what hung or crashed."""
    tried = family(report.name)
    seed, ended, limit = -1, -1, STARTING
    with _Child([report.name, str(work), str(start), str(stop)], place, work) as child:
        while True:
            try:
                line = child.line(limit)
            except TimeoutError:
                report.note("hung", seed, f"for {limit:.0f} s{child.last_words()}")
                break
            if line is None and ended == stop - 1 and child.code == 0:
                return stop
            if line is None:
                report.note("crashed", seed, f"exit code {child.code}{child.last_words()}")
                break
            if "begun" in line:
                seed, limit = line["begun"], tried.TIME_BOUND
            else:
                ended = line["seed"]
                _judge(report, tried.MEMORY_BUDGET, line)
    return stop if seed < 0 else seed + 1


def _judge(report: Report, budget: int, line: dict[str, Any]) -> None:
    report.grown = max(report.grown, line["grown"])
    if line["grown"] > budget and line["result"] != "failed":
        report.note("over budget", line["seed"], f"{line['grown'] >> 20} of {budget >> 20} MiB; {line['detail']}")
    else:
        report.note(line["result"], line["seed"], line["detail"])


class _Child:
    """A process of `tests.hostile.child`, read line by line."""

    def __init__(self, arguments: list[str], place: Path, work: Path) -> None:
        environment = {
            **os.environ,
            "HOME": str(place),
            "LAMA_DEPLOY_CACHE": str(work / "cache"),
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "export"))),
            "TMPDIR": str(work),
        }
        self._log = work / "stderr"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "tests.hostile.child", *arguments],
                cwd=place, env=environment, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._lines = queue.SimpleQueue[bytes]()
        Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *exception: object) -> None:
        """Its own children too: a process that hostile input started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def code(self) -> int:
        return self._process.wait()

    def line(self, limit: float) -> dict[str, Any] | None:
        """The next one, None at the end. Raises TimeoutError after `limit` seconds."""
        try:
            line = self._lines.get(timeout=limit)
        except queue.Empty:
            raise TimeoutError from None
        return json.loads(line) if line else None

    def last_words(self) -> str:
        return "\n" + self._log.read_bytes()[-2000:].decode(errors="replace")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in iter(self._process.stdout.readline, b""):
            self._lines.put(line)
        self._lines.put(b"")


def _furnish(place: Path) -> None:
    for name, content in OF_A_USER.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)


def _fingerprint(place: Path) -> set[tuple[str, str]]:
    """(path, content) of all that is there."""
    files = (path for path in place.rglob("*") if not path.is_dir())
    return {(str(file.relative_to(place)), hashlib.sha256(file.read_bytes()).hexdigest()) for file in files}
