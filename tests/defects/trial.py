"""Defects before the gate: each added to right artefacts, on pictures that were computed once for all of them.

What an artefact with a defect returns is what the broken generator computes in float32, and the rounding that the right
artefact shows on the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.proof.parity import ParityRecord, measure
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.proof.subjects import Subject
from lama_deploy.proof.tolerance import tolerance_of
from lama_deploy.runtime.backend import Backend, Capabilities
from tests.defects import Defect, Run, rounding_of

ANY_SHAPE = Capabilities()


@dataclass(frozen=True)
class Remembered:
    """A backend that computes each picture once."""

    compute: Run
    results: dict[tuple[bytes, bytes], Array] = field(default_factory=dict)
    name: str = "remembered"
    device: str = "cpu"
    capabilities: Capabilities = ANY_SHAPE

    def run(self, images: Array, masks: Array) -> Array:
        key = images.tobytes(), masks.tobytes()
        if key not in self.results:
            self.results[key] = self.compute(images, masks)
        return self.results[key]


class Trial:
    """artefacts: by name, (backend, precision) of right ones.

    most_rms: of eager float32, where the processor's is larger: sums in fewer lanes are off by more (on one without
    AVX-512 by a third), and the gate allows what it allows in units of that, so that verdicts would be the machine's.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        artefacts: Mapping[str, tuple[Backend, str]],
        subjects: Sequence[Subject],
        most_rms: float = math.inf,
    ) -> None:
        self.checkpoint, self.subjects = checkpoint, subjects
        exact = Remembered(oracle(checkpoint).run)
        self._oracle, self._eager = exact, Remembered(_nearer(eager(checkpoint).run, exact.run, most_rms))
        self._right = {name: Remembered(backend.run) for name, (backend, _) in artefacts.items()}
        self._precisions = {name: precision for name, (_, precision) in artefacts.items()}

    @property
    def names(self) -> Collection[str]:
        return self._right.keys()

    def right(self, name: str) -> ParityRecord:
        return self._judged(self._right[name], self._precisions[name])

    def records(self, defect: Defect) -> dict[str, ParityRecord]:
        """What the gate says of each artefact with the defect."""
        broken = Remembered(defect.run(self.checkpoint))
        return {
            name: self._judged(Remembered(self._with(defect, broken, right)), self._precisions[name])
            for name, right in self._right.items()
        }

    def alone(self, defect: Defect) -> float:
        """PSNR in dB of what the defect does to float32, on all subjects together."""
        broken = Remembered(defect.run(self.checkpoint))
        record = self._judged(Remembered(self._with(defect, broken, self._eager)), "fp32")
        return record.cases[-1].found.psnr or float("inf")

    def _with(self, defect: Defect, broken: Remembered, right: Remembered) -> Callable[[Array, Array], Array]:
        def run(images: Array, masks: Array) -> Array:
            rounding = rounding_of(right.run(images, masks), self._eager.run(images, masks))
            return defect.result(broken.run(images, masks), rounding, images, masks)

        return run

    def _judged(self, candidate: Remembered, precision: str) -> ParityRecord:
        return measure(candidate, self._oracle, self.subjects, tolerance_of(precision), eager=self._eager)


def _nearer(run: Run, exact: Run, most_rms: float) -> Run:
    """With its errors made smaller, all alike, where there are more of them."""

    def nearer(images: Array, masks: Array) -> Array:
        found, right = run(images, masks), exact(images, masks)
        errors = (found - right)[masks > 0]
        rms = float(np.sqrt(np.mean(np.square(errors)))) if errors.size else 0.0
        return found if rms <= most_rms else (right + (found - right) * (most_rms / rms)).astype(found.dtype)

    return nearer
