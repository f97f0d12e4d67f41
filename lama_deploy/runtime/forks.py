"""Models and os.fork: a child has no thread of its parent's, and waits for ever where an engine asks them to compute.

Seen with ONNX Runtime 1.32, OpenVINO 2026.4, PyTorch 2.13, MNN 3.6, ncnn of October 2026 and LiteRT 2.3 on Linux:
models that were opened before the fork hang in the child, but for all except OpenVINO with one thread; a child can open
OpenVINO and LiteRT models of its own, while those of the others hang too where the parent had opened one of them. CUDA
refuses forked processes altogether.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from lama_deploy.errors import EngineError

ENGINES: Mapping[str, str] = {
    "onnxruntime": "ONNX Runtime",
    "torch": "PyTorch",
    "cuda": "PyTorch",
    "torchscript": "PyTorch",
    "tensorrt": "CUDA",
    "mnn": "MNN",
    "ncnn": "ncnn",
}
# Backends that compute in the caller's thread where they have one only.
ALONE = ("onnxruntime", "torch", "torchscript", "litert", "mnn", "ncnn")
ADVICE = "open models after the fork, in the process that uses them (gunicorn without --preload, or in its post_fork"
ADVICE += " hook; multiprocessing by 'spawn')"

_forks = 0  # since the first process
_opened: set[str] = set()  # engines of which this process has opened a model
_inherited: set[str] = set()  # of which a process that it was forked from had


@dataclass(frozen=True)
class Birth:
    """Of an opened model. backend: its name. threads: as the user asked for them; None: not."""

    backend: str
    threads: int | None
    forks: int

    def check(self) -> None:
        """EngineError where the model is another process's, and would hang in this one."""
        if self.forks != _forks and not _alone(self.backend, self.threads):
            raise EngineError(f"this model was opened before the process was forked; {_advice(self.backend)}")


def birth(backend: str, threads: int | None) -> Birth:
    """To be called once a model is open."""
    _opened.add(ENGINES.get(backend, backend))
    return Birth(backend, threads, _forks)


def check_opening(backend: str, threads: int | None) -> None:
    """EngineError where opening a model would hang, because a process that this one was forked from opened one."""
    engine = ENGINES.get(backend)
    if engine in _inherited and not _alone(backend, threads):
        raise EngineError(
            f"{engine} was used before this process was forked, and cannot start again; {_advice(backend)}"
        )


def _alone(backend: str, threads: int | None) -> bool:
    return threads == 1 and backend in ALONE


def _advice(backend: str) -> str:
    return ADVICE + (", or with threads=1 before and after it" if backend in ALONE else "")


def _count() -> None:
    global _forks
    _forks += 1
    _inherited.update(_opened)
    _opened.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count)
