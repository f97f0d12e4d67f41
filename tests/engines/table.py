"""The engines and tools that the exported files are tried in, with the exact versions that are installed for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.engines.forms import Case

Kind = Literal["engine", "tool"]
BYTES, FLOATS, WHOLE, FUNCTION, DFT = "bytes", "floats", "whole", "function", "dft"
FIXED, FIXED_FLOATS, FIXED_BASIC = "fixed", "fixed-floats", "fixed-basic"
SIZED = (FIXED, FIXED_FLOATS, FIXED_BASIC)
PORTABLE = (BYTES, FLOATS, WHOLE, *SIZED)
WITH_FUNCTION = (*PORTABLE, FUNCTION)
ALL = (*WITH_FUNCTION, DFT)
ORT = ("onnxruntime==1.32.0", "onnx==1.23.2", "numpy==2.4.6")
WEBGPU = (BYTES, FLOATS, FIXED)
# Odd, and a batch: SwiftShader computes half a minute at each of them.
TINY = (Case(37, 50), Case(24, 40, 2))


@dataclass(frozen=True)
class Engine:
    """One row of the table.

    name: also of its environment. title: as people know it. requirements: for pip, or for npm where the runner is
    JavaScript. runner: a script of `runners`, and what is given to it besides. kind: a "tool" changes a file, and what
    it made runs in ONNX Runtime. coarse: it computes in half precision. right: the forms that it has to run at every
    size; what else it runs of those that are tried is found out, and said. seconds: for one file, all its sizes; more
    is "too slow".
    small: it is not asked for the large picture, which would take it minutes and tell nothing else.
    cases: its own, in place of the forms', where those would take it minutes each.
    builds_only: it runs nowhere without a GPU, so that a file is read and compiled, and nothing is computed.
    program: what has to be on the machine already, because no package brings it.
    """

    name: str
    title: str
    requirements: tuple[str, ...]
    runner: str
    arguments: tuple[str, ...] = ()
    kind: Kind = "engine"
    coarse: bool = False
    right: tuple[str, ...] = ()
    seconds: float = 300
    tried: tuple[str, ...] = ALL
    small: bool = False
    cases: tuple[Case, ...] = ()
    builds_only: bool = False
    program: str = ""


ENGINES = (
    Engine(
        "reference",
        "onnx ReferenceEvaluator 1.23",
        ("onnx==1.23.2", "numpy==2.4.6"),
        "reference.py",
        small=True,
        right=ALL,
    ),
    Engine("ort-1.15", "ONNX Runtime 1.15", ("onnxruntime==1.15.1", "numpy==1.26.4"), "ort.py", right=ALL),
    Engine("ort-1.32", "ONNX Runtime 1.32", ("onnxruntime==1.32.0", "numpy==2.4.6"), "ort.py", right=ALL),
    Engine(
        "ort-node",
        "onnxruntime-node 1.30",
        ("onnxruntime-node@1.30.0",),
        "ort_node.mjs",
        ("onnxruntime-node",),
        program="npm",
        right=ALL,
    ),
    Engine(
        "ort-web",
        "onnxruntime-web 1.30 (WASM)",
        ("onnxruntime-web@1.30.0",),
        "ort_node.mjs",
        ("onnxruntime-web",),
        program="npm",
        right=ALL,
    ),
    Engine(
        "ort-webgpu",
        "onnxruntime-web 1.30 (WebGPU)",
        ("onnxruntime-web@1.30.0", "playwright-core@1.65.1"),
        "ort_webgpu.mjs",
        ("ort.webgpu.bundle.min.mjs",),
        program="chromium",
        tried=WEBGPU,
        right=WEBGPU,
        cases=TINY,
        seconds=900,
    ),
    Engine(
        "ort-webgpu-default",
        "onnxruntime-web 1.30 (WebGPU, default bundle)",
        ("onnxruntime-web@1.30.0", "playwright-core@1.65.1"),
        "ort_webgpu.mjs",
        ("ort.bundle.min.mjs",),
        program="chromium",
        tried=WEBGPU,
        right=WEBGPU,
        cases=TINY,
        seconds=900,
    ),
    Engine(
        "openvino-2024", "OpenVINO 2024.6", ("openvino==2024.6.0", "numpy==1.26.4"), "openvino_cpu.py", right=PORTABLE
    ),
    Engine(
        "openvino-2026", "OpenVINO 2026.4", ("openvino==2026.4.1", "numpy==2.4.6"), "openvino_cpu.py", right=PORTABLE
    ),
    Engine("opencv-4", "OpenCV 4.14", ("opencv-python-headless==4.14.0.94", "numpy==2.4.6"), "opencv.py", right=SIZED),
    Engine(
        "opencv-5",
        "OpenCV 5.0",
        ("opencv-python-headless==5.0.0.93", "numpy==2.4.6"),
        "opencv.py",
        right=(*PORTABLE, DFT),
    ),
    Engine("mnn", "MNN 3.6", ("MNN==3.6.1", "numpy==2.4.6"), "mnn_cpu.py", right=PORTABLE),
    Engine(
        "onnx2torch",
        "onnx2torch 1.5 (PyTorch)",
        ("onnx2torch==1.5.15", "torch==2.13.0", "torchvision==0.28.0", "onnx==1.23.2", "numpy==2.4.6"),
        "to_torch.py",
        right=PORTABLE,
    ),
    Engine("tract", "tract 0.23", ("tract==0.23.9", "numpy==2.4.6"), "tract_onnx.py", right=SIZED),
    Engine(
        "tvm", "Apache TVM 0.27", ("apache-tvm==0.27.0.post1", "onnx==1.23.2"), "tvm_relax.py", small=True, right=SIZED
    ),
    Engine(
        "iree",
        "IREE 3.13",
        ("iree-base-compiler[onnx]==3.13.0", "iree-base-runtime==3.13.0", "numpy==2.4.6"),
        "iree_cpu.py",
        tried=(BYTES, FIXED_BASIC),
        small=True,
        right=(FIXED_BASIC,),
    ),
    Engine(
        "tinygrad",
        "tinygrad 0.14",
        ("tinygrad==0.14.0", "numpy==2.4.6"),
        "tinygrad_onnx.py",
        small=True,
        program="clang",
        tried=(BYTES, FLOATS, FIXED),
        seconds=600,  # it compiles each kernel of each shape
        right=(BYTES, FLOATS),
    ),
    Engine(
        "litert",
        "LiteRT 2.1 (by onnx2tf 1.29)",
        ("onnx2tf==1.29.24",),
        "litert.py",
        tried=(FIXED,),  # a conversion takes minutes
        right=(FIXED,),
        seconds=600,
    ),
    Engine(
        "tensorrt-rtx",
        "TensorRT-RTX 1.7 (build)",
        ("tensorrt-rtx-cu13==1.7.1.116", "numpy==2.4.6"),
        "tensorrt_rtx_build.py",
        builds_only=True,
        right=WITH_FUNCTION,
    ),
    Engine(
        "graphsurgeon",
        "graphsurgeon 0.6 fold_constants",
        ("onnx-graphsurgeon==0.6.1", *ORT),
        "tool.py",
        ("graphsurgeon",),
        "tool",
        right=ALL,
    ),
    Engine(
        "polygraphy",
        "polygraphy 0.53 sanitize --fold-constants",
        ("polygraphy==0.53.6", "onnx-graphsurgeon==0.6.1", *ORT),
        "tool.py",
        ("polygraphy",),
        "tool",
        right=ALL,
    ),
    Engine("onnxslim", "onnxslim 0.1.98", ("onnxslim==0.1.98", *ORT), "tool.py", ("onnxslim",), "tool", right=ALL),
    Engine("onnxsim", "onnxsim 0.8", ("onnxsim==0.8.1", *ORT), "tool.py", ("onnxsim",), "tool", right=ALL),
    Engine(
        "onnxoptimizer",
        "onnxoptimizer 0.4",
        ("onnxoptimizer==0.4.2", *ORT),
        "tool.py",
        ("onnxoptimizer",),
        "tool",
        right=ALL,
    ),
    Engine("newer", "version_converter to opset 21", ORT, "tool.py", ("newer",), "tool", right=(*PORTABLE, DFT)),
    Engine("older", "version_converter to opset 12", ORT, "tool.py", ("older",), "tool"),
    Engine("ort-format", "ORT format", ORT, "tool.py", ("ort_format",), "tool", right=ALL),
    Engine(
        "float16",
        "onnxconverter-common 1.16 float16",
        ("onnxconverter-common==1.16.0", *ORT),
        "tool.py",
        ("float16",),
        "tool",
        coarse=True,
    ),
    Engine(
        "quant-pre-process",
        "ONNX Runtime quant_pre_process",
        ("sympy==1.14.0", *ORT),
        "tool.py",
        ("quant_pre_process",),
        "tool",
        right=SIZED,
    ),
)
