"""The TensorRT backend on an emulated driver and an emulated TensorRT, which keep the real ones' rules.

What no emulation shows, that TensorRT on a GPU takes all of it, is for the tests marked gpu.
"""

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from lama_deploy.errors import ImageError, LamaDeployError
from lama_deploy.images.scenes import scene
from lama_deploy.runtime import Inpainter
from lama_deploy.runtime.backends.tensorrt import TensorRtBackend
from tests.lama_deploy.tensorrt.emulated_context import Graphs, Kernels
from tests.lama_deploy.tensorrt.emulated_machine import Machine

both = pytest.mark.parametrize("machine", ["trt", "rtx"], indirect=True)


@both
@pytest.mark.parametrize("io", ["uint8", "float"])
def test_profile_corners_and_interior(machine: Machine, io: str) -> None:
    """Every shape three times, each with another picture: as it is, captured, replayed."""
    backend = machine.open(io=io)
    for n, h, w in [(1, 16, 16), (2, 48, 64), (1, 48, 16), (1, 31, 53), (1, 96, 96), (1, 49, 61)]:
        for seed in range(3):
            images, masks = scene(h, w, n, seed=seed)
            got = backend.run(images, masks)
            assert np.array_equal(got, machine.expected(images, masks, io)), (h, w, n, seed)


def test_the_tightest_profile_runs(machine: Machine) -> None:
    backend = machine.open()
    for side in (16, 48, 64, 96):
        backend.run(*scene(side, side))
    assert [index for index, _ in machine.engine.runs] == [0, 0, 1, 1]


def test_graphs_are_for_shapes_that_come_back(machine: Machine) -> None:
    backend = machine.open(graphs=2)
    for side in (16, 24, 32, 40):
        backend.run(*scene(side, side))
    assert not machine.driver.graphs and machine.engine.contexts == 1
    for side in (24, 24, 24, 32, 32, 32, 40, 40, 40):
        images, masks = scene(side, side, seed=side)
        assert np.array_equal(backend.run(images, masks), machine.expected(images, masks))
    assert len(machine.driver.graphs) == 2


def test_the_shape_used_longest_ago_makes_room(machine: Machine) -> None:
    backend = machine.open(graphs=2)
    for side in (32, 24, 24, 16, 16, 24, 32):
        backend.run(*scene(side, side))
    contexts = machine.engine.contexts
    backend.run(*scene(24, 24))  # still has its graph
    assert machine.engine.contexts == contexts and len(machine.driver.graphs) == 1


def test_replays_enqueue_one_graph_and_three_copies(machine: Machine) -> None:
    backend = machine.open()
    for _ in range(3):
        before = machine.driver.copies
        backend.run(*scene(32, 32))
        assert machine.driver.copies - before == 3
    assert machine.engine.contexts == 2 and len(machine.engine.runs) == 3


def test_more_scratch_memory_ends_the_graphs_that_used_less(machine: Machine) -> None:
    backend = machine.open()
    for side in (16, 16, 16, 96, 16, 16, 16):
        images, masks = scene(side, side, seed=side)
        assert np.array_equal(backend.run(images, masks), machine.expected(images, masks))
    assert len(machine.driver.graphs) == 1


def test_without_graphs_none_is_made(machine: Machine) -> None:
    backend = machine.open(graphs=0)
    for _ in range(3):
        backend.run(*scene(32, 32))
    assert not machine.driver.graphs and machine.engine.contexts == 1


