"""Many pictures of a caller's through one Inpainter: an iterator that reads ahead, and calls that asyncio awaits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, Protocol

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError, LamaDeployError, brief
from lama_deploy.images.inputs import GivenImage, given_image, mask_of
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.images.notes import Note
from lama_deploy.runtime.checks import check_pictures
from lama_deploy.runtime.pipeline import Hold, Pipeline, Work

OnError = Literal["raise", "return"]
Item = tuple[Any, Any]  # image and mask, of any kinds that a call takes
AHEAD = 8  # of the items of an iterable, which hold decoded pictures that nobody has counted
END = object()  # of an iterator that another thread asks


class RunsMany(Protocol):
    """What an Inpainter is here."""

    @property
    def workers(self) -> int: ...

    def run_many(self, pictures: Sequence[tuple[Array, Array]], /) -> Sequence[Array | Exception]: ...


@dataclass(frozen=True)
class Given:
    """An item that has been read. holes: (N, H, W) of the image's N pictures."""

    image: GivenImage
    holes: Array


def mapped(
    inpainter: RunsMany, items: Iterable[Item], options: MaskOptions, note: Note, *, on_error: OnError, ahead: int
) -> Generator[Any, None, None]:
    """As `Inpainter.map`."""
    if on_error not in ("raise", "return"):
        raise ImageError(f"on_error is {brief(on_error)}; allowed: raise, return")
    if isinstance(ahead, bool) or not isinstance(ahead, int) or ahead < 1:
        raise ImageError(f"ahead is {brief(ahead)}; allowed: an integer of at least 1")
    return _mapped(Pipeline(_work(inpainter, options, note), workers=inpainter.workers, ahead=ahead), items, on_error)


def _mapped(
    pipeline: Pipeline[Item, Given, Array, Any], items: Iterable[Item], on_error: OnError
) -> Generator[Any, None, None]:
    with closing(pipeline.run(items)) as run:
        for passed in run:
            if passed.error is not None and not (on_error == "return" and isinstance(passed.error, Exception)):
                raise passed.error
            yield passed.result if passed.error is None else passed.error


def _work(inpainter: RunsMany, options: MaskOptions, note: Note) -> Work[Item, Given, Array, Any]:
    def read(item: Item, hold: Hold) -> Given:
        try:
            image, mask = item
        except (TypeError, ValueError) as error:
            raise ImageError(f"an item is {brief(item)}; allowed: pairs of an image and its mask") from error
        given = given_image(image, note)
        holes = mask_of(mask, given, options, note)
        check_pictures(given.pixels, holes)
        return Given(given, np.broadcast_to(holes, given.pixels.shape[:3]))

    def infer(some: Sequence[Given]) -> list[Array | BaseException]:
        pairs = [pair for one in some for pair in zip(one.image.pixels, one.holes, strict=True)]
        found = iter(inpainter.run_many(pairs))
        return [_stacked(one.image.name, list(islice(found, len(one.holes)))) for one in some]

    def write(item: Item, given: Given, result: Array) -> Any:
        return given.image.restore(result, given.holes)

    return Work(read, infer, write)


def _stacked(name: str, results: list[Array | Exception]) -> Array | BaseException:
    """(N, H, W, 3) of an item's pictures, or the first error, which names its file."""
    error = next((one for one in results if isinstance(one, Exception)), None)
    if isinstance(error, LamaDeployError) and name:
        return type(error)(f"{name}: {error}")
    return np.stack([one for one in results if not isinstance(one, Exception)]) if error is None else error


class Awaited:
    """Calls in threads of their own, for asyncio. They are started at the first call, and anew in a forked process."""

    def __init__(self, threads: int) -> None:
        self._threads, self._process = threads, 0
        self._pool: ThreadPoolExecutor | None = None

    async def call(self, do: Callable[[], Any]) -> Any:
        """What `do` returns or raises. One that is cancelled before its turn is never done."""
        return await asyncio.wrap_future(self._executor().submit(do))

    def _executor(self) -> ThreadPoolExecutor:
        if self._pool is None or self._process != os.getpid():
            self._pool, self._process = ThreadPoolExecutor(self._threads, "lama-call"), os.getpid()
        return self._pool


async def each(start: Callable[[], Generator[Any, None, None]]) -> AsyncGenerator[Any, None]:
    """What a generator gives, which one thread asks, and closes at the end, however that comes."""
    with ThreadPoolExecutor(1, "lama-stream") as thread:
        loop = asyncio.get_running_loop()
        iterator = await loop.run_in_executor(thread, start)
        try:
            while (found := await loop.run_in_executor(thread, next, iterator, END)) is not END:
                yield found
        finally:
            closed = loop.run_in_executor(thread, iterator.close)
            await asyncio.shield(closed)
