"""PyTorch at its fastest on any NVIDIA GPU, with nothing to compile or export: the fused generator, by CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import ImageError, LamaDeployError, MissingDependencyError
from lama_deploy.model.exact_float32 import exact_float32
from lama_deploy.model.fused.generator import FusedGenerator
from lama_deploy.model.predict import inpaint
from lama_deploy.precision.fp16_weights import half_state
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.runtime.backends.cuda_graphs import CudaRecorder, GraphCache
from lama_deploy.runtime.backends.gpu_memory import least_bytes, refusing
from lama_deploy.runtime.backends.torch_devices import torch_device
from lama_deploy.runtime.devices import Device, parse_device
from lama_deploy.runtime.failures import engine_failures
from lama_deploy.runtime.memory import expected_memory, recipe_of
from lama_deploy.variants import GeneratorConfig

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
GRAPHS = 8  # shapes whose graphs are kept: each holds an input, an output and some megabytes of launch descriptions


class CudaBackend:
    """A checkpoint, fused. Calls from several threads are safe.

    device: "cuda", "cuda:N", None for "cuda", or "cpu", which shows what a GPU would compute. threads: of the CPU.
    precision: "fp16" (default on a GPU), "bf16" or "fp32" (default on the CPU; without TF32). For fp16 a checkpoint's
    ranges are measured at its first load (`fp16_weights`). graphs: how many shapes keep a CUDA graph; 0: no graphs.
    """

    name = "cuda"

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str | None = None,
        precision: str | None = None,
        threads: int | None = None,
        graphs: int = GRAPHS,
    ) -> None:
        self.device = _device(device)
        on_cpu = self.device.type == "cpu"
        chosen = precision or ("fp32" if on_cpu else "fp16")
        if chosen not in PRECISIONS:
            raise LamaDeployError(f"precision {precision!r} is unknown; allowed: {', '.join(PRECISIONS)}")
        if not isinstance(graphs, int) or graphs < 0:
            raise LamaDeployError(f"graphs is {graphs!r}; it must be an integer of at least 0, the shapes to keep")
        if threads is not None:
            torch.set_num_threads(threads)
        options = {"backend": self.name, "device": str(self.device), "threads": threads, "precision": chosen}
        self.capabilities = Capabilities(
            multiple=checkpoint.config.multiple,
            workers=1 if on_cpu else 4,  # others read and write pictures while one computes
            precision=chosen,
            hint=chosen,
            memory=expected_memory(self.name, checkpoint.config, chosen) if on_cpu else None,
            memory_of=str(self.device),
            recipe=recipe_of(checkpoint, options),
        )
        state = half_state(checkpoint, self.device) if chosen == "fp16" else checkpoint.state_dict
        generator = FusedGenerator(checkpoint.config, state, PRECISIONS[chosen]).to(self.device)
        self._itemsize = PRECISIONS[chosen].itemsize
        self._network = _Network(checkpoint.config, _compute(generator, self.device, graphs))

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run; returns uint8. Raises EngineError, DeviceMemoryError."""
        with engine_failures("PyTorch", (masks.shape[0], masks.shape[1], masks.shape[2])):
            image = torch.tensor(images, device=self.device).permute(0, 3, 1, 2)
            result: Array = self.inpaint(image, torch.tensor(masks, device=self.device)[:, None]).cpu().numpy()
        return result.transpose(0, 2, 3, 1)

    @torch.no_grad()
    def inpaint(self, image: Tensor, mask: Tensor) -> Tensor:
        """Tensors in, tensors out, and nothing waits for the device.

        image: (N, 3, H, W) uint8, or floats in [0, 1]; mask: (N or 1, 1, H, W), any value above 0 is a hole. H and W:
        at least 1. Returns the image's shape and dtype on the backend's device, known pixels as they were.
        Raises ImageError for other shapes and dtypes, DeviceMemoryError for more than the GPU can hold.
        """
        _check(image, mask)
        n, _, h, w = image.shape
        needed = least_bytes(self._network.config, n, h, w, self._itemsize)
        with refusing(self.device, needed, f"a batch of {n} of {h}x{w}" if n > 1 else f"a picture of {h}x{w}"):
            image, hole = image.to(self.device), mask.to(self.device).expand(n, -1, -1, -1) > 0
            as_bytes = image.dtype == torch.uint8
            filled = inpaint(self._network, image.float() / 255 if as_bytes else image.float(), hole)
            filled = filled * 255 if as_bytes else filled  # then truncated, as `to_bytes`; a sigmoid needs no clipping
            return torch.where(hole, filled.to(image.dtype), image)


@dataclass(frozen=True)
class _Network:
    """A `predict.Network`."""

    config: GeneratorConfig
    compute: Callable[[Tensor], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        return self.compute(x)


def _compute(generator: FusedGenerator, device: torch.device, graphs: int) -> Callable[[Tensor], Tensor]:
    if device.type == "cpu":
        return generator
    eager = partial(_exact, generator)
    return GraphCache(eager, CudaRecorder(generator, device), graphs) if graphs else eager


def _exact(generator: FusedGenerator, x: Tensor) -> Tensor:
    """Without a search for cuDNN's algorithms, which pays only where a graph is replayed."""
    with exact_float32(search=False):
        result: Tensor = generator(x)
    return result


def _device(name: str | None) -> torch.device:
    device = parse_device(name, ("cuda", "cpu"), "the cuda backend") or Device("cuda")
    if device.kind == "cuda" and not torch.cuda.is_available():
        raise MissingDependencyError(
            "this PyTorch sees no CUDA device; use backend 'torch', a CUDA build of torch, or device 'cpu' for tests"
        )
    found = torch_device(device)
    if found.type == "cuda" and found.index is None:
        return torch.device("cuda", torch.cuda.current_device())  # which one is current differs from thread to thread
    return found


def _check(image: Tensor, mask: Tensor) -> None:
    if image.ndim != 4 or image.shape[1] != 3 or not (image.dtype == torch.uint8 or image.is_floating_point()):
        raise ImageError(f"the image is {_kind(image)}; allowed: (N, 3, H, W), uint8 or floats in [0, 1]")
    n, _, h, w = image.shape
    if tuple(mask.shape) not in ((n, 1, h, w), (1, 1, h, w)):
        raise ImageError(f"the mask is {_kind(mask)}; allowed with this image: ({n}, 1, {h}, {w}) or (1, 1, {h}, {w})")


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
