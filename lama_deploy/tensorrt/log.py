"""What TensorRT says: its warnings go to `logging`, its first error is the cause of what then fails.

There is one ILogger for each of TensorRT's modules, and it is never freed: TensorRT keeps a pointer to the first one
that it is given, and the registry of plugins speaks through that one for as long as the process lives (getLogger in
NvInferRuntime.h: "the global logger"). It is used by all threads at once (ILogger: "must be thread safe"), so what is
kept is kept by thread: TensorRT speaks on the thread that calls it, or on its own, whose words are for all who listen.

The bindings take the GIL for every message, of any severity, before Python may look at it (NVIDIA/TensorRT,
python/src/infer/pyCore.cpp, PyLogger), so `log` returns at once from what nobody wants. While an engine runs, nothing
else calls back into Python but the plugin in Python, and that not where a CUDA graph is replayed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary, ref

from lama_deploy.errors import one_line
from lama_deploy.tensorrt.lasting import never_free

MOST = 100  # errors and warnings that are kept, and warnings that are known as told
log = logging.getLogger(__name__)
_loggers: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_making = threading.Lock()


class Said:
    """What TensorRT said since this was made: whole errors and warnings, and messages that start with one of `kept`."""

    def __init__(self, kept: tuple[str, ...] = ()) -> None:
        self.kept = kept
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.messages: list[str] = []

    def take(self, level: int, message: str) -> None:
        if level == logging.DEBUG:
            if self.kept and message.startswith(self.kept):
                self.messages.append(message)
            return
        lines = self.errors if level == logging.ERROR else self.warnings
        if len(lines) < MOST:
            lines.append(message)

    def first_error(self) -> str:
        """Its first line, of the errors since this was made or asked last."""
        errors, self.errors = self.errors, []
        return _first_line(errors[0]) if errors else "it does not say why"


class Sayings:
    """Who listens, on which thread."""

    def __init__(self) -> None:
        self._here = threading.local()
        self._changing = threading.Lock()
        self._all: tuple[ref[Said], ...] = ()  # a thread that ends takes its own with it
        self._told = set[str]()
        self.keeps = False  # whether anybody wants more than errors and warnings

    def know(self) -> None:
        """This thread is one that TensorRT is called on: what it hears outside of `listening` is nobody's business,
        such as that a plugin is not registered yet, which the registry calls an error.
        """
        if not self._of_this_thread():
            self._here.stack = [Said()]

    @contextmanager
    def listening(self, kept: tuple[str, ...] = ()) -> Iterator[Said]:
        """What TensorRT says to this thread, and on threads of its own, until the scope is left."""
        said, before = Said(kept), self._of_this_thread()
        self._change(added=said)
        self._here.stack = [*before, said]
        try:
            yield said
        finally:
            self._here.stack = before
            self._change(gone=said)

    def hear(self, level: int, message: str) -> None:
        listeners = self._of_this_thread() or [said for one in self._all if (said := one())]
        for said in listeners:
            said.take(level, message)
        if level == logging.WARNING or (level == logging.ERROR and not listeners):
            self._tell(level, _first_line(message))

    def _tell(self, level: int, line: str) -> None:
        """Once: many warnings come with every run."""
        if line in self._told:
            return
        if len(self._told) < MOST:
            self._told.add(line)
        log.log(level, "TensorRT: %s", line)

    def _of_this_thread(self) -> list[Said]:
        stack: list[Said] = getattr(self._here, "stack", [])
        return stack

    def _change(self, added: Said | None = None, gone: Said | None = None) -> None:
        with self._changing:
            alive = [said for one in self._all if (said := one()) and said is not gone]
            everybody = [*alive, added] if added else alive
            self._all = tuple(map(ref, everybody))
            self.keeps = any(said.kept for said in everybody)


def log_of(trt: Any) -> Any:
    """The ILogger of a module of TensorRT, with `listening(kept)`, for a thread that TensorRT is called on."""
    with _making:
        found = _loggers.get(trt)
        if found is None:
            found = _loggers[trt] = _logger(trt.ILogger)
            never_free(found)
    found.sayings.know()
    return found


def _logger(interface: Any) -> Any:
    levels: Mapping[Any, int] = {
        interface.INTERNAL_ERROR: logging.ERROR,
        interface.ERROR: logging.ERROR,
        interface.WARNING: logging.WARNING,
    }

    class Log(interface):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.sayings = Sayings()
            self.listening = self.sayings.listening

        def log(self, severity: Any, message: str) -> None:
            level = levels.get(severity, logging.DEBUG)
            if level != logging.DEBUG or self.sayings.keeps:
                self.sayings.hear(level, message)

    return Log()


def _first_line(message: str) -> str:
    return one_line(message.strip().partition("\n")[0])
