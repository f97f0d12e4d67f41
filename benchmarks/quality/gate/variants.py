"""Does every right artefact pass the gate? `python -m benchmarks.quality.gate.variants`: hours, and goes on if stopped.

The paper's generators have seeded weights, which no gate may lean on having been trained; lama-demo its own. Each is
exported with default options to every form that a CPU can prove, and shown what `lama-export` shows it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.bundle import MODEL, MODELS
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.errors import LamaDeployError
from lama_deploy.model import seeded_generator
from lama_deploy.precision.calibration import CalibrationSet
from lama_deploy.proof.candidate import candidate
from lama_deploy.proof.parity import ParityRecord, measure
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.proof.tolerance import tolerance_of
from lama_deploy.reports.machine import machine
from lama_deploy.variants import VARIANTS
from lama_export import ExportOptions
from lama_export.options import ENGINES
from lama_export.precision.fp16 import fold_ranges
from lama_export.targets import WRITERS, ExportJob, write_onnx
from tests.defects.trial import Remembered

FLOATS = {"io": "float"}
FORMS: dict[str, dict[str, Any]] = {
    "fp32, ONNX Runtime": {"target": "onnx"},
    "fp32, ONNX Runtime, floats": {"target": "onnx", **FLOATS},
    "fp32, ONNX Runtime, DFT operator, floats": {"target": "onnx", "spectral": "dft", **FLOATS},
    "fp32, OpenVINO, floats": {"target": "openvino", **FLOATS},
    "fp16, ONNX, rounded": {"target": "onnx", "precision": "fp16"},
    "fp16, TensorRT's ONNX, rounded, floats": {"target": "trt", "precision": "fp16", **FLOATS},
    "fp16, OpenVINO": {"target": "openvino", "precision": "fp16"},
    "bf16, TensorRT's ONNX, rounded, floats": {"target": "trt", "precision": "bf16", **FLOATS},
    "bf16, OpenVINO": {"target": "openvino", "precision": "bf16"},
    "int8, ONNX Runtime": {"target": "onnx", "precision": "int8"},
    "int8, OpenVINO": {"target": "openvino", "precision": "int8"},
}
SEED = 7
METHOD = (
    f"seeded_generator(name, seed={SEED}), lama-demo as trained; default options; the subjects of lama-export against "
    "float64 PyTorch. Rounded: run with every value rounded, as engines store them. Floats: at the interface, not bytes"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, help="to go on with (default: today's, made if there is none)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("names", nargs="*", default=list(VARIANTS), help="of generators (default: all)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    today = datetime.now(UTC).date().isoformat()
    path = args.record or RESULTS / f"{today}-gate-variants.json"
    record = json.loads(path.read_text()) if path.exists() else _empty(today)
    for name in args.names:
        rows = record["variants"].setdefault(name, {})
        for form, row in _rows(name, [form for form in FORMS if form not in rows]):
            rows[form] = row
            print(name, form, row, flush=True)
            path.write_text(json.dumps(record, indent=1) + "\n")


def _empty(today: str) -> dict[str, Any]:
    return {
        "what": "gate, right artefacts",
        "date": today,
        "method": METHOD,
        "machine": machine(PACKAGES),
        "variants": {},
    }


def _rows(name: str, forms: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the gate says of one generator in each form, and by how much it passed."""
    checkpoint = _checkpoint(name)
    exact, known = Remembered(oracle(checkpoint).run), Remembered(eager(checkpoint).run)
    for form in forms:
        if FORMS[form].get("spectral") and checkpoint.config.kind != "ffc":
            continue
        try:
            yield form, _row(_record(checkpoint, ExportOptions(**FORMS[form]), exact, known))
        except LamaDeployError as error:
            yield form, {"passed": False, "broken": [str(error)]}


def _checkpoint(name: str) -> Checkpoint:
    if name == "lama-demo":
        return load_weights(name)
    state = {key: value.numpy() for key, value in seeded_generator(name, seed=SEED).state_dict().items()}
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder) / "seeded.safetensors", VARIANTS[name], state)
        return load_checkpoint(Path(folder) / "seeded.safetensors")


def _record(checkpoint: Checkpoint, options: ExportOptions, exact: Remembered, known: Remembered) -> ParityRecord:
    """What `lama-export` measures, of references that are computed once; of TensorRT the ONNX file that it reads."""
    state = checkpoint.state_dict
    if options.precision == "fp16":
        state = fold_ranges(checkpoint.config, state, CalibrationSet()).state_dict
    is_onnx = options.target in (*ENGINES, "onnx")
    write, file = (write_onnx, MODEL) if is_onnx else (WRITERS[options.target], MODELS[options.target])
    with tempfile.TemporaryDirectory() as folder:
        written = write(ExportJob(checkpoint.config, state, options, iter), Path(folder) / file)
        backend = candidate(written.path, options.precision)
        tolerance = tolerance_of(options.precision, written.spectral)
        return measure(backend, exact, options.parity_subjects, tolerance, eager=known)


def _row(record: ParityRecord) -> dict[str, Any]:
    """used: the largest share of a limit that a case has used up, of rms errors and of largest ones."""
    together = record.cases[-1].found
    return {
        "passed": record.passed,
        "broken": [f"{case.subject}: {phrase}" for case in record.cases for phrase in case.broken],
        "psnr": together.psnr,
        "shift": 255 * max(map(abs, together.shift)),
        "used": {
            "rms": max(case.found.rms / case.limits.rms for case in record.cases),
            "largest": max(case.found.largest / case.limits.largest for case in record.cases),
        },
        "engine": record.engine,
    }


if __name__ == "__main__":
    main()
