"""ncnn on a CPU: a `model.ncnn.param` written by lama-export and the .bin beside it, for pictures of one size."""

from __future__ import annotations

import os
import re
from pathlib import Path

import ncnn
import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import BundleError
from lama_deploy.images.pixels import unit_planes
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.runtime.devices import parse_device
from lama_deploy.runtime.failures import engine_failures
from lama_deploy.shapes import Shape, ShapeRange

# The first layer: what the file was made for, and the size of its pictures.
FIRST = re.compile(r"^Input +lama_deploy/float/(fp32|fp16|int8) 0 1 image 0=([1-9]\d{0,6}) 1=([1-9]\d{0,6}) 2=3$", re.M)
LONGEST_LINE = 1000  # before which it stands


class NcnnBackend:
    """device: "cpu" or None, the same. threads: None for one a core. Safe to call from several threads.

    Everything is computed in float32, as the file was proven; ncnn itself would choose halves where the processor has
    them, and Winograd's sums.
    """

    name = "ncnn"
    device = "cpu"

    def __init__(self, model: str | os.PathLike[str], *, device: str | None = None, threads: int | None = None) -> None:
        parse_device(device, ("cpu",), "the ncnn backend")
        path = Path(model)
        made_for, shape = _said_by(path)
        self._net = _opened(path, threads or os.cpu_count() or 1)
        self.capabilities = Capabilities(made_for=made_for, shapes=(ShapeRange(shape, shape, shape),))

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run. Raises EngineError, DeviceMemoryError."""
        with engine_failures("ncnn", (masks.shape[0], masks.shape[1], masks.shape[2])):
            planes = unit_planes(images, masks)
            extractor = self._net.create_extractor()
            for name, values in zip(("image", "mask"), planes, strict=True):
                extractor.input(name, ncnn.Mat(values[0]).clone())  # its own memory, aligned as ncnn's layers want it
            failure, found = extractor.extract("result")
            if failure:
                raise RuntimeError(f"it stopped with {failure}")
            return np.array(found)[None].transpose(0, 2, 3, 1)


def _said_by(path: Path) -> tuple[str, Shape]:
    """(precision, shape) as lama-export wrote them into the file. Raises BundleError."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            found = FIRST.search(stream.read(LONGEST_LINE))
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from error
    if found is None:
        raise BundleError(f"{path}: not a LaMa model of lama-export; make one with lama-export --to ncnn")
    return found[1], (1, int(found[3]), int(found[2]))


def _opened(path: Path, threads: int) -> ncnn.Net:
    """Raises BundleError."""
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise BundleError(f"{weights}: no such file; ncnn's models are two, {path.name} and {weights.name}")
    net = ncnn.Net()
    net.opt.num_threads = threads
    for choice in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage", "winograd_convolution"):
        setattr(net.opt, f"use_{choice}", False)
    if net.load_param(str(path)) or net.load_model(str(weights)):
        raise BundleError(f"{path}: ncnn cannot open it and the weights beside it; export it again")
    return net
