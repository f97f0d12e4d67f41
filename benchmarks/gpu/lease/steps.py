"""The steps of a lease: what each runs and how long it may take, in the order of their worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[3]
SANITIZER_TEST = "tests/lama_deploy/native/test_sanitizer.py"
TESTS = tuple(f"tests/lama_deploy/{name}" for name in ("native", "test_spectral.py", "runtime", "model"))
TESTS_ALONE = "tests/lama_deploy/native/test_op_cuda.py"
# A step of its own; no OpenVINO needed here.
IGNORED = (SANITIZER_TEST, "tests/lama_deploy/runtime/backends/test_openvino.py")
FIRST = ("machine", "library")  # whatever else is asked for
MOST_PROCESSES = 8  # each has a CUDA context, which one GPU sets up one after the other
PROCESS_GIB = 1.5  # of the largest maps of the tests, and the context
REHEARSAL_SCALE = 0.5  # of budgets: nothing is large
COMPILING = 120  # seconds; of a rehearsal's kernels, the first time


@dataclass(frozen=True)
class Step:
    """budget: seconds. arguments: of Python; {seconds} stands for what a benchmark may take, {library} for the kernels.

    needs_gpu: it is not run where the step "machine" found none. gib: of free memory, without which it is not run
    either; what looks for itself before each case asks for little.
    """

    name: str
    budget: float
    arguments: tuple[str, ...]
    needs_gpu: bool = True
    gib: float = 1.0


def nine_minutes(out: Path) -> list[Step]:
    """540 seconds, for a GPU that is there for a short time.

    The first two have more than they should need: on a fresh machine PyTorch's first import alone may take what is left
    over, and without the library hardly anything behind it says much. What they leave is the others'.
    """
    spectral = ("--dtypes", "float16", "--layouts", "NHWC", "--without-compile")
    candidates = ("--candidates", "eager fp32", "ours fp16", "torch.compile fp16=1")
    options = {"spectral": spectral, "generator": ("--cases", "512x1", "2048x1", "512x8", *candidates)}
    budgets = {"machine": 30, "library": 60, "smoke": 45, "spectral": 50, "generator": 200, "profile": 25, "tests": 90}
    return _steps(out, {**budgets, "memory-tests": 15, "sanitizer": 25}, options)


def all_cases(out: Path) -> list[Step]:
    """25 minutes."""
    budgets = {"machine": 30, "library": 150, "smoke": 60, "spectral": 440, "generator": 440, "profile": 60}
    return _steps(out, {**budgets, "tests": 200, "memory-tests": 30, "sanitizer": 100}, {})


def rehearsal(out: Path) -> list[Step]:
    """`nine_minutes` on a CPU, by the same clock: every step, at tiny sizes, with emulated kernels.

    Tests for a GPU are collected, and skipped; what torch.compile traces is not compiled.
    """
    tiny = ("--device", "cpu", "--smoke")
    with_kernels = (*tiny, "--library", "{library}")
    options = {
        "machine": ("--device", "cpu"),
        "library": ("--emulated",),
        "smoke": with_kernels,
        "spectral": with_kernels,
        "generator": (*tiny, "--cases", "32x1", "32x2"),
        "profile": tiny,
        "tests": ("--maxprocesses", "1"),
    }
    return [
        replace(
            step,
            arguments=(*step.arguments, *options.get(step.name, ())),
            needs_gpu=False,
            budget=COMPILING if step.name == "library" else REHEARSAL_SCALE * step.budget,
        )
        for step in nine_minutes(out)
    ]


def _steps(out: Path, budgets: Mapping[str, float], options: Mapping[str, tuple[str, ...]]) -> list[Step]:
    """options: of benchmarks."""
    results = ("--out", str(out / "results"), "--seconds", "{seconds}")
    pytest = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "benchmarks.gpu.lease.journal")
    pytest = (*pytest, "--journal", str(out / "tests.jsonl"), "-m")
    paths = (*TESTS, *(f"--ignore={path}" for path in IGNORED))
    arguments = {
        "machine": ("-m", "benchmarks.gpu.lease.machine"),
        "library": ("-m", "benchmarks.gpu.lease.library"),
        "smoke": ("-m", "benchmarks.gpu.smoke.run", *results),
        "spectral": ("-m", "benchmarks.gpu.spectral.run", *results),
        "generator": ("-m", "benchmarks.gpu.generator.run", *results),
        "profile": ("-m", "benchmarks.gpu.generator.profile", *results),
        "tests": (*pytest, "gpu and not alone", "-n", "auto", "--maxprocesses", str(MOST_PROCESSES), *paths),
        "memory-tests": (*pytest, "gpu and alone", TESTS_ALONE),
        "sanitizer": (*pytest, "gpu", "-n", "2", SANITIZER_TEST),  # one tool each
    }
    gib = {"tests": MOST_PROCESSES * PROCESS_GIB}
    return [
        Step(name, budget, (*arguments[name], *options.get(name, ())), name not in FIRST, gib.get(name, 1.0))
        for name, budget in budgets.items()
    ]
