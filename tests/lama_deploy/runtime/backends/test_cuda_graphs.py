"""The cache of graphs: bounded, reused, one replay at a time, and no worse than no graphs where captures fail."""

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from lama_deploy.model.exact_float32 import exact_float32
from lama_deploy.native.captures import CAPTURING, keep
from lama_deploy.native.library import KernelMemoryError
from lama_deploy.runtime.backends.cuda_graphs import WARM_UP, CudaRecorder, GraphCache
from lama_deploy.runtime.backends.torch_fused import _exact


def twice(x: Tensor) -> Tensor:
    return 2 * x


class Recorded:
    """As graphs are: a buffer in, a buffer out, and nothing that keeps two callers apart."""

    def __init__(self, example: Tensor) -> None:
        self.held, self.result = torch.empty_like(example), torch.empty_like(example)
        self.replays = 0

    def __call__(self, x: Tensor) -> Tensor:
        self.held.copy_(x)
        time.sleep(0.001)
        self.result.copy_(2 * self.held)
        time.sleep(0.001)
        self.replays += 1
        return self.result.clone()


class FakeRecorder:
    """failing: captures of inputs of this batch size raise, the first `times` of them."""

    def __init__(self, failing: int = 0, times: int = 1000) -> None:
        self.failing, self.times = failing, times
        self.captured: list[tuple[int, ...]] = []
        self.graphs: list[Recorded] = []
        self.finished = 0
        self.error: Exception = RuntimeError("operation not permitted when stream is capturing\nand more lines")

    def capture(self, example: Tensor) -> Callable[[Tensor], Tensor]:
        self.captured.append(tuple(example.shape))
        if example.shape[0] == self.failing and self.times:
            self.times -= 1
            raise self.error
        self.graphs.append(Recorded(example))
        return self.graphs[-1]

    def finish(self) -> None:
        self.finished += 1


def never(x: Tensor) -> Tensor:
    raise AssertionError("computed without a graph")


def of(*shape: int, value: float = 1.0) -> Tensor:
    return torch.full(shape, value)


def test_one_capture_per_shape() -> None:
    recorder = FakeRecorder()
    cache = GraphCache(never, recorder, 4)
    for value in (1.0, 3.0):
        for shape in ((1, 4, 8, 8), (2, 4, 8, 8), (1, 4, 16, 8), (1, 4, 8, 16)):
            assert torch.equal(cache(of(*shape, value=value)), of(*shape, value=2 * value))
    assert recorder.captured == [(1, 4, 8, 8), (2, 4, 8, 8), (1, 4, 16, 8), (1, 4, 8, 16)]
    assert [graph.replays for graph in recorder.graphs] == [2, 2, 2, 2]
    assert recorder.finished == 0


def test_least_recently_used_makes_room() -> None:
    recorder = FakeRecorder()
    cache = GraphCache(never, recorder, 2)
    for batch in (1, 2, 1, 3, 1, 2):  # 3 takes the place of 2, then 2 that of 3
        cache(of(batch, 4))
    assert recorder.captured == [(1, 4), (2, 4), (3, 4), (2, 4)]
    assert recorder.finished == 2  # waited for before each was dropped


def test_results_are_not_overwritten_by_later_calls() -> None:
    cache = GraphCache(never, FakeRecorder(), 1)
    first = cache(of(1, 4, value=1.0))
    cache(of(1, 4, value=5.0))
    assert torch.equal(first, of(1, 4, value=2.0))


def test_threads_share_graphs_without_mixing_pictures() -> None:
    recorder = FakeRecorder()
    cache = GraphCache(never, recorder, 2)
    wrong: list[float] = []

    def call(number: int) -> None:
        for i in range(20):
            x = of(1 + (number + i) % 3, 4, value=float(number + 10 * i))
            if not torch.equal(cache(x), 2 * x):
                wrong.append(float(x[0, 0]))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sum(graph.replays for graph in recorder.graphs) == 80


