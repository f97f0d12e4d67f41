"""Random cases of strategies: sizes from 1 pixel on, specks, lines, blobs, engines with and without profiles."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

from lama_deploy.runtime.strategies.options import STRATEGIES, StrategyOptions
from lama_deploy.shapes import ShapeRange
from tests.cpp.strategy_cases import Case, Drawn, Engine, Rectangle

SIDES = (8, 40, 130, 300, 620, 900, 900)  # a picture's at most: small ones are as many as large ones
LARGE_SIDES = (900, 1500, 3000)
ANY = ShapeRange((1, 64, 64), (1, 512, 512), (4, 1024, 1024))
ENGINES = (
    (),
    (ANY,),
    (ShapeRange((1, 64, 64), (1, 128, 128), (1, 256, 256)), ShapeRange((1, 256, 256), (2, 512, 384), (2, 640, 512))),
    (ShapeRange((4, 256, 256), (4, 256, 256), (4, 256, 256)),),
    (ShapeRange((2, 8, 8), (2, 64, 64), (2, 100, 180)),),
)


def drawn(seed: int) -> Case:
    """The same for the same seed."""
    random = Random(seed)
    size, is_equal = _size(random, SIDES), random.random() < 0.5
    count = random.choice((1, 1, 1, 2, 3, 5))
    pictures = [_picture(random, size if is_equal else _size(random, SIDES)) for _ in range(count)]
    return Case(f"drawn-{seed}", _options(random), _engine(random, pictures), tuple(pictures))


def planned(seed: int) -> Case:
    """A large picture that is planned alone, the same for the same seed."""
    random = Random(seed)
    picture, options = _picture(random, _size(random, LARGE_SIDES)), _options(random)
    if random.random() < 0.7:
        options = replace(options, strategy="auto", limit=random.choice((256, 512, 700, 1024)))
    return Case(f"planned-{seed}", options, replace(_engine(random, [picture]), manner="none"), (picture,))


def _options(random: Random) -> StrategyOptions:
    strategy = random.choice((*STRATEGIES, "auto", "auto", "auto", "resize"))
    limit = random.choice((128, 128, 200, 256, 400, 700, 1024))
    return StrategyOptions(strategy=strategy, limit=limit, margin=random.choice((0, 8, 16, 31, 64, 64, 300)))


def _engine(random: Random, pictures: list[Drawn]) -> Engine:
    pixels = max(one.height * one.width for one in pictures)
    memory = random.choice((0, 0, 0, 0, random.randint(1, 10**5), 10**6, *(int(pixels * n) + 1 for n in (0.3, 1.2, 4))))
    return Engine(
        batch=random.choice((1, 1, 4, 8)),
        window=random.choice((0, 0, 0, 256, 512)),
        memory=memory,
        fixed_from=random.choice((0, 0, 0, 20000, 150000)),
        manner=random.choice((*["right"] * 12, "alone", "black")),
        shapes=random.choice((*[()] * 4, *ENGINES)),
    )


def _size(random: Random, sides: tuple[int, ...]) -> tuple[int, int]:
    most = random.choice(sides)
    return random.randint(1, most), random.randint(1, random.choice((most, sides[0], most)))


def _picture(random: Random, size: tuple[int, int]) -> Drawn:
    makes = (_specks, _line, _blob, _edge, lambda *_: [], lambda *_: [(0, 0, *size)])
    chosen = random.choices(makes, weights=(4, 4, 6, 2, 1, 0.3), k=random.choice((1, 1, 2)))
    holes = [hole for make in chosen for hole in make(random, size)]
    return Drawn(*size, random.randrange(1000), tuple(holes))


def _specks(random: Random, size: tuple[int, int]) -> list[Rectangle]:
    side = random.choice((1, 2, 5))
    return [(*_place(random, size), side, side) for _ in range(random.choice((1, 3, 12, 50)))]


def _line(random: Random, size: tuple[int, int]) -> list[Rectangle]:
    (top, left), (bottom, right) = _place(random, size), _place(random, size)
    thickness, parts = random.choice((1, 3, 8)), random.randint(1, 24)
    steps = [(top + (bottom - top) * i // parts, left + (right - left) * i // parts) for i in range(parts + 1)]
    return [
        (min(y, y1), min(x, x1), abs(y1 - y) + thickness, abs(x1 - x) + thickness)
        for (y, x), (y1, x1) in pairwise(steps)
    ]


def _blob(random: Random, size: tuple[int, int]) -> list[Rectangle]:
    y, x = _place(random, size)
    height, width = random.randint(1, size[0]) // 2 + 1, random.randint(1, size[1]) // 2 + 1
    return [
        (max(0, y + random.randint(-4, height // 3)), max(0, x + random.randint(-4, width // 3)), height, width)
        for _ in range(random.randint(1, 4))
    ]


def _edge(random: Random, size: tuple[int, int]) -> list[Rectangle]:
    border = random.randint(1, 1 + min(size) // 3)
    sides = ((0, 0, border, size[1]), (0, 0, size[0], border), (size[0] - border, 0, border, size[1]))
    return random.sample(sides, random.randint(1, 3))


def _place(random: Random, size: tuple[int, int]) -> tuple[int, int]:
    return random.randrange(size[0]), random.randrange(size[1])
