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

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.keys import Shape, expected_shapes, recognise
from lama_deploy.checkpoints.pickle_values import TensorRef
from lama_deploy.checkpoints.safetensors_file import SafetensorsFile
from lama_deploy.checkpoints.safetensors_header import CONFIG_METADATA
from lama_deploy.checkpoints.safetensors_write import write_safetensors
from lama_deploy.checkpoints.torch_archive import TorchArchive
from lama_deploy.disk import appears_whole
from lama_deploy.errors import CheckpointError, ConfigError, brief, quoted
from lama_deploy.variants import GeneratorConfig

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
    try:
        file = _checkpoint_file(Path(path))
    except (OSError, ValueError) as error:  # a name too long, a folder that may not be entered, a NUL
        raise CheckpointError(f"{brief(str(path))}: cannot be read ({brief(error)}); give another file") from error
    try:
        checkpoint = _of_safetensors(file) if file.suffix == ".safetensors" else _of_torch(file)
    except OSError as error:  # of a disk, while it is read
        raise CheckpointError(f"{file}: cannot be read ({brief(error)}); copy it again") from error
    except MemoryError as error:
        raise CheckpointError(f"{file}: takes more memory than there is; is it the right file?") from error
    if file.parent.name == "models" and (file.parent.parent / "config.yaml").is_file():
        _check_config_yaml(file.parent.parent / "config.yaml", checkpoint.config)
    return checkpoint


def save_checkpoint(
    path: str | os.PathLike[str], config: GeneratorConfig, state_dict: Mapping[str, Array], *, half: bool = False
) -> None:
    """Write `.safetensors` with the configuration in its metadata, and a SHA-256 by which damage is found.

    half: store the weights as float16.
    """
    dtype = np.float16 if half else np.float32
    arrays = {
        key: np.ascontiguousarray(array, dtype if array.dtype.kind == "f" else None).reshape(array.shape)
        for key, array in state_dict.items()
    }
    with appears_whole(path) as stream:
        write_safetensors(stream, arrays, json.dumps(config.to_dict()))


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


def _of_torch(path: Path) -> Checkpoint:
    with TorchArchive(path) as archive:
        refs = _strip_prefix(path, archive.tensors())
        shapes = {key: ref.shape for key, ref in refs.items()}
        config = _recognised(path, shapes)
        expected = expected_shapes(config)
        wanted = {key: ref for key, ref in refs.items() if key in expected}
        archive.check(wanted)
        _check_shapes(path, shapes, expected)
        state = _checked_state(path, expected, archive.read(wanted))
        return Checkpoint(path, config, state, archive.sha256())


def _of_safetensors(path: Path) -> Checkpoint:
    with SafetensorsFile(path) as file:
        config = _declared(path, file.metadata) or _recognised(path, file.shapes)
        expected = expected_shapes(config)
        _check_shapes(path, file.shapes, expected)
        content = file.read()
    return Checkpoint(path, config, _checked_state(path, expected, content.tensors), content.sha256)


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


def _declared(path: Path, metadata: Mapping[str, str]) -> GeneratorConfig | None:
    if CONFIG_METADATA not in metadata:
        return None
    try:
        return GeneratorConfig.from_dict(json.loads(metadata[CONFIG_METADATA]))
    except (ValueError, RecursionError, ConfigError) as error:
        raise CheckpointError(
            f"{path}: its metadata '{CONFIG_METADATA}' is no generator config ({brief(error, 300)})"
        ) from error


def _is_counter(key: str) -> bool:
    return key.endswith("num_batches_tracked")


def _check_shapes(path: Path, shapes: Mapping[str, Shape], expected: Mapping[str, Shape]) -> None:
    """Raise CheckpointError unless all weights are there, of these shapes; counters may be missing."""
    missing = [key for key in expected if key not in shapes and not _is_counter(key)]
    if missing:
        told = f"{len(missing)} tensors are missing, first {missing[0]}"
        raise CheckpointError(f"{path}: does not fit its own generator: {told}")
    wrong = [key for key in expected if shapes.get(key, expected[key]) != expected[key]]
    if wrong:
        found, wanted = brief(shapes[wrong[0]]), expected[wrong[0]]
        told = f"{len(wrong)} tensors have a wrong shape, first {wrong[0]}: {found} instead of {wanted}"
        raise CheckpointError(f"{path}: does not fit its own generator: {told}")


def _checked_state(path: Path, expected: Mapping[str, Shape], arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The state in official order and dtypes. Raises CheckpointError for what no weight can be."""
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32: found below
        state = {
            key: np.asarray(arrays.get(key, 0), np.int64 if _is_counter(key) else np.float32).reshape(shape)
            for key, shape in expected.items()
        }
    broken = [key for key, array in state.items() if array.dtype == np.float32 and not np.isfinite(array).all()]
    if broken:
        raise CheckpointError(
            f"{path}: NaN or infinity in {len(broken)} tensors, first {broken[0]}; the file is unusable"
        )
    return state


def _check_config_yaml(path: Path, config: GeneratorConfig) -> None:
    """The keys decide; the official config must agree with them, and end in a sigmoid, which no key shows."""
    from lama_deploy.yaml_text import read_yaml

    try:
        values = read_yaml(path)
    except ConfigError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise CheckpointError(f"{path}: not an official LaMa config ({brief(reason, 300)})") from error
    generator = values.get("generator") if isinstance(values, dict) else None
    if not isinstance(generator, dict) or "n_blocks" not in generator:
        raise CheckpointError(f"{path}: not an official LaMa config (no generator.n_blocks)")
    blocks, activation = generator["n_blocks"], generator.get("add_out_act", True)
    if activation != "sigmoid":
        raise CheckpointError(f"{path}: the generator ends in {quoted(activation)}; only 'sigmoid' is supported")
    if type(blocks) is not int or blocks != config.blocks:
        raise CheckpointError(f"{path}: says {quoted(blocks)} blocks, but the checkpoint beside it has {config.blocks}")
