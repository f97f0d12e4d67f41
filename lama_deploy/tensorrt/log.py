"""What TensorRT says: the first error is the cause, which its Python functions answer with a bare None."""

from __future__ import annotations

from typing import Any


def log_of(trt: Any, *, kept: tuple[str, ...] = ()) -> Any:
    """An ILogger with `first_error()`, and `messages`: those that start with one of `kept`, of the ten thousands."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.messages: list[str] = []
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(message)
            elif kept and message.startswith(kept):
                self.messages.append(message)

        def first_error(self) -> str:
            """Its first line, of the errors since the last call."""
            errors, self.errors = self.errors, []
            return errors[0].splitlines()[0] if errors else "it does not say why"

    return Log()