def test_a_capture_that_another_thread_broke_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    recorder = FakeRecorder(failing=2, times=1)
    cache = GraphCache(never, recorder, 4)
    for batch in (1, 2, 2, 1):
        assert torch.equal(cache(of(batch, 4)), of(batch, 4, value=2.0))
    assert recorder.captured == [(1, 4), (2, 4), (2, 4)]
    assert recorder.finished == 1  # before the second try
    assert [graph.replays for graph in recorder.graphs] == [2, 2]
    assert not caplog.records


def test_a_shape_that_cannot_be_captured_is_one_warning_and_others_keep_their_graphs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = FakeRecorder(failing=2)
    cache = GraphCache(twice, recorder, 4)
    with caplog.at_level(logging.WARNING):
        for batch in (1, 2, 1, 2, 3):
            assert torch.equal(cache(of(batch, 4)), of(batch, 4, value=2.0))
    assert recorder.captured == [(1, 4), (2, 4), (2, 4), (3, 4)]
    assert [graph.replays for graph in recorder.graphs] == [2, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "no CUDA graph of (2, 4) (operation not permitted when stream is capturing); running without graphs, right and "
        "slower"
    ]


def test_a_network_that_was_never_captured_is_tried_no_more(caplog: pytest.LogCaptureFixture) -> None:
    recorder = FakeRecorder(failing=2)
    cache = GraphCache(twice, recorder, 4)
    for batch in (2, 1, 3, 2):
        assert torch.equal(cache(of(batch, 4)), of(batch, 4, value=2.0))
    assert recorder.captured == [(2, 4), (2, 4)]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), KernelMemoryError("no memory")])
def test_a_first_picture_that_is_too_large_costs_others_no_graphs(error: Exception) -> None:
    recorder = FakeRecorder(failing=9)
    recorder.error = error
    cache = GraphCache(twice, recorder, 4)
    for batch in (9, 1, 1):
        cache(of(batch, 4))
    assert [graph.replays for graph in recorder.graphs] == [2]


def is_free() -> bool:
    """Whether this thread could have CAPTURING."""
    taken = CAPTURING.acquire(blocking=False)
    if taken:
        CAPTURING.release()
    return taken


class Plan:
    """What a graph reads."""


