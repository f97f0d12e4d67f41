"""Programs under a time limit, with everything that they start."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path


def run_limited(
    command: list[str],
    limit: float,
    log: Path,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str | None:
    """Run with all output in `log`, at most `limit` seconds. Returns None, or one line on what went wrong."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=folder, env=environment, start_new_session=True
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return f"stopped after {limit:.0f} s"
        finally:
            _end_group(process)
    return f"exit code {code}: {last_line(log)}" if code else None


def last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "ended without a word"


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """A compiler's workers outlive the process that started them otherwise."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
