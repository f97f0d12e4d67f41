"""A build that shows how far it is and can be interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lama_deploy.errors import brief
from lama_export.progress import Progress
from lama_export.progress import phase as named

SHOWN_DEPTH = 2  # of nested phases: those below last milliseconds


class Phases:
    """The builder's phases, which nest, as runs through `progress`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._depths: dict[str, int] = {}
        self._bars: dict[str, Iterator[Any]] = {}

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        self._depths[phase] = self._depths.get(parent or "", 0) + 1
        if self._depths[phase] <= SHOWN_DEPTH:
            self._bars[phase] = iter(named(self._progress, brief(phase, 40))(range(steps)))
            next(self._bars[phase], None)

    def step(self, phase: str) -> None:
        if phase in self._bars:
            next(self._bars[phase], None)

    def finish(self, phase: str) -> None:
        for _ in self._bars.pop(phase, ()):
            pass

    def close(self) -> None:
        """End the phases that a failed build left open."""
        for phase in list(self._bars):
            self.finish(phase)


def monitor_of(trt: Any, progress: Progress, interrupted: threading.Event) -> Any:
    """An IProgressMonitor that cancels the build once `interrupted` is set; its `phases` are to be closed after it."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.phases = Phases(progress)

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self.phases.start(phase, parent, steps)

        def step_complete(self, phase: str, step: int) -> bool:
            self.phases.step(phase)
            return not interrupted.is_set()

        def phase_finish(self, phase: str) -> None:
            self.phases.finish(phase)

    return Monitor()


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets. An exception from inside TensorRT's callbacks would end the process instead."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only that one gets signals
        yield interrupted
        return
    before = signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
