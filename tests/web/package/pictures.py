"""Pictures that Python and JavaScript draw alike, and what Python fills them with."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from lama_deploy import Inpainter
from lama_deploy.runtime.strategies.options import StrategyOptions
from lama_deploy.runtime.strategies.strategist import Strategist
from tests.cpp.strategy_cases import Drawn, hole_of, pixels_of


@dataclass(frozen=True)
class Job:
    """A picture to fill. run: options of the package's `run`, which are those of `StrategyOptions`."""

    picture: Drawn
    channels: int = 3
    run: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def by_python(inpainter: Inpainter, job: Job) -> dict[str, str]:
    """SHA-256 of the bytes and the plan, as the package gives them."""
    pixels, hole = pixels_of(job.picture), hole_of(job.picture)
    strategist = Strategist(inpainter.backend, StrategyOptions(**job.run))
    plan = strategist.plan(hole)
    filled = strategist.fill([(pixels, hole)], [plan])[0]
    assert isinstance(filled, np.ndarray)
    if job.channels == 4:
        filled = np.dstack((filled, np.full(hole.shape, job.picture.seed, np.uint8)))
    return {"sha256": hashlib.sha256(filled.tobytes()).hexdigest(), "plan": f"{plan.text}: {plan.windows}"}
