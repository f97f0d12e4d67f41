"""Torch keeps to two threads, as on the machines that run this suite; GPU and TensorRT tests are skipped aloud."""

import importlib.util

import pytest
import torch

torch.set_num_threads(2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skips = {
        "gpu": None if torch.cuda.is_available() else "no NVIDIA GPU here",
        "trt": None if importlib.util.find_spec("tensorrt_rtx") else "TensorRT-RTX is not installed",
    }
    for item in items:
        for marker, reason in skips.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
