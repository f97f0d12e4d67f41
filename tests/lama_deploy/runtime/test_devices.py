"""A device is what it is named, on every backend, or one line; never the CPU in silence."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import onnxruntime as ort
import pytest
import torch

from lama_deploy import Inpainter
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, LamaDeployError, MissingDependencyError
from lama_deploy.runtime.backends import onnxruntime_session
from lama_deploy.runtime.backends.torch_devices import torch_device
from lama_deploy.runtime.devices import Device, parse_device

KINDS = ("cpu", "cuda")
NAMES = {
    None: None,
    "auto": None,
    "cpu": Device("cpu"),
    "cuda": Device("cuda"),
    "cuda:0": Device("cuda", 0),
    torch.device("cuda:12"): Device("cuda", 12),
}
WRONG = {
    "gpu": "device 'gpu' is unknown; allowed: auto, cpu, cuda, cuda:N; did you mean cuda?",
    "CUDA": "device 'CUDA' is unknown; allowed: auto, cpu, cuda, cuda:N; did you mean cuda?",
    "banana": "device 'banana' is unknown; allowed: auto, cpu, cuda, cuda:N",
    "mps": "ONNX does not run on device 'mps' here; allowed: auto, cpu, cuda, cuda:N",
    "cpu:1": "device 'cpu:1' is unknown",
    "cuda:": "device 'cuda:' is unknown",
    "cuda:-1": "device 'cuda:-1' is unknown",
    "cuda:99999": "device 'cuda:99999' is unknown",
    "cuda:\u0661": "device 'cuda:\u0661' is unknown",
    "": "device '' is unknown",
    0: "device '0' is unknown",
    "x" * 9000: "is unknown; allowed",
}


@pytest.mark.parametrize(("named", "device"), NAMES.items())
def test_names(named: object, device: Device | None) -> None:
    assert parse_device(named, KINDS) == device
    assert device is None or str(device) == str(named)


@pytest.mark.parametrize(("named", "message"), WRONG.items())
def test_what_is_none(named: object, message: str) -> None:
    with pytest.raises(LamaDeployError) as caught:
        parse_device(named, KINDS, "ONNX")
    assert message in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("named", ["banana", "gpu", "mps", "cuda:x"])
def test_every_backend_refuses(
    bundles: Mapping[str, Path], openvino_bundles: Mapping[str, Path], tiny: Checkpoint, named: str
) -> None:
    for model in (bundles["uint8"], openvino_bundles["fp32"], tiny.path):
        with pytest.raises(LamaDeployError, match="device "):
            Inpainter.load(model, device=named)


class Session:
    """What `_opened` asks of a session."""

    def __init__(self, providers: list[object], starts: bool) -> None:
        self.providers = [name if isinstance(name, str) else name[0] for name in providers]  # type: ignore[index]
        self.options = dict(name for name in providers if not isinstance(name, str))  # type: ignore[misc]
        if not starts:
            self.providers.remove("CUDAExecutionProvider")

    def get_providers(self) -> list[str]:
        return self.providers

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return {name: {key: str(value) for key, value in own.items()} for name, own in self.options.items()}


def opened(
    monkeypatch: pytest.MonkeyPatch, device: str | None, starts: bool = True, fault: str = ""
) -> ort.InferenceSession:
    """A session as of an ONNX Runtime that is made for CUDA. starts: whether its provider can be had."""

    def session(model: bytes, options: object, *, providers: list[object], enable_fallback: int) -> Session:
        assert enable_fallback == 0
        if fault and len(providers) > 1:
            raise RuntimeError(fault)
        return Session(providers, starts or len(providers) == 1)

    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(ort, "InferenceSession", session)
    return onnxruntime_session.open_session(b"", device=device)


@pytest.mark.parametrize(
    ("device", "where"), [(None, "cuda"), ("cuda", "cuda"), ("cuda:0", "cuda"), ("cuda:2", "cuda:2"), ("cpu", "cpu")]
)
def test_onnxruntime_runs_where_it_is_asked_to(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, device: str | None, where: str
) -> None:
    assert onnxruntime_session.device_of(opened(monkeypatch, device)) == where and not caplog.records


@pytest.mark.parametrize("fault", ["", "CUDA failure 101: invalid device ordinal"])
def test_onnxruntime_says_when_its_cuda_does_not_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    with pytest.raises(MissingDependencyError, match=f"cannot use device 'cuda:1' .*{fault or 'did not start'}"):
        opened(monkeypatch, "cuda:1", starts=False, fault=fault)
    with caplog.at_level(logging.WARNING):
        assert onnxruntime_session.device_of(opened(monkeypatch, None, starts=False, fault=fault)) == "cpu"
    (record,) = caplog.records
    assert "runs on the CPU, though it is made for CUDA" in record.getMessage()


def test_a_bad_file_is_not_the_devices_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BundleError, match="cannot open it"):
        opened(monkeypatch, None, fault="Protobuf parsing failed")


def test_torch_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        with pytest.raises(MissingDependencyError, match="sees no CUDA device"):
            torch_device("cuda:0")
    assert torch_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(LamaDeployError, match="'cuda:2' is not there; this machine has 2 CUDA devices, from cuda:0 to"):
        torch_device("cuda:2")
