"""Writes the stored cases anew: `python -m tests.cpp.make_vectors`, after strategies have changed in both languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lama_deploy.runtime.strategies.options import StrategyOptions
from tests.cpp.strategy_cases import Case, Drawn, Engine, Rectangle, done, written
from tests.cpp.strategy_draws import drawn, planned

STORED = Path(__file__).parent / "vectors" / "strategies.txt"
TRIED = 400  # seeds
OF_A_KIND = 2
MOST_HOLES = 40  # rectangles of a case: the file is to be read, too


def aimed() -> Iterator[Case]:
    """What random cases seldom ask: choices between plans that are nearly as good."""
    corners = [(200 + y, 200 + x, 4, 4) for y in (0, 252) for x in (0, 252)]
    yield _planned("two-sizes-of-tiles-cost-the-same", corners, 700, strategy="tile", limit=512, margin=128)
    grid = [(400 + 8 * i, 400 + 32 * (i * 7 % 9), 4, 36 - 4) for i in range(36)]
    yield _planned("tiles-of-a-size-between", grid, 1100, strategy="tile", limit=1024, margin=150)
    frame = [(160, 160, 8, 704), (856, 160, 8, 704), (160, 160, 704, 8), (160, 856, 704, 8)]
    yield _planned("a-window-of-two-thirds-of-the-picture", frame, 1024)
    lines = [(y, 0, 4, 400) for y in range(0, 241, 40)]
    blob = (300, 150, 90, 90)
    yield _planned("many-tiles-beside-a-thick-hole", [*lines, blob], 400, limit=128)
    yield _planned("many-tiles-alone", lines, 400, limit=128)


def _planned(name: str, holes: list[Rectangle], side: int, **options: Any) -> Case:
    return Case(name, StrategyOptions(**options), Engine(manner="none"), (Drawn(side, side, 0, tuple(holes)),))


def chosen() -> Iterator[Case]:
    """Cases in which as much as possible is different: what is planned, why, what is told, how it fails."""
    kinds = Counter[frozenset[str]]()
    for case in (make(seed) for make in (drawn, planned) for seed in range(TRIED)):
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
    STORED.write_text("".join(f"{line}\n" for case in (*aimed(), *chosen()) for line in written(case)))
