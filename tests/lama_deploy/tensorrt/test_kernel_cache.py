"""What TensorRT-RTX compiled, kept in a file; the rest is in tests/lama_deploy/runtime/backends/test_tensorrt.py."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from lama_deploy.tensorrt.kernel_cache import RuntimeCacheFile


@pytest.mark.parametrize("answers", [(True, True), (True, False)])
def test_a_cache_that_is_not_taken_is_a_line(
    answers: tuple[bool, bool], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[object] = []

    def config(answer: bool) -> SimpleNamespace:
        return SimpleNamespace(
            create_runtime_cache=object, set_runtime_cache=lambda cache: given.append(cache) or answer
        )

    RuntimeCacheFile.attached([config(answer) for answer in answers], tmp_path / "none.kernels")
    assert len(given) == 2 and given[0] is given[1]
    assert ("does not take a cache of kernels" in caplog.text) is not all(answers)
