"""The networks that metrics look through. Libraries where they exist, weights only from this machine.

LPIPS and FID need the reference networks and nothing else is called by their names. Where these cannot be had, networks
that come inside packages stand in, and the metrics carry their names: ST-LPIPS-vgg, Frechet-EffLite0, KID-EffLite0.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lama_deploy.arrays import Array
from lama_deploy.backbones.efficientnet_lite import EfficientNetLite0
from lama_deploy.backbones.frozen import load_state
from lama_deploy.backbones.locate import find_backbone
from lama_deploy.backbones.st_lpips import STLPIPS, Net
from lama_deploy.errors import CheckpointError, DataError, MissingDependencyError, brief
from lama_deploy.installing import install

PairScore = Callable[[Tensor, Tensor, Tensor], float]  # original, result, hole: see `metrics`
Features = Callable[[Tensor], Array]  # (1, 3, H, W) RGB in [0, 1] -> (D,) float32
Paths = Mapping[str, Path]  # files of backbones that the user named; the others are looked up


def lpips_vgg(device: str, paths: Paths) -> PairScore:
    """LPIPS v0.1 on VGG16, as official LaMa reports it: library `lpips`, ImageNet trunk of torchvision's file.

    Raises MissingDependencyError, MissingBackboneError and CheckpointError.
    """
    library = _library("lpips", "LPIPS")
    state = load_state(file := find_backbone("vgg16", paths.get("vgg16")))
    with _quiet():
        model = library.LPIPS(net="vgg", pnet_rand=True, verbose=False)  # the linear layers come with the library
    trunk = {key: state.get("features." + key.partition(".")[2]) for key in model.net.state_dict()}
    _load(model.net, trunk, file)
    model = model.to(device)
    return _distance("LPIPS", 16, lambda a, b: model(2 * a - 1, 2 * b - 1))


def st_lpips(net: Net) -> Callable[[str, Paths], PairScore]:
    """Shift-tolerant LPIPS: the loader for its vgg or alex form. Not comparable with LPIPS."""

    def load(device: str, paths: Paths) -> PairScore:
        model = STLPIPS.load(net, paths.get(f"st-lpips-{net}")).to(device)
        return _distance(f"ST-LPIPS-{net}", 18 if net == "vgg" else 21, model)

    return load


def inception_features(device: str, paths: Paths) -> Features:
    """FID's features: pool3 (2048) of TensorFlow's Inception, bilinear to 299 x 299, by library `pytorch-fid`.

    Raises MissingDependencyError, MissingBackboneError and CheckpointError.
    """
    inception = _library("pytorch_fid.inception", "FID")
    state = load_state(file := find_backbone("inception-fid", paths.get("inception-fid")))
    try:
        with _quiet(), _fetching(inception, state):
            model = inception.InceptionV3().eval().to(device)
    except RuntimeError as error:
        raise CheckpointError(f"{file}: not the weights of FID's Inception ({brief(error)})") from error
    return lambda image: _infer(model, image)[0].flatten().float().cpu().numpy()


def efficientnet_features(device: str, paths: Paths) -> Features:
    """EfficientNet-Lite0's pooled 1280 features of the picture at its own size."""
    model = EfficientNetLite0.load(paths.get("efficientnet-lite0")).to(device)
    return lambda image: _infer(model, image).pooled.flatten().cpu().numpy()


def to_tensor(rgb: Array, device: str) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    return torch.tensor(np.moveaxis(rgb, -1, 0)[None], device=device).float() / 255


def _distance(name: str, least: int, model: Callable[[Tensor, Tensor], Tensor]) -> PairScore:
    """`model` as a PairScore. `least`: the smallest side that its layers leave a pixel of."""

    def score(original: Tensor, result: Tensor, hole: Tensor) -> float:
        height, width = original.shape[-2:]
        if min(height, width) < least:
            raise DataError(
                f"{name} needs pictures of at least {least} pixels a side, one is {width}x{height}; "
                "leave it out with --metrics"
            )
        return float(_infer(model, original, result))

    return score


@torch.inference_mode()
def _infer(model: Callable[..., Any], *inputs: Tensor) -> Any:
    return model(*inputs)


def _library(name: str, metric: str) -> ModuleType:
    """A library that needs torchvision, which fails in its own ways where it does not fit the installed torch."""
    from importlib import import_module

    try:
        return import_module(name)
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        raise MissingDependencyError(
            f"{metric} needs {name.partition('.')[0]} and torchvision ({brief(error)}): {install('reference-metrics')}"
        ) from error


def _load(module: torch.nn.Module, state: Mapping[str, Tensor | None], file: Path) -> None:
    try:
        module.load_state_dict({key: tensor for key, tensor in state.items() if tensor is not None})
    except RuntimeError as error:
        raise CheckpointError(f"{file}: not the weights of torchvision's VGG16 ({brief(error)})") from error


@contextmanager
def _fetching(inception: ModuleType, state: Mapping[str, Tensor]) -> Iterator[None]:
    """The library's constructor always fetches its weights; it gets the file's instead of the network's."""
    fetch = inception.load_state_dict_from_url
    inception.load_state_dict_from_url = lambda *_, **__: state  # type: ignore[attr-defined]
    try:
        yield
    finally:
        inception.load_state_dict_from_url = fetch  # type: ignore[attr-defined]


@contextmanager
def _quiet() -> Iterator[None]:
    """Both libraries call torchvision in ways it deprecates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
