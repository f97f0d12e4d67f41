"""Torch keeps to two threads, as on the machines that run this suite; GPU and TensorRT tests are skipped aloud."""

import importlib.util
from collections.abc import Iterator

import pytest
import torch

from lama_deploy.cache import CACHE_VARIABLE

torch.set_num_threads(2)


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is written into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skips = {
        "gpu": None if torch.cuda.is_available() else "no NVIDIA GPU here",
        "trt": None if importlib.util.find_spec("tensorrt_rtx") else "TensorRT-RTX is not installed",
    }
    for item in items:
        for marker, reason in skips.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
