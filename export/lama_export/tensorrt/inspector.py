"""What an engine is made of, told by TensorRT's inspector of the engine itself: JSON, in either dialect (`listing`).

TensorRT 11 replaced the list of names "Bindings" by "I/O Tensors", which say types and profiles, and split
"Format/Datatype" in two ("Migrating IEngineInspector Usage from TensorRT 10.x to 11.x" in its documentation).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lama_deploy.errors import EngineError
from lama_deploy.tensorrt.log import log_of
from lama_export.tensorrt.listing import EngineLayer, Listing, precisions

TYPES = ("Format/Datatype", "Datatype", "DataType")


def read_inspection(text: str, logged: Listing) -> Listing | None:
    """The layers of an inspector's JSON; tensors and memory too where it tells them, else as `logged` has them.

    None where it is no JSON of layers with details: an engine built with profiling "none" has only names, or nothing.
    """
    try:
        found = json.loads(text)
        layers = tuple(_layer(one) for one in found["Layers"] if isinstance(one, dict))
        tensors = dict(map(_tensor, found.get("I/O Tensors", ())))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return replace(logged, layers=layers, tensors=tensors or logged.tensors) if layers else None


def inspection_of(trt: Any, path: Path, *, host_code: bool) -> str:
    """The inspector's JSON of an engine file. host_code: it brings a runtime of its own (`compatibility`).

    Raises EngineError where it cannot be opened. Inspector, engine and runtime go in this order (NvInferRuntime.h,
    IRuntime::deserializeCudaEngine: "Destroying the IRuntime before destroying all associated ICudaEngine instances
    results in undefined behavior").
    """
    logger = log_of(trt)
    runtime = trt.Runtime(logger)
    try:
        if host_code:
            runtime.engine_host_code_allowed = True
        return _inspection(trt, runtime, path)
    finally:
        del runtime


def _inspection(trt: Any, runtime: Any, path: Path) -> str:
    engine = runtime.deserialize_cuda_engine(path.read_bytes())
    if engine is None:
        raise EngineError(f"{trt.__name__} does not open the engine that it built")
    return _told(trt, engine)


def _told(trt: Any, engine: Any) -> str:
    inspector = engine.create_engine_inspector()
    return str(inspector.get_engine_information(trt.LayerInformationFormat.JSON))


def _layer(one: Mapping[str, Any]) -> EngineLayer:
    weights = one.get("Weights")
    named = [(str(weights.get("Count", "")), str(weights.get("Type", "")))] if isinstance(weights, dict) else []
    return EngineLayer(
        name=str(one.get("Name", "")),
        kind=str(one.get("LayerType", "")),
        reads=_precisions(one.get("Inputs")),
        writes=_precisions(one.get("Outputs")),
        weights=_precisions(one.get("Constants")) | precisions(named),
        origin=str(one.get("Metadata", "")),
    )


def _precisions(tensors: Iterable[Mapping[str, Any]] | None) -> frozenset[str]:
    return precisions((_dims(one), next((str(one[key]) for key in TYPES if key in one), "")) for one in tensors or ())


def _dims(tensor: Mapping[str, Any]) -> str:
    return ",".join(map(str, tensor.get("Dimensions", ())))


def _tensor(one: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """As `read_listing` has it. Outputs have profiles without shapes."""
    profiles = [
        {kind: profile[f"{kind.capitalize()}Shape"] for kind in ("min", "opt", "max")}
        for profile in one.get("ProfileInfo", ())
        if "MinShape" in profile
    ]
    dtype = next((str(one[key]) for key in TYPES if key in one), "")
    return str(one["Name"]), {"dtype": dtype, "profiles": profiles}
