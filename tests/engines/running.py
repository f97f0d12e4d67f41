"""Runs one engine on one file, in a process of its own: whatever becomes of that process, the rest goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from tests.engines.forms import Picture
from tests.engines.table import Engine
from tests.engines.verdicts import BUILT, CRASHED, REFUSED, SLOW, Verdict, judge, own_line


def run(
    engine: Engine,
    command: Sequence[str],
    model: Path,
    cases: Path,
    pictures: Mapping[str, Picture],
    io: str,
    out: Path,
) -> tuple[dict[str, Verdict], dict[str, str]]:
    """The verdict of each picture, by the names of their folders in `cases`, and the versions of what ran.

    A case that ends the process, or takes all of the time, is judged so, and those behind it get another process.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    left, verdicts = list(pictures), {}
    while left:
        ended = _start([*command, str(model), str(cases), str(out), "--", *left], out, engine.seconds)
        for name in list(left):
            verdict = _outcome(out, name, engine, pictures[name], io)
            if verdict is None:
                verdicts[name] = Verdict(*ended)
                left.remove(name)
                break
            verdicts[name] = verdict
            left.remove(name)
    versions = out / "versions.json"
    return verdicts, json.loads(versions.read_text()) if versions.exists() else {}


def _start(command: Sequence[str], out: Path, seconds: float) -> tuple[str, str]:
    """What to say of a case that left nothing behind."""
    log, environment = out / "log.txt", {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=out, env=environment, stdout=stream, stderr=stream, start_new_session=True
        )
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return SLOW, f"more than {seconds:.0f} seconds"
        finally:
            with suppress(ProcessLookupError):  # and what it started
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return CRASHED, f"{how}: {own_line(log.read_text(errors='replace')[-4000:])}"


def _outcome(out: Path, name: str, engine: Engine, picture: Picture, io: str) -> Verdict | None:
    """None where the runner did not come to an end with this case."""
    result, said = out / f"{name}.npy", out / f"{name}.txt"
    if said.exists():
        return Verdict(REFUSED, own_line(said.read_text(errors="replace")))
    if not result.exists():
        return None
    if engine.builds_only:
        return Verdict(BUILT)
    return judge(np.load(result), picture, io, coarse=engine.coarse)
