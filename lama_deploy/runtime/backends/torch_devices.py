"""Devices of torch: the one that a name means, if it is there."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lama_deploy.errors import LamaDeployError, MissingDependencyError
from lama_deploy.runtime.devices import parse_device

KINDS = ("cpu", "cuda", "mps", "xpu")


def torch_device(named: object = None, kinds: Sequence[str] = KINDS) -> torch.device:
    """None: CUDA where there is one, else the CPU. A CUDA device comes back with its number where one was given.

    Raises LamaDeployError for what is unknown or not there, MissingDependencyError where this torch has no CUDA device.
    """
    device = parse_device(named, kinds, "PyTorch")
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.kind == "cuda":
        _require_cuda(device.index)
    found = torch.device(str(device))
    try:
        torch.empty(1, device=found)
    except Exception as error:  # of whatever kind torch has for a device that it was not built for, or is not there
        reason = "it is not there, or this PyTorch was built without it"
        raise LamaDeployError(f"device '{device}' cannot be used: {reason}; use another, or cpu") from error
    return found


def _require_cuda(index: int | None) -> None:
    if not torch.cuda.is_available():
        raise MissingDependencyError("this PyTorch sees no CUDA device; use the CPU, or a CUDA build of torch")
    count = torch.cuda.device_count()
    if (index or 0) >= count:
        some = "1 CUDA device, cuda:0" if count == 1 else f"{count} CUDA devices, from cuda:0 to cuda:{count - 1}"
        raise LamaDeployError(f"device 'cuda:{index}' is not there; this machine has {some}")
