"""What the builder says: its listing of the engine, its warnings, its first error; all of it to stderr if asked."""

from __future__ import annotations

import logging
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lama_deploy.errors import brief
from lama_deploy.tensorrt import log as spoken
from lama_deploy.tensorrt.log import Said
from lama_export.tensorrt.listing import WANTED

MOST_WARNINGS = 8
# The parser says this of every Fourier unit: the nodes of one local function, written out many times.
_OURS = re.compile(r"A node named .* already exists, the output tensors of this new instance")
log = logging.getLogger(__name__)


@contextmanager
def hearing(logger: Any, *, verbose: bool) -> Iterator[Said]:
    """What TensorRT says in the block, through the logger of `log_of`: errors, warnings, messages of `WANTED`.

    verbose: all that it says goes to stderr. Without it, warnings are told once, at the end, the few that they are.
    """
    with logger.listening(("",) if verbose else WANTED) as said:
        said.errors, said.warnings = _Lines("error", verbose), _Lines("warning", verbose)
        said.messages = _Lines("", verbose)
        spoken.log.addFilter(_silent)
        try:
            yield said
        finally:
            spoken.log.removeFilter(_silent)
            for line in () if verbose else few(said.warnings):
                log.warning("TensorRT: %s", line)


def few(messages: Sequence[str]) -> list[str]:
    """One line for all that differ in numbers and names only, and at most MOST_WARNINGS lines."""
    kinds: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for message in messages:
        kind = re.sub(r"\S*[\d/_]\S*", "*", message.partition("\n")[0])
        kinds.setdefault(kind, brief(message.strip(), 200))
        counts[kind] += 1
    lines = [kinds[kind] + (f" (and {counts[kind] - 1} more like it)" if counts[kind] > 1 else "") for kind in kinds]
    more = len(lines) - MOST_WARNINGS
    return [*lines[:MOST_WARNINGS], *([f"and {more} more"] if more > 0 else [])]


def _silent(_: logging.LogRecord) -> bool:
    return False


class _Lines(list[str]):
    """Keeps what is wanted; shows everything."""

    def __init__(self, label: str, show: bool) -> None:
        super().__init__()
        self._label, self._show = label, show

    def append(self, message: str) -> None:
        if self._show:
            print("TensorRT", f"{self._label}:" if self._label else ":", message, file=sys.stderr)
        if not _OURS.search(message) if self._label else message.startswith(WANTED):
            super().append(message)
