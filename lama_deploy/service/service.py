"""One service: its models and queues, what it holds at a time, and the way of a request through it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from http import HTTPStatus
from time import perf_counter
from types import TracebackType
from typing import TypeVar

from lama_deploy.arrays import Array
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.pipeline import PIXELS_HELD, THREADS
from lama_deploy.runtime.strategies.options import StrategyOptions
from lama_deploy.service.budget import Budget, NoLongerWantedError
from lama_deploy.service.engine import Engine, Filled
from lama_deploy.service.metrics import Metrics
from lama_deploy.service.models import Model, Models
from lama_deploy.service.options import HELD_BODIES, ServiceOptions
from lama_deploy.service.pictures import Notes
from lama_deploy.service.refusals import RefusedError

T = TypeVar("T")
MOST_RETRY = 60  # seconds that a client is told to wait


class Service:
    """Lives in one event loop; its threads decode, compute and encode."""

    def __init__(self, opened: Mapping[str, tuple[str, Inpainter]], options: ServiceOptions) -> None:
        """opened: {name: (source, inpainter)}; the first is the default."""
        self.options, self.metrics = options, Metrics()
        self.models = Models(opened, self._engine)
        self.pixels = Budget(PIXELS_HELD)
        self.decoders = ThreadPoolExecutor(THREADS, "lama-read")
        self.encoders = ThreadPoolExecutor(THREADS, "lama-write")
        self.closing, self.accepted, self.body_bytes, self._seconds = False, 0, 0, 1.0
        self.metrics.watch("lama_accepted_requests", "Requests that wait or are worked on.", lambda: self.accepted)
        self.metrics.watch("lama_held_pixels", "Decoded pixels of all requests.", lambda: self.pixels.held)

    def _engine(self, name: str, inpainter: Inpainter) -> Engine:
        def ran(pictures: int, pixels: int, seconds: float) -> None:
            self.metrics.ran(name, pictures, pixels)
            self._seconds += 0.2 * (seconds / pictures - self._seconds)

        engine = Engine(inpainter, batch=self.options.batch, batch_wait=self.options.batch_wait, ran=ran)
        self.metrics.watch_queue(name, lambda: engine.waiting)
        return engine

    def enter(self, length: int) -> None:
        """A request with a body of so many bytes (0: not told) is accepted; `leave` it. Raises RefusedError."""
        if self.closing:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the server is shutting down", retry_after=5)
        self.check_length(length)
        if self.accepted >= self.options.queue:
            raise self._full(f"{self.accepted} requests are accepted already")
        self.hold_body(length)
        self.accepted += 1

    def leave(self, length: int) -> None:
        """length: of all that was held of its body."""
        self.accepted -= 1
        self.body_bytes -= length

    def check_length(self, length: int) -> None:
        """Of a body. Raises RefusedError."""
        if length > self.options.max_bytes:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the request's body is longer than {self.options.max_bytes:,} bytes, the server's --max-bytes",
            )

    def hold_body(self, length: int) -> None:
        """Raises RefusedError where the bodies of all requests are too much."""
        if self.body_bytes + length > HELD_BODIES * self.options.max_bytes:
            raise self._full("the bodies of the requests that are accepted already are large")
        self.body_bytes += length

    def _full(self, why: str) -> RefusedError:
        waiting = sum(one.engine.waiting for one in self.models)
        seconds = min(MOST_RETRY, 1 + int(waiting * self._seconds))
        return RefusedError(
            HTTPStatus.TOO_MANY_REQUESTS, f"{why}; send it again in {seconds} seconds", retry_after=seconds
        )

    def close(self) -> None:
        """What waits is dropped; threads end what they do."""
        self.closing = True
        self.models.close()
        self.decoders.shutdown(cancel_futures=True)
        self.encoders.shutdown(cancel_futures=True)


class Order:
    """One request's way: what it holds, how long its stages took, what is to be told with its answer."""

    def __init__(self, service: Service, until: float) -> None:
        """until: the `monotonic` time after which nothing more is done for it."""
        self._service, self._share, self._until = service, service.pixels.share(until), until
        self.max_pixels = service.options.max_pixels
        self.notes, self.seconds = Notes(), dict[str, float]()
        self.model, self.plan, self.pixels = "", "", 0

    async def __aenter__(self) -> Order:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._share.close()

    def hold(self, height: int, width: int) -> None:
        """Before a picture is decoded, in the decoder's thread: waits until there is room for its pixels."""
        self._share.take(height * width)
        self.pixels = height * width

    def give_back(self) -> None:
        """All that it holds, before another picture is decoded."""
        self._share.give_back()

    async def decode(self, do: Callable[[], T]) -> T:
        """In a thread for it. What `do` raises is raised."""
        return await self._stage("decode", self._service.decoders, do)

    async def encode(self, do: Callable[[], T]) -> T:
        """In a thread for it. What `do` raises is raised."""
        return await self._stage("encode", self._service.encoders, do)

    async def fill(self, model: Model, pixels: Array, hole: Array, strategy: StrategyOptions) -> Filled:
        """A picture (H, W, 3) uint8 and its hole (H, W) uint8, when its turn has come. Raises as `Inpainter.run`."""
        return (await self.fill_all(model, [(pixels, hole)], strategy))[0]

    async def fill_all(
        self, model: Model, pictures: Sequence[tuple[Array, Array]], strategy: StrategyOptions
    ) -> list[Filled]:
        """As `fill`, of several; where one fails, what is not begun of the others is not done."""
        self.model = model.name
        futures = [model.engine.put(*picture, strategy, self._until) for picture in pictures]
        try:
            found = [await self._awaited(future) for future in futures]
        finally:
            for future in futures:
                future.cancel()
        for one in found:
            self._took("queue", one.queued)
            self._took("infer", one.computed)
            if one.plan.is_news:
                self.notes(one.plan.text)
        self.plan = f"{found[0].plan.text}: {found[0].plan.windows}"
        return found

    async def _stage(self, name: str, pool: Executor, do: Callable[[], T]) -> T:
        def timed() -> T:
            if not self._share.wanted:
                raise NoLongerWantedError("its turn came too late")
            start = perf_counter()
            try:
                return do()
            finally:
                self._took(name, perf_counter() - start)

        return await self._awaited(pool.submit(timed))

    async def _awaited(self, future: Future[T]) -> T:
        self._share.used()
        future.add_done_callback(lambda _: self._share.left())
        return await asyncio.wrap_future(future)

    def _took(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        self._service.metrics.stage(stage, seconds)
