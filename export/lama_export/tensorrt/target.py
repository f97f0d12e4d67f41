"""The engine file of a TensorRT bundle, beside the ONNX file that it is parsed from and proven by."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx

from lama_deploy.errors import ConfigError, brief
from lama_deploy.tensorrt.log import log_of
from lama_deploy.tensorrt.modules import open_tensorrt, register_own_plugins, require_dft
from lama_export.engine_options import EngineOptions
from lama_export.graph.spectral import SPECTRAL_CONV
from lama_export.options import ExportOptions
from lama_export.progress import Progress
from lama_export.tensorrt.asked import DTYPES, asked_of
from lama_export.tensorrt.build import Engine, build_engine
from lama_export.tensorrt.capabilities import capabilities, this_gpu
from lama_export.tensorrt.device import on_device, require_device
from lama_export.tensorrt.inspector import inspection_of, read_inspection
from lama_export.tensorrt.judging import Verdict, judge
from lama_export.tensorrt.limits import require_possible
from lama_export.tensorrt.listing import Listing, float32_sums
from lama_export.tensorrt.plugin import LoadedPlugin, asks_for_plugin, carry_plugin, loaded_plugin, unit_channels

log = logging.getLogger(__name__)


def require_tensorrt(options: ExportOptions) -> None:
    """Raise a LamaDeployError, before anything is computed, for what this machine's TensorRT cannot do."""
    engine = options.engine or EngineOptions()
    trt = open_tensorrt(options.target)
    require_device(engine.device)
    require_possible(trt, options)
    capabilities(trt, options.target, engine.compute_capabilities)
    if options.spectral == "dft":
        require_dft(trt, options.target)
    if asks_for_plugin(options):
        loaded_plugin(trt, options)


def write_engine(
    model: onnx.ModelProto, onnx_path: Path, path: Path, options: ExportOptions, progress: Progress = iter
) -> dict[str, Any]:
    """Build the engine of `model`, which lies in `onnx_path`; return what the bundle records of it.

    Raises EngineError where it is not what was asked for, ConfigError for a plugin that has nothing to replace.
    """
    engine, trt = options.engine or EngineOptions(), open_tensorrt(options.target)
    with on_device(engine.device):
        units = sum(node.op_type == SPECTRAL_CONV for node in model.graph.node)
        plugin = _plugin_for(model, units, trt, options)
        if options.spectral == "dft":
            register_own_plugins(trt, log_of(trt))
        start = time.perf_counter()
        plugins = units if plugin.record else 0
        names = refittable_names(model)
        built = build_engine(
            trt, options.target, onnx_path, path, engine, plugins=plugins, refittable=names, progress=progress
        )
        seconds = time.perf_counter() - start
        listing = inspected(trt, options.target, path, engine, built.listing)
        gpu = this_gpu() if options.target == "trt" else None
    asked = asked_of(model, options.graph_precision, quantised=options.precision == "int8")
    verdict = judge(listing, asked, plugin=plugins > 0)
    _tell(verdict)
    return {
        "module": trt.__name__,
        "version": trt.__version__,
        "gpu": gpu,
        "executed": False,
        **verdict.to_dict(),
        "spectral": "plugin" if plugins else "inline" if units else _without_nodes(model),
        "plugin": _carried(plugin, path.parent),
        "no_plugin": plugin.reason,
        "build_seconds": round(seconds, 1),
        **_asked(engine),
        **_built(built, listing),
    }


def refittable_names(model: onnx.ModelProto) -> list[str]:
    """Initialisers that come from a checkpoint. Other constants are single numbers, integers, or in functions."""
    return [tensor.name for tensor in model.graph.initializer if tensor.data_type in DTYPES and tensor.dims]


def inspected(trt: Any, target: str, path: Path, options: EngineOptions, logged: Listing) -> Listing:
    """What the inspector of the engine itself tells, where it can be opened here; else what was `logged`.

    TensorRT-RTX opens engines only with a driver. Nothing that goes wrong here loses the engine.
    """
    if options.profiling == "none" or (target == "trt-rtx" and this_gpu() is None):
        return logged
    try:
        told = read_inspection(inspection_of(trt, path, host_code=options.version_compatible), logged)
    except Exception as error:  # whatever TensorRT throws
        log.info("the engine is not inspected: %s", brief(error))
        return logged
    return told or logged


def _tell(verdict: Verdict) -> None:
    for doubt in verdict.to_dict()["doubts"]:
        log.warning("not judged: %s", doubt)


def _plugin_for(model: onnx.ModelProto, units: int, trt: Any, options: ExportOptions) -> LoadedPlugin:
    if units:
        return loaded_plugin(trt, options, unit_channels(model))
    if asks_for_plugin(options):
        raise ConfigError("this generator has no Fourier units for a plugin to replace; leave out the option")
    return LoadedPlugin()


def _carried(plugin: LoadedPlugin, directory: Path) -> dict[str, str] | None:
    if plugin.record is None or plugin.path is None:
        return None
    return carry_plugin(plugin.record, plugin.path, directory)


def _without_nodes(model: onnx.ModelProto) -> str:
    return "dft" if any(node.op_type == "DFT" for node in model.graph.node) else "none"


def _asked(engine: EngineOptions) -> dict[str, Any]:
    return {
        "compute_capabilities": list(engine.compute_capabilities),
        "tf32": engine.tf32,
        "opt_level": engine.opt_level,
        "workspace_mib": engine.workspace,
        "profiles": [asdict(profile) for profile in engine.profiles],
        "batch": asdict(engine.batch),
        "version_compatible": engine.version_compatible,
        "hardware_compatibility": engine.hardware or "none",
        "refittable": engine.refittable,
        "stripped": engine.strip_weights,
        "profiling": engine.profiling,
        "aux_streams": engine.aux_streams,
    }


def _built(engine: Engine, listing: Listing) -> dict[str, Any]:
    return {
        "network_layers": engine.network_layers,
        "layers": listing.counts,
        "float32_sums": float32_sums(listing),
        "tensors": listing.tensors,
        "activation_bytes": list(listing.activation_bytes),
        "warnings": list(engine.warnings),
    }
