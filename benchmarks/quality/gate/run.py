"""What the gate lets pass: `python -m benchmarks.quality.gate.run`, half an hour on two cores.

--page writes benchmarks/gate.md from the latest records alone, its own and that of `variants`.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from benchmarks.quality.gate.page import page
from benchmarks.quality.gate.right import worst_of
from benchmarks.quality.gate.verdicts import NONE, verdicts
from lama_deploy.bundle import MODELS, load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.proof.candidate import candidate
from lama_deploy.reports.machine import machine
from lama_deploy.runtime.backend import Backend
from lama_export import ExportOptions, export_bundle
from lama_export.options import Precision, Target
from tests.defects import defects

ARTEFACTS: dict[str, tuple[Target, Precision]] = {
    "fp32, ONNX Runtime": ("onnx", "fp32"),
    "fp32, OpenVINO": ("openvino", "fp32"),
    "fp16, rounded": ("onnx", "fp16"),
    "bf16, OpenVINO": ("openvino", "bf16"),
    "int8, ONNX Runtime": ("onnx", "int8"),
    "int8, OpenVINO": ("openvino", "int8"),
}
METHOD = (
    "lama-demo, exported with default options, against float64 PyTorch. A defect's artefact is what the broken "
    "generator computes in float32, and the rounding that the right artefact shows on the same picture. The fp16 file "
    "is run with every value rounded, as engines store them."
)
PAGE = Path(__file__).parents[2] / "gate.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/gate"), help="for the exported files")
    parser.add_argument("--cases", type=int, default=200, help="drawn ones (default: 200)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--new", action="store_true", help="only defects that the latest record does not have")
    parser.add_argument("--page", action="store_true", help="only the page, of the latest record")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.new:
        file = max(RESULTS.glob("*-gate.json"))
        file.write_text(json.dumps(_with_new(json.loads(file.read_text()), args.folder), indent=1) + "\n")
    elif not args.page:
        today = datetime.now(UTC).date().isoformat()
        record = {"what": "gate", "date": today, "method": METHOD, "machine": machine(PACKAGES), **_measured(args)}
        (RESULTS / f"{today}-gate.json").write_text(json.dumps(record, indent=1) + "\n")
    PAGE.write_text(page(*latest()))


def latest() -> list[dict[str, Any]]:
    """The records that the page is made from."""
    return [json.loads(max(RESULTS.glob(f"*-{name}.json")).read_text()) for name in ("gate", "gate-variants")]


def _with_new(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The record with rows for defects that it does not have, in the order of `tests.defects`."""
    checkpoint = load_weights("lama-demo")
    rows = {row["defect"]: row for row in record["defects"]}
    new = verdicts(checkpoint, _opened(checkpoint, folder), known=set(rows))
    rows |= {row["defect"]: row for row in new}
    return record | {"defects": [rows[name] for name in (NONE, *defects(checkpoint.config))]}


def _opened(checkpoint: Checkpoint, folder: Path) -> dict[str, tuple[Backend, str]]:
    """ARTEFACTS by name, exported unless they are there, and their precisions."""
    opened = {}
    for name, (target, precision) in ARTEFACTS.items():
        bundle = folder / f"{target}-{precision}"
        if not (bundle / "bundle.json").exists():
            export_bundle(checkpoint, bundle, ExportOptions(target=target, precision=precision, io=_io(precision)))
        load_bundle(bundle)
        opened[name] = (candidate(bundle / MODELS[target], precision), precision)
    return opened


def _measured(args: argparse.Namespace) -> dict[str, Any]:
    checkpoint = load_weights("lama-demo")
    opened, rows = _opened(checkpoint, args.folder), []
    for row in verdicts(checkpoint, opened, tqdm):
        rows.append(row)
        print(row["defect"], row["after"], flush=True)
    return {
        "artefacts": list(opened),
        "cases": args.cases,
        "defects": rows,
        "right": worst_of(checkpoint, opened, args.cases),
    }


def _io(precision: Precision) -> Any:
    """Floats show errors below a grey level."""
    return "uint8" if precision == "int8" else "float"


if __name__ == "__main__":
    main()
