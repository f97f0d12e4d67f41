"""What a stream keeps for a shape that comes back: buffers, a context and a CUDA graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

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
        self.staging.arrays[IMAGE][...], self.staging.arrays[MASK][...] = image, mask
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
        given = {IMAGE: image, MASK: mask, RESULT: image}
        sizes = [one.nbytes + -one.nbytes % ALIGNMENT for one in given.values()]
        starts = dict(zip(given, accumulate(sizes, initial=0), strict=False))
        self._memory = memory = cuda.pinned(sum(sizes))
        self.arrays = {name: memory.array(one.shape, one.dtype, starts[name]) for name, one in given.items()}
        self.addresses = {name: memory.address + start for name, start in starts.items()}
