"""Not a family: everything that the runner has to see."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from lama_deploy.errors import LamaDeployError

TIME_BOUND = 1.0
MEMORY_BUDGET = 100 << 20
COUNT = 10


def prepare(folder: Path) -> str:
    return str(folder)


def case(shared: str, folder: Path, seed: int) -> Any:
    (folder / "file").write_text(shared)
    return [fine, refused, two_lines, another_pixel, traceback, much, hung, crashed, aborted, touched][seed]()


def fine() -> None:
    pass


def refused() -> None:
    raise LamaDeployError("file: not taken")


def two_lines() -> None:
    raise LamaDeployError("file:\nnot taken")


def another_pixel() -> None:
    raise AssertionError("another pixel")


def traceback() -> None:
    raise RuntimeError("of an engine")


def much() -> None:
    bytearray(200 << 20)[::4096] = b"x" * (200 << 8)


def hung() -> None:
    time.sleep(60)


def crashed() -> None:
    os.abort()


def aborted() -> None:
    os._exit(0)


def touched() -> None:
    Path("notes.txt").write_text("changed")
    (Path.home() / "new.txt").write_text("new")
