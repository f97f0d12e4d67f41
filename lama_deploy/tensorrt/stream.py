"""A stream, and all that computes on it: contexts by profile, buffers and CUDA graphs by shape."""

from __future__ import annotations

import logging
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from lama_deploy.errors import EngineError
from lama_deploy.tensorrt.context import Context, RuntimeConfig, Shapes
from lama_deploy.tensorrt.cuda_driver import Cuda, Graph, Memory
from lama_deploy.tensorrt.engine import IMAGE, MASK, RESULT, OpenedEngine
from lama_deploy.tensorrt.profiles import EngineProfile

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Block:
    """A dense tensor in memory of the host or the device. nbytes: its size."""

    address: int
    nbytes: int
    shape: tuple[int, ...]


@dataclass
class Slot:
    """One shape at one profile. uses: how often it was run. context: one of its own, which `graph` was captured in."""

    buffers: Mapping[str, Memory]
    uses: int = 0
    context: Context | None = None
    graph: Graph | None = None

    @property
    def addresses(self) -> dict[str, int]:
        return {name: memory.address for name, memory in self.buffers.items()}


class Lane:
    """For one thread at a time, inside `with cuda.current()`; everything is enqueued on `stream`, nothing waited for.

    slots: how many shapes keep their buffers, the last used. captures: whether a shape that comes back gets a CUDA
    graph; TensorRT-RTX captures by itself, when it sees fit.
    """

    def __init__(self, opened: OpenedEngine, config: RuntimeConfig, cuda: Cuda, *, slots: int, captures: bool) -> None:
        self._opened, self._config, self._cuda = opened, config, cuda
        self._size, self.captures = slots, captures
        self.stream = cuda.stream()
        weakref.finalize(self, cuda.release, "cuStreamSynchronize", self.stream)  # before contexts and memory go
        self._event = cuda.event()
        self._contexts: dict[int, Context] = {}
        self._slots: OrderedDict[tuple[int, tuple[int, ...]], Slot] = OrderedDict()
        self._scratch: Memory | None = None

    def run(self, profile: EngineProfile, image: Block, mask: Block, result: Block) -> bool:
        """Through buffers of the lane's own. Returns whether the shape is a new one."""
        slot = self._slot_for(profile, image, mask)
        for name, block in ((IMAGE, image), (MASK, mask)):
            self._cuda.copy(slot.buffers[name].address, block.address, block.nbytes, self.stream)
        self._compute(profile, slot, {IMAGE: image.shape, MASK: mask.shape})
        self._cuda.copy(result.address, slot.buffers[RESULT].address, result.nbytes, self.stream)
        return slot.uses == 1

    def run_in_place(self, profile: EngineProfile, image: Block, mask: Block, result: Block) -> None:
        """At the addresses of the blocks, which are on the device."""
        addresses = {IMAGE: image.address, MASK: mask.address, RESULT: result.address}
        self._enqueue(self._context_of(profile), {IMAGE: image.shape, MASK: mask.shape}, addresses)

    def follow(self, stream: int) -> None:
        """What is enqueued here from now on waits for what the caller's `stream` holds."""
        self._cuda.order(stream, self.stream, self._event)

    def precede(self, stream: int) -> None:
        """What the caller enqueues on `stream` from now on waits for what is enqueued here."""
        self._cuda.order(self.stream, stream, self._event)

    def synchronize(self) -> None:
        self._cuda.synchronize(self.stream)

    def _slot_for(self, profile: EngineProfile, image: Block, mask: Block) -> Slot:
        key = profile.index, mask.shape
        if key not in self._slots:
            if len(self._slots) >= self._size:
                self.synchronize()  # its buffers and its graph may be in use
                self._slots.popitem(last=False)
            sizes = {IMAGE: image.nbytes, MASK: mask.nbytes, RESULT: image.nbytes}
            self._slots[key] = Slot({name: self._cuda.allocate(size) for name, size in sizes.items()})
        self._slots.move_to_end(key)
        return self._slots[key]

    def _compute(self, profile: EngineProfile, slot: Slot, shapes: Shapes) -> None:
        slot.uses += 1
        if slot.graph is not None:
            slot.graph.launch(self.stream)
            return
        context = self._context_of(profile)
        if self.captures and slot.uses > 1:
            # A graph holds on to what its context has set up for the shape, so no other shape may come to that one.
            slot.context = context = self._new_context(profile)
        self._enqueue(context, shapes, slot.addresses)
        if slot.context is not None:
            self._capture(slot.context, slot)

    def _capture(self, context: Context, slot: Slot) -> None:
        """After a run of the shape, in which TensorRT has done what cannot be captured."""
        for last in (False, True):
            try:
                slot.graph = self._cuda.capture(self.stream, context.enqueue)
                return
            except EngineError as error:  # the first may be another's doing, who waited for the device
                if last:
                    log.warning("no CUDA graph (%s); running without graphs, right and slower", error)
                    self.captures, slot.context = False, None

    def _enqueue(self, context: Context, shapes: Shapes, addresses: Mapping[str, int]) -> None:
        needed = context.scratch_size(shapes)
        if self._scratch is None or self._scratch.size < needed:
            self._grow_scratch(needed)
        assert self._scratch is not None
        context.bind(addresses, self._scratch)
        context.enqueue()

    def _grow_scratch(self, size: int) -> None:
        """Graphs hold the old block's address, so they go with it."""
        if self._scratch is not None:
            self.synchronize()
            for slot in self._slots.values():
                slot.graph = slot.context = None
            self._scratch = None  # freed before the next one is made
        self._scratch = self._cuda.allocate(size)

    def _context_of(self, profile: EngineProfile) -> Context:
        if profile.index not in self._contexts:
            self._contexts[profile.index] = self._new_context(profile)
        return self._contexts[profile.index]

    def _new_context(self, profile: EngineProfile) -> Context:
        return Context(self._opened, self._config, profile, self.stream)
