"""What a stream keeps for a shape that comes back: buffers, a context and a CUDA graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lama_deploy.arrays import Array
from lama_deploy.tensorrt.context import Context, Shapes
from lama_deploy.tensorrt.cuda_driver import Cuda, Graph, Memory
from lama_deploy.tensorrt.engine import IMAGE, MASK, RESULT
from lama_deploy.tensorrt.profiles import EngineProfile

ALIGNMENT = 256  # of parts of a block


@dataclass
class Slot:
    """One shape at one profile. uses: how often it was run. context: one of its own, which `graph` was captured in.

    staging: where pictures of the host pass through, once there were some.
    """

    profile: EngineProfile
    shapes: Shapes
    buffers: Mapping[str, Memory]
    staging: Staging | None = None
    uses: int = 0
    context: Context | None = None
    graph: Graph | None = None

    @property
    def addresses(self) -> dict[str, int]:
        return {name: memory.address for name, memory in self.buffers.items()}

    def staged(self, cuda: Cuda, image: Array, mask: Array) -> Staging:
        """With both in it."""
        if self.staging is None:
            self.staging = Staging(cuda, image, mask)
        self.staging.image[...], self.staging.mask[...] = image, mask
        return self.staging

    def close(self) -> None:
        """When nothing of it runs: graph, context, memory, in this order."""
        self.graph = None
        if self.context is not None:
            self.context.close()
        self.context = self.staging = None
        self.buffers = {}


class Staging:
    """Pinned arrays of one shape, in which pictures of the host are copied to the device and back."""

    def __init__(self, cuda: Cuda, image: Array, mask: Array) -> None:
        """Like these, and a result like the image."""
        starts = [0]
        for size in (image.nbytes, mask.nbytes, image.nbytes):
            starts.append(starts[-1] + size + -size % ALIGNMENT)
        self._memory = memory = cuda.pinned(starts[-1])
        self.image = memory.array(image.shape, image.dtype, starts[0])
        self.mask = memory.array(mask.shape, mask.dtype, starts[1])
        self.result = memory.array(image.shape, image.dtype, starts[2])
        self.addresses = dict(zip((IMAGE, MASK, RESULT), (memory.address + start for start in starts), strict=False))
