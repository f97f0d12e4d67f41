"""Eager PyTorch: the reference, and the way to run a checkpoint as it is."""

from __future__ import annotations

import torch

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.model.predict import generator_from_state, inpaint
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.runtime.backends.torch_devices import torch_device
from lama_deploy.runtime.failures import engine_failures
from lama_deploy.runtime.memory import expected_memory, recipe_of

PRECISIONS = {torch.float64: "fp64", torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}


class TorchBackend:
    """A checkpoint in eager PyTorch. `dtype` float64 makes it the oracle of parity checks."""

    name = "torch"

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str | None = None,
        threads: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.device = torch_device(device)
        if threads is not None:
            torch.set_num_threads(threads)
        self._dtype = dtype
        precision = PRECISIONS.get(dtype)
        config = checkpoint.config
        kind, device = self.device.type, str(self.device)
        name = str(dtype).removeprefix("torch.")
        options = {"backend": self.name, "device": device, "threads": threads, "dtype": name}
        self.capabilities = Capabilities(
            multiple=config.multiple,
            precision=precision,
            memory=expected_memory(self.name, config, precision) if kind == "cpu" else None,
            memory_of=device,
            recipe=recipe_of(checkpoint, options) if kind in ("cpu", "cuda") else None,
        )
        generator = generator_from_state(checkpoint.config, checkpoint.state_dict)
        try:
            self.generator = generator.to(self.device, dtype)
        except (RuntimeError, TypeError) as error:  # TypeError: mps has no float64
            reason = f"device '{self.device}' cannot hold the model ({brief(error)}); use another, or cpu"
            raise LamaDeployError(reason) from error

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run; returns floats of the backend's dtype. Raises EngineError, DeviceMemoryError."""
        with engine_failures("PyTorch", (masks.shape[0], masks.shape[1], masks.shape[2])):
            return self._run(images, masks)

    def _run(self, images: Array, masks: Array) -> Array:
        image = torch.tensor(images, device=self.device).permute(0, 3, 1, 2).to(self._dtype) / 255
        mask = torch.tensor(masks, device=self.device)[:, None]
        result: Array = inpaint(self.generator, image, mask).permute(0, 2, 3, 1).cpu().numpy()
        return result