def test_a_capture_that_fails_is_said_once(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    backend = machine.open()
    machine.engine.refuses_captures = 2
    for _ in range(4):
        images, masks = scene(32, 32)
        assert np.array_equal(backend.run(images, masks), machine.expected(images, masks))
    assert [record.getMessage() for record in caplog.records] == [
        "no CUDA graph (tensorrt does not run: operation not permitted when stream is capturing); running without "
        "graphs, right and slower"
    ]


def test_a_capture_that_another_thread_broke_is_tried_again(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    backend = machine.open()
    machine.engine.refuses_captures = 1
    for _ in range(3):
        images, masks = scene(32, 32)
        assert np.array_equal(backend.run(images, masks), machine.expected(images, masks))
    assert len(machine.driver.graphs) == 1 and not caplog.records


def test_threads_have_streams_of_their_own(machine: Machine) -> None:
    backend = machine.open(streams=2)

    def check(seed: int) -> bool:
        images, masks = scene(16 + 8 * (seed % 4), 32, seed=seed)
        return np.array_equal(backend.run(images, masks), machine.expected(images, masks))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(check, range(24)))
    assert backend.capabilities.workers == 3 and len(set(machine.engine.streams.values())) == 2


@pytest.mark.parametrize("shape", [(1, 9, 40), (1, 40, 100), (3, 32, 32)])
def test_what_no_profile_takes_is_refused(machine: Machine, shape: tuple[int, int, int]) -> None:
    """Alone, without a strategy above."""
    n, h, w = shape
    message = rf"takes 16x16 to 48x64 \(batch of 2\), 48x48 to 96x96, not {n} of {h}x{w}; an Inpainter pads and splits"
    with pytest.raises(ImageError, match=message) as raised:
        machine.open().run(*scene(h, w, n))
    assert "\n" not in str(raised.value) and not machine.engine.runs


def test_small_pictures_are_mirrored(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    inpaint = Inpainter(machine.open())
    images, masks = scene(9, 40)
    for _ in range(2):
        got = inpaint.run(images, masks)
    mirrored = (np.pad(array, [(0, 0), (0, 7), (0, 0), (0, 0)][: array.ndim], "symmetric") for array in (images, masks))
    assert np.array_equal(got, machine.expected(*mirrored)[:, :9])
    (record,) = caplog.records
    assert record.getMessage() == (
        "the engine takes no 1 of 9x40 at once (it has 16x16 to 48x64 (batch of 2), 48x48 to 96x96): the picture is "
        "mirrored at its edges, in runs of 1 of 16x40; export with a --profile or --size for such pictures to have "
        "them whole"
    )


def test_a_batch_is_split_and_filled_up(machine: Machine) -> None:
    inpaint = Inpainter(machine.open([(2, 16, 16), (2, 32, 32), (2, 48, 64)]))
    images, masks = scene(32, 40, 5)
    assert np.array_equal(inpaint.run(images, masks), machine.expected(images, masks))
    assert machine.engine.runs == [(0, (2, 32, 40))] * 3


def test_a_window_is_put_around_a_hole(machine: Machine) -> None:
    inpaint = Inpainter(machine.open())
    images, masks = scene(150, 400)
    masks[:] = 0
    masks[:, 60:100, 200:240] = 1
    got = inpaint.run(images, masks)
    assert np.array_equal(got[masks == 0], images[masks == 0]) and got[masks > 0].std() > 5
    assert machine.engine.runs and all(h <= 96 and w <= 96 for _, (_, h, w) in machine.engine.runs)


def test_what_no_profile_takes_whole_is_filled_in_tiles_and_said(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    inpaint = Inpainter(machine.open(), "whole")
    images, masks = scene(150, 200, 2)
    masks[:] = 0
    masks[:, 10:140, 10:190] = 1
    for _ in range(2):
        got = inpaint.run(images, masks)
    assert np.array_equal(got[masks == 0], images[masks == 0]) and got[masks > 0].std() > 5
    (record,) = caplog.records
    assert record.getMessage() == (
        "filled by tile, since the engine takes nothing so large at once; export with a --profile or --size for such "
        "pictures to have them so: 1 of 96x96 tile in 200x150"
    )


def test_nothing_is_left_behind(machine: Machine) -> None:
    backend = machine.open()
    for side in (96, 16, 16, 16):
        backend.run(*scene(side, side))
    assert machine.driver.memory and machine.driver.graphs
    del backend
    gc.collect()
    assert not machine.driver.memory and not machine.driver.graphs


def test_the_callers_context_is_computed_in_and_comes_back(machine: Machine) -> None:
    machine.driver.stack.append(42)  # as PyCUDA's autoinit makes one
    backend = machine.open()
    backend.run(*scene(16, 16))
    assert machine.driver.stack == [42] and int(backend._cuda._context) == 42
    machine.driver.stack.pop()
    assert int(TensorRtBackend(machine.folder / "bundle" / "model.engine")._cuda._context) == 7000


def test_the_device_is_named(machine: Machine) -> None:
    cuda = machine.open()._cuda
    with cuda.current():
        assert cuda.device() == {"name": "Emulated GPU", "compute_capability": "9.0"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cpu"}, "an engine of TensorRT does not run on device 'cpu' here; allowed: auto, cuda, cuda:N"),
        ({"device": "cuda:1"}, "device cuda:1 is not there; this machine has 1 of them"),
        ({"streams": 0}, "streams is 0, graphs 8; allowed: streams from 1, graphs from 0"),
        ({"graphs": -1}, "streams is 1, graphs -1"),
        ({"kernels": "fast"}, "kernels is 'fast'; allowed: lazy, eager, none"),
    ],
)
def test_options_that_no_engine_has(machine: Machine, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LamaDeployError, match=message):
        machine.open(**options)


@pytest.mark.parametrize("machine", ["rtx"], indirect=True)
def test_rtx_compiles_and_captures_as_asked(machine: Machine) -> None:
    machine.open(kernels="eager")
    shared, capturing = machine.engine.configs
    assert shared.dynamic_shapes_kernel_specialization_strategy is Kernels.EAGER
    assert capturing.dynamic_shapes_kernel_specialization_strategy is Kernels.EAGER
    assert shared.cuda_graph_strategy is Graphs.DISABLED
    assert capturing.cuda_graph_strategy is Graphs.WHOLE_GRAPH_CAPTURE
    TensorRtBackend(machine.folder / "bundle" / "model.engine", graphs=0)
    (shared,) = machine.engine.configs
    assert shared.cuda_graph_strategy is Graphs.DISABLED
    assert not machine.driver.graphs


@pytest.mark.parametrize("machine", ["rtx"], indirect=True)
def test_what_rtx_compiled_is_kept(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    folder, model = machine.folder / "cache", machine.bundle() / "model.engine"
    first = TensorRtBackend(model, cache=folder)
    first.run(*scene(16, 16))
    (file,) = folder.iterdir()
    assert file.read_bytes() == b"kernels:k"
    second = TensorRtBackend(model, cache=folder)
    assert machine.engine.cache is not None and machine.engine.cache.content == b"kernels:k"
    second.run(*scene(16, 16))
    assert file.read_bytes() == b"kernels:kk"
    file.write_bytes(b"of another version")
    third = TensorRtBackend(model, cache=folder)
    assert machine.engine.cache.content == b"kernels:"
    third.run(*scene(16, 16))
    assert file.read_bytes() == b"kernels:k"
    (machine.folder / "no folder").touch()
    TensorRtBackend(model, cache=machine.folder / "no folder").run(*scene(16, 16))
    assert "cannot be written" in caplog.text
    TensorRtBackend(model, cache="").run(*scene(16, 16))
    assert machine.engine.cache is None


def test_inpainter_opens_the_bundle(machine: Machine) -> None:
    inpaint = Inpainter.load(machine.bundle())
    images, masks = scene(32, 40)
    assert inpaint.backend.name == "tensorrt"
    assert np.array_equal(inpaint(images[0], masks[0]), machine.expected(images, masks)[0])
