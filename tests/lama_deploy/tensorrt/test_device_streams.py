"""In whose order arrays on the GPU are read, and results allocated, written and made ready.

The emulated device does nothing before it is waited for, so a missing order between streams gives wrong pixels.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lama_deploy.errors import EngineError, ImageError
from lama_deploy.images.scenes import scene
from lama_deploy.tensorrt.cuda_driver import LEGACY_STREAM
from lama_deploy.tensorrt.device_arrays import in_order_of
from tests.lama_deploy.tensorrt.emulated_machine import Machine
from tests.lama_deploy.tensorrt.test_device_arrays import OnDevice, new_stream, read


@pytest.mark.parametrize("explicit", [False, True])
def test_image_and_mask_may_come_on_other_streams(machine: Machine, explicit: bool) -> None:
    """CUDA Array Interface, version 3, `stream`: the one that a consumer has to wait for, of each array."""
    backend = machine.open()
    of_image, of_mask, given = (new_stream(machine) for _ in range(3))
    images, masks = scene(32, 40)
    arrays = OnDevice(machine.driver, images, of_image), OnDevice(machine.driver, masks, of_mask)
    result = backend.inpaint_on_device(*arrays, stream=given if explicit else None)
    stream = given if explicit else of_image
    assert machine.driver.streams[of_mask].done == 0  # nothing was waited for
    assert np.array_equal(read(machine.driver, result, stream), machine.expected(images, masks))


def test_a_stream_that_is_captured_is_refused(machine: Machine) -> None:
    backend, stream = machine.open(), new_stream(machine)
    given = [OnDevice(machine.driver, array) for array in scene(32, 40)]
    machine.driver.streams[stream].captured = []
    with pytest.raises(ImageError, match=r"is being captured into a CUDA graph, and engines keep their own: call"):
        backend.inpaint_on_device(*given, stream=stream)


def test_a_call_that_fails_reads_nothing_later(machine: Machine) -> None:
    """What it had enqueued is done before its caller learns of it, and may free what it gave."""
    backend = machine.open([(1, 16, 16), (1, 32, 32), (1, 64, 64)])
    machine.engine.most_contexts = 0
    given = [OnDevice(machine.driver, array) for array in scene(32, 40)]
    with pytest.raises(EngineError, match="no more contexts") as raised:  # whose traceback keeps all memory
        backend.inpaint_on_device(*given)
    assert raised and all(stream.done == len(stream.work) for stream in machine.driver.streams.values())


class TorchStreams:
    """torch.cuda's streams, of which one is current."""

    def __init__(self) -> None:
        self.now = 0  # torch's default stream
        self.waits: list[tuple[int, int]] = []

    def of(self, handle: int, device: Any = None) -> Any:
        return SimpleNamespace(cuda_stream=handle, wait_stream=lambda other: self._wait(handle, other.cuda_stream))

    @contextmanager
    def as_current(self, stream: Any) -> Iterator[None]:
        before, self.now = self.now, stream.cuda_stream
        yield
        self.now = before

    def _wait(self, one: int, other: int) -> None:
        self.waits.append((one, other))


@pytest.fixture
def torch_streams(monkeypatch: pytest.MonkeyPatch) -> TorchStreams:
    streams = TorchStreams()
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: streams.of(streams.now))
    monkeypatch.setattr(torch.cuda, "default_stream", lambda device: streams.of(0))
    monkeypatch.setattr(torch.cuda, "ExternalStream", streams.of)
    monkeypatch.setattr(torch.cuda, "stream", streams.as_current)
    return streams


class TensorOnDevice(torch.Tensor):
    """A tensor of the host that says that it is on the GPU, and notes what is computed on which stream."""

    streams: TorchStreams
    machine: Machine
    noted: list[tuple[str, int]]

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        if function.__name__ in ("empty_like", "contiguous", "permute"):
            cls.noted.append((function.__name__, cls.streams.now))
        return super().__torch_function__(function, types, arguments, options or {})

    def record_stream(self, stream: Any) -> None:
        self.noted.append(("record_stream", stream.cuda_stream))

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:  # type: ignore[override]
        values = self.detach().as_subclass(torch.Tensor).numpy()
        self.machine.driver.memory.setdefault(values.ctypes.data, values.reshape(-1).view(np.uint8))
        return values.__array_interface__ | {"strides": None, "version": 2}


@pytest.mark.parametrize("stream", ["given", "default", "current"])
def test_torch_allocates_and_computes_in_the_order_of_the_stream(
    stream: str, machine: Machine, torch_streams: TorchStreams
) -> None:
    """torch gives freed memory to the stream that it was allocated on ("CUDA semantics", record_stream)."""
    backend, handle, current = machine.open(), new_stream(machine), new_stream(machine)
    torch_streams.now = current
    kind = type("Tensor", (TensorOnDevice,), {"streams": torch_streams, "machine": machine, "noted": []})
    images, masks = (torch.from_numpy(array).as_subclass(kind) for array in scene(32, 40))
    expected = {"given": handle, "default": 0, "current": current}[stream]
    given = {"given": torch_streams.of(handle), "default": LEGACY_STREAM, "current": None}[stream]
    planes = images.permute(0, 3, 1, 2)
    kind.noted.clear()
    backend.inpaint_on_device(planes, masks, stream=given)
    names = {name for name, _ in kind.noted}
    assert names == {"empty_like", "contiguous", "permute", "record_stream"}
    assert kind.noted[-1][0] == "permute", "the result is made torch's in that order too"
    assert {on for _, on in kind.noted} == {expected} and torch_streams.now == current
    assert ((expected, current) in torch_streams.waits) == (expected != current)


def test_cupy_allocates_in_the_order_of_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = SimpleNamespace(Stream=SimpleNamespace(null="null"), ExternalStream=lambda handle: f"external {handle}")
    monkeypatch.setitem(__import__("sys").modules, "cupy", SimpleNamespace(cuda=streams))
    array = type("ndarray", (), {"__module__": "cupy"})()
    assert [in_order_of(stream, array) for stream in (LEGACY_STREAM, 17)] == ["null", "external 17"]
