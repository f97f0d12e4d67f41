"""Cases by which the strategies of Python and of cpp/ are held together, as lines that both read.

What a case asks for stands before the line "expect", what Python does after it: each picture's plan, then in their
order what is told and what the engine is given, then the SHA-256 of each filled picture. cpp/tests/strategy_case.cpp
reads the same lines, and has the same pictures and the same toy for an engine.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from lama_deploy.errors import DeviceMemoryError, EngineError
from lama_deploy.process_memory import ProcessMemory
from lama_deploy.runtime.backend import Backend, Capabilities, Memory
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.strategies.options import StrategyOptions
from lama_deploy.runtime.strategies.plan import Plan
from lama_deploy.runtime.strategies.running import raised
from lama_deploy.shapes import Shape, ShapeRange

Array = NDArray[np.generic]
Rectangle = tuple[int, int, int, int]  # top, left, height, width
LOGGERS = ("lama_deploy.runtime.inpainter", "lama_deploy.runtime.strategies.whole")


@dataclass(frozen=True)
class Drawn:
    """A picture by a seed, and its holes."""

    height: int
    width: int
    seed: int
    holes: tuple[Rectangle, ...]


@dataclass(frozen=True)
class Engine:
    """memory: in pixels, 0 for any; fixed_from: as `Capabilities`, 0 for none, and then half as much a pixel.

    manner: "right", "black" (it fills with nothing but black), "alone" (it fails for more than one picture), or "none":
    pictures are planned alone.
    """

    batch: int = 1
    window: int = 0
    memory: int = 0
    fixed_from: int = 0
    manner: str = "right"
    shapes: tuple[ShapeRange, ...] = ()


@dataclass(frozen=True)
class Case:
    name: str
    options: StrategyOptions
    engine: Engine
    pictures: tuple[Drawn, ...]


def written(case: Case) -> Iterator[str]:
    """Its lines, with what Python does."""
    options, engine = case.options, case.engine
    yield f"case {case.name}"
    yield f"options {options.strategy} {options.limit} {options.margin}"
    yield f"engine {engine.batch} {engine.window} {engine.memory} {engine.fixed_from} {engine.manner}"
    for one in engine.shapes:
        yield " ".join(["range", *map(str, (*one.least, *one.best, *one.largest))])
    for picture in case.pictures:
        yield f"picture {picture.height} {picture.width} {picture.seed}"
        yield from (" ".join(["hole", *map(str, hole)]) for hole in picture.holes)
    yield "expect"
    yield from done(case)
    yield "end"


def read(lines: Iterable[str]) -> list[Case]:
    """What the lines ask for."""
    groups = groupby((line.split() for line in lines), key=lambda words: words[0] == "case")
    starts = [list(group) for _, group in groups]
    return [_read(names[0][1], rest) for names, rest in zip(starts[::2], starts[1::2], strict=True)]


def _read(name: str, lines: list[list[str]]) -> Case:
    strategy, *sides = lines[0][1:]
    *numbers, manner = lines[1][1:]
    shapes, pictures = [], []
    for word, *values in lines[2 : lines.index(["expect"])]:
        given = [int(value) for value in values]
        if word == "range":
            shapes.append(ShapeRange(*(tuple(given[i : i + 3]) for i in (0, 3, 6))))
        elif word == "picture":
            pictures.append((given, []))
        else:
            pictures[-1][1].append(tuple(given))
    options = StrategyOptions(strategy=strategy, limit=int(sides[0]), margin=int(sides[1]))
    drawn = tuple(Drawn(*size, tuple(holes)) for size, holes in pictures)
    return Case(name, options, Engine(*map(int, numbers), manner, tuple(shapes)), drawn)


def done(case: Case) -> list[str]:
    """What Python does with it."""
    told: list[str] = []
    inpainter = _inpainter(case, told)
    holes = [hole_of(one) for one in case.pictures]
    plans = [line for hole in holes for line in _planned(inpainter.plan(hole))]
    if case.engine.manner == "none":
        return plans
    try:
        with _listening(told):
            filled = _filled(inpainter, list(zip(map(pixels_of, case.pictures), holes, strict=True)))
    except (EngineError, DeviceMemoryError) as error:
        return [*plans, f"fails {'engine' if isinstance(error, EngineError) else 'memory'}"]
    return [*plans, *told, *(f"filled {hashlib.sha256(one.tobytes()).hexdigest()}" for one in filled)]


def pixels_of(drawn: Drawn) -> Array:
    """(H, W, 3) uint8: slopes with a grain, without black."""
    y, x, channel = np.ogrid[: drawn.height, : drawn.width, :3]
    grain = sum(n.astype(np.uint32) * np.uint32(by) for n, by in ((y, 73856093), (x, 19349663), (channel, 83492791)))
    grain = grain + np.uint32(drawn.seed * 2654435761 % 2**32)
    grain = (grain ^ (grain >> 15)) * np.uint32(2246822519)
    slope = (y * (3 + drawn.seed % 5) + x * (2 + drawn.seed % 7)) // 4 + 40 * channel
    return (20 + (slope + (grain >> 27)) % 220).astype(np.uint8)


def hole_of(drawn: Drawn) -> Array:
    """(H, W) uint8 of several values."""
    hole = np.zeros((drawn.height, drawn.width), np.uint8)
    for index, (top, left, height, width) in enumerate(drawn.holes):
        hole[top : top + height, left : left + width] = 1 + index * 37 % 255
    return hole


def toy(images: Array, masks: Array) -> Array:
    """As `Backend.run`: sums of what is known in a pixel's row and column, so that any other window shows.

    Known pixels come back changed: whoever keeps them does so himself.
    """
    known = masks == 0
    seen = np.where(known[..., None], images, 0).astype(np.uint32)
    sums = 2 * seen.sum(1, dtype=np.uint32)[:, None] + 3 * seen.sum(2, dtype=np.uint32)[:, :, None]
    sums += 5 * seen.cumsum(1, dtype=np.uint32) + 7 * seen.cumsum(2, dtype=np.uint32)
    sums += 11 * (~known).cumsum(2, dtype=np.uint32)[..., None]
    _, height, width, _ = images.shape
    y, x, channel = np.ogrid[:height, :width, :3]
    place = (13 * y + 17 * x + 19 * channel + 23 * height + 29 * width).astype(np.uint32)
    return np.where(known[..., None], images + np.uint8(1), ((sums + place) >> 3).astype(np.uint8))


class _Toy:
    """A backend of the case's engine."""

    name, device = "toy", "cpu"

    def __init__(self, engine: Engine, told: list[str], fixed: Shape | None = None) -> None:
        memory = Memory(0, 1.0, 0.5 if engine.fixed_from else None) if engine.memory else None
        self.capabilities = Capabilities(
            shapes=engine.shapes,
            batch=engine.batch,
            window=engine.window,
            memory=memory,
            fixed_from=engine.fixed_from or None,
        )
        self._engine, self._told, self._fixed = engine, told, fixed

    def run(self, images: Array, masks: Array) -> Array:
        self._told.append(" ".join(["fixed" if self._fixed else "run", *map(str, masks.shape)]))
        assert self._fixed in (None, masks.shape)
        if self._engine.manner == "alone" and len(images) > 1:
            raise EngineError("more than one picture")
        return toy(images, masks) * np.uint8(self._engine.manner != "black")

    def fixed(self, shape: Shape) -> Backend:
        return _Toy(self._engine, self._told, shape)


