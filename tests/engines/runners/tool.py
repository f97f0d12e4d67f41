"""Tools that change a file. What each makes of it runs in ONNX Runtime."""

import subprocess
import sys
import tempfile
from pathlib import Path

import onnx
import onnxruntime
from common import serve

PACKAGES = {
    "graphsurgeon": ["onnx-graphsurgeon"],
    "polygraphy": ["polygraphy", "onnx-graphsurgeon"],
    "onnxslim": ["onnxslim"],
    "onnxsim": ["onnxsim"],
    "onnxoptimizer": ["onnxoptimizer"],
    "float16": ["onnxconverter-common"],
}
NEWER, OLDER = 21, 12


def graphsurgeon(model):
    import onnx_graphsurgeon

    graph = onnx_graphsurgeon.import_onnx(onnx.load(model))
    return onnx_graphsurgeon.export_onnx(graph.fold_constants().cleanup().toposort())


def polygraphy(model):
    made = str(Path(tempfile.mkdtemp()) / "model.onnx")
    program = str(Path(sys.executable).parent / "polygraphy")
    command = [program, "surgeon", "sanitize", model, "--fold-constants", "-o", made]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        raise RuntimeError((said.stdout + said.stderr)[-2000:])
    return onnx.load(made)


def onnxslim(model):
    import onnxslim

    return onnxslim.slim(onnx.load(model))


def onnxsim(model):
    import onnxsim

    made, checked = onnxsim.simplify(onnx.load(model))
    if not checked:
        raise RuntimeError("onnxsim says itself that what it made is not the same")
    return made


def onnxoptimizer(model):
    import onnxoptimizer

    return onnxoptimizer.optimize(onnx.load(model), onnxoptimizer.get_fuse_and_elimination_passes())


def newer(model):
    return onnx.version_converter.convert_version(onnx.load(model), NEWER)


def older(model):
    return onnx.version_converter.convert_version(onnx.load(model), OLDER)


def float16(model):
    from onnxconverter_common import float16

    return float16.convert_float_to_float16(onnx.load(model), keep_io_types=True)


def quant_pre_process(model):
    from onnxruntime.quantization.shape_inference import quant_pre_process

    made = str(Path(tempfile.mkdtemp()) / "model.onnx")
    quant_pre_process(model, made)
    return onnx.load(made)


def ort_format(model):
    """Bytes of ONNX Runtime's own format."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(Path(tempfile.mkdtemp()) / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return Path(options.optimized_model_filepath).read_bytes()


def load(model, tool):
    made = globals()[tool](model)
    made = made if isinstance(made, bytes) else made.SerializeToString()
    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    return lambda image, mask: session.run(None, {"image": image, "mask": mask})[0]


if __name__ == "__main__":
    serve(load, *PACKAGES.get(sys.argv[1], []), "onnxruntime", "onnx")
