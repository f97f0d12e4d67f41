"""What is timed against each other: models as they are typed, opened as the Inpainter opens them, and eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lama_deploy.arrays import Array
from lama_deploy.bundle import is_bundle, load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, CheckpointError
from lama_deploy.proof.engine_sizes import best_sizes, engine_sizes
from lama_deploy.proof.hole_errors import HoleErrors
from lama_deploy.proof.parity import engine_name, recorded_eager
from lama_deploy.proof.subjects import Size
from lama_deploy.proof.tolerance import Tolerance, tolerance_for, tolerance_of
from lama_deploy.runtime.backend import Backend
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.opening import BY_SUFFIX, OF_CHECKPOINTS
from lama_deploy.runtime.options import CheckpointBackend
from lama_deploy.runtime.strategies.whole import Whole
from lama_deploy.shapes import described

EAGER = "eager PyTorch"
DEFAULT_SIZES = (Size(256, 256), Size(512, 512))


@dataclass(frozen=True)
class Candidate:
    """An opened model.

    precision: of its file, or of the backend that takes a checkpoint. weights: {"source", "sha256"}. eager: the
    worst that eager float32 was off by in its parity record; None where there is none. engine: the bundle's record
    of a TensorRT engine, empty without one. assumed: of the bundle's checkpoint. facts: more for the record.
    """

    name: str
    backend: Backend
    precision: str
    weights: Mapping[str, str]
    tolerance: Tolerance
    eager: HoleErrors | None = None
    engine: Mapping[str, Any] = field(default_factory=dict)
    assumed: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_eager(self) -> bool:
        return self.backend.name == OF_CHECKPOINTS[0]

    @property
    def note(self) -> str | None:
        """What a reader of its times must know."""
        on_cpu = str(self.backend.device) == "cpu"
        if self.backend.name == "onnxruntime" and self.precision == "fp16" and on_cpu:
            return "ONNX Runtime computes fp16 in float32 on a CPU, with casts between"
        if self.is_eager and not on_cpu:
            return "PyTorch as it comes, with convolutions in TF32 where the GPU has it"
        return None

    def refusal(self, size: Size) -> str | None:
        """Why an engine does not take the size as it is; None if it does. An Inpainter would pad or split it."""
        takes, shape = self.backend.capabilities, (size.batch, size.height, size.width)
        if takes.part_for(shape) == shape:
            return None
        if self.fixed_sizes:
            return f"its file takes pictures of {', '.join(map(str, self.fixed_sizes))} alone"
        return f"no profile takes it; the engine has {described(takes.shapes)}"

    @property
    def fixed_sizes(self) -> list[Size]:
        """What a file for one size takes; none of engines with profiles, and where any size is taken."""
        shapes = () if self.engine else self.backend.capabilities.shapes
        fixed = [one.best for one in shapes if one.least == one.largest]
        return [Size(height, width, pictures) for pictures, height, width in fixed]

    @cached_property
    def run(self) -> Callable[[Array, Array], Array]:
        """As `Backend.run`, the way an Inpainter runs it."""
        return Whole(self.backend).run

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "engine": engine_name(self.backend),
            "device": str(self.backend.device),
            "precision": self.precision,
            "note": self.note,
            "weights": dict(self.weights),
            **self.facts,
        }


def open_candidate(
    name: str, *, device: str | None, threads: int | None, backend: CheckpointBackend | None, precision: str | None
) -> Candidate:
    """name: a bundle, a checkpoint, or a name of weights. backend, precision: of checkpoints, as `Inpainter.load`.

    Raises a LamaDeployError, or ModuleNotFoundError where a checkpoint needs another package.
    """
    if is_bundle(name):
        return _open_bundle(name, device, threads)
    if Path(name).suffix in BY_SUFFIX:
        raise BundleError(f"{name}: give the bundle that it was exported in, which says what its results are held to")
    from lama_deploy.checkpoints.weights import load_weights

    own = {} if precision is None else {"precision": precision}
    return _of_checkpoint(name, load_weights(name), name, backend, device=device, threads=threads, **own)


def open_eager(first: Candidate, *, device: str | None, threads: int | None) -> Candidate:
    """The checkpoint of another candidate in eager float32 PyTorch, on the same device unless one is given.

    Raises as `open_candidate`, also where the checkpoint is not the one that the candidate was made from.
    """
    from lama_deploy.checkpoints.weights import load_weights

    source = first.weights["source"]
    checkpoint = load_weights(source, first.assumed)
    if checkpoint.sha256 != first.weights["sha256"]:
        raise CheckpointError(f"{source} is another checkpoint than {first.name} was made from")
    where = device or str(first.backend.device)
    return _of_checkpoint(EAGER, checkpoint, source, None, device=where, threads=threads)


def default_sizes(candidates: Sequence[Candidate]) -> list[Size]:
    """Of engines what their profiles are best at, their corners and sizes between, and of files for one size that.

    DEFAULT_SIZES where every candidate takes any.
    """
    engines = [candidate.engine for candidate in candidates if candidate.engine]
    found = {size for engine in engines for size in [*best_sizes(engine), *engine_sizes(engine)]}
    found |= {size for candidate in candidates for size in candidate.fixed_sizes}
    return sorted(found, key=lambda size: size.height * size.width * size.batch) or list(DEFAULT_SIZES)


def _open_bundle(name: str, device: str | None, threads: int | None) -> Candidate:
    bundle = load_bundle(name, check=False)  # the Inpainter does
    backend = Inpainter.load(name, device=device, threads=threads).backend
    facts = {
        "target": bundle.target,
        "sha256": {file: recorded["sha256"] for file, recorded in bundle.files.items()},
        "profiles": bundle.engine.get("profiles", []),
        "exported": {"created": bundle.created, "tools": bundle.tools},
    }
    return Candidate(
        name,
        backend,
        bundle.precision,
        bundle.weights,
        tolerance_for(bundle),
        recorded_eager(bundle.parity),
        bundle.engine,
        bundle.assumed,
        facts,
    )


def _of_checkpoint(
    name: str, checkpoint: Checkpoint, source: str, backend: CheckpointBackend | None, **options: Any
) -> Candidate:
    opened = Inpainter.of(checkpoint, backend=backend or OF_CHECKPOINTS[0], **options).backend
    precision = opened.capabilities.precision or "fp32"
    weights = {"source": source, "sha256": checkpoint.sha256}
    return Candidate(name, opened, precision, weights, tolerance_of(precision))
