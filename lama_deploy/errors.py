"""The errors a user can cause. Each message is one line: what was wrong, what is allowed, what to do next."""

from __future__ import annotations

import reprlib
from typing import Any

MOST_CHARACTERS = 200  # of anything from outside that a message quotes
MOST_OF_A_LINE = 1000


def brief(value: Any, limit: int = MOST_CHARACTERS) -> str:
    """A value from outside, as a message may quote it: one line, at most `limit` characters.

    str, bytes and exceptions as their text; anything else as its shortened repr, which looks at a few elements and
    levels only, whatever the value holds. What no terminal shows (control characters, lone surrogates) is escaped.
    """
    if isinstance(value, bytes):
        value = value[: limit + 1].decode("utf-8", "surrogateescape")
    text = _text(value)[: limit + 1]
    shown = "".join(c if c.isprintable() else _escaped(c) for c in text)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def quoted(value: Any, limit: int = MOST_CHARACTERS) -> str:
    """As `brief`, and text in quotes, which tell '1' from 1."""
    return f"'{brief(value, limit)}'" if isinstance(value, (str, bytes)) else brief(value, limit)


def one_line(text: object) -> str:
    """What a command says at once, whatever names are in it."""
    return brief(text, MOST_OF_A_LINE)


def _text(value: Any) -> str:
    """Never a failure of its own."""
    try:
        if isinstance(value, BaseException):
            return " ".join(_said_by(value).split()) or type(value).__name__
        return value if isinstance(value, str) else _Shortened().repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _said_by(error: BaseException) -> str:
    """str, but for arguments from outside, which it would write out."""
    if len(error.args) == 1:
        return _text(error.args[0])
    return str(error) if not error.args or isinstance(error, (OSError, UnicodeError)) else _text(error.args)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


class _Shortened(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = MOST_CHARACTERS

    def repr_instance(self, x: Any, level: int) -> str:
        """What has no method of its own here: subclasses of containers too, which their own repr would write out."""
        if isinstance(x, (dict, list, tuple, set, frozenset)):
            return f"<{type(x).__name__}>"
        return super().repr_instance(x, level)


class LamaDeployError(Exception):
    """Base of every error that is the input's fault; commands print it as one line, and `cli.exit_codes` follows."""


class ConfigError(LamaDeployError):
    """A generator configuration that no LaMa generator can have."""


class CheckpointError(LamaDeployError):
    """A checkpoint that is unreadable, truncated, mismatched or carries NaN."""


class UnsafeCheckpointError(CheckpointError):
    """A pickle that asks for anything besides tensors and inert configuration objects."""


class WeightsNotFoundError(CheckpointError):
    """Named weights that are neither in the cache nor downloadable."""


class BundleError(LamaDeployError):
    """A bundle or ONNX file that is not one of ours, or is damaged."""


class ImageError(LamaDeployError):
    """An image or mask that cannot be read or does not fit its partner."""


class TooLargeError(ImageError):
    """A picture of more pixels or bytes than are allowed."""


class MissingDependencyError(LamaDeployError):
    """An optional package that this call needs is not installed."""


class ParityError(LamaDeployError):
    """An artefact that does not reproduce the reference within its tolerance."""


class DataError(LamaDeployError):
    """Training or test data that is missing, empty or unreadable."""


class TrainingError(LamaDeployError):
    """A training run that cannot go on: a loss became NaN, a checkpoint could not be written."""


class NotFiniteError(TrainingError):
    """A loss or a gradient of a training run became NaN or infinite."""


class MissingBackboneError(LamaDeployError):
    """Pretrained weights that a loss or a metric looks through are nowhere on this machine."""


class KernelError(LamaDeployError):
    """liblama_spectral cannot be found, built or loaded, or does not take what it was given."""


class EngineError(LamaDeployError):
    """A TensorRT engine that cannot be built as it was asked for, or cannot be run here."""


class DeviceMemoryError(LamaDeployError):
    """Pictures that need more memory than the device has."""
