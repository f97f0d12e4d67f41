"""Torch and NumPy keep to two threads among all processes of the suite, for the machines that run it have as many
cores: threads that wait for each other there compute nothing. GPU and TensorRT tests are skipped aloud.

Also weights that both trees test half precision with.
"""

# ruff: noqa: E402
import gc
import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

THREADS = max(1, 2 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
os.environ["OMP_NUM_THREADS"] = str(THREADS)  # of commands that tests start, and of NumPy, which reads it once

import numpy as np
import pytest
import torch
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from lama_deploy.cache import CACHE_VARIABLE
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig
from tests.heard_signals import hear_signals
from tests.kept_references import references_kept
from tests.kernel_build import ROOT, build_kernels, has_nvcc

torch.set_num_threads(THREADS)


@pytest.fixture(scope="session", autouse=True)
def signals_are_heard() -> None:
    """Also where this runs under nohup or in the background of a script, which processes started here would inherit."""
    hear_signals()


class OwnClocks(pytest.MonkeyPatch):
    """Refuses to set a clock of the whole process, by which servers in other threads live: they would end."""

    def setattr(self, target: Any, *values: Any, **options: Any) -> None:
        assert target is not time and ".time." not in str(target), "set the name `time` in the module under test"
        super().setattr(target, *values, **options)


@pytest.fixture
def monkeypatch() -> Iterator[pytest.MonkeyPatch]:
    with OwnClocks.context() as patch:
        yield patch


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is written into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_memory_measured_at_export() -> Iterator[None]:
    """It takes seconds of every export; tests of it call what it is made of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lama_export.export.memory_record", lambda *_: {})
        yield


@pytest.fixture(scope="session", autouse=True)
def references_are_kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For all processes of this run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "references"
    folder.mkdir(exist_ok=True)
    with references_kept(folder):
        yield


def growing_state(config: GeneratorConfig) -> dict[str, np.ndarray]:
    """A generator whose local branch doubles from block to block, beyond 65504, as the public weights' is said to grow.

    Each block adds to the branch a map twice as large as the last one's, and reads the branch at that scale.
    """
    state = {key: value.numpy().copy() for key, value in seeded_generator(config, seed=3).state_dict().items()}
    first = 2 + config.downsamplings
    for block in range(config.blocks):
        key = f"model.{first + block}"
        read, written = 2.0 ** max(0, block - 1), 2.0**block
        state[f"{key}.conv1.ffc.convl2l.weight"] /= read
        state[f"{key}.conv1.ffc.convl2g.weight"] /= read
        state[f"{key}.conv2.bn_l.weight"] *= written
        state[f"{key}.conv2.bn_l.bias"] *= written
    state[f"model.{first + config.blocks + 1}.weight"][: config.local_channels] /= written
    return state


@pytest.fixture(scope="session")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A deep generator of `growing_state`; naive half precision overflows in it."""
    path = tmp_path_factory.mktemp("weights") / "growing.safetensors"
    config = GeneratorConfig(width=8, blocks=18)
    save_checkpoint(path, config, growing_state(config))
    return load_checkpoint(path)


@pytest.fixture(scope="session")
def kernel_build() -> Path:
    """A build of kernels/ for the oldest architecture, Hopper and the newest, kept between runs.

    Each one more takes ten seconds, and the sources tell only those before 80 from the others.
    """
    if not has_nvcc():
        pytest.skip("no CUDA compiler here: install a toolkit, or pip install -r requirements-nvcc.txt")
    return build_kernels(ROOT / "build" / "kernels", "-DLAMA_CUDA=ON", "-DCMAKE_CUDA_ARCHITECTURES=75;90;120")


@pytest.fixture(scope="session")
def emulated_library(kernel_build: Path) -> Path:
    """The kernel library with every kernel run on the CPU: the same C ABI, on host pointers."""
    return kernel_build / "emulation" / "liblama_spectral_emulated.so"


# Files of few tests that take long, usual ones and slow ones: begun first, so that no process waits for another's last.
LONG = (
    "tests/cpp/test_sanitizers.py",
    "tests/lama_export/test_gate.py",
    "tests/test_readme.py",
    "tests/lama_export/precision/test_int8.py",
    "tests/kernels/test_kernels.py",
    "tests/lama_deploy/service/test_load.py",
    "tests/hostile/test_hostile.py",
    "tests/hostile/test_more_kills.py",
    "tests/lama_deploy/test_cpp.py",
    "tests/benchmarks/gpu/lease/test_rehearsal.py",
    "tests/lama_export/edge/test_phones_page.py",
    "tests/lama_export/test_drawn_cases.py",
    "tests/kernels/test_plugin.py",
)


class Rescheduling(LoadFileScheduling):
    """Long files first; and after a worker that crashed, what is left to do and no more.

    pytest-xdist 3.8 hands out whole files again: workers wait for ever for results of those that were done, and the
    test that crashed one worker is given to the next. It begins with the files that have the most tests.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        for file in reversed(LONG):
            if file in self.workqueue:
                self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)

    def remove_node(self, node: WorkerController) -> str | None:
        workload = self.assigned_work[node]
        for file in [file for file, tests in workload.items() if all(tests.values())]:
            del workload[file]
        crashed: str | None = super().remove_node(node)
        for file, tests in [*self.workqueue.items()]:
            if crashed in tests:
                tests[crashed] = True
                if all(tests.values()):
                    del self.workqueue[file]
        return crashed


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return Rescheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """What is imported stays: looking through all of it takes half a second of every test that collects garbage."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skips = {
        "gpu": None if torch.cuda.is_available() else "no NVIDIA GPU here",
        "trt": None if importlib.util.find_spec("tensorrt_rtx") else "TensorRT-RTX is not installed",
    }
    for item in items:
        for marker, reason in skips.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What fails is named at once: a run that is ended from outside has no summary."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\nfailed: {report.nodeid} ({report.when})", file=sys.__stdout__, flush=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many hostile cases there were, by family and outcome."""
    reports = (report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, []))
    counts = [value for report in reports for name, value in report.user_properties if name == "hostile"]
    if counts:
        terminalreporter.section("hostile input")
        terminalreporter.write_line("\n".join(sorted(counts)))
