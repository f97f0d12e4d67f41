"""Prepared plans for the plugin in Python: shared by the process, held on to by execution contexts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from weakref import WeakValueDictionary

from lama_deploy.errors import KernelError, brief
from lama_deploy.native.library import Description, SpectralLibrary, SpectralPlan


class SharedPlans:
    """One plan for all layers and contexts of a process, by shape and device, as long as one of them holds it.

    That is enough, since a plan keeps nothing of a run. Thread-safe. device: the ordinal of the current one.
    """

    def __init__(self, library: SpectralLibrary, device: Callable[[], int]) -> None:
        self.device = device
        self._library = library
        self._plans: WeakValueDictionary[tuple[Description, int], SpectralPlan] = WeakValueDictionary()
        self._lock = Lock()  # held while preparing: the other layers of this shape wait for one plan

    def get(self, description: Description, device: int) -> SpectralPlan:
        """The plan, prepared on `device`, which is the current one. KernelError: whatever the library refuses."""
        with self._lock:
            plan = self._plans.get((description, device))
            if plan is None:
                plan = self._library.plan(description)
                plan.prepare()
                self._plans[description, device] = plan
            return plan


class ContextPlans:
    """What one context holds on to. TensorRT uses a context from one thread at a time.

    CUDA graphs that captured a plan read its constants, so the bound is generous: a graph of a shape that CAPACITY
    others followed must be captured again.
    """

    CAPACITY = 64

    def __init__(self, shared: SharedPlans) -> None:
        self._shared = shared
        self._held: OrderedDict[tuple[Description, int], SpectralPlan] = OrderedDict()

    def get(self, description: Description) -> SpectralPlan:
        """Makes and prepares what is not there, which allocates and waits: not during a capture."""
        key = description, self._shared.device()
        plan = self._held.get(key)
        if plan is None:
            plan = self._shared.get(*key)
            if len(self._held) == self.CAPACITY:
                self._held.popitem(last=False)
            self._held[key] = plan
        self._held.move_to_end(key)
        return plan

    def clear(self) -> None:
        self._held.clear()


def current_device() -> int:
    """The ordinal of the device whose CUDA context is current in this thread. Raises KernelError without one."""
    try:
        from cuda.bindings import driver

        status, device = driver.cuCtxGetDevice()
    except ImportError as error:
        raise KernelError("no cuda-python to name the CUDA device with: pip install cuda-bindings") from error
    except RuntimeError as error:  # how cuda-python says that there is no driver
        raise KernelError(f"no CUDA device: {brief(error)}") from error
    if int(status):
        raise KernelError(f"no CUDA device: no context is current in this thread (error {int(status)})")
    return int(device)
