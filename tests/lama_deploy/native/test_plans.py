"""Plans on a GPU, whose calls torch answers as if there were one: kept with their graphs, freed outside of captures.

The kernels themselves run on the CPU here (`kernels/emulation`).
"""

import gc
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lama_deploy.errors import KernelError
from lama_deploy.native import loaded, op, plans
from lama_deploy.native.captures import CAPTURING, kept
from lama_deploy.native.library import Description, KernelMemoryError, SpectralLibrary, SpectralPlan
from tests.lama_deploy.native.unit_tolerance import assert_within_tolerance, unit_parameters

GPU = torch.device("cuda", 0)
SIZES = [Description(1, 8, 4, width) for width in (4, 5, 6)]


class Device:
    """What torch says of the GPU, and what it was asked to do."""

    capturing = False

    def __init__(self) -> None:
        self.done: list[str] = []
        self.index = 0

    @contextmanager
    def current(self, device: torch.device) -> Iterator[None]:
        before, self.index = self.index, device.index
        yield
        self.index = before


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    device = Device()
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: device.capturing)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: device.done.append("synchronize"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(torch.cuda, "device", device.current)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: device.done.append("empty_cache"))
    loaded.warn_once.cache_clear()
    return device


class Counted(SpectralLibrary):
    """The emulated library, which counts what it frees. failures: of the next preparations."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.freed, self.made, self.failures = 0, 0, list[KernelError]()
        destroy = self._functions["spectral_destroy"]
        self._functions["spectral_destroy"] = lambda handle: (self._count(), destroy(handle))

    def _count(self) -> None:
        self.freed += 1

    def plan(self, description: Description) -> SpectralPlan:
        self.made += 1
        plan = super().plan(description)
        plan.prepare = self._failing(plan.prepare)  # type: ignore[method-assign]
        return plan

    def _failing(self, prepare: Callable[[], None]) -> Callable[[], None]:
        def one() -> None:
            if self.failures:
                raise self.failures.pop(0)
            prepare()

        return one


@pytest.fixture
def library(emulated_library: Path) -> Counted:
    return Counted(emulated_library)


def test_a_captured_plan_goes_with_its_graph_and_not_before(device: Device, library: Counted) -> None:
    cache = plans.PlanCache(capacity=1)
    cache.get(library, GPU, SIZES[0])
    device.capturing = True
    with kept() as read:
        cache.get(library, GPU, SIZES[0])
    device.capturing = False
    cache.get(library, GPU, SIZES[1])
    cache.get(library, GPU, SIZES[2])
    gc.collect()
    cache.get(library, GPU, SIZES[2])
    assert library.freed == 1  # the second, which nobody has any more
    read.clear()
    gc.collect()
    cache.get(library, GPU, SIZES[2])
    assert library.freed == 2


def test_plans_of_many_graphs_are_bounded(device: Device, library: Counted) -> None:
    cache, graphs = plans.PlanCache(capacity=2), []
    for width in range(4, 20):
        cache.get(library, GPU, Description(1, 8, 4, width))
        device.capturing = True
        with kept() as read:
            cache.get(library, GPU, Description(1, 8, 4, width))
        device.capturing = False
        graphs = [*graphs, read][-3:]
    del read
    gc.collect()
    cache.get(library, GPU, Description(1, 8, 4, 19))
    assert library.made - library.freed == 3


def test_a_graph_of_the_user_keeps_its_plan_for_good(device: Device, library: Counted) -> None:
    cache = plans.PlanCache(capacity=1)
    cache.get(library, GPU, SIZES[0])
    device.capturing = True
    cache.get(library, GPU, SIZES[0])
    device.capturing = False
    cache.get(library, GPU, SIZES[1])
    gc.collect()
    cache.get(library, GPU, SIZES[1])
    assert not library.freed


def test_nothing_is_freed_and_nobody_waits_during_a_capture(device: Device, library: Counted) -> None:
    """Neither in the capturing thread, where a collection may drop a plan, nor in another one."""
    cache = plans.PlanCache(capacity=1)
    for size in SIZES[:2]:
        cache.get(library, GPU, size)
    gc.collect()
    device.capturing = True
    with kept(), CAPTURING:
        cache.get(library, GPU, SIZES[1])
        other = threading.Thread(target=lambda: plans.PlanCache._free_unused(cache))
        other.start()
        other.join()
    assert not library.freed and not device.done
    device.capturing = False
    cache.get(library, GPU, SIZES[1])
    assert library.freed == 1 and device.done == ["synchronize"]


def test_a_plan_is_freed_on_its_own_device(device: Device, library: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    where, count = list[int](), library._count
    monkeypatch.setattr(library, "_count", lambda: (where.append(device.index), count()))
    cache = plans.PlanCache(capacity=1)
    for index in (1, 0):
        cache.get(library, torch.device("cuda", index), SIZES[0])
    gc.collect()
    cache.get(library, GPU, SIZES[0])
    assert where == [1]


def test_a_new_plan_waits_for_the_capture_of_another_thread(device: Device, library: Counted) -> None:
    cache, ready = plans.PlanCache(), threading.Event()

    def prepare() -> None:
        ready.set()
        cache.get(library, GPU, SIZES[0])

    with CAPTURING:
        other = threading.Thread(target=prepare)
        other.start()
        ready.wait()
        other.join(timeout=0.2)
        assert other.is_alive() and not library.made
    other.join()
    assert library.made == 1


def test_memory_that_pytorch_holds_is_given_back_once(device: Device, library: Counted) -> None:
    library.failures = [KernelMemoryError("memory for DFT tables: out of memory")]
    cache = plans.PlanCache()
    assert cache.get(library, GPU, SIZES[0]).backend == "cufft"
    assert device.done == ["empty_cache"]
    library.failures = [KernelMemoryError("full"), KernelMemoryError("still full")]
    with pytest.raises(KernelMemoryError, match="still full"):
        cache.get(library, GPU, SIZES[1])
    assert cache.get(library, GPU, SIZES[1]).backend == "cufft"  # later there may be enough


def test_auto_computes_by_pytorch_what_cannot_be_prepared(
    library: Counted, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    x, parameters = torch.randn(1, 8, 4, 5), unit_parameters(8, torch.float32)
    library.failures, cache = [KernelError("cuFFT is not found: install nvidia-cufft")], plans.PlanCache()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            y = op.by_library(library, cache, x, *parameters, x, "auto")
            assert_within_tolerance(y, op.by_torch_fft(x.double(), *(t.double() for t in parameters), x.double()))
    assert library.made == 1
    (message,) = caplog.messages
    assert message.endswith("right and perhaps slower: cuFFT is not found: install nvidia-cufft")


def test_auto_says_which_unit_computes_where_a_library_is_missing(
    library: Counted, device: Device, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A side of 520 is cuFFT's, as AUTO has it."""
    cache, wide = plans.PlanCache(), Description(1, 8, 1, 520, "float16", "nhwc")
    assert cache.get(library, GPU, wide).backend == "cufft"
    assert not caplog.messages
    monkeypatch.setenv("LAMA_EMULATION_WITHOUT", "cufft")
    with caplog.at_level(logging.WARNING):
        for batch in (2, 3):
            assert cache.get(library, GPU, replace(wide, batch=batch)).backend == "tensor_core"
    (message,) = caplog.messages
    assert (
        message.startswith("no cuFFT kernels; tensor-core kernels compute instead, right and perhaps slower: ")
        and "cuFFT" in message
    )


