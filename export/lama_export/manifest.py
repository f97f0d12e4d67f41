"""What `bundle.json` says of a new bundle."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx

from lama_deploy.bundle import Bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.disk import files_below, sha256_of
from lama_deploy.proof.parity import ParityRecord
from lama_deploy.variants import variant_name

TOOLS = ("lama-deploy", "torch", "onnx", "onnxruntime", "numpy")


def describe(
    checkpoint: Checkpoint,
    model: onnx.ModelProto,
    record: ParityRecord,
    directory: Path,
    *,
    tools: Iterable[str] = (),
    source: str = "",
    **facts: Any,
) -> Bundle:
    """The bundle in `directory`, made through `model`. tools: packages besides TOOLS. facts: further fields."""
    return Bundle(
        variant=variant_name(checkpoint.config),
        generator=checkpoint.config.to_dict(),
        weights={"source": source or str(checkpoint.path), "sha256": checkpoint.sha256},
        assumed=dict(checkpoint.assumed),
        files={path.relative_to(directory).as_posix(): _fingerprint(path) for path in files_below(directory)},
        inputs={value.name: _interface(value) for value in model.graph.input},
        outputs={value.name: _interface(value) for value in model.graph.output},
        tools={name: version(name) for name in (*TOOLS, *tools)},
        parity=record.to_dict(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    )


def _fingerprint(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _interface(value: onnx.ValueInfoProto) -> dict[str, Any]:
    tensor = value.type.tensor_type
    dims = [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]
    return {"dtype": onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name, "shape": dims}
