"""Defects before the gate: each added to right artefacts, on pictures that were computed once for all of them.

What an artefact with a defect returns is what the broken generator computes in float32, and the rounding that the right
artefact shows on the same picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

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
    """artefacts: by name, (backend, precision) of right ones."""

    def __init__(
        self, checkpoint: Checkpoint, artefacts: Mapping[str, tuple[Backend, str]], subjects: Sequence[Subject]
    ) -> None:
        self.checkpoint, self.subjects = checkpoint, subjects
        self._oracle, self._eager = (Remembered(one(checkpoint).run) for one in (oracle, eager))
        self._right = {name: Remembered(backend.run) for name, (backend, _) in artefacts.items()}
        self._precisions = {name: precision for name, (_, precision) in artefacts.items()}

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
