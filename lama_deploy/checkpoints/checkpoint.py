"""LaMa checkpoints of every kind in circulation -> configuration and state_dict, safely and without torch.

Official Lightning `.ckpt`, the directory `config.yaml` + `models/best.ckpt`, TorchScript `.pt` (as `bin/to_jit.py`
writes and IOPaint ships), and `.safetensors`, with the configuration in its metadata or without; in each of them a
generator wherever it lies (`search`).
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.fits import check_keys, checked_state, recognised
from lama_deploy.checkpoints.keys import expected_shapes
from lama_deploy.checkpoints.official_config import check_official_config, official_config_of
from lama_deploy.checkpoints.published import KNOWN
from lama_deploy.checkpoints.safetensors_header import CONFIG_METADATA
from lama_deploy.checkpoints.safetensors_write import write_safetensors
from lama_deploy.checkpoints.search import Found, choose, find_generators, require_ours, top_level
from lama_deploy.checkpoints.tensor_file import TensorFile, open_tensors
from lama_deploy.checkpoints.unshown import GENERATOR, assumed
from lama_deploy.disk import appears_whole
from lama_deploy.errors import CheckpointError, ConfigError, UnsafeCheckpointError, brief
from lama_deploy.variants import GeneratorConfig

log = logging.getLogger(__name__)
OF_TORCHSCRIPT = "stem_conv_weight"  # the first weights of `lama_export.torchscript`'s files
CHECKPOINT_NAMES = ("best.ckpt", "last.ckpt")  # in a training directory's `models/`


@dataclass(frozen=True)
class Checkpoint:
    """A generator's weights.

    state_dict: the official keys in their order, float32 (counters int64), NumPy arrays.
    sha256: of the file that was read.
    assumed: what nothing in the file or beside it says of the generator (`unshown.UNSHOWN`), and as "generator" the
        place of the one that was asked for where the file has several; all that `load_checkpoint` needs for the same.
    """

    path: Path
    config: GeneratorConfig
    state_dict: Mapping[str, Array]
    sha256: str
    assumed: Mapping[str, str] = field(default_factory=dict)


def load_checkpoint(path: str | os.PathLike[str], told: Mapping[str, str] | None = None) -> Checkpoint:
    """Read any LaMa checkpoint. Nothing in the file is ever executed.

    told: what its keys do not show, by fields of official config.yaml files, such as {"fft_norm": "ortho"}, and as
    "generator" which one of several in the file, by its place in it. What nothing tells is assumed, and logged.
    Raises CheckpointError (missing, truncated, mismatched, of another network, NaN), UnsafeCheckpointError (a hostile
    pickle) or ConfigError (told what is not computed).
    """
    file = checkpoint_file(path)
    told = told or {}
    with reading(file), open_tensors(file) as tensors:
        checkpoint, is_ours = _loaded(file, tensors, told.get(GENERATOR))
    official = official_config_of(file, checkpoint.config)
    unsaid, untold = assumed(checkpoint.config, told)
    if official is not None:
        check_official_config(official, checkpoint.config)
    elif not is_ours and checkpoint.sha256 not in KNOWN:
        checkpoint = replace(checkpoint, assumed={**checkpoint.assumed, **unsaid})
        if untold:
            _say_assumed(file, untold)
    return checkpoint


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """What goes wrong while a file is read becomes a CheckpointError that begins with its name."""
    try:
        yield
    except UnsafeCheckpointError:
        raise
    except CheckpointError as error:
        if str(error).startswith(f"{file}: "):
            raise
        raise CheckpointError(f"{file}: {error}") from error
    except OSError as error:  # of a disk, while it is read
        raise CheckpointError(f"{file}: cannot be read ({brief(error)}); copy it again") from error
    except MemoryError as error:
        raise CheckpointError(f"{file}: takes more memory than there is; is it the right file?") from error


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


def checkpoint_file(path: str | os.PathLike[str]) -> Path:
    """The file itself, or that in an official folder. Raises CheckpointError."""
    try:
        return _checkpoint_file(Path(path))
    except (OSError, ValueError) as error:  # a name too long, a folder that may not be entered, a NUL
        raise CheckpointError(f"{brief(str(path))}: cannot be read ({brief(error)}); give another file") from error


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


def _loaded(path: Path, file: TensorFile, asked: str | None) -> tuple[Checkpoint, bool]:
    """The generator at the place that is asked for, and whether the file says itself that it was written by us."""
    found = find_generator(path, file, asked)
    shapes = {key: file.groups[found.group][name].shape for key, name in found.names.items()}
    declared = _declared(file.metadata)
    config = declared or recognised(shapes)
    wanted = {key: found.names[key] for key in expected_shapes(config) if key in found.names}
    file.check(found.group, wanted.values())
    check_keys(config, shapes)
    arrays = file.read(found.group, wanted.values())
    state = checked_state(config, {key: arrays[name] for key, name in wanted.items()})
    chosen = {} if asked is None else {GENERATOR: found.place}
    return Checkpoint(path, config, state, file.sha256(), chosen), declared is not None


def find_generator(path: Path, file: TensorFile, asked: str | None) -> Found:
    """In a file, by the place that is asked for; of several without that, see `search.choose`: logged.

    Raises CheckpointError where there is none, or one of a network that is known to be another.
    """
    generators = find_generators(file.groups)
    if not generators:
        count = sum(map(len, file.groups.values()))
        if any(name.endswith(OF_TORCHSCRIPT) for group in file.groups.values() for name in group):
            raise CheckpointError(
                "is the program of lama-export --to torchscript, and its folded weights are no checkpoint; give the "
                "folder of its bundle, or the checkpoint that it was made from"
            )
        raise CheckpointError(
            f"no LaMa generator inside ({count} tensors, none named like '…model.1.ffc.convl2l.weight'; at its top: "
            f"{top_level(file.groups)}); give an official checkpoint, a TorchScript export of one, or .safetensors"
        )
    require_ours(file.groups)
    found = choose(generators, asked)
    if asked is None and len(generators) > 1:
        others = ", ".join(brief(one.place, 60) for one in generators if one is not found)
        log.warning(
            "%s: holds %s generators; took %s, not %s; --assume generator=PLACE takes another (told in Python)",
            *(brief(str(path)), len(generators), brief(found.place, 60), others),
        )
    return found


def _say_assumed(path: Path, untold: Mapping[str, str]) -> None:
    log.warning(
        "%s: its keys do not show all, and no config.yaml of its own stands beside it; assumed: %s; if one is "
        "another, the pictures are wrong; lama-export, lama-inpaint and lama-train are told it by --assume FIELD=VALUE",
        *(brief(str(path)), ", ".join(f"{name} {value}" for name, value in untold.items())),
    )


def _declared(metadata: Mapping[str, str]) -> GeneratorConfig | None:
    if CONFIG_METADATA not in metadata:
        return None
    try:
        return GeneratorConfig.from_dict(json.loads(metadata[CONFIG_METADATA]))
    except (ValueError, RecursionError, ConfigError) as error:
        raise CheckpointError(
            f"its metadata '{CONFIG_METADATA}' is no generator config ({brief(error, 300)})"
        ) from error
