"""The cases of `run.py`: kernels at LaMa's channels, and what only a device shows: streams, graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Tensor

from benchmarks.gpu.ceilings import DTYPES
from benchmarks.gpu.names import KERNELS
from benchmarks.gpu.spectral.case import FORMATS
from benchmarks.gpu.spectral.units import Compute, Parameters, checked_error, compute_of, parameters_of
from benchmarks.gpu.timing import captured
from lama_deploy.native.frames import by_torch_, on_library_
from lama_deploy.native.library import SpectralLibrary
from lama_deploy.native.loaded import library_of

HALF = {name: DTYPES[name] for name in ("float16", "bfloat16")}
BORDER = 1

Size = tuple[int, int]


class SkippedError(Exception):
    """The case needs what this device has not."""


@dataclass(frozen=True)
class Sizes:
    """channels: of the unit. in_turn: their plans share one kernel, the largest comes twice. fresh: met nowhere else.

    frame: the map's size, the channels of both its parts.
    """

    channels: int
    units: tuple[Size, ...]
    in_turn: tuple[Size, ...]
    fresh: tuple[Size, ...]
    frame: tuple[Size, tuple[int, int]]


FULL = Sizes(
    192,
    ((64, 64), (85, 67), (128, 128), (256, 256)),
    ((512, 512), (352, 352), (512, 512)),
    ((72, 88), (96, 40), (60, 124)),
    ((64, 64), (128, 384)),
)
TINY = Sizes(8, ((6, 5), (8, 8)), ((2, 512), (2, 352), (2, 512)), ((4, 6),), ((6, 5), (8, 24)))


@dataclass(frozen=True)
class SmokeCase:
    """largest: map of it. error: the difference's norm as a share of the float64 result's; raises where it is wrong."""

    kind: str
    name: str
    largest: Size
    error: Callable[[Subject], float]

    def needed_bytes(self, channels: int) -> int:
        """An estimate: maps and spectra in float64, for the check."""
        return 64 * channels * self.largest[0] * self.largest[1]


class Subject:
    """The kernels on one device. library: takes the place of the device's own, for a CPU."""

    def __init__(self, device: torch.device, library: SpectralLibrary | None, sizes: Sizes) -> None:
        self.device, self.library, self.sizes = device, library, sizes
        self.exact = lru_cache(maxsize=2)(self._exact)  # cases of one size and dtype follow one another

    def unit(self, dtype: torch.dtype) -> Parameters:
        return parameters_of(self.sizes.channels, dtype, self.device)

    def input(self, size: Size, dtype: torch.dtype, seed: int = 0) -> Tensor:
        shape, random = (1, self.sizes.channels, *size), torch.Generator(self.device).manual_seed(seed)
        return torch.randn(shape, generator=random, device=self.device).to(dtype)

    def _exact(self, size: Size, dtype: torch.dtype, seed: int = 0) -> Tensor:
        return self.unit(dtype).exact(self.input(size, dtype, seed))

    def compute(self, kernel: str, dtype: torch.dtype) -> Compute:
        return compute_of(kernel, self.unit(dtype), self.library)

    def needs_gpu(self, what: str) -> None:
        if self.device.type != "cuda":
            raise SkippedError(f"{what} need a GPU")


def cases(sizes: Sizes) -> Iterator[SmokeCase]:
    """The most telling first. One list for a GPU and for a CPU."""
    first, *others = sizes.units
    yield from _units(first)
    yield from (_frame(sizes, dtype, accumulate) for dtype in HALF for accumulate in (False, True))
    in_turn = f"{', '.join(map(_text, sizes.in_turn))} in turn"
    for kernel in KERNELS:
        for kind, name, largest, check in (
            ("graph", "graph", first, _replayed),
            ("stream", "side stream", max(sizes.fresh), _on_a_side_stream),
            ("in turn", in_turn, max(sizes.in_turn), _in_turn),
        ):
            yield SmokeCase(kind, f"{name}, {kernel}", largest, partial(check, kernel=kernel))
    for size in others:
        yield from _units(size)


def _units(size: Size) -> Iterator[SmokeCase]:
    for dtype in HALF:
        for layout in FORMATS:
            for kernel in KERNELS:
                name = f"{_text(size)} {dtype} {layout}, {kernel}"
                check = partial(_unit_error, size=size, dtype=dtype, layout=layout, kernel=kernel)
                yield SmokeCase("unit", name, size, check)


def _unit_error(on: Subject, size: Size, dtype: str, layout: str, kernel: str) -> float:
    x = on.input(size, HALF[dtype]).contiguous(memory_format=FORMATS[layout])
    return checked_error(on.compute(kernel, x.dtype)(x), on.exact(size, x.dtype), x.dtype)


def _in_turn(on: Subject, kernel: str) -> float:
    """A plan must not take from another what its kernel needs."""
    compute, errors = on.compute(kernel, torch.float16), []
    for size in on.sizes.in_turn:
        errors.append(checked_error(compute(_channels_last(on, size)), on.exact(size, torch.float16), torch.float16))
    return max(errors)


def _channels_last(on: Subject, size: Size) -> Tensor:
    return on.input(size, torch.float16).contiguous(memory_format=torch.channels_last)


def _on_a_side_stream(on: Subject, kernel: str) -> float:
    """The first call of a size prepares its plan; work on a stream that waits for nothing follows at once."""
    on.needs_gpu("streams")
    compute, errors = on.compute(kernel, torch.float16), []
    for size in on.sizes.fresh:
        x, exact = _channels_last(on, size), on.exact(size, torch.float16)
        torch.cuda.synchronize()
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            y = compute(x)
        side.synchronize()
        errors.append(checked_error(y, exact, x.dtype))
    return max(errors)


def _replayed(on: Subject, kernel: str) -> float:
    """A graph computes with what its input holds when it is replayed."""
    on.needs_gpu("graphs")
    size, compute = on.sizes.units[0], on.compute(kernel, torch.float16)
    x = _channels_last(on, size)
    replay, errors = captured(lambda: compute(x)), []
    for seed in (1, 2):
        x.copy_(on.input(size, x.dtype, seed))
        errors.append(checked_error(replay(), on.exact(size, x.dtype, seed), x.dtype))
    return max(errors)


def _frame(sizes: Sizes, dtype: str, accumulate: bool) -> SmokeCase:
    name = f"frame {dtype}{', added to' if accumulate else ''}"
    check = partial(_frame_error, dtype=HALF[dtype], accumulate=accumulate)
    return SmokeCase("frame", name, sizes.frame[0], check)


def _frame_error(on: Subject, dtype: torch.dtype, accumulate: bool) -> float:
    """Both parts, bias, ReLU and border."""
    library = on.library or library_of(on.device, required=True)
    assert library is not None  # it is required
    (h, w), channels = on.sizes.frame
    random = torch.Generator(on.device).manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=random, device=on.device).to(dtype)  # noqa: E731
    parts, bias = [draw(1, c, h, w) for c in channels], draw(sum(channels))
    frame = draw(1, sum(channels), h + 2 * BORDER, w + 2 * BORDER).contiguous(memory_format=torch.channels_last)
    doubles = [part.double() for part in parts]
    exact = by_torch_(frame.double(), BORDER, doubles, bias.double(), relu=True, accumulate=accumulate)
    found = on_library_(library, frame, BORDER, parts, bias, relu=True, accumulate=accumulate)
    return checked_error(found, exact, dtype)


def _text(size: Size) -> str:
    return "x".join(map(str, size))
