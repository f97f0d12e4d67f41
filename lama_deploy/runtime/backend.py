"""What an engine declares: the protocol that the Inpainter, its strategies, proofs and benchmarks rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeGuard

from lama_deploy.arrays import Array
from lama_deploy.shapes import Shape, ShapeRange, fitting


@dataclass(frozen=True)
class Memory:
    """What a run takes at its peak, weights included, in bytes: `fixed`, and `per_pixel` for each of all pictures.

    per_pixel_fixed: in its place, of a backend that is fixed to their shape; None where that changes nothing.
    per_picture: besides, for each pixel of one of the pictures: what is used for one of a batch after the other.
    residual: by what share of it a run may take more, as far as it was measured. On a GPU the model that is open there
    already does not count.
    """

    fixed: int
    per_pixel: float
    per_pixel_fixed: float | None = None
    per_picture: float = 0.0
    residual: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """How another process opens the same model: what `Inpainter.load`, or `Inpainter.of` of a checkpoint, takes.

    options: JSON's values, and "backend" among them; a dtype of torch by its name. told: of a checkpoint, as
    `load_checkpoint` takes it; None: it is none. sha256: of what was opened; None: of the file at `source`.
    recorded: what bundle.json says of its memory, if anything.
    """

    source: str
    options: Mapping[str, Any]
    told: Mapping[str, str] | None = None
    sha256: str | None = None
    recorded: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a backend can, as it was opened. The defaults are what every backend can.

    shapes: the ranges that it takes, with the shapes that it runs best; empty: any picture of at least 1x1, any batch.
    multiple: of pixels a side, at which the model pads nothing; None where the file does not say.
    memory: as it is estimated; None where nobody has measured anything like it.
    memory_of: whose: "cpu", "cuda" or "cuda:N".
    recipe: by which its memory is measured here (`runtime.measuring`); None where it cannot be.
    batch: pictures of one shape that are best run together, where `shapes` do not say it.
    window: pixels a side that windows of a picture have at least, as far as picture and memory allow.
    workers: how many threads may call `run` at once with profit, at least 1.
    settles_after: how many runs of a shape, one after the other, it takes until all that is made for it is there.
    on_device: it is a `DeviceBackend`, which also takes arrays on the GPU.
    fixed_from: it is a `FixableBackend`, and from so many pixels on, of all pictures together, one that is fixed to
    their shape needs less memory; None where it is none.
    precision: "fp64", "fp32", "fp16" or "bf16": what it computes in; None where that is as its file has it.
    hint: the engine's own word for a precision that it was asked for, such as "f32"; None where it is not asked.
    made_for: the precision that its file names ("fp32", "fp16", "bf16", "int8"); None where it names none.
    """

    shapes: tuple[ShapeRange, ...] = ()
    multiple: int | None = None
    batch: int = 1
    window: int = 0
    memory: Memory | None = None
    memory_of: str = "cpu"
    recipe: Recipe | None = None
    workers: int = 1
    settles_after: int = 1
    on_device: bool = False
    fixed_from: int | None = None
    precision: str | None = None
    hint: str | None = None
    made_for: str | None = None

    def part_for(self, shape: Shape) -> Shape:
        """What to run in place of `shape`: itself where it is taken whole, else the part that covers it best."""
        return fitting(self.shapes, shape)[1] if self.shapes else shape


class Backend(Protocol):
    """One loaded model on one engine."""

    name: str

    @property
    def device(self) -> Any:
        """Where it computes; as a string "cpu", "cuda" or "cuda:N"."""

    @property
    def capabilities(self) -> Capabilities:
        """What it takes and how it is best used; the same for as long as it lives."""

    def run(self, images: Array, masks: Array) -> Array:
        """images (N, H, W, 3) uint8, masks (N, H, W) uint8, nonzero = hole -> composited (N, H, W, 3).

        uint8, or floats nominally in [0, 1] from an artefact with the float interface. N, H and W: within
        `capabilities.shapes`, or ImageError is raised; a strategy takes any.
        """
        ...


class DeviceBackend(Backend, Protocol):
    """A backend whose capabilities say `on_device`."""

    def inpaint_on_device(self, image: Any, mask: Any, stream: Any = None) -> Any:
        """Arrays on the GPU in, one of the image's kind out, in the order of `stream`. Raises ImageError.

        image, mask, stream: as `tensorrt.device_arrays.DeviceCall` describes them.
        """
        ...


class FixableBackend(Backend, Protocol):
    """A backend whose capabilities have `fixed_from`."""

    def fixed(self, shape: Shape) -> Backend:
        """The same model for pictures of one shape alone, which takes seconds to make and less memory to run."""
        ...


def takes_device_arrays(backend: Backend) -> TypeGuard[DeviceBackend]:
    """Whether it declares so."""
    return backend.capabilities.on_device


def is_fixable(backend: Backend) -> TypeGuard[FixableBackend]:
    """Whether it declares so."""
    return backend.capabilities.fixed_from is not None
