"""Apache TVM: the ONNX importer of Relax, compiled for this processor."""

import numpy as np
import onnx
import tvm
from common import serve
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx


def load(path):
    model = onnx.load(path)
    machines = {}

    def run(image, mask):
        shapes = {"image": list(image.shape), "mask": list(mask.shape)}
        key = str(shapes)
        if key not in machines:
            module = from_onnx(model, shape_dict=shapes, keep_params_in_input=False)
            module = relax.transform.DecomposeOpsForInference()(module)
            executable = tvm.compile(module, target="llvm")
            machines[key] = relax.VirtualMachine(executable, tvm.cpu())
        result = machines[key]["main"](tvm.runtime.tensor(image), tvm.runtime.tensor(mask))
        return np.asarray((result[0] if not hasattr(result, "numpy") else result).numpy())

    return run


if __name__ == "__main__":
    serve(load, "apache-tvm", "onnx")
