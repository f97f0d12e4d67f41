"""model.pt of `--to torchscript` beside what it replaces: `python -m benchmarks.cpu.torchscript [--size 512]`.

lama-demo three times, with weights of its own: eager PyTorch, traced as official `bin/to_jit.py` does it, with batch
normalisation in it, and ours, both saved and opened as programs open their big-lama.pt. Rounds are interleaved; a
file's speed is the median over rounds of eager's time over its own in the same round.
"""

from __future__ import annotations

import argparse
import json
import warnings
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks.composite import Composite
from benchmarks.cpu.runtimes import RESULTS, Run, interleaved, on_tensors, summary, tensors_of
from lama_deploy.arrays import Array
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.images.scenes import scene
from lama_deploy.reports.machine import machine
from lama_deploy.runtime.backends.torch_eager import TorchBackend
from lama_export.torchscript import save_torchscript, torchscript_from_state

SETTLING = 2  # runs after which TorchScript has specialised what it computes
PACKAGES = ("torch", "numpy")


def runs_of(images: Array, masks: Array, folder: Path, threads: int) -> dict[str, Run]:
    """By name, each settled."""
    checkpoint = load_weights("lama-demo")
    eager = TorchBackend(checkpoint, device="cpu", threads=threads)
    traced, ours = folder / "traced.pt", folder / "ours.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(Composite(eager.generator).eval(), tensors_of(images, masks)).save(str(traced))
        save_torchscript(torchscript_from_state(checkpoint.config, checkpoint.state_dict), ours)
        runs = {
            "eager PyTorch": eager.run,
            "TorchScript, traced as official": on_tensors(torch.jit.load(str(traced)).eval()),
            "TorchScript, ours": on_tensors(torch.jit.load(str(ours)).eval()),
        }
    for run in runs.values():
        for _ in range(SETTLING):
            run(images, masks)
    return runs


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", type=int, default=512)
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--folder", type=Path, default=Path("build/benchmarks"), help="for the exported files")
    args = p.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    images, masks = scene(args.size, args.size)
    seconds = interleaved(runs_of(images, masks, args.folder, args.threads), images, masks, args.rounds)
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"TorchScript: lama-demo, {args.size}x{args.size}, float32, {args.threads} threads",
        "date": today,
        "method": f"{args.rounds} interleaved rounds after {SETTLING + 1} untimed; times eager: median of per-round "
        "ratios",
        "machine": machine(PACKAGES),
        "runtimes": summary(seconds),
        "seconds": {name: [round(value, 4) for value in values] for name, values in seconds.items()},
    }
    file = RESULTS / f"{today}-cpu-torchscript-{args.size}.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["runtimes"], indent=1), f"\nwrote {file}")


if __name__ == "__main__":
    main()
