"""LiteRT's interpreter, on what onnx2tf makes of the file."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from common import serve


def load(model):
    folder = Path(tempfile.mkdtemp())
    command = [
        str(Path(sys.executable).parent / "onnx2tf"),
        "-i",
        model,
        "-o",
        str(folder),
        "-n",
        "-kat",
        "image",
        "mask",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    made = sorted(folder.glob("*_float32.tflite"))
    if said.returncode or not made:
        raise RuntimeError((said.stdout + said.stderr)[-2000:])
    interpreter = Interpreter(str(made[0]), num_threads=1)
    inputs = {
        one["name"].split(":")[0].removeprefix("serving_default_"): one for one in interpreter.get_input_details()
    }
    output = interpreter.get_output_details()[0]

    def run(image, mask):
        for name, value in (("image", image), ("mask", mask)):
            interpreter.resize_tensor_input(inputs[name]["index"], value.shape)
        interpreter.allocate_tensors()
        for name, value in (("image", image), ("mask", mask)):
            interpreter.set_tensor(inputs[name]["index"], value)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(output["index"]))

    return run


if __name__ == "__main__":
    serve(load, "onnx2tf", "ai-edge-litert")
