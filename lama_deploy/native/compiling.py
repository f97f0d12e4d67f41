"""How C++ that ships with this package is compiled: by CMake, in a process that ends with this one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]


def shipped_sources(name: str) -> Path | None:
    """`_name` inside of the installed package, or `name` of a source checkout; None where there is neither."""
    for folder in (PACKAGE / f"_{name}", PACKAGE.parent / name):
        if (folder / "CMakeLists.txt").is_file():
            return folder
    return None


def search_path() -> str:
    """PATH, then this Python's folder: a virtual environment that is not activated is not in PATH."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))


def generator() -> list[str]:
    """CMake's options for Ninja, where that is installed."""
    return ["-G", "Ninja"] if shutil.which("ninja", path=search_path()) else []


def ended_together(step: list[str], **options: Any) -> int:
    """Its exit code. Ended by a signal, this process takes the compilers along that its child has started."""
    with subprocess.Popen(step, stdin=subprocess.DEVNULL, start_new_session=True, **options) as process:
        try:
            return process.wait()
        except BaseException:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
