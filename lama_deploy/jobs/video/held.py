"""An Inpainter whose windows hold still over the frames of a folder, which come one by one, in order."""

from __future__ import annotations

from threading import Lock

from lama_deploy.arrays import Array
from lama_deploy.images.grow import grown
from lama_deploy.jobs.video.spans import fits
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.strategies.plan import Plan

WANDER = 64  # pixels that holes may wander: more than in a video, since what comes next is not known here


class Held(Inpainter):
    """Plans anew where a hole leaves the region that the plan was made for, or is much smaller than it."""

    def __init__(self, other: Inpainter) -> None:
        """other: whose backend runs, and whose pictures are cut as they are here."""
        super().__init__(other.backend, other.strategy)
        self._lock = Lock()
        self._held: tuple[Array, Plan] | None = None

    def plan(self, hole: Array) -> Plan:
        with self._lock:
            if self._held is None or not fits(hole, self._held[0], WANDER):
                region = grown(hole, WANDER)
                self._held = region, super().plan(region)
            return self._held[1]
