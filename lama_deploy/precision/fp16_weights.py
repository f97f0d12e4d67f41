"""The powers of two that bring a checkpoint into fp16, chosen once per checkpoint and kept in the user's cache."""

from __future__ import annotations

import json
import logging
import math
from contextlib import suppress
from pathlib import Path

import torch

from lama_deploy.arrays import Array
from lama_deploy.cache import kept_in_cache
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.checkpoints.topology import HEAD, layers
from lama_deploy.disk import appears_whole
from lama_deploy.precision.calibration import CalibrationSet
from lama_deploy.precision.choose_scales import choose_scales
from lama_deploy.precision.ranges import largest_values
from lama_deploy.precision.scales import scale_state

log = logging.getLogger(__name__)
VERSION = 2  # of what is measured and how scales are chosen; another number, another file


def half_state(checkpoint: Checkpoint, device: torch.device) -> dict[str, Array]:
    """Weights under official keys that compute what the checkpoint's do, with every value in fp16's range.

    The first time, the shipped calibration pictures run through the generator on `device`, in float32.
    Raises ParityError where no scales are small enough, LamaDeployError where float32 itself overflows.
    """
    path = kept_in_cache("half_scales", f"{checkpoint.sha256}-v{VERSION}.json")
    scales = _read(path, {layer.output for layer in layers(checkpoint.config)} - {HEAD})
    if scales is None:
        log.warning("measuring the ranges of this checkpoint for fp16: once, on nine pictures")
        largest = largest_values(checkpoint, CalibrationSet(), device)
        scales = choose_scales(checkpoint.config, checkpoint.state_dict, largest)
        with suppress(OSError):  # a cache that cannot be written costs time, not results
            _write(path, scales)
    return scale_state(checkpoint.config, checkpoint.state_dict, scales)


def _read(path: Path | None, known: set[str]) -> dict[str, float] | None:
    """None for a file that is not there or not what `_write` writes."""
    if path is None:
        return None
    try:
        scales = {str(value): float(scale) for value, scale in json.loads(path.read_text()).items()}
    except (OSError, ValueError, OverflowError, RecursionError, TypeError, AttributeError):
        return None
    powers = all(math.isfinite(scale) and scale > 0 and math.frexp(scale)[0] == 0.5 for scale in scales.values())
    return scales if powers and set(scales) <= known else None


def _write(path: Path | None, scales: dict[str, float]) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with appears_whole(path) as stream:  # another process may be reading
        stream.write(json.dumps(scales, indent=2).encode())
