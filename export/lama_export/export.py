"""Checkpoint -> bundle on disk, with its proof. A failed export leaves nothing behind."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx

from lama_deploy.bundle import MODEL, Bundle, is_bundle
from lama_deploy.checkpoint import Checkpoint
from lama_deploy.errors import BundleError
from lama_deploy.proof.candidate import candidate
from lama_deploy.proof.parity import ParityRecord, Size, measure, require
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.proof.tolerance import tolerance_of
from lama_deploy.runtime.backend import Array
from lama_deploy.variants import variant_name
from lama_export.calibration import CalibrationSet
from lama_export.half import fold_ranges
from lama_export.onnx_model import Precision, Spectral, onnx_from_state
from lama_export.picture import Interface

# Latents: 8x8, 9x17 (odd), 13x11 (prime), a batch of odd pixels, and one below what reflect padding needs.
PARITY_SIZES = (Size(64, 64), Size(72, 136), Size(101, 85), Size(37, 90, 2), Size(5, 7))
TOOLS = ("lama-deploy", "torch", "onnx", "onnxruntime", "numpy")
EXTERNAL_DATA = "model.onnx.data"


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """How to export.

    io: bytes or floats at the interface. spectral, precision: see `onnx_from_state`. external_data: weights in a
    second file. calibration: folder of photographs to measure activation ranges on (fp16), None for the shipped ones.
    """

    io: Interface = "uint8"
    spectral: Spectral = "function"
    precision: Precision = "fp32"
    external_data: bool = False
    calibration: Path | None = None
    parity_sizes: Sequence[Size] = PARITY_SIZES


def export_onnx(
    checkpoint: Checkpoint,
    out: str | os.PathLike[str],
    options: ExportOptions | None = None,
    *,
    source: str = "",
    progress: Callable[[Sequence[Size]], Any] = iter,
) -> ParityRecord:
    """Write the bundle directory `out`, proven against eager PyTorch. An older bundle there is replaced.

    Raises ParityError when the file does not reproduce the reference, BundleError when `out` holds something else,
    DataError and ImageError for calibration images that cannot be used.
    """
    options = options or ExportOptions()
    with _replacing(Path(out)) as directory:
        state_dict, ranges = _folded(checkpoint, options, progress)
        model = onnx_from_state(
            checkpoint.config, state_dict, io=options.io, spectral=options.spectral, precision=options.precision
        )
        _save(model, directory / MODEL, options.external_data)
        record = measure(
            candidate(directory / MODEL, options.precision),
            oracle(checkpoint),
            options.parity_sizes,
            tolerance_of(options.precision, options.spectral),
            eager=eager(checkpoint),
            progress=progress,
        )
        require(record)
        _manifest(checkpoint, model, options, record, ranges, source, directory).save(directory)
    return record


def _folded(
    checkpoint: Checkpoint, options: ExportOptions, progress: Callable[[Sequence[Any]], Any]
) -> tuple[Mapping[str, Array], dict[str, Any]]:
    """Weights that fit the precision, and the record of their ranges."""
    if options.precision == "fp32":
        return checkpoint.state_dict, {}
    images = CalibrationSet(options.calibration)
    folded = fold_ranges(checkpoint.config, checkpoint.state_dict, progress(images))
    return folded.state_dict, {"calibration": images.describe(), **folded.to_dict()}


def _save(model: onnx.ModelProto, path: Path, external_data: bool) -> None:
    if external_data:
        onnx.save(model, path, save_as_external_data=True, location=EXTERNAL_DATA)
    else:
        onnx.save(model, path)


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


def _manifest(
    checkpoint: Checkpoint,
    model: onnx.ModelProto,
    options: ExportOptions,
    record: ParityRecord,
    ranges: dict[str, Any],
    source: str,
    directory: Path,
) -> Bundle:
    return Bundle(
        variant=variant_name(checkpoint.config),
        generator=checkpoint.config.to_dict(),
        weights={"source": source or str(checkpoint.path), "sha256": checkpoint.sha256},
        target="onnx",
        precision=options.precision,
        spectral=options.spectral,
        io=options.io,
        files={path.name: _fingerprint(path) for path in sorted(directory.iterdir())},
        inputs={value.name: _describe(value) for value in model.graph.input},
        outputs={value.name: _describe(value) for value in model.graph.output},
        tools={name: version(name) for name in TOOLS},
        parity=record.to_dict(),
        ranges=ranges,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _describe(value: onnx.ValueInfoProto) -> dict[str, Any]:
    tensor = value.type.tensor_type
    dims = [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]
    return {"dtype": onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name, "shape": dims}
