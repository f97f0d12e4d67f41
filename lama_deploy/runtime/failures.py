"""Whatever an engine throws, as an error of ours: its exceptions share nothing, and some of them are memory's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lama_deploy.errors import DeviceMemoryError, EngineError, LamaDeployError, brief
from lama_deploy.shapes import Shape

# What engines say in place of MemoryError, in lower case: of C++, ONNX Runtime, PyTorch, oneDNN, OpenVINO, CUDA.
OF_MEMORY = ("bad_alloc", "memory", "bad allocation", "could not create a primitive", "array_new_length")


@contextmanager
def engine_failures(engine: str, shape: Shape) -> Iterator[None]:
    """Around a run of pictures of `shape`. Raises DeviceMemoryError or EngineError, one line each."""
    try:
        yield
    except LamaDeployError:
        raise
    except Exception as error:
        said = brief(error)
        n, h, w = shape
        what = f"{f'{n} pictures' if n > 1 else 'a picture'} of {w}x{h}"
        if isinstance(error, MemoryError) or any(word in said.lower() for word in OF_MEMORY):
            raise DeviceMemoryError(
                f"{engine} had too little memory for {what} ({said}); give it smaller or fewer pictures at once"
            ) from error
        raise EngineError(f"{engine} failed on {what}: {type(error).__name__}: {said}") from error
