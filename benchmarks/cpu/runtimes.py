"""LaMa on a CPU, runtime by runtime, side by side: `python -m benchmarks.cpu.runtimes [--model big-lama] [--size 512]`.

Every runtime gets the same image and mask as bytes and returns the composite. Rounds are interleaved, so that a busy
neighbour or a warm chip hits all alike; a runtime's speed is the median over rounds of eager's time over its own time
in the same round. Weights are seeded: they decide nothing about time.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import onnx
import torch

from benchmarks.composite import Composite
from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.reports.machine import machine
from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend
from lama_deploy.runtime.backends.torch_eager import TorchBackend
from lama_export.graph.model import onnx_from_state

Run = Callable[[Array, Array], Any]
RESULTS = Path(__file__).parents[1] / "results"
PACKAGES = ("torch", "onnxruntime", "onnx", "numpy")


def runtimes(
    checkpoint: Checkpoint, images: Array, masks: Array, folder: Path, threads: int
) -> Iterator[tuple[str, Run]]:
    """(name, function) of each runtime, made and warmed up one after the other."""
    eager = TorchBackend(checkpoint, device="cpu", threads=threads)
    yield "eager PyTorch", eager.run
    composite = Composite(eager.generator).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.trace(composite, tensors_of(images, masks))
    yield "TorchScript", on_tensors(script)
    yield "torch.compile", on_tensors(torch.compile(composite))
    for name, spectral in (("ONNX Runtime, DFT operators", "dft"), ("ONNX Runtime, ours", "function")):
        file = folder / f"{spectral}.onnx"
        onnx.save(onnx_from_state(checkpoint.config, checkpoint.state_dict, spectral=spectral), file)  # type: ignore[arg-type]
        yield name, OnnxRuntimeBackend(file, device="cpu", threads=threads).run


def tensors_of(images: Array, masks: Array) -> tuple[torch.Tensor, torch.Tensor]:
    image = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    return image.contiguous(), torch.from_numpy(masks)[:, None].float()


def on_tensors(module: Callable[..., torch.Tensor]) -> Run:
    def run(images: Array, masks: Array) -> Any:
        with torch.inference_mode():
            return module(*tensors_of(images, masks)).permute(0, 2, 3, 1).numpy()

    return run


def interleaved(runs: dict[str, Run], images: Array, masks: Array, rounds: int) -> dict[str, list[float]]:
    """Seconds of each call, round by round; one untimed round first."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for index in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run(images, masks)
            if index:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def summary(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    eager = seconds["eager PyTorch"]
    return {
        name: {
            "min_s": round(min(own), 3),
            "median_s": round(median(own), 3),
            "times_eager": round(median(e / o for e, o in zip(eager, own, strict=True)), 2),
        }
        for name, own in seconds.items()
    }


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", default="big-lama")
    p.add_argument("--size", type=int, default=512)
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--folder", type=Path, default=Path("build/benchmarks"), help="for the exported files")
    args = p.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    generator = seeded_generator(args.model)
    state = {key: tensor.numpy() for key, tensor in generator.state_dict().items()}
    images, masks = scene(args.size, args.size)
    runs = dict(
        runtimes(Checkpoint(Path(args.model), generator.config, state, ""), images, masks, args.folder, args.threads)
    )
    seconds = interleaved(runs, images, masks, args.rounds)
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"{args.model}, {args.size}x{args.size}, batch 1, float32, {args.threads} threads",
        "date": today,
        "method": f"{args.rounds} interleaved rounds after one untimed; times_eager: median of per-round ratios",
        "machine": machine(PACKAGES),
        "runtimes": summary(seconds),
        "seconds": {name: [round(value, 4) for value in values] for name, values in seconds.items()},
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{today}-cpu-{args.model}-{args.size}.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["runtimes"], indent=1), f"\nwrote {file}")


if __name__ == "__main__":
    main()
