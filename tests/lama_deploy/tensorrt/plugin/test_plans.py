"""Plans are shared by a process and bounded in a context, and are made on the device that is current."""

import gc
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lama_deploy.errors import KernelError
from lama_deploy.native.library import Description, SpectralLibrary
from lama_deploy.tensorrt.plugin.plans import ContextPlans, SharedPlans, current_device


class Library(SpectralLibrary):
    """The real one, which counts the plans that it makes and takes a while for each."""

    made: int
    seconds = 0.0

    def plan(self, description: Description) -> Any:
        self.made += 1
        time.sleep(self.seconds)
        return super().plan(description)


@pytest.fixture
def library(emulated_library: Path) -> Library:
    library = Library(emulated_library)
    library.made = 0
    return library


def shape(width: int) -> Description:
    return Description(1, 8, 4, width)


def test_contexts_share_a_plan_of_each_shape_and_device(library: Library) -> None:
    device = SimpleNamespace(ordinal=0)
    shared = SharedPlans(library, lambda: device.ordinal)
    first, second = ContextPlans(shared), ContextPlans(shared)
    assert first.get(shape(4)) is second.get(shape(4)) is first.get(shape(4))
    assert first.get(shape(5)) is not first.get(shape(4)) and library.made == 2
    device.ordinal = 1
    assert second.get(shape(4)) is not (other := first.get(shape(5))) and library.made == 4
    device.ordinal = 0
    assert first.get(shape(5)) is not other and library.made == 4


def test_the_longest_unused_plan_goes(library: Library) -> None:
    context = ContextPlans(SharedPlans(library, lambda: 0))
    used = context.get(shape(4))
    for width in range(5, 5 + ContextPlans.CAPACITY):
        assert context.get(shape(4)) is used
        context.get(shape(width))
    assert library.made == 1 + ContextPlans.CAPACITY
    context.get(shape(6))
    assert library.made == 1 + ContextPlans.CAPACITY
    context.get(shape(5))
    assert library.made == 2 + ContextPlans.CAPACITY


def test_a_plan_lives_as_long_as_a_context_holds_it(library: Library) -> None:
    destroyed: list[Any] = []
    destroy = library._functions["spectral_destroy"]
    library._functions["spectral_destroy"] = lambda plan: (destroyed.append(plan), destroy(plan))
    shared = SharedPlans(library, lambda: 0)
    first, second = ContextPlans(shared), ContextPlans(shared)
    first.get(shape(4)), second.get(shape(4))
    first.clear()
    gc.collect()
    assert not destroyed
    second.clear()
    gc.collect()
    assert len(destroyed) == 1
    second.get(shape(4))
    assert library.made == 2


def test_threads_wait_for_one_plan(library: Library) -> None:
    library.seconds = 0.05
    shared = SharedPlans(library, lambda: 0)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ContextPlans(shared).get(shape(4)), range(8)))
    assert library.made == 1 and len(set(found)) == 1


def test_a_refused_shape_leaves_nothing(library: Library) -> None:
    context = ContextPlans(SharedPlans(library, lambda: 0))
    for _ in range(2):
        with pytest.raises(KernelError, match="width is 0"):
            context.get(shape(0))
    assert library.made == 2


def test_the_current_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuda-python's own answers: a number, no context, no driver; and no cuda-python."""
    driver = pytest.importorskip("cuda.bindings.driver")
    monkeypatch.setattr(driver, "cuCtxGetDevice", lambda: (driver.CUresult(0), driver.CUdevice(3)))
    assert current_device() == 3
    monkeypatch.setattr(driver, "cuCtxGetDevice", lambda: (driver.CUresult(201), None))
    with pytest.raises(KernelError, match=r"no CUDA device: no context is current in this thread \(error 201\)"):
        current_device()

    def without_driver() -> None:
        raise RuntimeError("libcuda.so is not found\nin any of many places")

    monkeypatch.setattr(driver, "cuCtxGetDevice", without_driver)
    with pytest.raises(KernelError, match=r"no CUDA device: libcuda\.so is not found in any of many places$"):
        current_device()
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(KernelError, match="pip install cuda-bindings"):
        current_device()
