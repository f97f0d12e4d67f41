"""Writes the stored cases anew: `python -m tests.cpp.make_vectors`, after strategies have changed in both languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.cpp.strategy_cases import Case, done, written
from tests.cpp.strategy_draws import drawn

STORED = Path(__file__).parent / "vectors" / "strategies.txt"
TRIED = 600  # seeds
OF_A_KIND = 1
MOST_HOLES = 40  # rectangles of a case: the file is to be read, too


def chosen() -> Iterator[Case]:
    """Cases in which as much as possible is different: what is planned, why, what is told, how it fails."""
    kinds = Counter[frozenset[str]]()
    for case in map(drawn, range(TRIED)):
        kind = frozenset(_kind(line) for line in done(case))
        if sum(len(one.holes) for one in case.pictures) <= MOST_HOLES and kinds[kind] < OF_A_KIND:
            kinds[kind] += 1
            yield case


def _kind(line: str) -> str:
    """Of a line of a case, without numbers."""
    word, *rest = line.split()
    if word in ("plan", "warning", "info"):
        return "".join(c for c in line.partition(": ")[0] if not c.isdigit())
    return f"{word} {rest[0]}" if word in ("step", "fails") else word


if __name__ == "__main__":
    STORED.write_text("".join(f"{line}\n" for case in chosen() for line in written(case)))
