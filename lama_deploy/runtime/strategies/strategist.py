"""Pictures of any size over one backend: planned, run together, set back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import DeviceMemoryError
from lama_deploy.runtime.backend import Backend
from lama_deploy.runtime.strategies.options import StrategyOptions
from lama_deploy.runtime.strategies.plan import Plan, plan
from lama_deploy.runtime.strategies.running import Failure, run_checked, run_fillings
from lama_deploy.runtime.strategies.whole import Whole
from lama_deploy.runtime.strategies.windows import Budget
from lama_deploy.shapes import Shape

Picture = tuple[Array, Array]  # (H, W, 3) uint8 and (H, W), nonzero = hole
Chosen = Callable[[int, Plan], None]  # is told the index of a picture, and how it is filled


class Strategist:
    """Fills pictures by `options`. Safe to call from as many threads as the backend is."""

    def __init__(self, backend: Backend, options: StrategyOptions) -> None:
        self.options = options
        self._capabilities = backend.capabilities
        self._whole = Whole(backend)

    def plan(self, hole: Array, options: StrategyOptions | None = None) -> Plan:
        """For holes (H, W), with the memory that is free now. options: in place of its own."""
        options = options or self.options
        limit = options.limit
        most = self._whole.most_pixels((1, min(hole.shape[0], limit), min(hole.shape[1], limit)))
        return plan(hole, options, Budget(limit, most, self._capabilities))

    def fill(self, pictures: Sequence[Picture], plans: Sequence[Plan]) -> list[Array | Failure]:
        """(H, W, 3) uint8 for each picture, or what it failed for. Windows of equal size run together."""
        results: list[Array | Failure] = [pixels.copy() for pixels, _ in pictures]
        fillings, owners = [], []
        for index, ((_, hole), one) in enumerate(zip(pictures, plans, strict=True)):
            canvas = results[index]
            assert isinstance(canvas, np.ndarray)
            of_it = one.fillings(canvas, hole) if hole.any() else []
            fillings += of_it
            owners += [index] * len(of_it)
        for index, failure in zip(owners, run_fillings(self._whole.run, fillings, self._together), strict=True):
            if failure is not None:
                results[index] = failure
        return results

    def fill_batch(self, pixels: Array, holes: Array) -> Array:
        """(N, H, W, 3) and (N, H, W) uint8 -> (N, H, W, 3) uint8, taken whole; as one where there is memory for it."""
        count, height, width = holes.shape
        if count > 1 and holes.size > self._whole.most_pixels((count, height, width)):
            return np.concatenate([self.fill_batch(*one) for one in zip(pixels[:, None], holes[:, None], strict=True)])
        result = run_checked(self._whole.run, pixels, holes)
        return np.where(holes[..., None] > 0, result, pixels)

    def warm_up(self, shape: Shape) -> None:
        """Runs of pictures (N, H, W), black and all hole, until all that is made for the shape is there."""
        if math.prod(shape) > self._whole.most_pixels(shape):  # told before memory is taken for the pictures
            raise DeviceMemoryError(
                "there is no memory for a run of so many pictures of this size; warm up with fewer or smaller ones, "
                "such as windows have"
            )
        pixels, holes = np.zeros((*shape, 3), np.uint8), np.ones(shape, np.uint8)
        for _ in range(self._capabilities.settles_after):
            run_checked(self._whole.run, pixels, holes)

    def _together(self, size: tuple[int, int]) -> int:
        """How many windows of a size are a batch that the engine runs well, and that fits into memory."""
        declared = self._capabilities
        most = max(one.largest[0] for one in declared.shapes) if declared.shapes else declared.batch
        pictures, *sides = declared.part_for((most, *size))
        if tuple(sides) != size:
            return 1
        return max(1, min(pictures, int(min(most, self._whole.most_pixels() / (size[0] * size[1])))))
