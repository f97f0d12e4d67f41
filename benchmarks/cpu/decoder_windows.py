"""What a decoder for holes alone saves on a CPU: `python -m benchmarks.cpu.decoder_windows`.

Each model is written with both decoders, and each file fills the same picture in new processes, which take turns:
seconds of the second run, and how far VmHWM of /proc/self/status (Linux only) rises above what was there once
the model was open. Of two holes in opposite corners the window is the whole picture; beside it stands what two files
would do (trunk, and decoder), with a window for each hole. Big-lama's weights are seeded: they decide nothing here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import onnx

from benchmarks.cpu.memory_growth import seeded_weights
from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.reports.machine import machine
from lama_export.graph.generator import Decoder
from lama_export.graph.model import onnx_from_state
from lama_export.openvino_model import openvino_from_onnx, save_openvino

DECODERS: tuple[Decoder, ...] = ("whole", "hole")
SPLIT = "two files, a window for each hole"
HOLES = ("0.25%", "3%", "25%", "100%", "two corners")
LATENT, PREDICTED = "generator/branches", "generator/head/sigmoid"
CHILD = """
import json, sys, time
import numpy as np
from pathlib import Path
from lama_deploy.images.scenes import scene

engine, path, side, hole, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
image, _ = scene(side, side)
mask = np.zeros((1, side, side), np.uint8)
if hole == "two corners":
    width = side // 20
    windows = [slice(0, width), slice(side - width, side)]
