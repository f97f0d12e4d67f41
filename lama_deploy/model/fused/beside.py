"""Convolutions that leave most of a GPU idle, beside what else there is to compute.

At 512x512 the convolution to the local channels is 35 blocks on 132 multiprocessors of an H200, and the Fourier unit
not many more. Where a second stream is at hand (`second_stream`), both run at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

import torch
from torch import Tensor

TILE = 128  # pixels that a block of such a convolution makes
MOST_BUSY = 0.75  # of the multiprocessors. On an H200's 132, a block of big-lama gained 13% at 35 blocks and 8% at 69,
# and lost 4% at 117 (90x160 pixels)
_SECOND: ContextVar[torch.cuda.Stream | None] = ContextVar("second stream", default=None)


@contextmanager
def second_stream(stream: torch.cuda.Stream) -> Iterator[None]:
    """Let `beside` use this stream in this thread. Nobody else may: its memory is freed in the order of one caller."""
    token = _SECOND.set(stream)
    try:
        yield
    finally:
        _SECOND.reset(token)


def beside(compute: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], Tensor]:
    """compute(x), to be asked for later, and begun by now where that helps. x must not change or go until then."""
    stream = _SECOND.get()
    if stream is None or not _leaves_room(x):
        return partial(compute, x)
    current = torch.cuda.current_stream(x.device)
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        result = compute(x)

    def joined() -> Tensor:
        current.wait_stream(stream)
        return result

    return joined


def _leaves_room(x: Tensor) -> bool:
    """Whether its convolution leaves multiprocessors idle."""
    blocks = x.shape[0] * x.shape[2] * x.shape[3] / TILE
    return x.is_cuda and blocks < MOST_BUSY * torch.cuda.get_device_properties(x.device).multi_processor_count
