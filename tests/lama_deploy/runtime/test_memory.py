"""Runs begin where their memory is free, wait while others hold it, and are refused in one line where it never is."""

import threading

import pytest

from lama_deploy.errors import DeviceMemoryError
from lama_deploy.process_memory import GIB, ProcessMemory
from lama_deploy.runtime.backend import Capabilities, Memory
from lama_deploy.runtime.memory import MemoryGuard, require_run
from lama_deploy.shapes import ShapeRange

SMALL = (1, 100, 100)
MEMORY = Memory(fixed=GIB, per_pixel=GIB / 10_000)  # a small picture takes 1 GiB


def guard(whole: float, memory: Memory | None = MEMORY) -> MemoryGuard:
    """Of a process that may hold `whole` GiB, a half of which it holds."""
    held = int(whole * GIB) // 2
    return MemoryGuard(memory, lambda: ProcessMemory(held, int(whole * GIB) - held))


def test_what_fits_runs():
    with guard(2).reserved(SMALL):
        pass
    with guard(2.9).reserved(SMALL), pytest.raises(DeviceMemoryError), guard(2.9).reserved((2, 100, 100)):
        pass


def test_what_never_fits_is_one_line():
    with pytest.raises(DeviceMemoryError) as caught, guard(1.5).reserved(SMALL):
        pass
    assert str(caught.value).startswith(
        "100x100 pixels take about 2 GiB of memory with this model, and there are 1.5 GiB for it; make the picture"
    )
    with pytest.raises(DeviceMemoryError, match=r"^3 pictures of 100x100 pixels take about 4 GiB"):
        guard(3).require((3, 100, 100))


def test_where_nothing_is_known_everything_runs():
    with guard(0, None).reserved((1, 10**6, 10**6)), MemoryGuard(MEMORY, lambda: None).reserved((1, 10**6, 10**6)):
        pass
    require_run(Capabilities(), (1, 10**6, 10**6))


def test_runs_wait_for_each_other():
    """Room for two at once; five threads never are three inside, and all get through."""
    one, inside, most, lock = guard(3), 0, 0, threading.Lock()
    third = threading.Event()

    def run() -> None:
        nonlocal inside, most
        with one.reserved(SMALL):
            with lock:
                inside += 1
                most = max(most, inside)
                if inside > 2:
                    third.set()
            third.wait(0.05)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 2 and not any(thread.is_alive() for thread in threads)


def test_an_error_gives_its_room_back():
    one = guard(2)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), one.reserved(SMALL):
            raise ZeroDivisionError


def test_what_is_run_in_parts_is_not_foretold():
    shapes = (ShapeRange((1, 8, 8), (1, 8, 8), (1, 8, 8)),)
    require_run(Capabilities(memory=Memory(0, 2**60), shapes=shapes), (1, 100, 100))
    with pytest.raises(DeviceMemoryError):
        require_run(Capabilities(memory=Memory(0, 2**60), shapes=shapes), (1, 8, 8))
    with pytest.raises(DeviceMemoryError):
        require_run(Capabilities(memory=Memory(0, 2**60)), (1, 100, 100))
