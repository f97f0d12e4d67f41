"""Periodic pictures drawn by rule: bricks, fences and grids, in perspective, with light and noise.

A pattern is a function of the plane (u, v), in pixels of the untilted picture, so that a view of it is a change of
coordinates and stays exactly periodic in the plane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.evaluation.drawn_set import square_crop
from lama_deploy.evaluation.test_set import Pair
from lama_deploy.images.masks import TEST_SET_LIMIT, MaskGenerator

SUPERSAMPLING = 4  # samples a pixel and side, against aliasing
Coverage = Callable[[Array, Array, float], Array]  # u, v and period in pixels -> share of the second colour, 0 or 1
Colour = tuple[int, int, int]


def bricks(u: Array, v: Array, period: float) -> Array:
    """Courses half as high as a brick is long, every second one shifted by half a brick; True = mortar."""
    course = np.floor(2 * v / period)
    along = _phase(u / period + 0.5 * (course % 2))
    return (along < 0.1) | (_phase(2 * v / period) < 0.2)


def fence(u: Array, v: Array, period: float) -> Array:
    """Pickets with gaps between them, and rails behind; True = what stands in front."""
    return (_phase(u / period) < 0.55) | (_phase(v / (3 * period)) < 0.12)


def grid(u: Array, v: Array, period: float) -> Array:
    """Lines both ways, as of tiles or window bars; True = line."""
    return (_phase(u / period) < 0.2) | (_phase(v / period) < 0.2)


def _phase(x: Array) -> Array:
    return np.asarray(x - np.floor(x))


KINDS: dict[str, Coverage] = {"bricks": bricks, "fence": fence, "grid": grid}
# A kind repeats after so many periods along u and v.
REPEATS = {"bricks": (1, 1), "fence": (1, 3), "grid": (1, 1)}


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """One picture's settings.

    period: of KINDS, in pixels. offset: of the plane, in pixels. angle: in radians.
    tilt: how much nearer than the middle the right and the bottom edge come, as a share of the distance.
    shade: brightness lost from left to right. noise: standard deviation, of 255.
    """

    kind: str
    period: float
    offset: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0
    tilt: tuple[float, float] = (0.0, 0.0)
    colours: tuple[Colour, Colour] = ((150, 80, 60), (210, 205, 195))
    shade: float = 0.0
    noise: float = 0.0


def random_pattern(random: np.random.Generator, kind: str, side: int) -> Pattern:
    """A view with 5 to 9 periods along the picture; half of the views are frontal."""
    dark, light = random.integers(30, 91) + _tint(random), random.integers(150, 221) + _tint(random)
    first, second = (dark, light) if random.random() < 0.5 else (light, dark)
    frontal = bool(random.random() < 0.5)
    return Pattern(
        kind=kind,
        period=float(side / random.uniform(5, 9)),
        offset=(float(random.uniform(0, side)), float(random.uniform(0, side))),
        angle=0.0 if frontal else float(random.uniform(-0.3, 0.3)),
        tilt=(0.0, 0.0) if frontal else (float(random.uniform(-0.3, 0.3)), float(random.uniform(-0.3, 0.3))),
        colours=(_colour(first), _colour(second)),
        shade=float(random.uniform(0, 0.3)),
        noise=float(random.uniform(0, 6)),
    )


def draw(pattern: Pattern, side: int, random: np.random.Generator) -> Array:
    """(side, side, 3) uint8 RGB; `random` gives the noise."""
    samples = side * SUPERSAMPLING
    y, x = (np.mgrid[:samples, :samples] + 0.5) / SUPERSAMPLING - side / 2
    nearness = 1 + (pattern.tilt[0] * x + pattern.tilt[1] * y) / (side / 2)
    cosine, sine = np.cos(pattern.angle), np.sin(pattern.angle)
    u = (cosine * x - sine * y) / nearness + pattern.offset[0]
    v = (sine * x + cosine * y) / nearness + pattern.offset[1]
    covered = KINDS[pattern.kind](u, v, pattern.period).astype(np.float64)
    share = covered.reshape(side, SUPERSAMPLING, side, SUPERSAMPLING).mean(axis=(1, 3))[..., None]
    first, second = (np.array(colour, np.float64) for colour in pattern.colours)
    light = 1 - pattern.shade * np.linspace(0, 1, side)[None, :, None]
    picture = (first + (second - first) * share) * light + random.normal(0, pattern.noise, (side, side, 3))
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def periodic_pairs(count: int, side: int, masks: MaskGenerator, seed: int = 0) -> list[Pair]:
    """`count` pictures, the kinds in turn, each with a hole of at most half of it, as in the sets of photographs."""
    kinds = list(KINDS)
    return [_pair(kinds[index % len(kinds)], index, side, masks, seed) for index in range(count)]


def _pair(kind: str, index: int, side: int, masks: MaskGenerator, seed: int) -> Pair:
    random = np.random.default_rng([seed, index])
    rgb = draw(random_pattern(random, kind, side), side, random)
    hole: Any = np.zeros((side, side), np.uint8)
    while not 0 < hole.mean() <= TEST_SET_LIMIT:
        hole = square_crop(random, masks.draw(random, side, side)).hole
    return Pair(f"{kind}{index:03d}_crop000_mask000", rgb, hole)


def _tint(random: np.random.Generator) -> Array:
    """Muted, as of stone, wood and paint: training had no other."""
    return random.integers(-20, 21, 3)


def _colour(values: Array) -> Colour:
    red, green, blue = (int(value) for value in values)
    return red, green, blue
