"""Cases of one family in a process of their own: `python -m tests.hostile.child NAME FOLDER START STOP`.

One line of JSON for what begins and what has ended, as it happens, so that the parent knows what hung or crashed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

from lama_deploy.errors import LamaDeployError
from tests.heard_signals import hear_signals
from tests.hostile.family import Family, family

MOST_CHARACTERS = 1000  # of a message


def main() -> None:
    hear_signals()
    name, folder, start, stop = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    with os.fdopen(os.dup(1), "w", buffering=1) as journal:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a case prints is no news
        tried = family(name)
        (folder / "shared").mkdir()
        shared = tried.prepare(folder / "shared")
        for seed in range(start, stop):
            print(json.dumps({"begun": seed}), file=journal)
            print(json.dumps({"seed": seed, **outcome(tried, shared, folder / "case", seed)}), file=journal)


def outcome(tried: Family, shared: Any, folder: Path, seed: int) -> dict[str, Any]:
    """{"result": "taken", "refused" or "failed", "detail", "grown": bytes at the peak}."""
    folder.mkdir()
    before = _resident(reset=True)
    try:
        tried.case(shared, folder, seed)
        result, detail = "taken", ""
    except LamaDeployError as error:
        result, detail = _judged(str(error))
    except BaseException:  # of pyo3 too, whose panics are no Exceptions
        result, detail = "failed", traceback.format_exc(limit=-6)
    grown = _resident() - before
    shutil.rmtree(folder)
    return {"result": result, "detail": detail, "grown": grown}


def _judged(message: str) -> tuple[str, str]:
    if len(message.splitlines()) == 1 and len(message) <= MOST_CHARACTERS and message.isprintable():
        return "refused", message
    return "failed", f"a message that is no single line of {MOST_CHARACTERS} printable characters: {message[:2000]!r}"


def _resident(reset: bool = False) -> int:
    """Bytes resident at the peak since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()
