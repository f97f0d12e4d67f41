"""Arrays that are on the GPU already: they stay there, in the order of the caller's stream.

The emulated device does nothing before it is waited for, so a missing order between streams gives wrong pixels.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from lama_deploy.errors import ImageError, MissingDependencyError
from lama_deploy.images.inputs import is_on_device
from lama_deploy.images.scenes import scene
from lama_deploy.runtime import Inpainter
from lama_deploy.tensorrt.torch_arrays import call_arguments
from tests.lama_deploy.tensorrt.emulated_cuda import EmulatedDriver
from tests.lama_deploy.tensorrt.emulated_machine import Machine


class OnDevice:
    """As CuPy, PyCUDA and Numba describe theirs. The values arrive with the work of `stream`, not before."""

    def __init__(self, driver: EmulatedDriver, values: np.ndarray, stream: int = 1, offset: int = 0) -> None:
        driver.stack.append(7000)
        _, address = driver.cuMemAlloc(values.nbytes + offset)
        driver.stack.pop()
        self.driver, self.stream, self.address = driver, stream, address + offset
        self.shape, self.dtype, self.strides = values.shape, values.dtype, None
        content = values.tobytes()
        driver.streams[stream].enqueue(lambda: ctypes.memmove(self.address, content, len(content)) and None)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.address, False),
            "strides": self.strides,
            "version": 3,
            "stream": self.stream,
        }


class ByDlpack(OnDevice):
    """As what has no other interface than DLPack."""

    __cuda_array_interface__ = property(lambda self: getattr(self, "nothing"))  # type: ignore[assignment]  # noqa: B009

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self, **options: Any) -> Any:
        assert options["stream"] == self.stream
        size = int(np.prod(self.shape))
        return (
            np.frombuffer((ctypes.c_uint8 * size).from_address(self.address), np.uint8).reshape(self.shape).__dlpack__()
        )


def read(driver: EmulatedDriver, result: Any, stream: int) -> np.ndarray:
    """After the work of the caller's stream, and of no other."""
    driver.streams[stream].finish()
    interface = result.__cuda_array_interface__
    size = int(np.prod(interface["shape"])) * np.dtype(interface["typestr"]).itemsize
    assert driver.has(interface["data"][0], size)
    data = ctypes.string_at(interface["data"][0], size)
    return np.frombuffer(data, interface["typestr"]).reshape(interface["shape"])


def new_stream(machine: Machine) -> int:
    machine.driver.stack.append(7000)
    _, stream = machine.driver.cuStreamCreate(1)
    machine.driver.stack.pop()
    return int(stream)


@pytest.mark.parametrize("ours_first", [False, True])
@pytest.mark.parametrize("graphs", [8, 0])
@pytest.mark.parametrize("kind", [OnDevice, ByDlpack])
def test_results_follow_inputs_on_the_callers_stream(
    kind: type[OnDevice], graphs: int, ours_first: bool, machine: Machine
) -> None:
    """Whichever stream the device turns to first."""
    inpaint = Inpainter(machine.open(graphs=graphs))
    stream = new_stream(machine)
    results = []
    for seed in range(4):
        images, masks = scene(31, 53, 2, seed=seed)
        given = [kind(machine.driver, array, stream) for array in (images, masks)]
        result = inpaint(*given, stream=stream if kind is ByDlpack else None)
        results.append((result, machine.expected(images, masks)))
    assert machine.driver.streams[stream].done == 0  # nothing was waited for
    for other in (handle for handle in machine.driver.streams if ours_first and handle != stream):
        machine.driver.streams[other].finish()
    for result, expected in results:
        assert np.array_equal(read(machine.driver, result, stream), expected)


def test_shapes_make_room_when_their_work_is_done(machine: Machine) -> None:
    backend = machine.open(graphs=1)
    results = []
    for side in (40, 40, 40, 32, 32, 32):
        images, masks = scene(side, side, seed=len(results))
        result = backend.inpaint_on_device(OnDevice(machine.driver, images), OnDevice(machine.driver, masks))
        results.append((result, machine.expected(images, masks)))
    for result, expected in results:
        assert np.array_equal(read(machine.driver, result, 1), expected)


