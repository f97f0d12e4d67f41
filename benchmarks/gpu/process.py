"""Programs under a time limit, with everything that they start."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

# Waits for the end of its input, which comes with the end of whoever holds it, then ends a group of processes.
WATCH = ["sh", "-c", 'read -r _; kill -s KILL -- "-$1"', "watch"]
MOST_SECONDS_TO_END = 10


def run_limited(
    command: list[str],
    limit: float,
    log: Path,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str | None:
    """Run with all output at the end of `log`, at most `limit` seconds. Returns None, or one line on what went wrong.

    Nothing that the program started outlives this call, nor this process, however it ends.
    """
    with log.open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        with _ended_with_us(process.pid):
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                return f"stopped after {limit:.0f} s"
            finally:
                _end_group(process)
    return f"exit code {code}: {last_line(log, start)}" if code else None


def last_line(log: Path, start: int = 0) -> str:
    """Of what stands in the log from byte `start` on."""
    with log.open("rb") as file:
        file.seek(start)
        text = file.read().decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "ended without a word"


@contextmanager
def _ended_with_us(group: int) -> Iterator[None]:
    """A process that is killed cannot clean up: another one does it then."""
    # In a session of its own, so that no signal to our group ends the watch before us.
    silent = subprocess.DEVNULL
    watch = subprocess.Popen(
        [*WATCH, str(group)], stdin=subprocess.PIPE, stdout=silent, stderr=silent, start_new_session=True
    )
    try:
        yield
    finally:
        watch.kill()
        watch.communicate()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """A compiler's workers outlive the process that started them otherwise."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):  # a device that hangs may hold it: then it is left behind
        process.wait(MOST_SECONDS_TO_END)
