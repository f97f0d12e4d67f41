"""What was changed, dropped, guessed or doubted about pictures: one line each kind, with the pictures' names."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from lama_deploy.errors import brief

Note = Callable[[str], None]  # is told one kind of note, a text without names and numbers of the picture
MOST_NAMED = 3


def ignore(text: str) -> None:
    """For who does not want to know."""


class Notes:
    """Collects notes from any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, list[str]] = {}

    def about(self, name: object) -> Note:
        """A `Note` for one picture, which hears the same kind once."""
        return lambda text: self._add(text, str(name))

    def take(self, other: Notes) -> None:
        """What another one has, behind what is here."""
        for text, names in other.names().items():
            for name in names:
                self._add(text, name)

    def lines(self) -> list[str]:
        """In the order of their first pictures, as in: a.png, b.png, c.png and 4 more: the text."""
        return [f"{_some(names)}: {text}" for text, names in self.names().items()]

    def names(self) -> Mapping[str, list[str]]:
        """By kind of note, the pictures, for records."""
        with self._lock:
            return {text: list(names) for text, names in self._names.items()}

    def _add(self, text: str, name: str) -> None:
        with self._lock:
            names = self._names.setdefault(text, [])
            if name not in names[-MOST_NAMED:]:
                names.append(name)


def _some(names: list[str]) -> str:
    first = ", ".join(brief(name) for name in names[:MOST_NAMED])
    return f"{first} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else first
