"""Where TensorRT answers otherwise than it mostly does, and the order in which its objects go (`emulated_context`)."""

import gc

import numpy as np
import pytest

from lama_deploy.errors import DeviceMemoryError
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.backends.tensorrt import TensorRtBackend
from tests.lama_deploy.tensorrt.emulated_machine import Machine

rtx = pytest.mark.parametrize("machine", ["rtx"], indirect=True)
both = pytest.mark.parametrize("machine", ["trt", "rtx"], indirect=True)


def runs_right(machine: Machine, backend: TensorRtBackend, *sides: int) -> bool:
    """Pictures of these sides, one after the other, each another one."""
    pairs = [scene(side, side, seed=seed) for seed, side in enumerate(sides)]
    return all(np.array_equal(backend.run(*pair), machine.expected(*pair)) for pair in pairs)


@both
def test_a_context_that_is_refused_costs_the_graph_alone(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    backend = machine.open([(1, 16, 16), (1, 32, 32), (1, 64, 64)])
    machine.engine.most_contexts = 1
    assert runs_right(machine, backend, 32, 32, 32, 24, 24, 24)
    (record,) = caplog.records
    name = machine.trt.__name__
    assert record.getMessage() == (
        f"no CUDA graph ({name} does not make a context: no more contexts); running without graphs, right and slower"
    )


@both
def test_a_profile_that_is_refused_costs_the_graph_alone(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    backend = machine.open([(1, 16, 16), (1, 32, 32), (1, 64, 64)])
    machine.engine.most_with_a_profile = 2
    assert runs_right(machine, backend, 32, 32, 32, 24, 24)
    (record,) = caplog.records
    assert f"{machine.trt.__name__} does not take profile " in record.getMessage()
    assert "no memory for the profile" in record.getMessage()


@both
def test_a_size_of_0_is_an_error_and_the_bound_is_taken(machine: Machine) -> None:
    backend = machine.open()
    machine.engine.refuses_sizes = True
    assert runs_right(machine, backend, 32, 32, 32, 96, 24, 24)
    assert machine.engine.scratch_of(1) in map(len, machine.driver.memory.values())


def test_scratch_is_parted_for_new_shapes_only(machine: Machine) -> None:
    backend = machine.open(graphs=0)
    for side, parted in ((32, 1), (32, 1), (32, 1), (24, 2), (24, 2), (32, 3), (96, 4), (32, 4)):
        assert runs_right(machine, backend, side) and machine.engine.partitions == parted


@rtx
def test_rtx_captures_each_shape_in_a_context_of_its_own(machine: Machine) -> None:
    """A shape is run without, set up, captured, and then replayed, whatever comes in between."""
    backend = machine.open()
    assert runs_right(machine, backend, *[32, 24, 16] * 6)
    assert machine.engine.replays == 3 * 3 and machine.engine.contexts == 1 + 3
    assert not machine.driver.graphs


@rtx
def test_rtx_gets_contexts_while_there_is_plenty_of_memory(machine: Machine) -> None:
    backend = machine.open()
    machine.driver.size = 5 * machine.engine.most_scratch
    assert runs_right(machine, backend, *[32, 24, 16] * 4)
    assert machine.engine.contexts == 1 + 1 and machine.engine.replays == 1


def test_memory_that_is_kept_makes_room(machine: Machine) -> None:
    """For a shape that has no buffers yet; what does not fit into all of it is an error of memory."""
    backend = machine.open([(1, 16, 16), (1, 32, 32), (1, 96, 96)])
    assert runs_right(machine, backend, 96, 48, 48)
    machine.driver.size = machine.driver.used() + 7 * 80 * 80 - 1
    assert runs_right(machine, backend, 80)
    machine.driver.size = machine.driver.used()
    with pytest.raises(DeviceMemoryError, match=r"cuMemAlloc failed: out of memory; give it smaller or fewer"):
        backend.run(*scene(90, 90))


@pytest.mark.parametrize("pins", [True, False])
def test_pictures_pass_through_pinned_memory(machine: Machine, pins: bool) -> None:
    """Asynchronous copies are of such memory alone; where there is none, they are right and slower."""
    backend = machine.open(io="float")
    machine.driver.pins = pins
    for seed in range(3):
        pair = scene(32, 40, 2, seed=seed)
        assert np.array_equal(backend.run(*pair), machine.expected(*pair, "float"))
    assert len(machine.driver.pinned) == pins and machine.driver.pageable == (0 if pins else 9)


@both
def test_objects_go_in_tensorrts_order(machine: Machine) -> None:
    """In a context of CUDA, too; the emulation notes where it is otherwise."""
    backend = machine.open(cache=machine.folder / "kernels")
    assert runs_right(machine, backend, 32, 32, 32, 96)
    held = backend._session.lane
    with held() as lane:
        assert lane
    del backend, lane, held
    gc.collect()
    assert not machine.trt.faults and not machine.driver.memory and not machine.driver.pinned


def test_nothing_is_freed_where_cuda_is_gone(machine: Machine) -> None:
    """As where the process ends; TensorRT would call it."""
    backend = machine.open()
    assert runs_right(machine, backend, 32, 32, 32)
    machine.driver.gone = True
    backend._session.close()
    machine.driver.gone = False
    assert len(machine.engine.before_the_engine) == 3 and machine.driver.memory


def test_a_call_that_has_not_returned_keeps_all_of_it(machine: Machine) -> None:
    """As one in a thread that the process ends in the middle of."""
    backend = machine.open()
    with backend._cuda.current(), backend._session.lane() as lane:
        backend._session.close()
        lane.synchronize()
    assert runs_right(machine, backend, 32)
