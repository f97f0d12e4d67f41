"""What can be measured: a MODEL as it is typed -> a function from picture and hole to the filled picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.bundle import is_bundle, load_bundle
from lama_deploy.disk import sha256_of
from lama_deploy.errors import BundleError, CheckpointError, LamaDeployError, UnsafeCheckpointError
from lama_deploy.evaluation.third_party import ForeignModel, OutputRange, open_onnx, open_torchscript
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.opening import BY_SUFFIX

ONNX_PREFIX, TORCHSCRIPT_PREFIX = "onnx:", "torchscript:"
OPENCV = {"opencv-telea": "INPAINT_TELEA", "opencv-ns": "INPAINT_NS"}
KINDS = (
    "a bundle, checkpoint or name as lama-inpaint takes it; another method's onnx:PATH or torchscript:PATH; "
    + " or ".join(OPENCV)
)

Fill = Callable[[Array, Array], Array]


@dataclass(frozen=True, kw_only=True)
class InpainterOptions:
    """device: "cpu", "cuda" or None: cuda where there is one. backend, precision: of checkpoints, as for
    `Inpainter.load`; None for its defaults. opencv_radius: in pixels. The rest: see ForeignModel.
    """

    device: str | None = None
    threads: int | None = None
    backend: str | None = None
    precision: str | None = None
    opencv_radius: int = 3
    output_range: OutputRange | None = None
    multiple: int = 8


@dataclass(frozen=True)
class Candidate:
    """A model under evaluation. facts: its kind, SHA-256 and settings, for the record; note: what readers must know."""

    name: str
    fill: Fill
    facts: dict[str, Any] = field(default_factory=dict)
    note: str | None = None

    def inpaint(self, rgb: Array, hole: Array) -> Array:
        """rgb (H, W, 3) uint8, hole (H, W) uint8 -> (H, W, 3) uint8. Known pixels are the picture's own."""
        return np.where(hole[..., None] > 0, self.fill(rgb, hole), rgb)


def open_candidate(name: str, options: InpainterOptions) -> Candidate:
    """MODEL: see KINDS. Raises LamaDeployError for what cannot be opened.

    A TorchScript file is a program, so it is loaded only under its prefix; everything else is read as data.
    """
    if name in OPENCV:
        return _opencv(name, options)
    if name.startswith((ONNX_PREFIX, TORCHSCRIPT_PREFIX)):
        return _foreign(name, options)
    try:
        return _ours(name, options)
    except UnsafeCheckpointError:
        raise
    except (BundleError, CheckpointError) as error:
        prefix = {".onnx": ONNX_PREFIX, ".pt": TORCHSCRIPT_PREFIX}.get(Path(name).suffix)
        if prefix is None or not Path(name).is_file():
            raise
        raise LamaDeployError(f"{error}; or, for another method's model: {prefix}{name}") from error


def _ours(name: str, options: InpainterOptions) -> Candidate:
    bundle = load_bundle(name, check=False) if is_bundle(name) else None  # the Inpainter checks its hashes
    file = Path(bundle.model) if bundle else Path(name)
    if bundle or file.suffix in BY_SUFFIX:
        inpainter = Inpainter.load(name, strategy="whole", device=options.device, threads=options.threads)
        sha256 = bundle.files[bundle.model]["sha256"] if bundle else sha256_of(file)
        return Candidate(name, _fill(inpainter), {"kind": "ours", "sha256": sha256})
    from lama_deploy.checkpoints.weights import load_weights

    checkpoint = load_weights(name)  # here rather than in Inpainter.load, for its SHA-256
    own = {key: getattr(options, key) for key in ("backend", "precision") if getattr(options, key) is not None}
    inpainter = Inpainter.of(checkpoint, strategy="whole", device=options.device, threads=options.threads, **own)
    return Candidate(name, _fill(inpainter), {"kind": "ours", "sha256": checkpoint.sha256, **own})


def _fill(inpainter: Inpainter) -> Fill:
    return lambda rgb, hole: inpainter.run(rgb[None], hole[None])[0]


def _foreign(name: str, options: InpainterOptions) -> Candidate:
    kind, _, text = name.partition(":")
    path = Path(text)
    if kind == "onnx":
        network, fixed_size = open_onnx(path, options.device, options.threads)
    else:
        network, fixed_size = open_torchscript(path, options.device), None
    model = ForeignModel(
        name, network, fixed_size=fixed_size, multiple=options.multiple, output_range=options.output_range
    )
    scale = "0..255" if model.output_range == "byte" else "[0, 1]"
    origin = "as given" if options.output_range else "by its output on a probe picture"
    size = (
        "any size"
        if model.fixed_size is None
        else "{1}x{0} only, pictures are resized to it and back".format(*model.fixed_size)
    )
    facts = {"kind": kind, "sha256": sha256_of(path), "output_range": scale, "fixed_size": model.fixed_size}
    return Candidate(name, model, facts, f"{name}: runs at {size}; its output is taken for {scale}, {origin}")


def _opencv(name: str, options: InpainterOptions) -> Candidate:
    import cv2

    method = int(getattr(cv2, OPENCV[name]))

    def fill(rgb: Array, hole: Array) -> Array:
        return cv2.inpaint(rgb, hole, options.opencv_radius, method)  # each channel by itself: RGB is as good as BGR

    return Candidate(name, fill, {"kind": "opencv", "version": cv2.__version__, "radius": options.opencv_radius})
