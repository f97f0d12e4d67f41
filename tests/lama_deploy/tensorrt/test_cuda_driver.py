"""What is called of CUDA exists in cuda-python, and so does what the emulation leaves out of its answers."""

import inspect
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from cuda.bindings import driver

import lama_deploy.tensorrt.cuda_driver as module
from lama_deploy.errors import EngineError
from lama_deploy.native.captures import CAPTURING
from tests.lama_deploy.tensorrt.emulated_cuda import EmulatedDriver

CALLED = sorted(set(re.findall(r"\bcu[A-Z]\w+", inspect.getsource(module))))


def test_every_function_exists() -> None:
    assert len(CALLED) > 20
    assert all(callable(getattr(driver, name, None)) for name in CALLED)


@pytest.mark.parametrize("name", CALLED)
def test_the_emulation_takes_the_same_arguments(name: str) -> None:
    """cuda-python writes its signatures into the first line of its docstrings."""
    first = getattr(driver, name).__doc__.splitlines()[0]
    real = [part for part in first.partition("(")[2].rpartition(")")[0].split(",") if part.strip()]
    assert len(real) == len(inspect.signature(getattr(EmulatedDriver(), name)).parameters), first


def test_constants_are_cudas() -> None:
    assert int(driver.CUstream_flags.CU_STREAM_NON_BLOCKING) == module.NON_BLOCKING
    assert int(driver.CUevent_flags.CU_EVENT_DISABLE_TIMING) == module.WITHOUT_TIMING
    assert driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    assert driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR


def test_what_the_driver_refuses_is_said() -> None:
    cuda = module.Cuda(EmulatedDriver())
    with pytest.raises(EngineError, match=r"^CUDA's cuMemAlloc failed: invalid device context$"):
        cuda.allocate(8)


def is_free() -> bool:
    """Whether this thread could have CAPTURING."""
    taken = CAPTURING.acquire(blocking=False)
    if taken:
        CAPTURING.release()
    return taken


def test_what_is_freed_waits_for_no_device_during_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    driver, free = EmulatedDriver(), list[bool]()
    cuda = module.Cuda(driver)
    with ThreadPoolExecutor(1) as other:
        for name in ("cuMemFree", "cuMemFreeHost"):
            monkeypatch.setattr(driver, name, lambda address: free.append(other.submit(is_free).result()))
        with cuda.current():
            cuda.allocate(8)
            cuda.pinned(8)
    assert free == [False, False]


def test_nobody_else_captures_or_waits_for_the_device_during_a_capture() -> None:
    cuda, free = module.Cuda(EmulatedDriver()), list[bool]()
    with ThreadPoolExecutor(1) as other, cuda.current():
        cuda.capture(cuda.stream(), lambda: free.append(other.submit(is_free).result()))
    assert free == [False]
    assert is_free()
