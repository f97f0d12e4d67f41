"""The first step of a lease: what machine this is, and whether PyTorch can use its GPU. The other steps ask no more."""

from __future__ import annotations

import argparse
import sys
import warnings

import torch

from benchmarks.gpu.lease.runner import NO_GPU_CODE, NOTE
from benchmarks.gpu.memory import GIB
from benchmarks.gpu.record import gpu_machine
from lama_deploy.reports.machine import nvidia_gpus


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--device", default="cuda", type=torch.device)
    device = p.parse_args().device
    if device.type == "cuda":
        reason = unusable(device)
        if reason:
            print(reason)
            return NO_GPU_CODE
    print(described(device))
    return 0


def unusable(device: torch.device) -> str | None:
    """One line on why PyTorch computes nothing there; None where it does."""
    if torch.version.cuda is None:
        return f"PyTorch {torch.__version__} was built without CUDA; run this in an environment with a CUDA build"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")  # a driver that is too old is a warning
        available = torch.cuda.is_available()
    gpus = nvidia_gpus()
    if not available and not gpus:
        return "the driver shows no GPU here; run this on a machine with an NVIDIA GPU and its driver"
    if not available:
        said = str(caught[-1].message).split("\n")[0][:200] if caught else "it says no more"
        return f"PyTorch for CUDA {torch.version.cuda} cannot use the driver {gpus[0]['driver']}: {said}"
    try:
        torch.ones(1, device=device).add_(1).item()
    except RuntimeError as error:
        return f"PyTorch for CUDA {torch.version.cuda} computes nothing here: {error}".split("\n")[0][:300]
    return None


def described(device: torch.device) -> str:
    """One line, and a note where others use the GPU's memory."""
    found = gpu_machine(device)
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    if "gpu" not in found:
        return f"{found['cpu']}, {found['cores']} cores, no GPU used; {versions}"
    free, total = torch.cuda.mem_get_info(device)
    if free < 0.9 * total:
        print(f"{NOTE}{(total - free) / GIB:.1f} of the GPU's {total / GIB:.1f} GiB are in use by others")
    gpu = found["gpu"]
    return f"{gpu['name']}, driver {gpu['driver']}, {free / GIB:.1f} GiB free; {found['cores']} cores; {versions}"


if __name__ == "__main__":
    sys.exit(main())
