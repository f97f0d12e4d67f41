"""Holes to train and test on: the paper's aggressive masks, its test sets, outpainting and shapes from files.

A generator draws from the `numpy.random.Generator` it is given and from nothing else, so that a seed names a mask
whatever worker draws it. Masks are (H, W) uint8, 1 = hole, and never empty.
Sources: LaMa (WACV 2022) section 2.4 and supplementary; official `saicinpainting/training/data/masks.py` and the
configs named beside each set. `tests` hold every set to the area, share above one half and stroke width of the
official code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from lama_deploy.errors import ConfigError, brief

Mask = np.ndarray[Any, np.dtype[np.uint8]]

TEST_SET_LIMIT = 0.5  # official `max_tamper_area`: larger holes are left out of test sets, never out of training


class MaskGenerator(Protocol):
    """Draws one mask (height, width) uint8, 1 = hole."""

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Mask: ...


@dataclass(frozen=True, kw_only=True)
class Strokes:
    """Polygonal chains of wide lines (official `RandomIrregularMaskGenerator`). Lengths and widths in pixels.

    Lengths are from least_length to least_length + max_length - 1, widths alike: max_ are the official names.
    A mask has min_times to max_times + 1 chains: the official wrapper adds the one, and the paper's masks have it.
    """

    max_angle: int = 4
    least_length: int = 10
    max_length: int = 60
    least_width: int = 5
    max_width: int = 20
    min_times: int = 1
    max_times: int = 10

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Mask:
        mask = np.zeros((height, width), np.uint8)
        for chain in range(rng.integers(self.min_times, self.max_times + 2)):
            self._draw_chain(mask, rng, upwards=chain % 2 == 0)
        return mask

    def _draw_chain(self, mask: Mask, rng: np.random.Generator, *, upwards: bool) -> None:
        import cv2

        height, width = mask.shape
        x, y = int(rng.integers(width)), int(rng.integers(height))
        for _ in range(1 + rng.integers(5)):
            angle = 0.01 + rng.integers(self.max_angle)
            angle = 2 * np.pi - angle if upwards else angle
            length = self.least_length + rng.integers(self.max_length)
            brush = self.least_width + int(rng.integers(self.max_width))
            end_x = int(np.clip(int(x + length * np.sin(angle)), 0, width))
            end_y = int(np.clip(int(y + length * np.cos(angle)), 0, height))
            cv2.line(mask, (x, y), (end_x, end_y), 1, brush)
            x, y = end_x, end_y

    def scaled(self, factor: float) -> Strokes:
        return replace(
            self,
            least_length=_scale(self.least_length, factor),
            max_length=_scale(self.max_length, factor),
            least_width=_scale(self.least_width, factor),
            max_width=_scale(self.max_width, factor),
        )


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """A union of rectangles (official `RandomRectangleMaskGenerator`): sides from min_size to max_size, in pixels.

    Sides shrink where the picture within its margins is smaller than they are.
    """

    margin: int = 10
    min_size: int = 30
    max_size: int = 100
    min_times: int = 1
    max_times: int = 3

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Mask:
        mask = np.zeros((height, width), np.uint8)
        margin = min(self.margin, (min(height, width) - 1) // 2)
        # Official code never draws a side as long as the whole room between the margins.
        limit = max(2, min(self.max_size + 1, height - 2 * margin, width - 2 * margin))
        least = min(self.min_size, limit - 1)
        for _ in range(rng.integers(self.min_times, self.max_times + 1)):
            box_width, box_height = int(rng.integers(least, limit)), int(rng.integers(least, limit))
            x = int(rng.integers(margin, width - margin - box_width + 1))
            y = int(rng.integers(margin, height - margin - box_height + 1))
            mask[y : y + box_height, x : x + box_width] = 1
        return mask

    def scaled(self, factor: float) -> Boxes:
        return replace(
            self,
            margin=round(self.margin * factor),
            min_size=_scale(self.min_size, factor),
            max_size=_scale(self.max_size, factor),
        )


@dataclass(frozen=True, kw_only=True)
class Outpainting:
    """Strips along random sides, at least one (official `OutpaintingMaskGenerator`); widths as shares of a side."""

    min_share: float = 0.04
    max_share: float = 0.25
    probability: float = 0.5

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Mask:
        mask = np.zeros((height, width), np.uint8)
        chosen = rng.random(4) < self.probability
        if not chosen.any():
            chosen[rng.integers(4)] = True
        sides = (height, height, width, width)
        top, bottom, left, right = (
            int(on) * max(1, round(rng.uniform(self.min_share, self.max_share) * side))
            for on, side in zip(chosen, sides, strict=True)
        )
        mask[:top] = mask[height - bottom :] = 1
        mask[:, :left] = mask[:, width - right :] = 1
        return mask

    def scaled(self, factor: float) -> Outpainting:
        """Shares of a side stay what they are."""
        return self


@dataclass(frozen=True)
class Mixed:
    """One of several generators by chance (official `MixedMaskGenerator`); weights need not sum to one."""

    parts: tuple[tuple[float, Strokes | Boxes | Outpainting], ...]

    def __post_init__(self) -> None:
        weights = [weight for weight, _ in self.parts]
        if not weights or min(weights) < 0 or sum(weights) <= 0:
            raise ConfigError(f"mask weights {weights} are no probabilities; give none below 0 and one above 0")

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Mask:
        weights = np.array([weight for weight, _ in self.parts], np.float64)
        choice = int(rng.choice(len(self.parts), p=weights / weights.sum()))
        return self.parts[choice][1].draw(rng, height, width)

    def scaled(self, factor: float) -> Mixed:
        """The same masks for a picture whose sides are `factor` times as long."""
        return Mixed(tuple((weight, part.scaled(factor)) for weight, part in self.parts))


def _scale(length: int, factor: float) -> int:
    return max(1, round(length * factor))


def _mix(strokes: Strokes, box_weight: float = 0.0, boxes: Boxes | None = None) -> Mixed:
    return Mixed(((1.0, strokes), (box_weight, boxes or Boxes())))


MASK_SETS: Mapping[str, Mixed] = {
    # abl-04-256-mh-dist: what every model of the paper but Table 4's narrow ones is trained on
    "train": _mix(
        Strokes(max_length=200, max_width=100, min_times=1, max_times=5),
        1.0,
        Boxes(margin=10, min_size=30, max_size=150, min_times=1, max_times=4),
    ),
    # abl-02-thin-bb
    "train-narrow": _mix(
        Strokes(max_length=80, max_width=40, min_times=4, max_times=12),
        1.0,
        Boxes(margin=0, min_size=30, max_size=128, min_times=1, max_times=1),
    ),
    # configs/data_gen/random_{thin,medium,thick}_{256,512}; the paper calls thin narrow and thick wide
    "thin-256": _mix(Strokes(max_length=40, max_width=10, min_times=4, max_times=50)),
    "medium-256": _mix(
        Strokes(max_length=100, max_width=50, min_times=4, max_times=5),
        0.3,
        Boxes(margin=0, min_size=10, max_size=50, min_times=1, max_times=5),
    ),
    "thick-256": _mix(
        Strokes(max_length=200, max_width=100, min_times=1, max_times=5),
        0.3,
        Boxes(margin=10, min_size=30, max_size=150, min_times=1, max_times=3),
    ),
    "thin-512": _mix(Strokes(max_length=100, max_width=20, min_times=4, max_times=70)),
    "medium-512": _mix(
        Strokes(max_length=200, max_width=100, min_times=4, max_times=10),
        0.3,
        Boxes(margin=0, min_size=30, max_size=150, min_times=1, max_times=5),
    ),
    "thick-512": _mix(
        Strokes(max_length=450, max_width=250, min_times=1, max_times=5),
        0.3,
        Boxes(margin=10, min_size=30, max_size=300, min_times=1, max_times=4),
    ),
    "outpainting": Mixed(((1.0, Outpainting()),)),
}


def mask_set(name: str) -> Mixed:
    """An entry of MASK_SETS. Raises ConfigError for an unknown name."""
    if name not in MASK_SETS:
        raise ConfigError(f"mask set '{brief(name)}' is unknown; known: {', '.join(MASK_SETS)}")
    return MASK_SETS[name]
