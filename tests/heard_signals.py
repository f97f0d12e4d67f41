"""Signals that end a process, as a terminal has them."""

from __future__ import annotations

import signal


def hear_signals() -> None:
    """In this process and those that it starts, whatever it has inherited."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
