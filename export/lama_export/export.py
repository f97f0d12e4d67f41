"""Checkpoint -> bundle on disk, with its proof. A failed export leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import onnx

from lama_deploy.bundle import MODELS, is_bundle
from lama_deploy.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, ConfigError, MissingDependencyError
from lama_deploy.proof.candidate import candidate
from lama_deploy.proof.parity import ParityRecord, Size, measure, require
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.proof.tolerance import tolerance_of
from lama_deploy.runtime.backend import Array
from lama_export.calibration import CalibrationSet
from lama_export.half import fold_ranges
from lama_export.manifest import describe
from lama_export.onnx_model import Spectral, onnx_from_state
from lama_export.picture import Interface

Target = Literal["onnx", "openvino"]
Precision = Literal["fp32", "fp16", "bf16"]
# Latents: 8x8, 9x17 (odd), 13x11 (prime), a batch of odd pixels, and one below what reflect padding needs.
PARITY_SIZES = (Size(64, 64), Size(72, 136), Size(101, 85), Size(37, 90, 2), Size(5, 7))
EXTERNAL_DATA = "model.onnx.data"


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """How to export.

    target: the engine. precision: of weights and activations; bf16 is OpenVINO's alone. io: bytes or floats at the
    interface. spectral: see `onnx_from_state`; for the onnx target only. external_data: weights in a second file, as
    OpenVINO has them anyway. calibration: folder of photographs to measure activation ranges on (fp16), None for the
    shipped ones. Raises ConfigError for what does not go together.
    """

    target: Target = "onnx"
    io: Interface = "uint8"
    spectral: Spectral | None = None
    precision: Precision = "fp32"
    external_data: bool = False
    calibration: Path | None = None
    parity_sizes: Sequence[Size] = PARITY_SIZES

    def __post_init__(self) -> None:
        if self.target == "onnx" and self.precision == "bf16":
            raise ConfigError("bf16 is for --to openvino; ONNX Runtime has no kernels for it on a CPU")
        if self.target == "openvino" and (self.spectral or self.external_data):
            raise ConfigError("--spectral and --external-data are for --to onnx; OpenVINO's files leave no choice")
        if self.calibration and self.precision != "fp16":
            raise ConfigError(f"--calibration is for --fp16; {self.precision} needs no ranges")


def export_bundle(
    checkpoint: Checkpoint,
    out: str | os.PathLike[str],
    options: ExportOptions | None = None,
    *,
    source: str = "",
    progress: Callable[[Sequence[Size]], Any] = iter,
) -> ParityRecord:
    """Write the bundle directory `out`, proven against eager PyTorch. An older bundle there is replaced.

    Raises ParityError when the file does not reproduce the reference, BundleError when `out` holds something else,
    DataError and ImageError for calibration images that cannot be used, MissingDependencyError.
    """
    options = options or ExportOptions()
    write = {"onnx": _write_onnx, "openvino": _write_openvino}[options.target]
    tools = [] if options.target == "onnx" else ["openvino"]
    _require_installed(tools)
    with _replacing(Path(out)) as directory:
        state_dict, ranges = _folded(checkpoint, options, progress)
        path = directory / MODELS[options.target]
        model, spectral = write(checkpoint, state_dict, options, path)
        record = measure(
            candidate(path, options.precision),
            oracle(checkpoint),
            options.parity_sizes,
            tolerance_of(options.precision, spectral),
            eager=eager(checkpoint),
            progress=progress,
        )
        require(record)
        facts = {"target": options.target, "precision": options.precision, "spectral": spectral, "io": options.io}
        bundle = describe(checkpoint, model, record, directory, tools=tools, source=source, ranges=ranges, **facts)
        bundle.save(directory)
    return record


def _folded(
    checkpoint: Checkpoint, options: ExportOptions, progress: Callable[[Sequence[Any]], Any]
) -> tuple[Mapping[str, Array], dict[str, Any]]:
    """Weights that fit the precision, and the record of their ranges."""
    if options.precision != "fp16":
        return checkpoint.state_dict, {}
    images = CalibrationSet(options.calibration)
    folded = fold_ranges(checkpoint.config, checkpoint.state_dict, progress(images))
    return folded.state_dict, {"calibration": images.describe(), **folded.to_dict()}


def _write_onnx(
    checkpoint: Checkpoint, state_dict: Mapping[str, Array], options: ExportOptions, path: Path
) -> tuple[onnx.ModelProto, str]:
    """Write the file; return the model and its spectral form."""
    spectral = options.spectral or "function"
    precision: Literal["fp32", "fp16"] = "fp16" if options.precision == "fp16" else "fp32"
    model = onnx_from_state(checkpoint.config, state_dict, io=options.io, spectral=spectral, precision=precision)
    if options.external_data:
        onnx.save(model, path, save_as_external_data=True, location=EXTERNAL_DATA)
    else:
        onnx.save(model, path)
    return model, spectral


def _write_openvino(
    checkpoint: Checkpoint, state_dict: Mapping[str, Array], options: ExportOptions, path: Path
) -> tuple[onnx.ModelProto, str]:
    """As `_write_onnx`. The front has no strips: they save nothing here, and oneDNN gets narrow ones wrong in bf16."""
    from lama_export.openvino_model import openvino_from_onnx, save_openvino

    model = onnx_from_state(checkpoint.config, state_dict, io=options.io, spectral="inline", strips=False)
    save_openvino(openvino_from_onnx(model, options.precision), path, halves=options.precision == "fp16")
    return model, "inline"


def _require_installed(packages: Sequence[str]) -> None:
    from importlib.util import find_spec

    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"this export needs {' and '.join(missing)}: pip install lama-deploy[{missing[0]}]"
        )


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A temporary directory beside `out` that takes its place when the block succeeds, and vanishes otherwise."""
    if out.exists() and not is_bundle(out) and not (out.is_dir() and not any(out.iterdir())):
        raise BundleError(f"{out}: exists and is not a bundle; give another --out, or remove it")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        temporary.chmod(0o755)
        yield temporary
        if out.exists():
            shutil.rmtree(out)
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