class Machine:
    """What CudaRecorder asks of torch.cuda, on the CPU; captures take a moment.

    failing: so many captures fail as they end. Then, as in PyTorch up to 2.11, their pool stays recorded into.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failing: int = 0) -> None:
        self.failing, self.pools, self.recording = failing, iter(range(1, 9)), set[tuple[int, int]]()
        stream = SimpleNamespace(wait_stream=lambda _: None, synchronize=lambda: None)
        for name, answer in {
            "Stream": lambda _: stream,
            "current_stream": lambda _: stream,
            "graph_pool_handle": lambda: (0, next(self.pools)),
            "stream": lambda _: nullcontext(),
            "CUDAGraph": lambda: SimpleNamespace(replay=lambda: None),
            "graph": self.graph,
        }.items():
            monkeypatch.setattr(torch.cuda, name, answer)
        leave = lambda _, pool: self.recording.remove(pool)  # noqa: E731
        monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", leave, raising=False)
        self.capturing, self.disturbed = threading.Event(), threading.Event()

    @contextmanager
    def graph(self, _: Any, pool: tuple[int, int], __: Any, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"  # else what other threads do breaks it
        if pool in self.recording:
            raise RuntimeError("beginAllocateToPool: already recording to mempool_id")
        self.recording.add(pool)
        self.capturing.set()
        self.disturbed.wait(0.3)
        yield
        if self.failing:
            self.failing -= 1
            raise RuntimeError("operation failed due to a previous error during capture")
        self.recording.remove(pool)


def test_a_capture_that_failed_leaves_its_pool_and_the_next_one_succeeds(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        machine = Machine(monkeypatch, failing=1)
        machine.disturbed.set()
        GraphCache(never, CudaRecorder(twice, torch.device("cuda", 0)), 4)._graph_for(torch.ones(1, 4))
    assert not caplog.records
    assert not machine.recording


def test_captures_are_exact_and_cudnn_searches_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch)
    seen: list[tuple[bool, bool]] = []

    def look(x: Tensor) -> Tensor:
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark))
        return x

    CudaRecorder(look, torch.device("cpu")).capture(torch.ones(1, 4))
    assert seen == [(False, True)] * (WARM_UP + 1)


def test_launches_without_a_graph_are_exact_and_cudnn_does_not_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)

    def look(x: Tensor) -> Tensor:
        assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark) == (False, False)
        return x

    generator: Any = look
    _exact(generator, torch.ones(1, 4))


def test_a_graph_keeps_what_it_reads_and_captures_exclude_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch).disturbed.set()
    plans: list[weakref.ref[Plan]] = []
    with ThreadPoolExecutor(1) as other:

        def compute(x: Tensor) -> Tensor:
            plan = Plan()
            if keep(plan):  # nobody keeps those of the warm-up
                plans.append(weakref.ref(plan))
                assert not other.submit(is_free).result()
            return x

        replay = CudaRecorder(compute, torch.device("cpu")).capture(torch.ones(1, 4))
    (kept,) = plans
    assert kept() is not None
    del replay
    gc.collect()
    assert kept() is None


def test_a_capture_and_a_forward_that_meets_a_new_plan_wait_for_each_other_in_one_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The forward has PyTorch's switches and wants CAPTURING; the capture wants both."""
    machine = Machine(monkeypatch)

    def forward() -> None:
        machine.capturing.wait()
        with exact_float32():
            machine.disturbed.set()  # it must not come so far until the capture has ended
            with CAPTURING:
                pass

    def compute(x: Tensor) -> Tensor:
        with exact_float32():
            return x

    recorder = CudaRecorder(compute, torch.device("cpu"))
    first = threading.Thread(target=forward, daemon=True)
    second = threading.Thread(target=lambda: recorder.capture(torch.ones(1, 4)), daemon=True)
    for thread in (first, second):
        thread.start()
    for thread in (first, second):
        thread.join(timeout=20)
        assert not thread.is_alive()


@pytest.mark.gpu
@pytest.mark.parametrize("size", [1, 2])
def test_replay_computes_what_the_network_does(size: int) -> None:
    device = torch.device("cuda", 0)
    layer = torch.nn.Conv2d(4, 4, 3, padding=1).to(device)

    def compute(x: Tensor) -> Tensor:
        return layer(x).relu_()

    cache = GraphCache(never, CudaRecorder(compute, device), size)
    with torch.inference_mode():
        for side in (32, 48, 64, 32, 48):  # evicted and captured again
            x = torch.rand(1, 4, side, side, device=device)
            torch.testing.assert_close(cache(x), compute(x))


@pytest.mark.gpu
def test_a_capture_that_was_disturbed_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    device, runs = torch.device("cuda", 0), []

    def compute(x: Tensor) -> Tensor:
        runs.append(1)
        return x * float(x.sum().item()) if len(runs) == WARM_UP + 1 else x * 4  # it waits in the first capture

    cache = GraphCache(never, CudaRecorder(compute, device), 2)
    for batch in (1, 2):
        x = torch.ones(batch, 4, device=device)
        assert torch.equal(cache(x), 4 * x)
    assert not caplog.records


@pytest.mark.gpu
def test_capture_that_waits_for_the_device_falls_back(caplog: pytest.LogCaptureFixture) -> None:
    device = torch.device("cuda", 0)

    def compute(x: Tensor) -> Tensor:
        return x * float(x.sum().item())

    cache, stream = GraphCache(compute, CudaRecorder(compute, device), 2), torch.cuda.current_stream()
    x = torch.ones(1, 4, device=device)
    assert torch.equal(cache(x), 4 * x)
    assert torch.equal(cache(x), 4 * x)
    assert len(caplog.records) == 1
    assert torch.cuda.current_stream() == stream
