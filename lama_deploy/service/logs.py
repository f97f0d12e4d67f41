"""One line for each request, without anything of its pictures, the names of its files or its token."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from lama_deploy.errors import one_line

Form = Literal["text", "json"]


class Log:
    """Writes whole lines to standard error, or to `stream`."""

    def __init__(self, form: Form = "text", stream: TextIO | None = None) -> None:
        self._form, self._stream = form, stream

    def request(self, facts: Mapping[str, Any]) -> None:
        """facts: as JSON, in the order in which they are shown."""
        if self._form == "json":
            self._write({"event": "request", **facts})
            return
        plain = [_shown(facts[name]) for name in PLAIN]
        named = [f"{name}={_shown(value)}" for name, value in facts.items() if name not in PLAIN]
        self._write_text(" ".join(plain + named))

    def event(self, text: str, /, **facts: Any) -> None:
        """What happens to the service itself."""
        if self._form == "json":
            self._write({"event": text, **facts})
        else:
            self._write_text(" ".join([text, *(f"{name}={_shown(value)}" for name, value in facts.items())]))

    def note(self, text: str) -> None:
        """What the package warns of."""
        self.event("note", text=text) if self._form == "json" else self._write_text(f"note: {text}")

    def failure(self, request_id: str, error: BaseException) -> None:
        """An error of ours: where it was, but not what it says, which may be anything."""
        where = [
            f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        self.event("failed", id=request_id, error=type(error).__name__, where=where)

    def _write(self, facts: Mapping[str, Any]) -> None:
        self._line(json.dumps({"time": _now(), **facts}))

    def _write_text(self, text: str) -> None:
        self._line(one_line(f"{_now()} {text}"))

    def _line(self, text: str) -> None:
        with suppress(OSError, ValueError):  # nobody reads it any more, which is no reason to answer nobody
            print(text, file=self._stream or sys.stderr, flush=True)


PLAIN = ("method", "route", "status")


def _shown(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
