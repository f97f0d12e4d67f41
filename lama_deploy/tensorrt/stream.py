"""A stream, and all that computes on it: contexts by profile, buffers and CUDA graphs by shape."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from lama_deploy.arrays import Array
from lama_deploy.errors import DeviceMemoryError, EngineError
from lama_deploy.tensorrt.context import Context, RuntimeConfig, Shapes
from lama_deploy.tensorrt.cuda_driver import Cuda, Memory
from lama_deploy.tensorrt.engine import IMAGE, MASK, RESULT, OpenedEngine
from lama_deploy.tensorrt.profiles import EngineProfile
from lama_deploy.tensorrt.slots import Slot

SPARE = 4  # so many times what a context of TensorRT-RTX takes is free before it gets one: others need memory too
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Block:
    """A dense tensor in memory of the device. nbytes: its size."""

    address: int
    nbytes: int
    shape: tuple[int, ...]


class Lane:
    """For one thread at a time, inside `with cuda.current()`; everything is enqueued on `stream`.

    graphs: how many shapes keep buffers, the last used, and a CUDA graph once they come back; 0: one keeps its buffers.
    TensorRT-RTX captures by itself, in the context that such a shape gets.
    """

    def __init__(self, opened: OpenedEngine, config: RuntimeConfig, cuda: Cuda, *, graphs: int) -> None:
        self._opened, self._config, self._cuda = opened, config, cuda
        self._size, self._graphs = max(1, graphs), graphs > 0
        self.stream = cuda.stream()
        self._event = cuda.event()
        self._contexts: dict[int, Context] = {}
        self._slots: OrderedDict[tuple[int, tuple[int, ...]], Slot] = OrderedDict()
        self._scratch: Memory | None = None

    def run(self, profile: EngineProfile, image: Array, mask: Array) -> tuple[Array, bool]:
        """Of the host, waited for: a result like the image, and whether the shape is a new one."""
        slot = self._slot_for(profile, {IMAGE: image.shape, MASK: mask.shape}, (image.nbytes, mask.nbytes))
        staging = slot.staged(self._cuda, image, mask)
        for name, size in ((IMAGE, image.nbytes), (MASK, mask.nbytes)):
            self._cuda.copy(slot.buffers[name].address, staging.addresses[name], size, self.stream)
        self._compute(slot)
        self._cuda.copy(staging.addresses[RESULT], slot.buffers[RESULT].address, image.nbytes, self.stream)
        self.synchronize()
        return staging.arrays[RESULT].copy(), slot.uses == 1

    def run_on_device(self, profile: EngineProfile, image: Block, mask: Block, result: Block) -> None:
        """Through buffers of the lane's own; not waited for."""
        slot = self._slot_for(profile, {IMAGE: image.shape, MASK: mask.shape}, (image.nbytes, mask.nbytes))
        for name, block in ((IMAGE, image), (MASK, mask)):
            self._cuda.copy(slot.buffers[name].address, block.address, block.nbytes, self.stream)
        self._compute(slot)
        self._cuda.copy(result.address, slot.buffers[RESULT].address, result.nbytes, self.stream)

    def run_in_place(self, profile: EngineProfile, image: Block, mask: Block, result: Block) -> None:
        """At the addresses of the blocks, which are on the device; not waited for."""
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

    def settle(self) -> None:
        """As `synchronize`, after a failure: nothing reads what the caller may free now."""
        self._cuda.release("cuStreamSynchronize", self.stream)

    def close(self) -> None:
        """Contexts before the engine, which nothing here holds any more, and what they run on after them."""
        self.synchronize()
        self._forget(kept=0)
        for context in self._contexts.values():
            context.close()
        self._contexts.clear()
        self._scratch = None
        del self._opened, self._config

    def _slot_for(self, profile: EngineProfile, shapes: Shapes, sizes: tuple[int, int]) -> Slot:
        """sizes: bytes of image and mask."""
        key = profile.index, shapes[MASK]
        if key not in self._slots:
            if len(self._slots) >= self._size:
                self._forget(kept=self._size - 1)
            try:
                buffers = self._buffers(*sizes)
            except DeviceMemoryError:
                if not self._slots:
                    raise
                self._forget(kept=0)
                buffers = self._buffers(*sizes)
            self._slots[key] = Slot(profile, shapes, buffers)
        self._slots.move_to_end(key)
        return self._slots[key]

    def _buffers(self, image: int, mask: int) -> dict[str, Memory]:
        return {name: self._cuda.allocate(size) for name, size in ((IMAGE, image), (MASK, mask), (RESULT, image))}

    def _forget(self, kept: int) -> None:
        """All but the slots used last; what is in use is waited for."""
        self.synchronize()
        while len(self._slots) > kept:
            self._slots.popitem(last=False)[1].close()

    def _compute(self, slot: Slot) -> None:
        slot.uses += 1
        if slot.graph is not None:
            slot.graph.launch(self.stream)
            return
        context = self._context_for(slot)
        self._enqueue(context, slot.shapes, slot.addresses)
        if self._graphs and context is slot.context and not self._opened.is_rtx:
            self._capture(slot, context)

    def _context_for(self, slot: Slot) -> Context:
        """A graph holds on to what its context has set up for the shape, so no other shape may come to that one."""
        if self._graphs and slot.uses > 1 and slot.context is None and self._has_room():
            try:
                slot.context = self._new_context(slot.profile, capturing=self._opened.is_rtx)
            except (EngineError, DeviceMemoryError) as error:
                self._give_up_graphs(error)
        return slot.context or self._context_of(slot.profile)

    def _has_room(self) -> bool:
        """For a context that TensorRT-RTX allocates the memory of, which is that of the largest shape."""
        engine = self._opened.engine
        return not self._opened.is_rtx or SPARE * int(engine.device_memory_size_v2) <= self._cuda.free_memory()

    def _capture(self, slot: Slot, context: Context) -> None:
        """After a run of the shape, in which TensorRT has done what cannot be captured."""
        for last in (False, True):
            try:
                slot.graph = self._cuda.capture(self.stream, context.enqueue)
                return
            except (EngineError, DeviceMemoryError) as error:  # the first may be another's, who waited for the device
                if last:
                    self._give_up_graphs(error)

    def _give_up_graphs(self, error: Exception) -> None:
        """Contexts that shapes have got stay, since they may be running. A record of the log keeps none alive."""
        log.warning("no CUDA graph (%s); running without graphs, right and slower", str(error))
        self._graphs = False

    def _enqueue(self, context: Context, shapes: Shapes, addresses: Mapping[str, int]) -> None:
        needed = context.scratch_size(shapes)
        context.bind(addresses, self._scratch_of(needed) if needed else None)
        context.enqueue()

    def _scratch_of(self, size: int) -> Memory:
        """So many bytes at least. Graphs hold the address of what was too small, so they go with it."""
        if self._scratch is None or self._scratch.size < size:
            if self._scratch is not None:
                self.synchronize()
            for slot in self._slots.values():
                slot.graph = None
            self._scratch = None  # freed before the next one is made
            self._scratch = self._cuda.allocate(size)
        return self._scratch

    def _context_of(self, profile: EngineProfile) -> Context:
        if profile.index not in self._contexts:
            self._contexts[profile.index] = self._new_context(profile)
        return self._contexts[profile.index]

    def _new_context(self, profile: EngineProfile, *, capturing: bool = False) -> Context:
        return Context(self._opened, self._config, profile, self.stream, capturing=capturing)
