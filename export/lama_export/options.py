"""What can be asked of an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lama_deploy.errors import ConfigError
from lama_deploy.proof.subjects import PHOTOGRAPHS, Size, SmallHole, Subject
from lama_deploy.proof.tolerance import LEAST_PSNR
from lama_export.engine_options import EngineOptions
from lama_export.graph.generator import Decoder
from lama_export.graph.model import GraphPrecision, Spectral
from lama_export.graph.picture import Interface

Target = Literal["onnx", "openvino", "trt", "trt-rtx"]
ENGINES = ("trt", "trt-rtx")
OLDEST_WITH_BF16 = 8  # compute capability
# By target, as benchmarks/cpu/decoder_windows.py measures.
DECODERS: Mapping[Target, Decoder] = {"onnx": "hole", "openvino": "hole", "trt": "whole", "trt-rtx": "whole"}
Precision = Literal["fp32", "fp16", "bf16", "int8"]
# Latents: 8x8, 9x17 (odd), 13x11 (prime), a batch of odd pixels, one below what reflect padding needs, and one
# whose window is small.
PARITY_SIZES = (Size(64, 64), Size(72, 136), Size(101, 85), Size(37, 90, 2), Size(5, 7), SmallHole(96, 80))


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """How to export. Raises ConfigError for what does not go together.

    target: the engine. precision: of weights and activations; bf16 is not for ONNX Runtime; int8 is of convolutions,
    where that keeps the pictures, the rest being in fp32, for TensorRT in fp16. io: bytes or floats at the interface.
    spectral: see `onnx_from_state` for the onnx target; for TensorRT "plugin" or "inline", by default the first that
    can be had, of one and the same ONNX file, or "dft", its own operator. engine: what else TensorRT is asked for.
    external_data: weights in a second file, as OpenVINO has them anyway. calibration: folder of photographs to measure
    activation ranges on (fp16, int8), None for the shipped ones. least_psnr: dB inside holes that int8 has to keep,
    against float32. parity_subjects: what the file is compared on. memory: also measure what memory its runs take here.
    decoder: see `onnx_from_state`; None for "hole", but for TensorRT, none of whose shapes may depend on a mask, and
    for the portable form of the onnx target (spectral "inline").
    """

    target: Target = "onnx"
    io: Interface = "uint8"
    spectral: Spectral | Literal["plugin"] | None = None
    precision: Precision = "fp32"
    external_data: bool = False
    calibration: Path | None = None
    engine: EngineOptions | None = None
    least_psnr: float = LEAST_PSNR
    parity_subjects: Sequence[Subject] = (*PARITY_SIZES, *PHOTOGRAPHS)
    memory: bool = True
    decoder: Decoder | None = None

    @property
    def chosen_decoder(self) -> Decoder:
        """Whole for TensorRT, the portable form, and OpenVINO's int8, where the gate let two defects pass else."""
        portable = self.target == "onnx" and self.spectral == "inline"
        judged_whole = self.target == "openvino" and self.precision == "int8"
        return self.decoder or ("whole" if portable or judged_whole else DECODERS[self.target])

    @property
    def onnx_spectral(self) -> Spectral:
        """The form of the Fourier units in the ONNX file."""
        if self.spectral is None or self.spectral == "plugin":
            return "function"
        return "function" if self.target in ENGINES and self.spectral == "inline" else self.spectral

    @property
    def graph_precision(self) -> GraphPrecision:
        """Of the ONNX graph, before its convolutions are quantised."""
        if self.precision == "int8":
            return "fp16" if self.target in ENGINES else "fp32"
        return self.precision

    def __post_init__(self) -> None:
        if self.target in ENGINES:
            self._check_engine(self.engine or EngineOptions())
        elif self.engine or self.spectral == "plugin":
            raise ConfigError(
                f"--to {self.target} takes no engine options (--spectral plugin, --profile and so on); "
                "they are for --to trt and trt-rtx"
            )
        if self.target == "onnx" and self.precision == "bf16":
            raise ConfigError("--bf16 is for --to openvino; ONNX Runtime has no kernels for it on a CPU")
        if self.target == "openvino" and (self.spectral or self.external_data):
            raise ConfigError("--spectral and --external-data are for --to onnx; OpenVINO's files leave no choice")
        if self.calibration and self.precision not in ("fp16", "int8"):
            raise ConfigError(f"--calibration is for --fp16 and --int8; {self.precision} needs no ranges")
        if not 0 < self.least_psnr < float("inf"):
            raise ConfigError(f"--least-psnr {self.least_psnr:g} is no PSNR; give decibels above 0, such as 35")
        if self.least_psnr != LEAST_PSNR and self.precision != "int8":
            raise ConfigError(f"--least-psnr is what --int8 has to keep; leave it out in {self.precision}")
        if self.precision == "int8" and (self.io == "float" or self.spectral == "dft"):
            raise ConfigError("--int8 goes with --io uint8, and not with --spectral dft")

    def _check_engine(self, engine: EngineOptions) -> None:
        if self.decoder == "hole":
            raise ConfigError(f"--decoder hole is not for --to {self.target}, whose shapes may not depend on the mask")
        old = [one for one in engine.compute_capabilities if int(one.split(".")[0]) < OLDEST_WITH_BF16]
        if self.precision == "bf16" and old:
            raise ConfigError(
                f"GPUs of compute capability {old[0]} have no bfloat16, from {OLDEST_WITH_BF16}.0; use --fp16"
            )
        if self.external_data or self.spectral == "function":
            raise ConfigError(f"--to {self.target} takes --spectral plugin, inline or dft, and no --external-data")
        if self.spectral in ("inline", "dft") and engine.plugin:
            raise ConfigError(f"--spectral {self.spectral} is without a plugin; leave out the one or the other")
        if engine.tf32 and self.precision != "fp32":
            raise ConfigError("--tf32 rounds the operands of float32 products; leave it out with --fp16")
