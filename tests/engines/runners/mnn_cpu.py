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
    kinds = {"uint8": MNN.numpy.uint8, "float32": MNN.numpy.float32}

    def run(image, mask):
        values = [
            MNN.expr.const(value, list(value.shape), MNN.expr.NCHW, kinds[value.dtype.name]) for value in (image, mask)
        ]
        (result,) = network.forward(values)
        return MNN.expr.convert(result, MNN.expr.NCHW).read()

    return run


if __name__ == "__main__":
    serve(load, "MNN", "numpy")
