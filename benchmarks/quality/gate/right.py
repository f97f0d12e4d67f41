"""What right artefacts are off by: the worst of drawn cases, of each photograph, and of all photographs together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.proof.hole_errors import HoleErrors
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.proof.subjects import PHOTOGRAPHS
from lama_deploy.proof.tolerance import BF16, EXACT_LARGEST, EXACT_RMS, FP16
from lama_deploy.runtime.backend import Backend
from tests.drawn_cases import CASES, image_of, mask_of

UNITS = {"fp32": 1.0, "fp16": FP16, "bf16": BF16, "int8": 1.0}
KINDS = ("drawn", "photograph", "photographs")


@dataclass
class Worst:
    """The worst so far of one artefact and kind of subject; `times`: in units of what eager float32 was off by."""

    unit: float
    values: dict[str, float] = field(default_factory=dict)

    def add(self, found: HoleErrors, known: HoleErrors) -> None:
        own = {"largest": found.largest, "mean": found.mean, "rms": found.rms}
        own |= {"shift": max(map(abs, found.shift)), "wave": found.wave, "missing levels": 1 - found.levels}
        own["times, largest"] = found.largest / max(known.largest, EXACT_LARGEST) / self.unit
        own["times, rms"] = found.rms / max(known.rms, EXACT_RMS) / self.unit
        own["times, shift"] = own["shift"] / max(known.rms, EXACT_RMS) / self.unit
        self.values = {name: max(value, self.values.get(name, 0.0)) for name, value in own.items()}


def worst_of(checkpoint: Checkpoint, artefacts: Mapping[str, tuple[Backend, str]], cases: int) -> dict[str, Any]:
    """artefacts: by name, (backend, precision). cases: drawn ones."""
    found = {name: {kind: Worst(UNITS[precision]) for kind in KINDS} for name, (_, precision) in artefacts.items()}
    exact, known = oracle(checkpoint), eager(checkpoint)

    def compared(images: Array, masks: Array) -> tuple[HoleErrors, dict[str, HoleErrors]]:
        wanted = exact.run(images, masks)
        own = {name: HoleErrors.of(wanted, one.run(images, masks), masks) for name, (one, _) in artefacts.items()}
        return HoleErrors.of(wanted, known.run(images, masks), masks), own

    @settings(max_examples=cases, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(**CASES)
    def draw(size: tuple[int, int, int], image: str, mask: str, seed: int) -> None:
        of_eager, own = compared(image_of(image, *size, seed), mask_of(mask, *size, seed))
        for name, errors in own.items():
            found[name]["drawn"].add(errors, of_eager)

    draw()
    natural = [compared(*photograph.pictures()) for photograph in PHOTOGRAPHS]
    together = HoleErrors.together([of_eager for of_eager, _ in natural])
    for name in artefacts:
        for of_eager, own in natural:
            found[name]["photograph"].add(own[name], of_eager)
        found[name]["photographs"].add(HoleErrors.together([own[name] for _, own in natural]), together)
    return {name: {kind: worst.values for kind, worst in kinds.items()} for name, kinds in found.items()}
