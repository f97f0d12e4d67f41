"""libtriton_lama.so, compiled here, and the engine's library, beside the model: a server needs no other folder."""

from __future__ import annotations

import logging
import shutil
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

from lama_deploy import cpp
from lama_deploy.bundle import Bundle
from lama_deploy.errors import LamaDeployError, brief

log = logging.getLogger(__name__)
LIBRARY = "libtriton_lama.so"
ENTRY = b"TRITONBACKEND_ModelInstanceExecute"  # which every backend has
OPENVINO = (
    "libopenvino.so*",
    "libopenvino_c.so*",
    "libopenvino_intel_cpu_plugin.so",
    "libopenvino_ir_frontend.so*",
    "libtbb*.so*",
    "libhwloc.so*",
)
# By target: the package whose wheel has the engine's library, its folder there, and patterns of the files that run it.
ENGINES = {
    "onnx": ("onnxruntime", "capi", ("libonnxruntime.so*",)),
    "openvino": ("openvino", "libs", OPENVINO),
}
NATIVE_TARGETS = (*ENGINES, "trt", "trt-rtx")


def write_native(bundle: Bundle, folder: Path, library: Path | None) -> None:
    """Puts the backend into the model's `folder`, and the bundle's engine.

    library: the backend; None: it is compiled, by `lama_deploy.cpp`. Raises LamaDeployError.
    """
    if library is None:
        _compile(folder / LIBRARY)
    else:
        shutil.copyfile(library, folder / LIBRARY)
    _copy_engine(bundle.target, folder)


def _compile(place: Path) -> None:
    log.info("compiling the backend, which takes a minute")
    built = Path(mkdtemp(prefix="lama-triton-"))
    cpp.build(built, triton=True)  # where it fails, the compiler's log stays there
    shutil.copyfile(built / "lib" / LIBRARY, place)
    shutil.rmtree(built)


def check_library(library: Path) -> None:
    """Raises LamaDeployError for a file that is no backend of Triton. Whose it is, nothing tells."""
    try:
        content = library.read_bytes()
        wrong = "" if content.startswith(b"\x7fELF") and ENTRY in content else "is no backend of Triton"
    except OSError as error:
        wrong = f"cannot be read ({brief(error.strerror or error)})"
    if wrong:
        raise LamaDeployError(
            f"{brief(str(library))}: {wrong}; give the {LIBRARY} that python -m lama_deploy.cpp --build DIR --triton "
            "made, or leave --triton-library out"
        )


def _copy_engine(target: str, folder: Path) -> None:
    if target not in ENGINES:
        log.warning(
            "put liblama_trt.so beside %s: the server needs it, and TensorRT; docs/serving.md says how", LIBRARY
        )
        return
    package, inside, patterns = ENGINES[target]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        log.warning("%s is not installed here, so the server must have its library (LAMA_ENGINE names it)", package)
        return
    source = Path(spec.origin).parent / inside
    for pattern in patterns:
        for file in sorted(source.glob(pattern)):
            shutil.copyfile(file, folder / file.name)
    log.info("copied %s from %s", package, brief(str(source)))
