"""How peak memory grows with a picture's pixels, on a CPU: `python -m benchmarks.cpu.memory_growth`.

What `lama_deploy.runtime.memory` foretells by. Every generator, backend and precision loads and fills one picture in a
new process: VmHWM and VmPeak of /proc/self/status (Linux only), after loading and after the run. Weights are seeded:
they decide nothing about memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.cpu.precisions import BUNDLES
from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lama_deploy.model import seeded_generator
from lama_deploy.proof.subjects import Size
from lama_deploy.reports.machine import machine
from lama_deploy.variants import VARIANTS, GeneratorConfig
from lama_export import ExportOptions, export_bundle

SIZES = ((512, 512), (1024, 1024), (1448, 1448), (2048, 2048))
GENERATORS = {
    "lama-demo": VARIANTS["lama-demo"],
    "wide": GeneratorConfig(blocks=3),
    "narrow": GeneratorConfig(width=16, blocks=3),
    "regular": GeneratorConfig(kind="regular", blocks=3),
    "dilated": GeneratorConfig(kind="dilated", blocks=3),
    "big-lama": VARIANTS["big-lama"],
}
EVERY_PRECISION = ("lama-demo", "wide")
CHILD = """
import json, sys
from lama_deploy import Inpainter
from lama_deploy.images.scenes import scene

def peaks():
    with open("/proc/self/status") as file:
        values = dict(line.split(":", 1) for line in file)
    return {name: int(values[name].split()[0]) * 1024 for name in ("VmHWM", "VmPeak")}

path, height, width, options = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
inpainter = Inpainter.load(path, threads=1, **options)
loaded = peaks()
inpainter.run(*scene(height, width))
print(json.dumps({"loaded": loaded, "run": peaks()}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generators", default=",".join(GENERATORS), metavar="NAME,...")
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/memory"), help="for the exported files")
    args = parser.parse_args()
    rows = []
    for name in args.generators.split(","):
        for case, path, options in _cases(name, args.folder / name):
            for size in SIZES:
                rows.append(_run(name, case, path, options, size))
                print(json.dumps(rows[-1]), flush=True)
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": "peak memory of one inference by the picture's size, batch 1, 1 thread",
        "date": today,
        "method": "VmHWM and VmPeak in bytes of a process that loads a model and fills one picture, one run each",
        "machine": machine((*PACKAGES, "openvino")),
        "generators": {name: GENERATORS[name].to_dict() for name in args.generators.split(",")},
        "memory_growth": rows,
    }
    file = RESULTS / f"{today}-cpu-memory-growth.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(f"wrote {file}")


def _cases(name: str, folder: Path) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """(backend and precision, what `Inpainter.load` opens, its options)."""
    weights = seeded_weights(name, folder)
    yield "torch fp32", weights, {"backend": "torch", "device": "cpu"}
    if name in EVERY_PRECISION:
        yield "cuda fp32", weights, {"backend": "cuda", "device": "cpu"}
    for target, precision in BUNDLES:
        if precision == "fp32" or name in EVERY_PRECISION:
            backend = {"onnx": "onnxruntime"}.get(target, target)
            options = {"device": "cpu"} | ({"cache": ""} if backend == "openvino" else {})
            yield f"{backend} {precision}", bundle_of(weights, folder / f"{target}-{precision}"), options


def seeded_weights(name: str, folder: Path) -> Path:
    """The checkpoint in the folder, made unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights.safetensors"
    if not weights.exists():
        generator = seeded_generator(GENERATORS[name])
        state = {key: value.numpy() for key, value in generator.state_dict().items()}
        save_checkpoint(weights, generator.config, state)
    return weights


def bundle_of(weights: Path, out: Path) -> Path:
    """Exported unless it is there; int8 at any loss, since seeded weights amplify rounding."""
    if not out.exists():
        target, _, precision = out.name.partition("-")
        subjects = (Size(64, 64),)
        options = ExportOptions(target=target, precision=precision, least_psnr=1.0, parity_subjects=subjects)  # type: ignore[arg-type]
        export_bundle(load_checkpoint(weights), out, options)
    return out


def _run(generator: str, case: str, path: Path, options: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    command = [sys.executable, "-c", CHILD, str(path), *map(str, size), json.dumps(options)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"{generator}, {case}, {size}: {result.stderr[-2000:]}")
    backend, precision = case.split()
    found = json.loads(result.stdout.splitlines()[-1])
    return {"generator": generator, "backend": backend, "precision": precision, "pixels": size[0] * size[1]} | found


if __name__ == "__main__":
    main()
