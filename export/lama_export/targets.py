"""The model file of each target."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx

from lama_deploy.arrays import Array
from lama_deploy.bundle import MODEL
from lama_deploy.errors import MissingDependencyError
from lama_deploy.installing import install
from lama_deploy.precision.calibration import CalibrationSet
from lama_deploy.proof.subjects import Size
from lama_deploy.variants import GeneratorConfig
from lama_export.edge.interface import interface_of
from lama_export.engine_options import ENGINES
from lama_export.graph.fixed import fix_shapes
from lama_export.graph.model import onnx_from_state
from lama_export.graph.opsets import Spectral
from lama_export.options import ExportOptions
from lama_export.precision.sensitivity import Choice
from lama_export.progress import Progress

log = logging.getLogger(__name__)
EXTERNAL_DATA = "model.onnx.data"


@dataclass(frozen=True)
class Written:
    """path: the file that a CPU can prove. model: its inputs and outputs are those of the file.

    quantisation: what int8 left out and costs. engine: how TensorRT built it.
    """

    path: Path
    model: onnx.ModelProto
    spectral: Spectral
    quantisation: dict[str, Any] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)

    @property
    def stores_weights(self) -> bool:
        """In fewer bits, all of them, and computes with more: there is no choice of layers and there are no ranges."""
        return "weights" in self.quantisation


@dataclass(frozen=True)
class ExportJob:
    """What a target is made from."""

    config: GeneratorConfig
    state_dict: Mapping[str, Array]
    options: ExportOptions
    progress: Progress

    @property
    def photographs(self) -> CalibrationSet:
        return CalibrationSet(self.options.calibration, extremes=False)

    def describe(self, choice: Choice) -> dict[str, Any]:
        against = {"fp32": "float32", "fp16": "float16"}[self.options.graph_precision]
        return {"calibration": self.photographs.describe(), "against": against, **choice.to_dict()}


def write_onnx(job: ExportJob, path: Path) -> Written:
    options = job.options
    spectral, for_tensorrt = options.onnx_spectral, options.target in ENGINES
    model = onnx_from_state(
        job.config,
        job.state_dict,
        io=options.io,
        spectral=spectral,
        precision=options.graph_precision,
        wide_sums=for_tensorrt,
        decoder=options.chosen_decoder,
        opset=options.graph_opset,
        basic=options.basic,
    )
    quantisation = {}
    if options.precision == "int8":
        from lama_export.precision import int8_onnx

        model, choice = int8_onnx.quantise(
            model, list(job.photographs), options.least_psnr, job.progress, for_tensorrt=for_tensorrt
        )
        quantisation = job.describe(choice)
    if options.fixed_size:
        model = fix_shapes(model, options.fixed_size)
    if options.external_data:
        onnx.save(model, path, save_as_external_data=True, location=EXTERNAL_DATA)
    else:
        onnx.save(model, path)
    return Written(path, model, spectral, quantisation)


def write_openvino(job: ExportJob, path: Path) -> Written:
    from lama_export.openvino_model import openvino_from_onnx, save_openvino

    options = job.options
    exact = onnx_from_state(
        job.config, job.state_dict, io=options.io, spectral="inline", decoder=options.chosen_decoder
    )
    model = openvino_from_onnx(exact, options.precision)
    quantisation = {}
    if options.precision == "int8":
        from lama_export.precision import int8_openvino

        model, choice = int8_openvino.quantise(model, list(job.photographs), options.least_psnr, job.progress)
        quantisation = job.describe(choice)
    save_openvino(model, path, halves=options.precision == "fp16")
    return Written(path, exact, "inline", quantisation)


def write_tensorrt(job: ExportJob, path: Path) -> Written:
    from lama_export.tensorrt.target import write_engine

    written = write_onnx(job, path.with_name(MODEL))
    return replace(written, engine=write_engine(written.model, written.path, path, job.options, job.progress))


def _one_size(options: ExportOptions) -> Size:
    """Of a target that takes one; a person who chose none is told."""
    size = options.fixed_size
    assert size is not None
    if options.size is None:
        log.warning("the file takes pictures of %s, for which others are cut or padded; --size HxW for another", size)
    return size


def write_litert(job: ExportJob, path: Path) -> Written:
    from lama_export.edge.tflite_model import tflite_from_state

    options, size = job.options, _one_size(job.options)
    content = tflite_from_state(job.config, job.state_dict, size, io=options.io, precision=options.precision)
    quantisation = {}
    if options.precision == "int8":
        from lama_export.edge import litert_int8

        pictures, least = job.photographs, options.least_psnr
        content, choice = litert_int8.quantise(content, job.config, size, pictures, least, job.progress)
        quantisation = job.describe(choice)
    path.write_bytes(content)
    return Written(path, interface_of(options.io, size), "inline", quantisation)


def write_coreml(job: ExportJob, path: Path) -> Written:
    from lama_export.edge.coreml import NOT_RUN, write_package

    options, size = job.options, _one_size(job.options)
    write_package(path, job.config, job.state_dict, size, options.io, options.precision)
    log.warning(NOT_RUN)
    stored = {"weights": "int8", "computed": "float16", "least_psnr": options.least_psnr}
    return Written(path, interface_of(options.io, size), "inline", stored if options.precision == "int8" else {})


def portable_form(job: ExportJob) -> onnx.ModelProto:
    """What the converters of phones' engines read: the inline form in float32, of one size where one is asked for."""
    options = job.options
    model = onnx_from_state(
        job.config, job.state_dict, io=options.interface, spectral="inline", decoder=options.chosen_decoder
    )
    return fix_shapes(model, options.fixed_size) if options.fixed_size else model


