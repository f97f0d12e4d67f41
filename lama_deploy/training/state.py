"""A run on disk: the official directory layout, everything needed to go on to the bit, and our safetensors.

OUT/config.yaml            the official `generator:` and `location:`, and this run's whole configuration
OUT/models/last.ckpt       generator.*, discriminator.*, both optimizers, step: official top-level names
OUT/generator.safetensors  what lama-export takes; the averaged generator where there is one
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lama_deploy.checkpoints.checkpoint import save_checkpoint
from lama_deploy.checkpoints.torch_archive import check_archive
from lama_deploy.disk import appears_whole
from lama_deploy.errors import CheckpointError, TrainingError, UnsafeCheckpointError, brief, quoted
from lama_deploy.training.config import RUN_SECTION, TrainConfig, config_to_dict
from lama_deploy.training.step import Networks
from lama_deploy.variants import GeneratorConfig

LAST = Path("models") / "last.ckpt"
WEIGHTS = Path("generator.safetensors")
CONFIG = Path("config.yaml")
MOST_STEPS = 10**12
AVERAGE_PREFIX = "generator_average."


@dataclass(frozen=True)
class TrainedOn:
    """The data of a run. pictures: how many; None where that is not recorded."""

    folder: Path
    pictures: int | None


def save_run(out: Path, config: TrainConfig, nets: Networks, step: int, data: TrainedOn | None = None) -> None:
    """Write the state after `step` steps. The old files stay until the new ones are whole. Raises TrainingError.

    data: what is trained on, for config.yaml.
    """
    generator, discriminator = _plain(nets.generator), _plain(nets.discriminator)
    state = _prefixed("generator.", generator) | _prefixed("discriminator.", discriminator)
    if nets.average is not None:
        state |= _prefixed(AVERAGE_PREFIX, nets.average)
    content = {
        "state_dict": state,
        "optimizer_states": [nets.generator_optimizer.state_dict(), nets.discriminator_optimizer.state_dict()],
        "epoch": 0,
        "global_step": step,
    }
    exported = _plain(nets.average or generator).state_dict()
    try:
        (out / "models").mkdir(parents=True, exist_ok=True)
        for name, written in ((CONFIG, _config_yaml(config, data).encode()), (LAST, _serialised(content))):
            with appears_whole(out / name, synced=True) as stream:
                stream.write(written)
        save_checkpoint(out / WEIGHTS, config.generator, {key: t.cpu().numpy() for key, t in exported.items()})
    except OSError as error:
        raise TrainingError(
            f"{out}: could not be written at step {step} ({error.strerror or error}); free some space and go on with "
            "--resume: the state saved before is whole"
        ) from error


def restore_run(out: Path, config: TrainConfig, nets: Networks) -> int:
    """Load OUT/models/last.ckpt into networks and optimizers. Returns the steps done. Raises CheckpointError."""
    content = read_state(out / LAST)
    try:
        state = content["state_dict"]
        _plain(nets.generator).load_state_dict(_stripped("generator.", state))
        _plain(nets.discriminator).load_state_dict(_stripped("discriminator.", state))
        if nets.average is not None:
            nets.average.load_state_dict(_stripped(AVERAGE_PREFIX, state))
        step = _checked_step(content["global_step"])
        for optimizer, saved in zip(
            (nets.generator_optimizer, nets.discriminator_optimizer), content["optimizer_states"], strict=True
        ):
            if step and not saved["state"]:
                raise ValueError("an optimizer without moments, which would go on as another run")
            _restore_moments(optimizer, saved["state"])
        return step
    except (KeyError, IndexError, AttributeError, RuntimeError, ValueError, TypeError) as error:
        lines = str(error).splitlines()[:2]  # of torch's, the first says but which network it is
        reason = brief(" ".join(map(str.strip, lines)) or type(error).__name__)
        raise CheckpointError(
            f"{out / LAST}: not a state of this configuration ({reason}); use another --out"
        ) from error


def _restore_moments(optimizer: Optimizer, moments: Mapping[int, Mapping[str, Any]]) -> None:
    """Raises ValueError and others for what this optimizer could not go on with; its settings stay the configuration's.

    moments: by the number of the parameter.
    """
    groups = optimizer.state_dict()["param_groups"]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for number, found in moments.items():
        shapes = {"step": torch.Size(), **dict.fromkeys(("exp_avg", "exp_avg_sq"), parameters[number].shape)}
        if {name: value.shape for name, value in found.items()} != shapes:
            raise ValueError("moments of another optimizer, or of another shape than their weights")
        if not all(_is_dense(value) for value in found.values()):
            raise ValueError("moments that are not dense floats")
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _is_dense(value: Tensor) -> bool:
    """Strides of 0 would let a small file ask for any amount of memory."""
    if value.layout is not torch.strided or not value.is_floating_point():
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _checked_step(step: Any) -> int:
    if type(step) is not int or not 0 <= step < MOST_STEPS:
        raise ValueError(f"global_step is {quoted(step)}; it must be an integer from 0")
    return step


def read_state(path: Path) -> Mapping[str, Any]:
    """A training state; tensors and plain values only. Raises CheckpointError, UnsafeCheckpointError."""
    import pickle

    if path.is_file():
        check_archive(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no saved state here; start without --resume") from error
    except CheckpointError:
        raise
    except Exception as error:  # a damaged file fails in any way it likes; none of them is a traceback's worth
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise UnsafeCheckpointError(
                f"{path}: refused, nothing was run: it holds more than tensors; it was not written by lama-train"
            ) from error
        raise CheckpointError(f"{path}: damaged training state ({type(error).__name__})") from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: not a state of this configuration, nor of any; use another --out")
    return content


def _plain(module: nn.Module) -> nn.Module:
    """Without Fabric's and DDP's wrappers."""
    inner: Any = module
    while hasattr(inner, "module"):
        inner = inner.module
    plain: nn.Module = inner
    return plain


def _prefixed(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {prefix + key: tensor for key, tensor in module.state_dict().items()}


def _stripped(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}


def _serialised(content: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    return buffer.getvalue()


def _config_yaml(config: TrainConfig, data: TrainedOn | None) -> str:
    import yaml

    sections: dict[str, Any] = {"generator": official_generator_section(config.generator)}
    if data is not None:
        where = {"data_root_dir": str(data.folder.absolute()), "pictures": data.pictures}  # the first official
        sections["location"] = where
    return yaml.safe_dump(sections | {RUN_SECTION: config_to_dict(config)}, sort_keys=False)


def official_generator_section(config: GeneratorConfig) -> dict[str, Any]:
    """What official code builds the same generator from (`configs/training/generator/*.yaml`)."""
    kind = {"ffc": "ffc_resnet", "regular": "pix2pixhd_global", "dilated": "pix2pixhd_multidilated"}[config.kind]
    section: dict[str, Any] = {
        "kind": kind,
        "input_nc": 4,
        "output_nc": 3,
        "ngf": config.width,
        "n_downsampling": config.downsamplings,
        "n_blocks": config.blocks,
        "max_features": config.max_channels,
        "add_out_act": "sigmoid",
    }
    if config.kind == "ffc":
        plain = {"ratio_gin": 0, "ratio_gout": 0, "enable_lfu": False}
        ratio = {"ratio_gin": config.ratio, "ratio_gout": config.ratio, "enable_lfu": False}
        section |= {"init_conv_kwargs": plain, "downsample_conv_kwargs": dict(plain), "resnet_conv_kwargs": ratio}
    if config.kind == "dilated":
        section["multidilation_kwargs"] = {"comb_mode": "cat_in", "dilation_num": 4}
    return section
