"""Drives fillings: windows of equal size run together, whichever holes and pictures they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import LamaDeployError
from lama_deploy.images.pixels import to_bytes
from lama_deploy.runtime.results import check_filled
from lama_deploy.runtime.strategies.fillings import Filling, Request

Run = Callable[[Array, Array], Array]  # as `Backend.run`
Failure = LamaDeployError | MemoryError


def run_fillings(
    run: Run, fillings: Sequence[Filling], together: Callable[[tuple[int, int]], int]
) -> list[Failure | None]:
    """What ended each of the fillings, None where it is done. together: how many windows of a size run as one batch."""
    failures: list[Failure | None] = [None] * len(fillings)
    asked: dict[int, Request] = {}

    def go_on(index: int, answer: Array | None) -> None:
        """Up to its next request, its end, or what ends it."""
        try:
            asked[index] = next(fillings[index]) if answer is None else fillings[index].send(answer)
        except StopIteration:
            pass
        except (LamaDeployError, MemoryError) as error:
            failures[index] = error

    for index in range(len(fillings)):
        go_on(index, None)
    while asked:
        size = _size(asked[min(asked)])
        same = [index for index in sorted(asked) if _size(asked[index]) == size][: max(1, together(size))]
        answers = _answers(run, [asked.pop(index) for index in same])
        for index, answer in zip(same, answers, strict=True):
            if isinstance(answer, np.ndarray):
                go_on(index, answer)
            else:
                failures[index] = answer
    return failures


def raised(result: Array | Failure) -> Array:
    """The result, if it is one. Raises what it failed for."""
    if isinstance(result, Exception):
        raise result
    return result


def run_checked(run: Run, images: Array, holes: Array) -> Array:
    """The result in bytes. Raises EngineError for what is no picture."""
    result = to_bytes(run(images, holes))
    check_filled(result, images, holes)
    return result


def _answers(run: Run, requests: list[Request]) -> Sequence[Array | Failure]:
    """One by one where they fail together: it may be for memory, or one of them alone."""
    try:
        images, holes = (np.stack(parts) for parts in zip(*requests, strict=True))
        return list(run_checked(run, images, holes))
    except (LamaDeployError, MemoryError) as error:
        if len(requests) == 1:
            return [error]
    return [answer for request in requests for answer in _answers(run, [request])]


def _size(request: Request) -> tuple[int, int]:
    height, width = request[1].shape
    return height, width
