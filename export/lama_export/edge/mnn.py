"""A bundle's `model.mnn`, by MNN's own converter from the portable ONNX form.

The converter is called in a process of its own: it prints to standard output, and what it does not know may end it. It
is called from its library and not by the package's program `mnnconvert`, which installs a client for reports to MNN's
makers and is written to send them what was converted, on which machine (its code, 3.6.1).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from lama_deploy.errors import EngineError, brief
from lama_deploy.proof.parity import REPORT
from lama_deploy.runtime.backends.mnn import business_code
from lama_export.edge.mnn_form import form_in_halves

CONVERT = "import sys, _tools; _tools.mnnconvert(sys.argv)"
# Weights are stored in fewer bits; everything is computed in float32, unless the program that opens the file asks for
# less.
STORED: Mapping[str, tuple[str, ...]] = {
    "fp32": (),
    "fp16": ("--fp16",),
    "int8": ("--weightQuantBits", "8", "--weightQuantAsymmetric"),
}


def mnn_from_onnx(model: onnx.ModelProto, path: Path, io: str, precision: str) -> None:
    """Write `path` from a model in the inline form, float32. precision: of the stored weights. Raises EngineError."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "model.onnx"
        onnx.save(form_in_halves(model) if precision == "fp16" else model, source)
        words = ["-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(path)]
        words += ["--bizCode", business_code(io, precision), *STORED[precision]]
        done = subprocess.run([sys.executable, "-c", CONVERT, *words], capture_output=True, text=True, check=False)
    if done.returncode or not path.is_file():
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        said = brief(lines[-1]) if lines else "without a word"
        raise EngineError(f"MNN's converter failed ({said}); nothing was written; {REPORT}")
