"""How fast a training run goes and how much of it waits for data: `python -m benchmarks.cpu.training DATA`.

DATA is a folder of pictures; the batches, augmentation and files are real. Cases differ in precision and in the number
of data workers; they take turns, so that a busy machine disturbs all alike.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning_fabric import Fabric

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.reports.machine import machine
from lama_deploy.training.config import TrainConfig, override, read_config
from lama_deploy.training.data import Batch, TrainingSamples, training_batches
from lama_deploy.training.loop import Run, build_networks, make_fabric, to_device
from lama_deploy.training.step import training_step

CONFIG = Path(__file__).parents[2] / "examples" / "demo_model" / "lama-demo.yaml"
CASES = {
    "bfloat16, 1 worker": ["precision=bf16-mixed", "data.workers=1"],
    "bfloat16, no worker": ["precision=bf16-mixed", "data.workers=0"],
    "float32, 1 worker": ["precision=32-true", "data.workers=1"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="a round (default: 10)")
    parser.add_argument("--accelerator", default="cpu", choices=["cpu", "cuda"])
    args = parser.parse_args()
    base = read_config(args.config)
    cases = {name: Case(override(base, changes), args.data, args.accelerator) for name, changes in CASES.items()}
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(args.rounds):
        for name, case in cases.items():
            rounds[name].append(case.round(args.steps))
    _write(base, args, {name: _summary(base, args.steps, values) for name, values in rounds.items()})


class Case:
    """One configuration with its networks and its endless batches, the first step (set-up) already done."""

    def __init__(self, config: TrainConfig, data: Path, accelerator: str) -> None:
        self.config = config
        self.fabric: Fabric = make_fabric(config, Run(data=data, out=Path("build"), accelerator=accelerator))
        self.nets = build_networks(self.fabric, config, None)
        samples = TrainingSamples(data, config.data, config.seed)
        self.batches: Iterator[Batch] = iter(training_batches(samples, 0, config.steps))
        self.round(1)

    def round(self, steps: int) -> tuple[float, float]:
        """Seconds for `steps` steps, and how many of them were spent waiting for data."""
        start, waited = time.perf_counter(), 0.0
        for _ in range(steps):
            asked = time.perf_counter()
            batch = to_device(self.fabric, self.config, next(self.batches))
            waited += time.perf_counter() - asked
            training_step(self.fabric, self.config, self.nets, batch)
        if self.fabric.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start, waited


def _summary(config: TrainConfig, steps: int, rounds: list[tuple[float, float]]) -> dict[str, float]:
    pictures = steps * config.data.batch_size
    return {
        "pictures_per_second": round(median(pictures / seconds for seconds, _ in rounds), 2),
        "best_pictures_per_second": round(max(pictures / seconds for seconds, _ in rounds), 2),
        "data_wait_share": round(sum(waited for _, waited in rounds) / sum(seconds for seconds, _ in rounds), 4),
    }


def _write(config: TrainConfig, args: argparse.Namespace, cases: dict[str, Any]) -> None:
    today = datetime.now(UTC).date().isoformat()
    device = torch.cuda.get_device_name() if args.accelerator == "cuda" else f"{torch.get_num_threads()} threads"
    record = {
        "what": f"Training {args.config.stem}, crops of {config.data.crop}, batch {config.data.batch_size}, {device}: "
        "pictures a second",
        "date": today,
        "method": f"median of {args.rounds} rounds of {args.steps} steps, cases taking turns; real pictures and "
        "augmentation; the share is of the time in which the step waits for its batch",
        "machine": machine(PACKAGES),
        "training": cases,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{today}-{args.accelerator}-train-{args.config.stem}.json").write_text(
        json.dumps(record, indent=1) + "\n"
    )
    print(json.dumps(cases, indent=1))


if __name__ == "__main__":
    main()