else:
    width = round(side * (float(hole[:-1]) / 100) ** 0.5)
    windows = [slice((side - width) // 2, (side + width) // 2)]
for part in windows:
    mask[:, part, part] = 1

def opened():
    if engine == "openvino":
        from lama_deploy.runtime.backends.openvino import OpenVinoBackend
        return OpenVinoBackend(path, threads=threads, cache="").run
    if engine == "openvino-fixed":
        from lama_deploy.runtime.backends.openvino import OpenVinoBackend
        return OpenVinoBackend(path, threads=threads, cache="").fixed(mask.shape).run
    from lama_deploy.runtime.backends.onnxruntime_session import open_session
    if path.is_dir():
        files = (path / "trunk.onnx", path / "decoder.onnx")
        trunk, decoder = (open_session(file, device="cpu", threads=threads) for file in files)
        name = decoder.get_inputs()[0].name
        def run(image, mask):
            latent = trunk.run(None, {"image": image, "mask": mask})[0]
            result = image.copy()
            for part in windows:
                start, stop = max(0, (part.start - 3) // 8), min(side // 8, -(-(part.stop + 2) // 8) + 1)
                cells = np.ascontiguousarray(latent[:, :, start:stop, start:stop])
                found = decoder.run(None, {name: cells})[0]
                own = slice(part.start - 8 * start, part.stop - 8 * start)
                filled = np.clip(found[:, :, own, own] * np.float32(255), 0, 255).astype(np.uint8)
                result[:, part, part] = filled.transpose(0, 2, 3, 1)
            return result
        return run
    session = open_session(path, device="cpu", threads=threads)
    return lambda image, mask: session.run(None, {"image": image, "mask": mask})[0]

def peak():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))

run = opened()
before = peak()
run(image, mask)
began = time.perf_counter(), time.process_time()
run(image, mask)
seconds, processor_seconds = time.perf_counter() - began[0], time.process_time() - began[1]
print(json.dumps({"seconds": seconds, "processor_seconds": processor_seconds, "bytes": peak() - before}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="lama-demo,big-lama", metavar="NAME,...")
    parser.add_argument("--engines", default="onnxruntime,openvino", metavar="NAME,...")
    parser.add_argument("--sides", default="1024,2048", metavar="PIXELS,...")
    parser.add_argument("--holes", default=",".join(HOLES), metavar="HOLE,...")
    parser.add_argument("--rounds", type=int, default=2, help="processes of each file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/decoder"), help="for the exported files")
    parser.add_argument(
        "--add-to", type=Path, metavar="RECORD", help="keep the rows of this record of the same machine"
    )
    args = parser.parse_args()
    rows = json.loads(args.add_to.read_text())["decoder_windows"] if args.add_to else []
    for case in _cases(args):
        rows.append(_compare(args, **case))
        print(json.dumps(rows[-1]), flush=True)
        _write(args, rows)


def _cases(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for model in args.models.split(","):
        for engine in args.engines.split(","):
            for side in map(int, args.sides.split(",")):
                for hole in args.holes.split(","):
                    yield {"model": model, "engine": engine, "side": side, "hole": hole}


def _compare(args: argparse.Namespace, *, model: str, engine: str, side: int, hole: str) -> dict[str, Any]:
    """The row of a case: seconds and bytes by decoder."""
    folder = args.folder / model
    files = {decoder: _file(model, engine, decoder, folder) for decoder in DECODERS}
    if engine == "onnxruntime" and hole == "two corners":
        files[SPLIT] = _split(files["whole"], folder / "split")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in files}
    for turn in range(args.rounds):
        for name in files if turn % 2 == 0 else reversed(files):
            command = [engine, str(files[name]), str(side), hole, str(args.threads)]
            found[name].append(_run(command))
    return {
        "model": model,
        "engine": engine,
        "side": side,
        "hole": hole,
        "seconds": {name: _median(runs, "seconds") for name, runs in found.items()},
        "processor_seconds": {name: _median(runs, "processor_seconds") for name, runs in found.items()},
        "bytes_per_pixel": {
            name: round(max(run["bytes"] for run in runs) / side**2, 1) for name, runs in found.items()
        },
        "runs": found,
    }


def _median(runs: list[dict[str, Any]], kind: str) -> float:
    return round(median(run[kind] for run in runs), 3)


def _run(arguments: list[str]) -> dict[str, Any]:
    result = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"{arguments}: {result.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def _file(model: str, engine: str, decoder: Decoder, folder: Path) -> Path:
    """Written unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    on_openvino = engine.startswith("openvino")
    path = folder / f"{decoder}.{'xml' if on_openvino else 'onnx'}"
    if path.exists():
        return path
    weights = _weights(model, folder)
    spectral = "inline" if on_openvino else "function"
    written = onnx_from_state(weights.config, weights.state_dict, decoder=decoder, spectral=spectral)  # type: ignore[arg-type]
    if on_openvino:
        save_openvino(openvino_from_onnx(written, "fp32"), path)
    else:
        onnx.save(written, path)
    return path


def _weights(model: str, folder: Path) -> Checkpoint:
    return load_weights(model) if model == "lama-demo" else load_checkpoint(seeded_weights(model, folder))


def _split(whole: Path, folder: Path) -> Path:
    """The folder of two files: picture to latent, and latent to what is predicted."""
    if not folder.exists():
        folder.mkdir()
        cutter = onnx.utils.Extractor(onnx.shape_inference.infer_shapes(onnx.load(whole)))
        onnx.save(cutter.extract_model(["image", "mask"], [LATENT]), folder / "trunk.onnx")
        onnx.save(cutter.extract_model([LATENT], [PREDICTED]), folder / "decoder.onnx")
    return folder


def _write(args: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"a decoder for holes alone beside one for the whole picture, {args.threads} thread",
        "date": today,
        "method": "processes of each file in turns, two runs in each, of which the second is timed; medians, of "
        "processor time because other programs ran beside; bytes are the rise of VmHWM above the opened model's, by "
        "the picture's pixels; square pictures, the hole a square in their middle, or two of a twentieth of their side "
        "in opposite corners; openvino-fixed: compiled for the picture's size",
        "machine": machine((*PACKAGES, "openvino")),
        "decoder_windows": rows,
    }
    file = RESULTS / f"{today}-cpu-decoder-windows.json"
    file.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
