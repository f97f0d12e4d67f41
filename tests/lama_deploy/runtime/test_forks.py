"""After os.fork a model works or says in one line why it cannot: it never waits for ever."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from lama_deploy.errors import EngineError, LamaDeployError
from lama_deploy.runtime import forks
from lama_deploy.runtime.forks import birth, check_opening
from lama_deploy.runtime.inpainter import Inpainter

MOST_SECONDS = 60.0  # of a child, before it counts as one that hangs
PICTURE, MASK = np.full((32, 32, 3), 90, np.uint8), np.eye(32, dtype=np.uint8)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no os.fork")


@pytest.fixture(autouse=True)
def own_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests opened, in this process or before it was forked, is not these tests' subject."""
    monkeypatch.setattr(forks, "_opened", set())
    monkeypatch.setattr(forks, "_inherited", set())


def in_child(call: Callable[[], object]) -> str:
    """What the child of a fork ends with: "done", or the one line of its error."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  # another process
        try:
            call()
            said = "done"
        except LamaDeployError as error:
            said = str(error)
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    end = time.monotonic() + MOST_SECONDS
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hangs"
        time.sleep(0.01)
    with os.fdopen(reader, "rb") as said_there:
        return said_there.read().decode()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_model_of_the_parent(bundles: Mapping[str, Path], threads: int) -> None:
    """With one thread ONNX Runtime computes in the caller's, which the child has."""
    model = Inpainter.load(bundles["uint8"], threads=threads)
    model(PICTURE, MASK)
    said = in_child(lambda: model(PICTURE, MASK))
    assert said == "done" if threads == 1 else said.startswith("this model was opened before the process was forked")
    assert said == "done" or ("post_fork" in said and "threads=1" in said)
    model(PICTURE, MASK)  # the parent's own goes on


@pytest.mark.parametrize("threads", [1, 2])
def test_a_model_of_the_childs_own(bundles: Mapping[str, Path], threads: int) -> None:
    Inpainter.load(bundles["uint8"], threads=threads)(PICTURE, MASK)
    said = in_child(lambda: Inpainter.load(bundles["uint8"], threads=threads)(PICTURE, MASK))
    assert said == "done" if threads == 1 else said.startswith("ONNX Runtime was used before this process was forked")


def test_a_child_whose_parent_opened_nothing(bundles: Mapping[str, Path]) -> None:
    assert in_child(lambda: Inpainter.load(bundles["uint8"], threads=2)(PICTURE, MASK)) == "done"


def test_engines_that_can_start_again_and_that_cannot() -> None:
    """What was seen: OpenVINO can, CUDA cannot even with one thread, and PyTorch is two backends."""
    opened = {name: birth(name, 1) for name in ("openvino", "cuda", "tensorrt", "torch")}

    def tried() -> None:
        check_opening("openvino", None)
        check_opening("torch", 1)
        opened["torch"].check()
        for name in ("cuda", "tensorrt", "openvino"):
            with pytest.raises(EngineError, match="this model was opened before"):
                opened[name].check()
        for name, engine in (("cuda", "PyTorch"), ("tensorrt", "CUDA"), ("torch", "PyTorch")):
            with pytest.raises(EngineError, match=f"^{engine} was used before"):
                check_opening(name, None)

    assert in_child(tried) == "done"
