"""What can be asked of an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lama_deploy.errors import ConfigError
from lama_deploy.proof.subjects import PHOTOGRAPHS, Size, SmallHole, Subject, subjects_of
from lama_deploy.proof.tolerance import LEAST_PSNR
from lama_export.engine_options import ENGINES, EngineOptions
from lama_export.graph.generator import Decoder
from lama_export.graph.opsets import GraphPrecision, Spectral, chosen_opset, least_opset
from lama_export.graph.picture import Interface

Target = Literal["onnx", "openvino", "trt", "trt-rtx", "litert", "mnn", "coreml", "ncnn", "torchscript"]
OF_ONE_SIZE: Mapping[Target, tuple[int, int]] = dict.fromkeys(("litert", "coreml", "ncnn"), (512, 512))  # by default
SIZED = ("onnx", "mnn", *OF_ONE_SIZE)  # targets that may be made for one size
OF_FLOATS: tuple[Target, ...] = ("ncnn", "torchscript")  # and of no bytes
OPSET_OF_QUANTISED_HALVES = 19  # the first whose QuantizeLinear takes float16
OLDEST_WITH_BF16 = 8  # compute capability
# By target, as benchmarks/cpu/decoder_windows.py measures.
DECODERS: Mapping[Target, Decoder] = {"onnx": "hole", "openvino": "hole"}  # the others: "whole"
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
    size: (height, width) in pixels, of a file for pictures of that size alone, `batch` of them at once; None for any
    size, but for targets that take one (OF_ONE_SIZE). opset, basic: of the ONNX file, see `onnx_from_state`.
    decoder: see `onnx_from_state`; None for "hole", but where no shape may depend on a mask: TensorRT, files for one
    size, and what runs on phones.
    """

    target: Target = "onnx"
    io: Interface = "uint8"
    spectral: Spectral | Literal["plugin"] | None = None
    precision: Precision = "fp32"
    external_data: bool = False
    calibration: Path | None = None
    engine: EngineOptions | None = None
    least_psnr: float = LEAST_PSNR
    parity_subjects: Sequence[Subject] | None = None
    memory: bool = True
    decoder: Decoder | None = None
    size: tuple[int, int] | None = None
    batch: int = 1
    opset: int | None = None
    basic: bool = False

    @property
    def interface(self) -> Interface:
        """Of the file: ncnn has no layer that reads bytes, and what takes TorchScript gives it floats."""
        return "float" if self.target in OF_FLOATS else self.io

    @property
    def fixed_size(self) -> Size | None:
        """What the file takes and nothing else; None for anything."""
        sides = self.size or OF_ONE_SIZE.get(self.target)
        return sides and Size(*sides, self.batch)

    @property
    def compared(self) -> Sequence[Subject]:
        """What the gate shows to the file."""
        if self.parity_subjects is not None:
            return self.parity_subjects
        return subjects_of(self.fixed_size) if self.fixed_size else (*PARITY_SIZES, *PHOTOGRAPHS)

    @property
    def graph_opset(self) -> int:
        """Of the ONNX file. Raises ConfigError for one that it cannot be written in."""
        return chosen_opset(self.opset, self._least_opset)

    @property
    def _least_opset(self) -> int:
        if self.precision == "int8" and self.target in ENGINES:
            return OPSET_OF_QUANTISED_HALVES
        return least_opset(self.onnx_spectral, self.graph_precision)

    @property
    def chosen_decoder(self) -> Decoder:
        """Whole for TensorRT, for one size, and OpenVINO's int8, where the gate let two defects pass else."""
        judged_whole = self.target == "openvino" and self.precision == "int8"
        whole = judged_whole or self.fixed_size is not None
        return self.decoder or ("whole" if whole else DECODERS.get(self.target, "whole"))

    @property
    def onnx_spectral(self) -> Spectral:
        """The form of the Fourier units in the ONNX file."""
        if self.target in ENGINES:  # which write functions out themselves where they have no plugin
            return "dft" if self.spectral == "dft" else "function"
        return self.spectral if self.spectral in ("function", "dft") else "inline"

    @property
    def graph_precision(self) -> GraphPrecision:
        """Of the ONNX graph, before its convolutions are quantised."""
        if self.precision == "int8":
            return "fp16" if self.target in (*ENGINES, "coreml") else "fp32"
        return self.precision

    def __post_init__(self) -> None:
        self._check_form()
        if self.target in ENGINES:
            self._check_engine(self.engine or EngineOptions())
        elif self.engine or self.spectral == "plugin":
            raise ConfigError(
                f"--to {self.target} takes no engine options (--spectral plugin, --profile and so on); "
                "they are for --to trt and trt-rtx"
            )
        if self.target == "onnx" and self.precision == "bf16":
            raise ConfigError("--bf16 is for --to openvino; ONNX Runtime has no kernels for it on a CPU")
        if self.target == "ncnn" and (self.precision in ("bf16", "int8") or self.batch != 1):
            raise ConfigError("--to ncnn takes one picture at a time, in float32 or --fp16")
        if self.target == "torchscript" and self.decoder == "hole":
            raise ConfigError("--to torchscript computes the whole picture; leave out --decoder hole")
        if self.target == "torchscript" and self.precision != "fp32":
            raise ConfigError("--to torchscript is in float32 alone; leave out --fp16, --bf16 and --int8")
        if self.target in ("litert", "coreml", "mnn") and self.precision == "bf16":
            raise ConfigError(f"--bf16 is not for --to {self.target}; its files are in float32, or by --fp16 or --int8")
        if self.target not in ("onnx", *ENGINES) and (self.spectral or self.external_data):
            raise ConfigError(f"--spectral and --external-data are for --to onnx; --to {self.target} leaves no choice")
        if self.calibration and self.target == "mnn" and self.precision == "int8":
            raise ConfigError("--calibration is not for --to mnn --int8, which stores weights and needs no ranges")
        if self.calibration and self.precision not in ("fp16", "int8"):
            raise ConfigError(f"--calibration is for --fp16 and --int8; {self.precision} needs no ranges")
        if not 0 < self.least_psnr < float("inf"):
            raise ConfigError(f"--least-psnr {self.least_psnr:g} is no PSNR; give decibels above 0, such as 35")
        if self.least_psnr != LEAST_PSNR and self.precision != "int8":
            raise ConfigError(f"--least-psnr is what --int8 has to keep; leave it out in {self.precision}")
        if self.precision == "int8" and (self.io == "float" or self.spectral == "dft"):
            raise ConfigError("--int8 goes with --io uint8, and not with --spectral dft")

    def _check_form(self) -> None:
        """Sizes, opset and the writing of the ONNX file."""
        if self.size and self.target not in SIZED:
            hint = "give an engine one size with --profile H:H:H" if self.target in ENGINES else "its files take any"
            raise ConfigError(f"--size is for --to {', '.join(SIZED)}; --to {self.target} takes none: {hint}")
        if self.batch != 1 and not self.fixed_size:
            raise ConfigError("--batch is how many pictures a file for one size takes at once; give --size with it")
        if self.batch < 1 or any(side < 1 for side in self.size or ()):
            raise ConfigError(f"--size {self.size} with --batch {self.batch}: allowed are whole numbers of at least 1")
        if self.fixed_size and (self.spectral == "function" or self.decoder == "hole"):
            raise ConfigError(
                "a file for one size (--size, and --to litert, coreml and ncnn) goes with --spectral inline or dft and "
                "--decoder whole: nothing in it depends on the mask"
            )
        if (self.opset is not None or self.basic) and self.target not in ("onnx", *ENGINES):
            raise ConfigError(f"--opset and --basic are for ONNX files; leave them out with --to {self.target}")
        if self.target == "coreml" and self.batch != 1:
            raise ConfigError("--batch is not for --to coreml, whose images come one at a time; leave it out")
        self.graph_opset  # noqa: B018 (validates)

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