class _Told(logging.Handler):
    def __init__(self, told: list[str]) -> None:
        super().__init__()
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.append(f"{record.levelname.lower()} {record.getMessage()}")


class _listening:  # noqa: N801
    """Adds what the loggers are told."""

    def __init__(self, told: list[str]) -> None:
        self._handler, self._loggers = _Told(told), [logging.getLogger(name) for name in LOGGERS]

    def __enter__(self) -> None:
        self._levels = [log.level for log in self._loggers]
        for log in self._loggers:
            log.setLevel(logging.INFO)
            log.addHandler(self._handler)

    def __exit__(self, *_: object) -> None:
        for log, level in zip(self._loggers, self._levels, strict=True):
            log.setLevel(level)
            log.removeHandler(self._handler)


def _inpainter(case: Case, told: list[str]) -> Inpainter:
    room = ProcessMemory(0, case.engine.memory)
    with patch("lama_deploy.runtime.memory.process_memory", lambda: room):
        return Inpainter(_Toy(case.engine, told), case.options)


def _planned(plan: Plan) -> Iterator[str]:
    yield f"plan {plan.text}: {plan.windows}"
    for step in plan.steps:
        window = step.window
        sides = (window.top, window.left, window.height, window.width, *step.size)
        yield " ".join(["step", step.kind, *map(str, sides)])


def _filled(inpainter: Inpainter, pictures: list[tuple[Array, Array]]) -> Iterable[Array]:
    """As liblama's `Strategist::fill`: pictures of one size as `run` does, others as `run_many`."""
    if len({hole.shape for _, hole in pictures}) == 1:
        return inpainter.run(*(np.stack(parts) for parts in zip(*pictures, strict=True)))
    return [raised(result) for result in inpainter.run_many(pictures)]
