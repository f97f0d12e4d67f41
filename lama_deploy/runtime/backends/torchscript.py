"""TorchScript: the `model.pt` of a bundle that lama-export wrote, which is a program that torch runs."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import torch

from lama_deploy.arrays import Array
from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY, bundle_beside
from lama_deploy.errors import BundleError, brief
from lama_deploy.images.pixels import unit_planes
from lama_deploy.runtime.backend import Capabilities, Recipe
from lama_deploy.runtime.backends.torch_devices import torch_device
from lama_deploy.runtime.failures import engine_failures
from lama_deploy.runtime.memory import estimated_memory


class TorchScriptBackend:
    """device, threads: as `runtime.options.PlainOptions`. Any size and batch; several threads may call."""

    name = "torchscript"

    def __init__(self, model: str | os.PathLike[str], *, device: str | None = None, threads: int | None = None) -> None:
        self.device = torch_device(device)
        if threads is not None:
            torch.set_num_threads(threads)
        path = Path(model)
        self._module, made_for = _opened(path, self.device)
        bundle, on = bundle_beside(path), str(self.device)
        recipe = None
        if bundle is not None and self.device.type in ("cpu", "cuda"):
            options = {"backend": self.name, "device": on, "threads": threads}
            content = str(bundle.files[path.name]["sha256"])
            recipe = Recipe(str(path.parent.absolute()), options, sha256=content, recorded=bundle.memory)
        self.capabilities = Capabilities(
            multiple=bundle.config.multiple if bundle else None,
            precision="fp32",
            made_for=made_for,
            memory=estimated_memory(self.name, bundle, made_for) if self.device.type == "cpu" else None,
            memory_of=on,
            recipe=recipe,
        )

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run; returns float32. Raises EngineError, DeviceMemoryError."""
        with engine_failures("PyTorch", (masks.shape[0], masks.shape[1], masks.shape[2])), torch.inference_mode():
            inputs = (torch.from_numpy(values).to(self.device) for values in unit_planes(images, masks))
            result: Array = self._module(*inputs).permute(0, 2, 3, 1).cpu().numpy()
        return result


def _opened(path: Path, device: torch.device) -> tuple[torch.jit.ScriptModule, str]:
    """And the precision that it names. Raises BundleError."""
    said: dict[str, str | bytes] = {IO_PROPERTY: "", PRECISION_PROPERTY: ""}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit", category=DeprecationWarning)
            module = torch.jit.load(str(path), device, said).eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        raise BundleError(f"{path}: torch cannot open it ({brief(error)}); export it again") from error
    io, precision = (value.decode() if isinstance(value, bytes) else value for value in said.values())
    if io != "float":
        raise BundleError(f"{path}: not a LaMa model of lama-export; make one with lama-export --to torchscript")
    return module, precision