def test_without_graphs_nothing_is_copied(machine: Machine) -> None:
    backend = machine.open(graphs=0)
    images, masks = scene(32, 40)
    before = machine.driver.copies
    result = backend.inpaint_on_device(OnDevice(machine.driver, images), OnDevice(machine.driver, masks > 0))
    assert machine.driver.copies == before
    assert np.array_equal(read(machine.driver, result, 1), machine.expected(images, masks))
    unaligned = OnDevice(machine.driver, images, offset=16)
    result = backend.inpaint_on_device(unaligned, OnDevice(machine.driver, masks))
    assert machine.driver.copies == before + 3
    assert np.array_equal(read(machine.driver, result, 1), machine.expected(images, masks))


def test_one_picture_keeps_its_shape(machine: Machine) -> None:
    images, masks = scene(32, 40)
    given = OnDevice(machine.driver, images[0]), OnDevice(machine.driver, masks[0])
    result = machine.open().inpaint_on_device(*given)
    assert np.array_equal(read(machine.driver, result, 1), machine.expected(images, masks)[0])


def test_float_engines_take_floats(machine: Machine) -> None:
    images, masks = scene(32, 40)
    unit = (images.transpose(0, 3, 1, 2) / 255).astype(np.float32)
    given = OnDevice(machine.driver, unit), OnDevice(machine.driver, masks[:, None].astype(np.float32))
    result = machine.open(io="float").inpaint_on_device(*given)
    expected = machine.expected(images, masks, "float").transpose(0, 3, 1, 2)
    assert np.array_equal(read(machine.driver, result, 1), expected)


class Stream:
    """Of torch, CuPy or PyCUDA, by the attribute that holds the handle."""

    def __init__(self, attribute: str, handle: int) -> None:
        setattr(self, attribute, handle)


@pytest.mark.parametrize("attribute", ["cuda_stream", "ptr", "handle"])
def test_streams_of_other_libraries(attribute: str, machine: Machine) -> None:
    images, masks = scene(32, 40)
    stream = new_stream(machine)
    given = (OnDevice(machine.driver, array, stream) for array in (images, masks))
    result = machine.open().inpaint_on_device(*given, stream=Stream(attribute, stream))
    assert np.array_equal(read(machine.driver, result, stream), machine.expected(images, masks))


U8 = np.uint8


@pytest.mark.parametrize(
    ("image", "mask", "change", "message"),
    [
        (np.zeros((1, 3, 32, 40), U8), np.zeros((1, 32, 40), U8), {}, r"allowed on the GPU: uint8 \(N, H, W, 3\) or"),
        (np.zeros((1, 32, 40, 3), "f4"), np.zeros((1, 32, 40), U8), {}, r"the image is float32 \(1, 32, 40, 3\)"),
        (np.zeros((32, 40), U8), np.zeros((32, 40), U8), {}, r"the image is uint8 \(32, 40\)"),
        (np.zeros((2, 32, 40, 3), U8), np.zeros((1, 32, 40), U8), {}, r"uint8 or bool of \(2, 32, 40\)"),
        (np.zeros((1, 32, 40, 3), U8), np.zeros((1, 40, 32), U8), {}, r"the mask is uint8 \(1, 40, 32\)"),
        (np.zeros((1, 32, 40, 3), U8), np.zeros((1, 32, 40), "i4"), {}, r"the mask is int32"),
        (np.zeros((1, 99, 40, 3), U8), np.zeros((1, 99, 40), U8), {}, r"not 1 of 99x40; arrays on the GPU are neither"),
        (np.zeros((9, 32, 40, 3), U8), np.zeros((9, 32, 40), U8), {}, r"takes 16x16 to 48x64 \(batch of 2\), .* not 9"),
        (np.zeros((1, 32, 40, 3), U8), np.zeros((1, 32, 40), U8), {"strides": (9999, 240, 6, 2)}, "is not dense"),
    ],
)
def test_arrays_that_are_not_taken(
    image: np.ndarray, mask: np.ndarray, change: dict[str, Any], message: str, machine: Machine
) -> None:
    given = OnDevice(machine.driver, image)
    given.__dict__.update(change)
    with pytest.raises(ImageError, match=message):
        machine.open().inpaint_on_device(given, OnDevice(machine.driver, mask))


