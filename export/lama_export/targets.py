"""The model file of each target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from lama_deploy.variants import GeneratorConfig
from lama_export.engine_options import ENGINES
from lama_export.graph.fixed import fix_shapes
from lama_export.graph.model import onnx_from_state
from lama_export.graph.opsets import Spectral
from lama_export.options import ExportOptions
from lama_export.precision.sensitivity import Choice
from lama_export.progress import Progress

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


Writer = Callable[[ExportJob, Path], Written]
WRITERS: Mapping[str, Writer] = {
    "onnx": write_onnx,
    "openvino": write_openvino,
    **dict.fromkeys(ENGINES, write_tensorrt),
}


def tools_of(options: ExportOptions) -> list[str]:
    """The packages that this target needs besides the exporter's own. Raises MissingDependencyError.

    TensorRT also comes without a package, so its version is in the engine's record.
    """
    if options.target in ENGINES:
        from lama_export.tensorrt.target import require_tensorrt

        require_tensorrt(options)
    tools = ["openvino"] if options.target == "openvino" else []
    if tools and options.precision == "int8":
        tools.append("nncf")
    missing = [name for name in tools if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(f"{missing[0]} is not installed: {install('export-openvino')}")
    return tools
