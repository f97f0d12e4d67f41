"""How pictures are cut for a model, as people ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lama_deploy.errors import LamaDeployError, brief

Strategy = Literal["auto", "whole", "crop", "resize", "tile"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)
LIMIT = 1024  # pixels
MARGIN = 64  # pixels
LIMITS = (128, 2**16)  # what may be asked for
MOST_MARGIN = 2**14


@dataclass(frozen=True, kw_only=True)
class StrategyOptions:
    """strategy: "whole": the picture as it is. "crop": a window around each hole. "resize": the picture made smaller,
    the hole alone comes back. "tile": windows one after the other over the hole, each sees what is filled already.
    "auto": for each picture and hole what suits it and fits into memory.

    limit: pixels, 128 to 65,536: windows of "auto" and "tile" are no larger than a square of this side, since above it
    memory grows and quality falls; "resize" makes the longer side so small.
    margin: pixels around a hole that a window has at least, 0 to 16,384. Raises LamaDeployError for anything else.
    """

    strategy: Strategy = "auto"
    limit: int = LIMIT
    margin: int = MARGIN

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise LamaDeployError(f"strategy is {brief(self.strategy)}; allowed: {', '.join(STRATEGIES)}")
        for name, value, least, most in (("limit", self.limit, *LIMITS), ("margin", self.margin, 0, MOST_MARGIN)):
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise LamaDeployError(f"{name} is {brief(value)}; allowed: an integer from {least} to {most}")
