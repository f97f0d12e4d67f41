"""Bundles made by hand around the tiny generator: any precision, any weights, any record of an engine."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from lama_deploy.bundle import ENGINE, MODEL, load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_export.graph.model import onnx_from_state
from tests.resign import resign

Make = Callable[..., Path]


@pytest.fixture
def make_bundle(tiny: Checkpoint, bundles: Mapping[str, Path], tmp_path: Path) -> Make:
    """(name, precision, state=, edit=, **manifest) -> its folder. edit: initialiser -> what changes its array."""

    def make(
        name: str,
        precision: str = "fp32",
        *,
        state: Mapping[str, np.ndarray] | None = None,
        edit: Mapping[str, Callable[[np.ndarray], np.ndarray]] | None = None,
        **manifest: Any,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        weights, spectral = tiny.state_dict if state is None else state, manifest.get("spectral", "function")
        model = onnx_from_state(tiny.config, weights, precision=precision, spectral=spectral)  # type: ignore[arg-type]
        tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        for key, change in (edit or {}).items():
            array = onnx.numpy_helper.to_array(tensors[key])
            tensors[key].CopyFrom(onnx.numpy_helper.from_array(change(array).astype(array.dtype), key))
        onnx.save(model, folder / MODEL)
        (folder / ENGINE).touch()
        replace(load_bundle(bundles["uint8"]), precision=precision, **manifest).save(folder)
        return resign(folder)

    return make


@pytest.fixture
def engine_record() -> dict[str, Any]:
    """As `lama_export.tensorrt.target` records it, what the layers' comparison reads of it."""
    sides = [(16, 32, 64), (64, 128, 256)]
    profiles = [{key: [side, side] for key, side in zip(("min", "opt", "max"), one, strict=True)} for one in sides]
    asked = {"version": "1.7.0", "tf32": False, "opt_level": 0, "workspace_mib": 256, "plugin": None}
    return {"profiles": profiles, "batch": {"min": 1, "opt": 1, "max": 2}, **asked}
