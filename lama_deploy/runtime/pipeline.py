"""Reading, inference and writing of many pictures at the same time: in order, lazily, with bounded memory.

Threads read what comes next while the engine computes, and others write what it has computed. Whatever goes wrong with
one item is that item's own error.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Lock
from time import perf_counter
from typing import Any, Generic, TypeVar

from lama_deploy.errors import DeviceMemoryError

Item = TypeVar("Item")
Picture = TypeVar("Picture")
Filled = TypeVar("Filled")
Result = TypeVar("Result")
Hold = Callable[[int], None]  # is told how many pixels are going to be decoded, and waits until there is room for them

AHEAD = 64  # items between the one that is asked for next and the last that is read
# In all stages together, unless one picture alone has more: at 7 bytes a pixel that is held, and as much again of
# Pillow's while it decodes and encodes, they take some 200 MB.
PIXELS_HELD = 16_000_000
AT_ONCE, PIXELS_AT_ONCE = 16, 4_000_000  # of one call of an engine: a call that is interrupted still ends it
THREADS = min(4, os.cpu_count() or 1)  # that read, and as many that write; decoders and encoders let others run


@dataclass(frozen=True)
class Work(Generic[Item, Picture, Filled, Result]):
    """What is done with each item, from any thread. Errors are raised, by `infer` returned in their places."""

    read: Callable[[Item, Hold], Picture]
    infer: Callable[[Sequence[Picture]], Sequence[Filled | BaseException]]
    write: Callable[[Item, Picture, Filled], Result]


@dataclass
class Passed(Generic[Item, Result]):
    """An item that has been through: its result or its error, and the seconds of "read", "infer" and "write"."""

    item: Item
    result: Result | None = None
    error: BaseException | None = None
    seconds: dict[str, float] = field(default_factory=dict)


class Pipeline(Generic[Item, Picture, Filled, Result]):
    """One run of many items."""

    def __init__(
        self,
        work: Work[Item, Picture, Filled, Result],
        *,
        workers: int = 1,
        readers: int = THREADS,
        ahead: int = AHEAD,
        ended: Callable[[Passed[Item, Result]], None] | None = None,
    ) -> None:
        """workers: threads that infer. readers: threads that read; with one of each, items are inferred in order.

        ended: is told each item that ends, from its thread, in no order.
        """
        self._work, self._ahead, self._workers, self._ended = work, max(1, ahead), workers, ended
        self._held = _Held(PIXELS_HELD)
        self._readers = ThreadPoolExecutor(readers, "lama-read")
        self._inferrers = ThreadPoolExecutor(workers, "lama-infer")
        self._writers = ThreadPoolExecutor(THREADS, "lama-write")
        self._ready: deque[_Way[Item, Picture, Result]] = deque()
        self._lock = Lock()

    def run(self, items: Iterable[Item]) -> Generator[Passed[Item, Result], None, None]:
        """In the order of `items`, which are asked for in the caller's thread, not more of them than `ahead`.

        What `items` itself raises is raised where its item would have come. A generator that is closed, or left by a
        signal, ends what is being computed and written, and drops what has only been read.
        """
        waiting: deque[Future[Passed[Item, Result]]] = deque()
        source: Iterator[Item] | None = iter(items)
        try:
            while True:
                while source is not None and len(waiting) < self._ahead:
                    source = self._accept(source, waiting)
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            self._stop()

    def _accept(self, source: Iterator[Item], waiting: deque[Future[Passed[Item, Result]]]) -> Iterator[Item] | None:
        """The source, None where it has ended."""
        future: Future[Passed[Item, Result]] = Future()
        try:
            item = next(source)
        except StopIteration:
            return None
        except Exception as error:
            future.set_exception(error)
            waiting.append(future)
            return None
        waiting.append(future)
        self._readers.submit(self._read, _Way(Passed(item), future))
        return source

    def _read(self, way: _Way[Item, Picture, Result]) -> None:
        def hold(pixels: int) -> None:
            self._held.take(pixels)
            way.pixels += pixels

        try:
            with way.timed("read"):
                way.picture = self._work.read(way.passed.item, hold)
        except BaseException as error:
            self._end(way, error)
            return
        with self._lock:
            self._ready.append(way)
        self._inferrers.submit(self._infer)

    def _infer(self) -> None:
        """Some of those that are ready, the longest waiting first; none where another thread has taken them."""
        with self._lock:
            ways = self._take()
        if not ways:
            return
        start = perf_counter()
        pictures: list[Any] = [way.picture for way in ways]
        found = inferred(self._work.infer, pictures)
        seconds = (perf_counter() - start) / len(ways)
        for way, filled in zip(ways, found, strict=True):
            way.passed.seconds["infer"] = seconds
            if isinstance(filled, BaseException):
                self._end(way, filled)
            else:
                self._writers.submit(self._write, way, filled)

    def _take(self) -> list[_Way[Item, Picture, Result]]:
        """A share of them for each worker, of so many pixels as one call may have."""
        if self._held.stopped:
            return []
        most = min(AT_ONCE, -(-len(self._ready) // self._workers))
        taken: list[_Way[Item, Picture, Result]] = []
        while len(taken) < most and self._ready:
            pixels = sum(way.pixels for way in taken)
            if taken and pixels + self._ready[0].pixels > PIXELS_AT_ONCE:
                break
            taken.append(self._ready.popleft())
        return taken

    def _write(self, way: _Way[Item, Picture, Result], filled: Filled) -> None:
        try:
            picture: Any = way.picture
            with way.timed("write"):
                way.passed.result = self._work.write(way.passed.item, picture, filled)
        except BaseException as error:
            self._end(way, error)
        else:
            self._end(way, None)

    def _end(self, way: _Way[Item, Picture, Result], error: BaseException | None) -> None:
        way.passed.error, way.picture = error, None
        self._held.give_back(way.pixels)
        try:
            if self._ended is not None and not isinstance(error, _Stopped):
                self._ended(way.passed)
        finally:
            way.future.set_result(way.passed)

    def _stop(self) -> None:
        self._held.stop()
        with self._lock:
            self._ready.clear()
        for pool in (self._readers, self._inferrers, self._writers):
            pool.shutdown(cancel_futures=pool is not self._writers)


def is_of_memory(error: object) -> bool:
    """Whether the picture may come through where less is beside it."""
    return isinstance(error, (MemoryError, DeviceMemoryError))


def inferred(
    infer: Callable[[Sequence[Picture]], Sequence[Filled | BaseException]], pictures: Sequence[Picture]
) -> list[Filled | BaseException]:
    """Results and errors in their places. What fails together is tried alone: one of them may be the reason."""
    try:
        found = list(infer(pictures))
        again = [index for index, one in enumerate(found) if is_of_memory(one)]
    except BaseException as error:
        found, again = [error] * len(pictures), list(range(len(pictures)))
    if len(pictures) > 1:
        for index in again:
            found[index] = inferred(infer, [pictures[index]])[0]
    return found


@dataclass
class _Way(Generic[Item, Picture, Result]):
    """An item between the stages."""

    passed: Passed[Item, Result]
    future: Future[Passed[Item, Result]]
    picture: Picture | None = None
    pixels: int = 0

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.passed.seconds[stage] = perf_counter() - start


class _Stopped(BaseException):  # no Exception, which readers of pictures would take for theirs
    """The run has ended before this item's turn."""


class _Held:
    """Pixels that are decoded: at most `most`, or one picture of more."""

    def __init__(self, most: int) -> None:
        self._most, self._count, self.stopped = most, 0, False
        self._changed = Condition()

    def take(self, pixels: int) -> None:
        """Waits for room. Raises _Stopped."""
        with self._changed:
            while self._count and self._count + pixels > self._most and not self.stopped:
                self._changed.wait()
            if self.stopped:
                raise _Stopped
            self._count += pixels

    def give_back(self, pixels: int) -> None:
        with self._changed:
            self._count -= pixels
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self.stopped = True
            self._changed.notify_all()
