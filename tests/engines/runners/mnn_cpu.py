"""MNN: its converter, then its interpreter in float32 on the CPU."""

import subprocess
import sys
import tempfile
from pathlib import Path

import MNN
from common import serve


def load(model):
    converted = str(Path(tempfile.mkdtemp()) / "model.mnn")
    program = str(Path(sys.executable).parent / "mnnconvert")
    command = [program, "-f", "ONNX", "--modelFile", model, "--MNNModel", converted, "--bizCode", "lama"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode or not Path(converted).exists():
        raise RuntimeError((said.stdout + said.stderr)[-2000:])
    config = {"backend": "CPU", "precision": "high", "numThread": 1}
    manager = MNN.nn.create_runtime_manager((config,))
    network = MNN.nn.load_module_from_file(converted, ["image", "mask"], ["result"], runtime_manager=manager)
    np, expr = MNN.numpy, MNN.expr

    def run(image, mask):
        values = [expr.convert(np.array(value), expr.NCHW) if False else _var(value) for value in (image, mask)]
        result = network.forward(values)
        if isinstance(result, list):
            result = result[0]
        return expr.convert(result, expr.NCHW).read()

    def _var(value):
        kinds = {"uint8": expr.uint8 if hasattr(expr, "uint8") else np.uint8, "float32": np.float32}
        return expr.const(value, list(value.shape), expr.NCHW, kinds[value.dtype.name])

    return run


if __name__ == "__main__":
    serve(load, "MNN", "numpy")
