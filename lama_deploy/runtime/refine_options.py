"""What can be asked of refinement. The defaults are official's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lama_deploy.errors import LamaDeployError, brief

BACKEND = "torch"
MOST: dict[str, int] = {"n_iters": 1000, "min_side": 2**16, "max_scales": 8, "px_budget": 2**30}
REMEDY = "; refinement needs gradients: give a checkpoint or a name of weights, with --backend torch"


@dataclass(frozen=True, kw_only=True)
class RefineOptions:
    """n_iters: passes at each size, from 1. lr: Adam's. min_side: pixels of the shorter side of the smallest size, as
    near as halving comes. max_scales: sizes. px_budget: pixels above which a picture, or window, is refined at a
    smaller size, and its holes brought back at full size. progress: is given the numbers of the passes of each picture
    or window, and yields them, as tqdm does. Raises LamaDeployError for what is out of range.
    """

    n_iters: int = 15
    lr: float = 0.002
    min_side: int = 512
    max_scales: int = 3
    px_budget: int = 1_800_000
    progress: Callable[[Sequence[int]], Any] = field(default=iter, compare=False)

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise LamaDeployError(f"refinement's {name} is {brief(value)}; allowed: an integer from 1 to {most}")
        if type(self.lr) not in (int, float) or not 0 < self.lr <= 1:
            raise LamaDeployError(f"refinement's lr is {brief(self.lr)}; allowed: a number above 0, 1 at most")


def refine_options(refine: bool | RefineOptions | None, backend: str) -> RefineOptions | None:
    """None where nothing is to be refined. Raises LamaDeployError for backends that cannot, and other values."""
    if refine is None or refine is False:
        return None
    if refine is not True and not isinstance(refine, RefineOptions):
        raise LamaDeployError(f"refine is {brief(refine)}; allowed: True, False or RefineOptions")
    if backend != BACKEND:
        raise LamaDeployError(f"the {brief(backend)} backend cannot refine{REMEDY}")
    return RefineOptions() if refine is True else refine