def test_strides_that_mean_dense_are_taken(machine: Machine) -> None:
    images, masks = scene(32, 40)
    given = OnDevice(machine.driver, images)
    given.strides = (7, 120, 3, 1)  # PyCUDA and torch write them out; that of a single picture means nothing
    result = machine.open().inpaint_on_device(given, OnDevice(machine.driver, masks))
    assert np.array_equal(read(machine.driver, result, 1), machine.expected(images, masks))


def test_a_mask_on_the_other_side_is_refused(machine: Machine) -> None:
    images, masks = scene(32, 40)
    inpaint = Inpainter(machine.open())
    with pytest.raises(ImageError, match="the image is on the GPU, but ndarray is not; give both on one side"):
        inpaint(OnDevice(machine.driver, images), masks)
    with pytest.raises(ImageError, match="is on the GPU"):
        inpaint(images, OnDevice(machine.driver, masks))


def test_dlpack_without_cuda_core_is_one_line(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.core.utils", None)
    images, masks = scene(32, 32)
    given = [ByDlpack(machine.driver, array) for array in (images, masks)]
    with pytest.raises(MissingDependencyError, match="ByDlpack lies on the GPU by DLPack alone, which needs cuda-core"):
        Inpainter(machine.open())(*given, stream=1)


def test_other_backends_say_what_to_do(machine: Machine) -> None:
    images, masks = scene(32, 40)
    inpaint = Inpainter.load(machine.bundles["uint8"])
    with pytest.raises(ImageError, match=r"a OnDevice is on the GPU; copy it to the host, or run a bundle of --to trt"):
        inpaint(OnDevice(machine.driver, images), OnDevice(machine.driver, masks))


def test_what_is_on_the_device() -> None:
    assert not any(map(is_on_device, (np.zeros(3), torch.zeros(3), [1], "text")))


@pytest.mark.parametrize("io", ["uint8", "float"])
@pytest.mark.parametrize(
    ("image", "mask"),
    [
        (lambda image: image, lambda mask: mask[:, None]),
        (lambda image: image[0], lambda mask: mask[0]),
        (lambda image: image.float() / 255, lambda mask: mask[:, None].float() * 0.3),
        (lambda image: image.contiguous(memory_format=torch.channels_last), lambda mask: mask[:1, None].bool()),
    ],
)
def test_torch_tensors_become_what_engines_take(
    image: Callable[[torch.Tensor], torch.Tensor], mask: Callable[[torch.Tensor], torch.Tensor], io: str
) -> None:
    """On the CPU, where torch computes the same; engines then get the very arrays of the host path."""
    images, masks = scene(9, 14)
    given, hole = image(torch.from_numpy(images).permute(0, 3, 1, 2)), mask(torch.from_numpy(masks))
    taken, taken_hole, restore = call_arguments(given, hole, io)
    assert taken.is_contiguous() and taken_hole.is_contiguous()
    if io == "uint8":
        assert np.array_equal(taken.numpy(), images) and np.array_equal(taken_hole.numpy() > 0, masks > 0)
        filled = torch.from_numpy(255 - images)
        assert torch.equal(restore(filled), (255 - torch.from_numpy(images).permute(0, 3, 1, 2)).reshape(given.shape))
        return
    assert np.allclose(taken.numpy(), images.transpose(0, 3, 1, 2) / 255)
    known = restore(taken * 0).reshape(1, 3, 9, 14).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(known, np.where(masks[..., None] > 0, 0, images))


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        (torch.zeros(1, 4, 9, 9), torch.zeros(9, 9), r"a torch image is torch\.float32 \(1, 4, 9, 9\)"),
        (torch.zeros(1, 3, 9, 9, dtype=torch.int32), torch.zeros(9, 9), "a torch image is torch.int32"),
        (torch.zeros(2, 3, 9, 9), torch.zeros(3, 1, 9, 9), r"\(9, 9\), \(1, 9, 9\) or \(2, 1, 9, 9\)"),
        (torch.zeros(1, 3, 9, 9), torch.zeros(9, 9, device="meta"), "give both on one device"),
    ],
)
def test_torch_tensors_that_are_not_taken(image: torch.Tensor, mask: torch.Tensor, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        call_arguments(image, mask, "uint8")
