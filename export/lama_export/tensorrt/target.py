"""The engine file of a TensorRT bundle, beside the ONNX file that it is parsed from and proven by."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx

from lama_deploy.errors import ConfigError
from lama_deploy.tensorrt.log import log_of
from lama_deploy.tensorrt.modules import open_tensorrt, register_own_plugins, require_dft
from lama_export.engine_options import EngineOptions
from lama_export.graph.spectral import SPECTRAL_CONV
from lama_export.options import ExportOptions
from lama_export.progress import Progress
from lama_export.tensorrt.build import Engine, build_engine
from lama_export.tensorrt.capabilities import capabilities, this_gpu
from lama_export.tensorrt.listing import check_listing, float32_sums
from lama_export.tensorrt.plugin import LoadedPlugin, asks_for_plugin, carry_plugin, loaded_plugin, unit_channels


def require_tensorrt(options: ExportOptions) -> None:
    """Raise a LamaDeployError, before anything is computed, for what this machine's TensorRT cannot do."""
    engine = options.engine or EngineOptions()
    trt = open_tensorrt(options.target)
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
    units = sum(node.op_type == SPECTRAL_CONV for node in model.graph.node)
    plugin = _plugin_for(model, units, trt, options)
    if options.spectral == "dft":
        register_own_plugins(trt, log_of(trt))
    start = time.perf_counter()
    plugins = units if plugin.record else 0
    built = build_engine(trt, options.target, onnx_path, engine, plugins=plugins, progress=progress)
    seconds = time.perf_counter() - start
    dft = options.spectral == "dft"
    checked = check_listing(built.listing, precision=options.precision, plugin=plugins > 0, dft=dft)
    path.write_bytes(built.plan)
    return {
        "module": trt.__name__,
        "version": trt.__version__,
        "gpu": this_gpu() if options.target == "trt" else None,
        "executed": False,
        "checked": checked,
        "spectral": "plugin" if plugins else "inline" if units else _without_nodes(model),
        "plugin": _carried(plugin, path.parent),
        "no_plugin": plugin.reason,
        "build_seconds": round(seconds, 1),
        **_asked(engine),
        **_built(built),
    }


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
    }


def _built(engine: Engine) -> dict[str, Any]:
    return {
        "network_layers": engine.network_layers,
        "layers": engine.listing.counts,
        "float32_sums": float32_sums(engine.listing),
        "tensors": engine.listing.tensors,
        "activation_bytes": list(engine.listing.activation_bytes),
    }
