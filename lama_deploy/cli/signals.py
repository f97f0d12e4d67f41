"""How a command ends by a signal: in order at the first one, at once at the second."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from lama_deploy.temporaries import remove_living

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
ONE_WISH = 0.5  # seconds in which further signals are the same wish: `timeout`, make and terminals send several
UNHEARD = 0.05  # seconds in which a main thread that runs Python has heard
STOP = b"\0"  # no signal has this number


class Signalled(KeyboardInterrupt):
    """The process was asked to end by signal `number`. Libraries let a KeyboardInterrupt pass, and tidy up at it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Asked:
    """What this process was asked for while `ends_by_signals` holds."""

    installed = False
    postponed = False
    number: int | None = None


_asked = _Asked()


@contextmanager
def ends_by_signals() -> Iterator[None]:
    """In this block the first SIGINT, SIGTERM or SIGHUP raises Signalled in the main thread, so that blocks are left.

    The second removes what is half written and ends the process, also where the main thread is in an engine's code
    and hears nothing. A signal that is ignored (nohup) stays so. Another thread than the main one changes nothing.
    """
    if _asked.installed or threading.current_thread() is not threading.main_thread():
        yield
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    threading.Thread(target=_watch, args=(read,), daemon=True).start()
    old_write = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    _asked.installed, _asked.number = True, None
    old = {number: signal.getsignal(number) for number in SIGNALS}
    old = {number: handler for number, handler in old.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number in old:
            signal.signal(number, _first)
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(old_write)
        _asked.installed = False
        os.write(write, STOP)
        os.close(write)


@contextmanager
def postponed() -> Iterator[Callable[[], int | None]]:
    """In this block the first signal raises nothing: it is for the caller to ask for, and to end soon.

    Gives a function that returns the signal's number, None where there was none.
    """
    _asked.postponed = True
    try:
        yield lambda: _asked.number
    finally:
        _asked.postponed = False


def _first(number: int, frame: FrameType | None) -> None:
    if _asked.number is None:
        _asked.number = number
        if not _asked.postponed:
            raise Signalled(number)


def _watch(read: int) -> None:
    """Runs in a thread: the system writes the number of each signal into the pipe as it comes."""
    first: float | None = None
    while (byte := os.read(read, 1)) not in (STOP, b""):
        if byte[0] not in SIGNALS:
            continue
        if first is not None and time.monotonic() - first > ONE_WISH:
            remove_living()
            with suppress(OSError):
                print(f"ended at once by {signal.Signals(byte[0]).name}", file=sys.stderr, flush=True)
            os._exit(128 + byte[0])
        if first is None:
            _nudge(byte[0])
            first = time.monotonic()
    os.close(read)


def _nudge(number: int) -> None:
    """Interrupt the main thread once more where it has not heard: a signal that comes just before it begins to wait,
    or to another thread, does not end that wait.
    """
    time.sleep(UNHEARD)
    if _asked.number is None and hasattr(signal, "pthread_kill"):
        with suppress(OSError):
            signal.pthread_kill(threading.main_thread().ident or 0, number)


def _forget() -> None:
    """A forked process, such as a DataLoader's, ends as any other, and tells nothing to its parent's thread."""
    if _asked.installed:
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            if signal.getsignal(number) is _first:
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        _asked.installed = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
