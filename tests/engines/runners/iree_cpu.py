"""IREE: imported from ONNX, compiled for the CPU."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import serve
from iree import compiler, runtime


def load(model):
    folder = Path(tempfile.mkdtemp())
    imported = folder / "model.mlir"
    command = [
        sys.executable,
        "-m",
        "iree.compiler.tools.import_onnx",
        model,
        "-o",
        str(imported),
        "--opset-version",
        "17",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        raise RuntimeError(said.stderr[-2000:])
    binary = compiler.compile_file(
        str(imported),
        target_backends=["llvm-cpu"],
        input_type="onnx",
        extra_args=["--iree-llvmcpu-target-cpu=host"],
    )
    config = runtime.Config("local-task")
    context = runtime.SystemContext(config=config)
    context.add_vm_module(runtime.VmModule.copy_buffer(context.instance, binary))
    function = context.modules.module.lama
    return lambda image, mask: np.asarray(function(image, mask).to_host())


if __name__ == "__main__":
    serve(load, "iree-base-compiler", "iree-base-runtime", "numpy")
