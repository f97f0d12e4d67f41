"""A training state in files small enough to travel: FOLDER/manifest.json, FOLDER/weights.safetensors, FOLDER/part-N.

The trainer's own last.ckpt of lama-demo has 110 MB. Here weights are rounded to half precision and Adam's moments to
bfloat16, which leaves 55 MB in files of at most 16 MB: a run that goes on from them is not the same to the bit, and
loses nothing that matters. weights.safetensors is the averaged generator, as lama-export takes it.
The folder appears whole or not at all: at any moment FOLDER, FOLDER.new or FOLDER.old holds a whole state.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from lama_deploy.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.safetensors_file import read_safetensors
from lama_deploy.disk import appears_whole, sha256_of
from lama_deploy.errors import CheckpointError, LamaDeployError
from lama_deploy.training.state import AVERAGE_PREFIX, read_state
from lama_deploy.variants import GeneratorConfig

MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"
PART_BYTES = 16_000_000
MOMENTS = ("exp_avg", "exp_avg_sq")
Tensors = dict[str, Tensor]


def write_parts(
    folder: Path, checkpoint: Path, generator: GeneratorConfig, facts: Mapping[str, Any], part_bytes: int = PART_BYTES
) -> None:
    """Split the trainer's `checkpoint` of a run with an averaged generator. facts: plain values to keep beside it.

    Raises OSError where the disk refuses; what was there stays.
    """
    tensors, groups, step = _flattened(read_state(checkpoint))
    average = {key: tensors.pop(key) for key in list(tensors) if key.startswith(AVERAGE_PREFIX)}
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    state = {key.removeprefix(AVERAGE_PREFIX): tensor.numpy() for key, tensor in average.items()}
    save_checkpoint(new / WEIGHTS, generator, state, half=True)
    for number, part in enumerate(_packed(tensors, part_bytes), 1):
        save_file(part, new / f"part-{number}.safetensors")
    hashes = {path.name: sha256_of(path) for path in sorted(new.iterdir())}
    manifest = {"step": step, "groups": groups, "facts": dict(facts), "files": hashes}
    with appears_whole(new / MANIFEST) as stream:
        stream.write(json.dumps(manifest).encode())
    _swap(folder, new)


def read_facts(folder: Path) -> dict[str, Any]:
    """What `write_parts` was given. Raises CheckpointError where there is no whole state."""
    _, manifest = _whole(folder)
    facts: dict[str, Any] = manifest["facts"]
    return facts | {"step": manifest["step"]}


def join_parts(folder: Path, checkpoint: Path) -> None:
    """Write the trainer's own file from the parts. Raises CheckpointError for what is no whole state."""
    found, manifest = _whole(folder)
    try:
        tensors: Tensors = {}
        for name in sorted(set(manifest["files"]) - {WEIGHTS}):
            read = read_safetensors(found / name).tensors
            tensors |= {key: torch.from_numpy(array) for key, array in read.items()}
        average = load_checkpoint(found / WEIGHTS).state_dict
        tensors |= {AVERAGE_PREFIX + key: torch.from_numpy(array) for key, array in average.items()}
        content = _nested(tensors, manifest["groups"], int(manifest["step"]))
    except (KeyError, ValueError, TypeError, LamaDeployError) as error:
        raise CheckpointError(f"{found}: no state that lease.py wrote ({error}); start without --resume") from error
    data = io.BytesIO()
    torch.save(content, data)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    with appears_whole(checkpoint) as stream:
        stream.write(data.getbuffer())


def _flattened(content: Mapping[str, Any]) -> tuple[Tensors, list[Any], int]:
    """Every tensor under one name, rounded; the optimizers' plain values; the step."""
    tensors: Tensors = {key: _rounded(key, tensor) for key, tensor in content["state_dict"].items()}
    for number, optimizer in enumerate(content["optimizer_states"]):
        for index, values in optimizer["state"].items():
            tensors |= {f"optimizer.{number}.{index}.{name}": _rounded(name, t) for name, t in values.items()}
    return tensors, [optimizer["param_groups"] for optimizer in content["optimizer_states"]], content["global_step"]


def _rounded(name: str, tensor: Tensor) -> Tensor:
    """Moments to bfloat16, for their range; weights to half precision; what is neither, such as a step, as it is."""
    tensor = tensor.contiguous().clone()  # without strides and storages that others share
    if name in MOMENTS:
        return tensor.bfloat16()
    return tensor.half() if tensor.ndim > 1 and tensor.is_floating_point() else tensor


def _nested(tensors: Tensors, groups: list[Any], step: int) -> dict[str, Any]:
    states: list[dict[str, Any]] = [{"state": {}, "param_groups": group} for group in groups]
    state_dict: Tensors = {}
    for key, tensor in tensors.items():
        tensor = tensor.float() if tensor.is_floating_point() else tensor
        if not key.startswith("optimizer."):
            state_dict[key] = tensor
            continue
        _, number, index, name = key.split(".")
        states[int(number)]["state"].setdefault(int(index), {})[name] = tensor
    return {"state_dict": state_dict, "optimizer_states": states, "epoch": 0, "global_step": step}


def _packed(tensors: Tensors, part_bytes: int) -> list[Tensors]:
    """As few parts as largest-first gives; a tensor that is larger than a part gets one of its own."""
    parts: list[Tensors] = []
    room: list[int] = []
    header = 120  # bytes of a tensor's entry in the file, at most
    for key, tensor in sorted(tensors.items(), key=lambda item: (-item[1].nbytes, item[0])):
        size = tensor.nbytes + header
        index = next((i for i, left in enumerate(room) if size <= left), len(parts))
        if index == len(parts):
            parts.append({})
            room.append(part_bytes)
        parts[index][key] = tensor
        room[index] -= size
    return parts


def _swap(folder: Path, new: Path) -> None:
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _whole(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The newest whole state of those that a kill may have left, and its manifest."""
    reasons = []
    for path in (folder, folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")):
        try:
            manifest: dict[str, Any] = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            if all(sha256_of(path / name) == digest for name, digest in manifest["files"].items()):
                return path, manifest
            reasons.append(f"{path}: damaged")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reasons.append(f"{path}: {type(error).__name__}")
    raise CheckpointError(
        f"{folder.parent}: no whole state to go on from ({'; '.join(reasons)}); start without --resume"
    )
