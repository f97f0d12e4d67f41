"""Which windows of a picture a model is given: by its holes, its size, the engine and the memory that there is."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from lama_deploy.arrays import Array
from lama_deploy.runtime.strategies.cells import cells_of
from lama_deploy.runtime.strategies.fillings import Filling, crop, resize, tile, whole
from lama_deploy.runtime.strategies.holes import Hole, find_holes
from lama_deploy.runtime.strategies.options import StrategyOptions
from lama_deploy.runtime.strategies.tiling import best_size, cores_of
from lama_deploy.runtime.strategies.windows import Budget, Window

SMALL = 2**19  # pixels: a picture up to this is taken whole, as official code does
WORTH_CROPPING = 0.6  # of a picture: windows that are more of it than this save little
THIN = 3  # a hole that is at least so many times thinner than a window's side is filled at full resolution
STEP = 8  # pixels: sides of what was made smaller are a multiple of it
SHRINKING = 0.95

Kind = Literal["whole", "crop", "resize", "tile"]
WHY = {
    "small": "the picture is small",
    "no gain": "windows around the holes would be most of the picture",
    "holes": "the holes are small beside the picture",
    "large": "a hole is too large for a window of the limit, so it is filled at a lower resolution",
    "thin": "the holes are thin, or small and many, so that parts of them are filled one after the other",
    "memory": "a window of the limit does not fit into memory or the engine",
    "engine": "the engine takes nothing so large at once; export with a --profile or --size for such pictures to have "
    "them so",
    "fits": "its longer side is within the limit already",
    "empty": "there is no hole",
    "asked": "it was asked for",
}
QUIET = ("asked", "small", "empty")  # the mask's own note tells of the last


@dataclass(frozen=True)
class Step:
    """How one hole is filled. window: what the model sees of the picture; size: what it is given, smaller for
    "resize", a tile's for "tile".
    """

    kind: Kind
    hole: Hole
    window: Window
    size: tuple[int, int]

    @property
    def pixels(self) -> int:
        """That the model computes."""
        runs = len(cores_of(self.hole, self.size)) if self.kind == "tile" else 1
        return runs * self.size[0] * self.size[1]

    def filling(self, canvas: Array, hole: Array) -> Filling:
        if self.kind == "resize":
            return resize(canvas, hole, self.hole, self.window, self.size)
        if self.kind == "tile":
            return tile(canvas, hole, self.hole, self.size)
        return crop(canvas, hole, self.hole, self.window)


@dataclass(frozen=True)
class Plan:
    """steps: none for "whole", and where there is no hole. why: a key of WHY."""

    size: tuple[int, int]
    steps: tuple[Step, ...]
    why: str

    def fillings(self, canvas: Array, hole: Array) -> list[Filling]:
        """canvas: (H, W, 3) uint8, is filled as they run; hole: (H, W) uint8, which the plan is for, or lies in its."""
        if not self.steps:
            return [whole(canvas, hole)]
        return [step.filling(canvas, hole) for step in self.steps]

    @property
    def kinds(self) -> str:
        """In words: "crop", or "crop and tile"."""
        return " and ".join(sorted({step.kind for step in self.steps})) or "whole"

    @property
    def text(self) -> str:
        """One line without numbers, the same for all pictures of a kind."""
        return f"filled by {self.kinds}, since {WHY[self.why]}"

    @property
    def is_news(self) -> bool:
        """Whether people are told: what nobody asked for, but for small pictures, which are taken as they are."""
        return self.why not in QUIET

    @property
    def windows(self) -> str:
        """What the model is given, in words."""
        height, width = self.size
        if not self.steps:
            return f"{width}x{height}"
        counts = Counter(f"{step.size[1]}x{step.size[0]} {step.kind}" for step in self.steps)
        given = ", ".join(f"{count} of {what}" for what, count in counts.items())
        return f"{given} in {width}x{height}"

    def to_dict(self) -> dict[str, Any]:
        """For reports."""
        steps = [
            {
                "kind": step.kind,
                "window": [step.window.left, step.window.top, step.window.width, step.window.height],
                "given": [step.size[1], step.size[0]],
            }
            for step in self.steps
        ]
        return {"strategy": self.kinds, "why": WHY[self.why], "steps": steps}


def plan(hole: Array, options: StrategyOptions, budget: Budget) -> Plan:
    """hole: (H, W), nonzero = hole."""
    size = (hole.shape[0], hole.shape[1])
    picture = Window(0, 0, *size)
    if not hole.any():
        return Plan(size, (), "empty")
    if options.strategy == "whole" or (options.strategy == "resize" and max(size) <= options.limit):
        if budget.takes(size):
            return Plan(size, (), "asked" if options.strategy == "whole" else "fits")
        return Plan(size, tuple(_tile(one, size, budget) for one in find_holes(hole, options.margin)), "engine")
    if options.strategy == "auto" and picture.pixels <= SMALL and budget.holds(size):
        return Plan(size, (), "small")
    if options.strategy == "resize":
        everything = Hole(picture, picture, min(size), options.margin, cells_of(hole))
        return Plan(size, (Step("resize", everything, picture, _fitted(size, budget)),), "asked")
    if options.strategy != "auto":
        holes = find_holes(hole, options.margin)
        make = _cropped if options.strategy == "crop" else _tile
        steps = tuple(make(one, size, budget) for one in holes)
        return Plan(size, steps, "asked" if {step.kind for step in steps} <= {options.strategy} else "engine")
    holes = find_holes(
        hole,
        options.margin,
        lambda window, thickness: not (budget.holds(budget.rounded(window, size).size) or _is_thin(thickness, budget)),
    )
    steps = tuple(_chosen(one, size, budget) for one in holes)
    if _is_no_gain(steps, picture, budget):
        return Plan(size, (), "no gain")
    return Plan(size, steps, _why(steps, budget))


def _chosen(one: Hole, size: tuple[int, int], budget: Budget) -> Step:
    step = _crop(one, size, budget)
    if budget.holds(step.size):
        return step
    if _is_thin(one.thickness, budget):
        return _tile(one, size, budget)
    return _resize(one, size, budget)


def _is_no_gain(steps: tuple[Step, ...], picture: Window, budget: Budget) -> bool:
    """Whether the picture is taken whole in place of windows, because they would be as much, and it fits.

    A large picture too, but for thick holes, which are filled better at a lower resolution.
    """
    computed = sum(step.pixels for step in steps)
    if budget.holds(picture.size):
        return computed > WORTH_CROPPING * picture.pixels
    fits = budget.takes(picture.size) and picture.pixels <= budget.pixels
    return fits and computed > picture.pixels and all(step.kind != "resize" for step in steps)


def _is_thin(thickness: int, budget: Budget) -> bool:
    return thickness * THIN <= min(budget.tile())


def _cropped(one: Hole, size: tuple[int, int], budget: Budget) -> Step:
    """At any limit and memory, but what the engine does not take is cut as `auto` does it."""
    step = _crop(one, size, budget)
    return step if budget.takes(step.size) else _chosen(one, size, budget)


def _crop(one: Hole, size: tuple[int, int], budget: Budget) -> Step:
    window = budget.rounded(one.window, size)
    return Step("crop", one, window, window.size)


def _resize(one: Hole, size: tuple[int, int], budget: Budget) -> Step:
    return Step("resize", one, one.window, _fitted(one.window.size, budget))


def _tile(one: Hole, size: tuple[int, int], budget: Budget) -> Step:
    height, width = (min(most, length) for most, length in zip(budget.tile(), size, strict=True))
    return Step("tile", one, one.window, best_size(one, (height, width)))


def _fitted(size: tuple[int, int], budget: Budget) -> tuple[int, int]:
    """The size, made as small as the budget wants it, with its proportions."""
    scale = min(1.0, budget.limit / max(size), math.sqrt(budget.pixels / (size[0] * size[1])))
    fitted = (_stepped(size[0] * scale), _stepped(size[1] * scale))
    while not budget.holds(fitted) and max(fitted) > STEP:
        scale *= SHRINKING
        fitted = (_stepped(size[0] * scale), _stepped(size[1] * scale))
    return fitted


def _stepped(side: float) -> int:
    return max(STEP, int(side) // STEP * STEP)


def _why(steps: tuple[Step, ...], budget: Budget) -> str:
    kinds = {step.kind for step in steps}
    if kinds <= {"crop"}:
        return "holes"
    if not budget.holds((budget.limit, budget.limit)):
        return "memory"
    return "large" if "resize" in kinds else "thin"