def test_a_named_backend_that_cannot_be_prepared_says_why(library: Counted) -> None:
    library.failures = [KernelError("cuFFT is not found")]
    with pytest.raises(KernelError, match="cuFFT is not found"):
        op.by_library(
            library, plans.PlanCache(), torch.randn(1, 8, 4, 5), *unit_parameters(8, torch.float32), None, "cufft"
        )


def test_a_library_that_cannot_launch_is_none(
    emulated_library: Path, monkeypatch: pytest.MonkeyPatch, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    """As where the driver is too old for it: frames and Fourier units are PyTorch's then, with one warning."""

    class Unlaunchable(SpectralLibrary):
        def update_frame(self, *_: object, **__: object) -> None:
            raise KernelError("the frame: CUDA driver version is insufficient for CUDA runtime version")

    cpu = torch.device("cpu")
    monkeypatch.setattr(loaded, "_architecture", lambda _: "00")
    monkeypatch.setattr(loaded, "library_path", lambda _: emulated_library)
    for kind, found in ((SpectralLibrary, True), (Unlaunchable, False)):
        loaded._working.cache_clear()
        loaded._library.cache_clear()
        monkeypatch.setattr(loaded, "SpectralLibrary", kind)
        with caplog.at_level(logging.WARNING):
            assert [loaded.library_of(cpu, required=False) is not None for _ in range(2)] == [found, found]
    loaded._working.cache_clear()
    loaded._library.cache_clear()
    (message,) = caplog.messages
    assert "driver version is insufficient" in message
