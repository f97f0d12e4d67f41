"""LaMa checkpoints of every kind in circulation -> configuration and state_dict, safely and without torch.

Official Lightning `.ckpt`, the directory `config.yaml` + `models/best.ckpt`, TorchScript `.pt` (as `bin/to_jit.py`
writes and IOPaint ships), and `.safetensors` with the configuration in its metadata.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.keys import Shape, expected_shapes, recognise
from lama_deploy.checkpoints.torch_archive import TensorRef, TorchArchive
from lama_deploy.disk import appears_whole, sha256_of
from lama_deploy.errors import CheckpointError, ConfigError
from lama_deploy.variants import GeneratorConfig

CONFIG_METADATA = "lama_deploy.generator"  # safetensors metadata: GeneratorConfig.to_dict() as JSON
PREFIXES = ("generator.", "model.generator.", "")  # Lightning, TorchScript, bare
CHECKPOINT_NAMES = ("best.ckpt", "last.ckpt")  # in a training directory's `models/`


@dataclass(frozen=True)
class Checkpoint:
    """A generator's weights.

    state_dict: the official keys in their order, float32 (counters int64), NumPy arrays.
    sha256: of the file that was read.
    """

    path: Path
    config: GeneratorConfig
    state_dict: Mapping[str, Array]
    sha256: str


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read any LaMa checkpoint. Nothing in the file is ever executed.

    Raises CheckpointError (missing, truncated, mismatched, NaN) or UnsafeCheckpointError (a hostile pickle).
    """
    file = _checkpoint_file(Path(path))
    declared, arrays = _read_safetensors(file) if file.suffix == ".safetensors" else _read_torch(file)
    config = declared or _recognised(file, {key: array.shape for key, array in arrays.items()})
    if file.parent.name == "models" and (file.parent.parent / "config.yaml").is_file():
        _check_config_yaml(file.parent.parent / "config.yaml", config)
    state = _checked_state(file, config, arrays)
    return Checkpoint(file, config, state, sha256_of(file))


def save_checkpoint(
    path: str | os.PathLike[str], config: GeneratorConfig, state_dict: Mapping[str, Array], *, half: bool = False
) -> None:
    """Write `.safetensors` with the configuration in its metadata; `half` stores the weights as float16."""
    from safetensors.numpy import save

    dtype = np.float16 if half else np.float32
    arrays = {
        key: np.ascontiguousarray(array, dtype if array.dtype.kind == "f" else None).reshape(array.shape)
        for key, array in state_dict.items()
    }
    data = save(arrays, metadata={CONFIG_METADATA: json.dumps(config.to_dict())})
    with appears_whole(path) as stream:
        stream.write(data)


def _checkpoint_file(path: Path) -> Path:
    if path.is_dir():
        candidates = [path / "models" / name for name in CHECKPOINT_NAMES]
        found = next((file for file in candidates if file.is_file()), None)
        if found is None:
            raise CheckpointError(f"{path}: no checkpoint here; expected models/best.ckpt beside config.yaml")
        return found
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    return path


def _read_torch(path: Path) -> tuple[None, dict[str, Array]]:
    with TorchArchive(path) as archive:
        refs = _strip_prefix(path, archive.tensors())
        wanted = expected_shapes(_recognised(path, {key: ref.shape for key, ref in refs.items()}))
        return None, {key: archive.read(ref) for key, ref in refs.items() if key in wanted}


def _recognised(path: Path, shapes: Mapping[str, Shape]) -> GeneratorConfig:
    try:
        return recognise(shapes)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _strip_prefix(path: Path, refs: Mapping[str, TensorRef]) -> dict[str, TensorRef]:
    for prefix in PREFIXES:
        if f"{prefix}model.1.ffc.convl2l.weight" in refs or f"{prefix}model.1.weight" in refs:
            return {key.removeprefix(prefix): ref for key, ref in refs.items() if key.startswith(prefix)}
    raise CheckpointError(
        f"{path}: no LaMa generator inside ({len(refs)} tensors, none named like 'generator.model.1.…'); "
        "give an official checkpoint, a TorchScript export of one, or .safetensors"
    )


def _read_safetensors(path: Path) -> tuple[GeneratorConfig | None, dict[str, Array]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: not a readable .safetensors file ({error}); fetch it again") from error
    try:
        config = (
            GeneratorConfig.from_dict(json.loads(metadata[CONFIG_METADATA])) if CONFIG_METADATA in metadata else None
        )
    except (json.JSONDecodeError, ConfigError, TypeError) as error:
        raise CheckpointError(f"{path}: its metadata {CONFIG_METADATA!r} is no generator config ({error})") from error
    return config, arrays


def _checked_state(path: Path, config: GeneratorConfig, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The state in official order and dtypes, or a CheckpointError that names what is wrong."""
    expected = expected_shapes(config)
    counters = {key for key in expected if key.endswith("num_batches_tracked")}
    missing = [key for key in expected if key not in arrays and key not in counters]
    shaped = [key for key in expected if key in arrays and arrays[key].shape != expected[key]]
    if missing or shaped:
        raise CheckpointError(f"{path}: does not fit its own generator: {_mismatch(missing, shaped, arrays, expected)}")
    state = {
        key: np.asarray(arrays.get(key, 0), np.int64 if key in counters else np.float32).reshape(shape)
        for key, shape in expected.items()
    }
    broken = [key for key, array in state.items() if array.dtype == np.float32 and not np.isfinite(array).all()]
    if broken:
        raise CheckpointError(
            f"{path}: NaN or infinity in {len(broken)} tensors, first {broken[0]}; the file is unusable"
        )
    return state


def _mismatch(missing: list[str], shaped: list[str], arrays: Mapping[str, Array], expected: Mapping[str, Shape]) -> str:
    if missing:
        return f"{len(missing)} tensors are missing, first {missing[0]}"
    key = shaped[0]
    return f"{len(shaped)} tensors have a wrong shape, first {key}: {arrays[key].shape} instead of {expected[key]}"


def _check_config_yaml(path: Path, config: GeneratorConfig) -> None:
    """The keys decide; the official config must agree with them, and end in a sigmoid, which no key shows."""
    import yaml

    try:
        generator: dict[str, Any] = yaml.safe_load(path.read_text())["generator"]
        blocks, activation = generator["n_blocks"], generator.get("add_out_act", True)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: not an official LaMa config (no generator.n_blocks)") from error
    if activation != "sigmoid":
        raise CheckpointError(f"{path}: the generator ends in {activation!r}; only 'sigmoid' is supported")
    if blocks != config.blocks:
        raise CheckpointError(f"{path}: says {blocks} blocks, but the checkpoint beside it has {config.blocks}")