def write_mnn(job: ExportJob, path: Path) -> Written:
    from lama_export.edge.mnn import mnn_from_onnx
    from lama_export.edge.stored import stored_weights

    model, options = portable_form(job), job.options
    mnn_from_onnx(model, path, options.io, options.precision)
    return Written(path, model, "inline", stored_weights(options.precision, options.least_psnr))


def write_ncnn(job: ExportJob, path: Path) -> Written:
    from lama_export.edge.ncnn import ncnn_from_onnx
    from lama_export.edge.stored import stored_weights

    _one_size(job.options)
    model, options = portable_form(job), job.options
    ncnn_from_onnx(model, path, options.precision)
    return Written(path, model, "inline", stored_weights(options.precision, options.least_psnr))


def write_torchscript(job: ExportJob, path: Path) -> Written:
    from lama_export.torchscript import save_torchscript, torchscript_from_state

    save_torchscript(torchscript_from_state(job.config, job.state_dict), path)
    return Written(path, interface_of(job.options.interface), "inline")


# By target, as they are imported and as they are installed.
PACKAGES: Mapping[str, Sequence[str]] = {
    "openvino": ("openvino",),
    "litert": ("ai_edge_litert",),
    "coreml": ("coremltools",),
    "mnn": ("MNN",),
    "ncnn": ("ncnn",),
}
PACKAGES_OF_INT8: Mapping[str, Sequence[str]] = {"openvino": ("nncf",), "litert": ("ai_edge_quantizer",)}
Writer = Callable[[ExportJob, Path], Written]
WRITERS: Mapping[str, Writer] = {
    "onnx": write_onnx,
    "openvino": write_openvino,
    "litert": write_litert,
    "coreml": write_coreml,
    "mnn": write_mnn,
    "ncnn": write_ncnn,
    "torchscript": write_torchscript,
    **dict.fromkeys(ENGINES, write_tensorrt),
}


def tools_of(options: ExportOptions) -> list[str]:
    """The packages that this target needs besides the exporter's own. Raises MissingDependencyError.

    TensorRT also comes without a package, so its version is in the engine's record.
    """
    if options.target in ENGINES:
        from lama_export.tensorrt.target import require_tensorrt

        require_tensorrt(options)
    tools = list(PACKAGES.get(options.target, ()))
    if options.precision == "int8":
        tools += PACKAGES_OF_INT8.get(options.target, ())
    missing = [name for name in tools if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(f"{missing[0]} is not installed: {install(f'export-{options.target}')}")
    return tools
