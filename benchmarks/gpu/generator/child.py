"""One candidate of `run.py` in a process of its own, whose peak memory is the candidate's.

Appends a line of JSON to --rows for every case, so that a process that is stopped leaves what it measured.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.generator.counts import needed_bytes
from benchmarks.gpu.generator.derived import is_measure, limits_of
from benchmarks.gpu.generator.fillers import Filler, filler
from benchmarks.gpu.generator.subject import case_of, scene_on
from benchmarks.gpu.memory import free_bytes, shortage
from benchmarks.gpu.timing import WARM_UP, Work, interleaved, summary
from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import load_checkpoint
from lama_deploy.proof.hole_errors import HoleErrors

Row = dict[str, Any]
MOST_OF_FLOAT32 = 1e-3  # mean error beyond which something else than rounding is wrong


@dataclass(frozen=True)
class Conditions:
    device: torch.device
    rounds: int
    least_seconds: float
    eager: Row | None  # what eager float32 is off by, as `HoleErrors.to_dict`


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("candidate")
    p.add_argument("--checkpoint", type=Path, required=True)
    p.add_argument("--reference", type=Path, required=True, help=".npy of the first case in float64")
    p.add_argument("--cases", nargs="+", required=True, help="SIZExBATCH, the first is checked against the reference")
    p.add_argument("--eager", type=json.loads, metavar="JSON", help="what eager float32 is off by")
    p.add_argument("--rows", type=Path, required=True)
    p.add_argument("--device", required=True)
    p.add_argument("--rounds", type=int, required=True)
    p.add_argument("--milliseconds", type=float, required=True)
    args = p.parse_args()
    checkpoint, device = load_checkpoint(args.checkpoint), torch.device(args.device)
    made = filler(args.candidate, checkpoint, args.device)
    conditions = Conditions(device, args.rounds, args.milliseconds / 1000, args.eager)
    reference: Array | None = np.load(args.reference)
    for case in args.cases:
        size, batch = case_of(case)
        row = {"candidate": args.candidate, "size": size, "batch": batch}
        short = shortage(needed_bytes(checkpoint.config, size, batch), free_bytes(device))
        row |= {"failed": short} if short else _tried(made, row, conditions, reference)
        with args.rows.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if reference is not None and "failed" in row:
            return 1  # what is wrong has no times
        reference = None
    return 0


def _tried(made: Filler, row: Row, conditions: Conditions, reference: Array | None) -> Row:
    """Out of memory, for one, is a row that says so; where the library or a graph could not be had, a note does."""
    try:
        with _heard() as warnings:
            found = measured(made, row, conditions, reference)
        notes = [*([found["note"]] if "note" in found else []), *warnings]
        return found | ({"note": "; ".join(notes)} if notes else {})
    except Exception as error:
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}".split("\n")[0][:300]}


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What lama_deploy warns of meanwhile."""
    heard: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("lama_deploy")
    logger.addHandler(handler)
    try:
        yield heard
    finally:
        logger.removeHandler(handler)


@torch.inference_mode()
def measured(made: Filler, row: Row, conditions: Conditions, reference: Array | None) -> Row:
    """Peak memory first, with what compiling and capturing take; then the check, then the times."""
    image, mask, images, masks = scene_on(conditions.device, row["size"], row["batch"])
    found: Row = {"peak_gib": _peak_gib(lambda: made.on_device(image, mask), conditions.device)}
    if reference is not None:
        result = made.on_device(image, mask).permute(0, 2, 3, 1).cpu().numpy()
        found |= checked(row["candidate"], HoleErrors.of(reference, result, masks), conditions.eager)
    works = {"on_device": Work(lambda: made.on_device(image, mask))}
    if made.on_host:
        on_host = made.on_host
        works["on_host"] = Work(lambda: on_host(images, masks))
    seconds = interleaved(works, conditions.device, conditions.rounds, conditions.least_seconds)
    found |= summary(seconds["on_device"])
    return found | ({"host_to_host": summary(seconds["on_host"])} if made.on_host else {})


def _peak_gib(run: Any, device: torch.device) -> float | None:
    """Of memory that PyTorch's allocator gave out, in GiB; None without a GPU."""
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    for _ in range(WARM_UP):
        run()
    return torch.cuda.max_memory_allocated(device) / 2**30 if on_gpu else None


def checked(candidate: str, error: HoleErrors, eager: Row | None) -> Row:
    """Errors inside the holes, for the record. ArithmeticError for what the gate refuses.

    Eager float32 is what all others are measured by: what it is off by more than usual is a note, while it is float32.
    """
    broken = "; ".join(limits_of(candidate, eager).broken_by(error))
    if broken and not (is_measure(candidate) and error.mean < MOST_OF_FLOAT32):
        raise ArithmeticError(f"wrong: {broken}")
    return {"error": error.to_dict()} | ({"note": f"off by more than usual: {broken}"} if broken else {})


if __name__ == "__main__":
    sys.exit(main())
