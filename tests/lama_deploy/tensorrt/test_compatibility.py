"""Versions of TensorRT and GPUs that run an engine, by what the record says of it."""

from pathlib import Path
from typing import Any

import pytest

from lama_deploy.errors import EngineError
from lama_deploy.tensorrt.compatibility import needed_capability, require_gpu, require_version

PATH = Path("model.engine")
H200 = {"name": "NVIDIA H200", "compute_capability": "9.0"}
H100 = {"name": "NVIDIA H100", "compute_capability": "9.0"}
L4 = {"name": "NVIDIA L4", "compute_capability": "8.9"}
T4 = {"name": "Tesla T4", "compute_capability": "7.5"}
THOR = {"name": "NVIDIA Thor", "compute_capability": "11.0"}


@pytest.mark.parametrize(
    ("target", "compatible", "found", "taken"),
    [
        ("trt", False, "11.1.0.106", True),
        ("trt", False, "11.1.0.107", False),
        ("trt", True, "11.1.0.106", True),
        ("trt", True, "11.1.0.107", True),
        ("trt", True, "11.10.0", True),
        ("trt", True, "11.1.0.9", False),
        ("trt", True, "11.0.0.114", False),
        ("trt", True, "10.16.1", False),
        ("trt", True, "12.0.0", False),
        ("trt-rtx", True, "11.2.0", False),
    ],
)
def test_versions(target: str, compatible: bool, found: str, taken: bool) -> None:
    record = {"version": "11.1.0.106", "version_compatible": compatible}
    if taken:
        require_version(PATH, record, target, found)
        return
    with pytest.raises(EngineError, match=rf"built by TensorRT\S* 11\.1\.0\.106, .* this is {found}: export again, or"):
        require_version(PATH, record, target, found)


RTX: dict[str, Any] = {"gpu": None, "compute_capabilities": ["8.6", "8.9"]}


@pytest.mark.parametrize(
    ("record", "gpu", "taken", "warned"),
    [
        ({"gpu": H200}, H200, True, False),
        ({"gpu": H200}, H100, True, True),
        ({"gpu": H200}, L4, False, False),
        ({"gpu": H200, "hardware_compatibility": "none"}, H100, True, True),
        ({"gpu": H200, "hardware_compatibility": "same-cc"}, H100, True, False),
        ({"gpu": H200, "hardware_compatibility": "same-cc"}, L4, False, False),
        ({"gpu": H200, "hardware_compatibility": "ampere+"}, L4, True, False),
        ({"gpu": H200, "hardware_compatibility": "ampere+"}, THOR, True, False),
        ({"gpu": H200, "hardware_compatibility": "ampere+"}, T4, False, False),
        ({"gpu": None}, T4, True, False),
        ({}, T4, True, False),
        (RTX, L4, True, False),
        (RTX, H200, False, False),
        ({"gpu": None, "compute_capabilities": []}, THOR, True, False),
    ],
)
def test_gpus(
    record: dict[str, Any], gpu: dict[str, str], taken: bool, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    target = "trt-rtx" if "compute_capabilities" in record else "trt"
    if taken:
        require_gpu(PATH, record, target, gpu)
    else:
        with pytest.raises(EngineError, match=rf"for compute capability .*, and this is {gpu['name']}, of .*: export"):
            require_gpu(PATH, record, target, gpu)
    assert len(caplog.messages) == warned
    assert not warned or "its kernels were chosen on NVIDIA H200, and this is NVIDIA H100: right" in caplog.text


def test_rtx_on_turing_is_told_what_it_needs() -> None:
    with pytest.raises(EngineError, match=r"for compute capability 8\.0 or newer, and this is Tesla T4, of 7\.5"):
        require_gpu(PATH, {"compute_capabilities": []}, "trt-rtx", T4)
    assert needed_capability({"compute_capabilities": ["7.5", "8.6"]}, "trt-rtx") == "7.5 or 8.6"
