"""The queue of one model: threads that fill pictures in the order in which they came, some of them together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread
from time import monotonic, perf_counter

from lama_deploy.arrays import Array
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.pipeline import PIXELS_AT_ONCE, inferred
from lama_deploy.runtime.strategies.options import StrategyOptions
from lama_deploy.runtime.strategies.plan import Plan
from lama_deploy.service.budget import NoLongerWantedError

MOST_AT_ONCE = 16


@dataclass(frozen=True)
class Filled:
    """rgb: (H, W, 3) uint8. queued, computed: seconds; of pictures that ran together each has its part."""

    rgb: Array
    plan: Plan
    queued: float
    computed: float


@dataclass(eq=False)
class _Waiting:
    """A picture in the queue."""

    picture: tuple[Array, Array]
    strategy: StrategyOptions
    until: float
    future: Future[Filled] = field(default_factory=Future)
    since: float = field(default_factory=perf_counter)
    plan: Plan | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.picture[1].shape

    @property
    def pixels(self) -> int:
        return self.picture[1].size


class Engine:
    """Of one Inpainter. Pictures may be put in from any thread."""

    def __init__(
        self,
        inpainter: Inpainter,
        *,
        batch: int | None = None,
        batch_wait: float = 0.0,
        ran: Callable[[int, int, float], None] = lambda pictures, pixels, seconds: None,
    ) -> None:
        """batch: pictures taken at once, None for as many as profit by it. batch_wait: seconds that are waited for more
        of them. ran: is told pictures, pixels and seconds of each run.
        """
        self._inpainter, self._ran, self._wait = inpainter, ran, batch_wait
        self.batch = batch or profitable(inpainter)
        self._queue: deque[_Waiting] = deque()
        self._changed, self._open = Condition(), True
        self._threads = [Thread(target=self._serve, name="lama-infer", daemon=True) for _ in range(inpainter.workers)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def put(self, pixels: Array, hole: Array, strategy: StrategyOptions, until: float) -> Future[Filled]:
        """A picture (H, W, 3) uint8 and its hole (H, W) uint8. until: `monotonic` time after which it is not computed.

        The future may be cancelled until its turn comes.
        """
        one = _Waiting((pixels, hole), strategy, until)
        with self._changed:
            self._queue.append(one)
            self._changed.notify()
        one.future.add_done_callback(lambda _: self._forget(one))
        return one.future

    def close(self) -> None:
        """What waits is not computed any more; what is being computed is ended."""
        with self._changed:
            self._open = False
            for one in list(self._queue):
                one.future.cancel()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while some := self._next():
            self._fill(some)

    def _next(self) -> list[_Waiting]:
        """Empty where the queue is closed."""
        with self._changed:
            while self._open:
                if self._queue:
                    self._wait_for_more()
                if taken := self._take():
                    return taken
                if not self._queue:
                    self._changed.wait()
            return []

    def _wait_for_more(self) -> None:
        """As long as it is asked for, from the moment that the first one came."""
        until = self._queue[0].since + self._wait if self.batch > 1 and self._wait else 0.0
        while self._open and self._queue and len(self._queue) < self.batch and (left := until - perf_counter()) > 0:
            self._changed.wait(left)

    def _take(self) -> list[_Waiting]:
        """The first, and those of its size behind it, of so many pixels as one call may have."""
        taken: list[_Waiting] = []
        for one in list(self._queue):
            pixels = sum(other.pixels for other in taken) + one.pixels
            if len(taken) == self.batch or (taken and pixels > PIXELS_AT_ONCE):
                break
            if (not taken or one.shape == taken[0].shape) and one.future.set_running_or_notify_cancel():
                self._queue.remove(one)
                if one.until < monotonic():
                    one.future.set_exception(NoLongerWantedError("its turn came too late"))
                else:
                    taken.append(one)
        return taken

    def _forget(self, one: _Waiting) -> None:
        """A picture that is cancelled is held no longer."""
        with self._changed:
            if one.future.cancelled() and one in self._queue:
                self._queue.remove(one)

    def _fill(self, some: Sequence[_Waiting]) -> None:
        start = perf_counter()
        found = inferred(self._run, some)
        seconds = perf_counter() - start
        self._ran(len(some), sum(one.pixels for one in some), seconds)
        for one, rgb in zip(some, found, strict=True):
            if isinstance(rgb, BaseException):
                one.future.set_exception(rgb)
            else:
                assert one.plan is not None
                one.future.set_result(Filled(rgb, one.plan, start - one.since, seconds / len(some)))

    def _run(self, some: Sequence[_Waiting]) -> Sequence[Array | Exception]:
        def chosen(index: int, plan: Plan) -> None:
            some[index].plan = plan

        return self._inpainter.run_many([one.picture for one in some], chosen, [one.strategy for one in some])


def profitable(inpainter: Inpainter) -> int:
    """How many pictures the engine runs better together than one by one, as it declares."""
    capabilities = inpainter.backend.capabilities
    shapes = [shape.largest[0] for shape in capabilities.shapes]
    return min(MOST_AT_ONCE, max([*shapes, capabilities.batch]))
