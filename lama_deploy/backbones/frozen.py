"""What all backbones share: weights that never change, and reading them from a file that is not trusted."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from lama_deploy.checkpoints.torch_archive import check_archive
from lama_deploy.errors import CheckpointError, UnsafeCheckpointError, brief

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of RGB in [0, 1]
IMAGENET_STD = (0.229, 0.224, 0.225)
PLAIN = {
    getattr(torch, name) for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8", "bool")
}


class FrozenBackbone(nn.Module):
    """A network that is looked through and never trained; a subclass calls `freeze` at the end of its constructor.

    `train` leaves it in eval mode: batch normalisation keeps the statistics it was trained with. Official LaMa calls
    `eval` on its perceptual network once, but Lightning's `model.train()` switches it back, so it normalises
    predictions and targets by their own batches' statistics while its running ones drift. Here they are frozen, as
    the paper implies.
    """

    def freeze(self) -> Self:
        return self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        return super().train(False)

    def load_file(self, path: str | Path) -> Self:
        """Takes the weights from a state_dict file that has this network's keys; keys it does not know are ignored.

        Raises CheckpointError (see `load_state`), also for keys that are missing or have another shape.
        """
        state, own = load_state(path), self.state_dict()
        for key, tensor in own.items():
            if key not in state and key.endswith(".num_batches_tracked"):
                continue  # files older than torch 0.4.1 have none, and eval mode does not read it
            _check_fits(Path(path), type(self).__name__, key, state.get(key), tensor)
        self.load_state_dict({key: state.get(key, tensor) for key, tensor in own.items()})
        return self


class Normalise(nn.Module):
    """(N, 3, H, W) -> (x - mean) / std per channel. Adds no keys to the state_dict."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...] = IMAGENET_MEAN, std: tuple[float, ...] = IMAGENET_STD) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


def load_state(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a state_dict file, on the CPU, read without running what is in it.

    Raises UnsafeCheckpointError when its pickle asks for more than tensors, and CheckpointError when it is missing,
    damaged, no plain state_dict, or carries NaN or infinity.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no file there; give the .pth file of the backbone")
    state = _read(path)
    if not isinstance(state, Mapping) or not all(_is_plain(value) for value in state.values()):
        raise CheckpointError(f"{path}: not a state_dict of plain tensors; give the .pth file as it is published")
    for key, tensor in state.items():
        if not tensor.isfinite().all():
            raise CheckpointError(f"{path}: {brief(key)} carries NaN or infinity; fetch the file again")
    return dict(state)


def _read(path: Path) -> object:
    check_archive(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL (\S+)", str(error))  # torch's message runs over many lines and advises to trust it
        if asked is None:
            raise _damaged(path, error) from error
        raise UnsafeCheckpointError(
            f"{path}: refused, nothing was run: the pickle asks for '{brief(asked[1])}', which no weights need; "
            "fetch the file from its official source"
        ) from error
    except Exception as error:  # a damaged file fails in any way it likes; none of them is a traceback's worth
        raise _damaged(path, error) from error


def _is_plain(value: object) -> bool:
    """A dense tensor with its data in the file: strides of 0 could make a small file ask for any amount of memory."""
    if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_quantized or value.is_meta:
        return False
    if value.dtype not in PLAIN:
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _damaged(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path}: not a file of torch.save, or a damaged one ({type(error).__name__}); fetch it again"
    )


def _check_fits(path: Path, network: str, key: str, found: Tensor | None, wanted: Tensor) -> None:
    if found is None:
        raise CheckpointError(f"{path}: not weights of {network}: {key} is missing; give the file of that network")
    if found.shape != wanted.shape:
        shapes = f"{tuple(found.shape)}, not {tuple(wanted.shape)}"
        raise CheckpointError(f"{path}: not weights of {network}: {key} is {shapes}; give the file of that network")
