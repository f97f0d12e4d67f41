"""How much a command says besides its results: -q for errors alone, -v for what the package logs and tracebacks."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lama_deploy.cli.notes import PACKAGES
from lama_deploy.errors import one_line

QUIET, USUAL, VERBOSE = logging.ERROR, logging.WARNING, logging.INFO  # what loggers let through


class _Said:
    """Of the command that this process runs."""

    level = USUAL


_said = _Said()


class _SetLevel(argparse.Action):
    """At once, so that also what is said while the other options are looked at follows it."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        _set(self.const)


def add_verbosity_options(p: argparse.ArgumentParser) -> None:
    either = p.add_mutually_exclusive_group()
    options: Sequence[tuple[str, str, int, str]] = (
        ("-v", "--verbose", VERBOSE, "Say more: what the package logs, and a traceback with each error."),
        ("-q", "--quiet", QUIET, "Say errors and results alone: no notes and no progress bars."),
    )
    for short, long, level, text in options:
        either.add_argument(short, long, action=_SetLevel, nargs=0, const=level, dest=argparse.SUPPRESS, help=text)


@contextmanager
def usual_verbosity() -> Iterator[None]:
    """While the block, one command, runs, its options hold; what -v lets through is written on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    handler.addFilter(lambda record: record.levelno < USUAL)  # warnings are notes already
    loggers = [logging.getLogger(name) for name in PACKAGES]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        _said.level = USUAL
        for logger, level in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


def note(text: object) -> None:
    """A line that begins with "note: ", on stderr; none with -q."""
    if not is_quiet():
        print(one_line(f"note: {text}"), file=sys.stderr)


def is_quiet() -> bool:
    return _said.level == QUIET


def show_traceback() -> None:
    """Of the error that is being handled, with -v."""
    if _said.level == VERBOSE:
        traceback.print_exc()


def _set(level: int) -> None:
    _said.level = level
    for name in PACKAGES:
        logging.getLogger(name).setLevel(level)


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return one_line(f"{record.name}: {record.getMessage()}")
