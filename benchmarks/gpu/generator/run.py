"""big-lama on a GPU, side by side: `python -m benchmarks.gpu.generator.run [--out FOLDER]` from the root.

Our backend against eager PyTorch and torch.compile, from 256 to 2048 pixels, with peak memory: every candidate and
case, or those that are named. Each candidate runs in a process of its own, is checked against float64 first, and is
stopped at its time limit; what it measured until then is kept. Without a GPU: --device cpu --smoke.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.ceilings import ceilings
from benchmarks.gpu.generator.derived import eager_error, targets, with_ratios
from benchmarks.gpu.generator.fillers import LIMITS, ON_CPU
from benchmarks.gpu.generator.subject import SEEDED, SMOKE_CASES, case_of, config_of, seeded_checkpoint
from benchmarks.gpu.page import generator_table
from benchmarks.gpu.process import run_limited
from benchmarks.gpu.record import arguments, new_record, record_file, write
from benchmarks.gpu.timing import Deadline
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.backends.torch_eager import TorchBackend
from lama_deploy.variants import GeneratorConfig

Case = tuple[int, int]  # side in pixels, batch
CASES = ((512, 1), (512, 8), (2048, 1), (1024, 1), (256, 1), (1024, 8), (256, 8))  # the most important first
ROOT, CHILD = Path(__file__).parents[3], "benchmarks.gpu.generator.child"
METHOD = (
    "one process a candidate; the first size against float64 within the tolerance table; then {rounds} rounds of "
    "{milliseconds:g} ms or longer, CUDA events, median (minimum, maximum in the record); device tensors in and out, "
    "masking and composite included; cuDNN's algorithm search for all; torch.compile in mode reduce-overhead, channels "
    "last; ours replays CUDA graphs; peak memory as PyTorch's allocator counts it, weights included; operations: "
    "convolutions and channel mixing, without the Fourier transforms; seeded weights"
)


def main() -> int:
    p = arguments(__doc__, seconds=500, rounds=7)
    p.add_argument("--model", default="big-lama")
    p.add_argument("--milliseconds", type=float, default=50.0, help="least time of one turn")
    p.add_argument("--cases", nargs="+", type=case_of, metavar="SIZExBATCH", help="the most important first")
    p.add_argument(
        "--candidates",
        nargs="+",
        type=_candidate,
        metavar="NAME[=FIRST]",
        help=f"of: {', '.join(LIMITS)}; FIRST: at so many of the first cases only",
    )
    args = p.parse_args()
    deadline = Deadline(args.seconds)
    if args.smoke:
        args.rounds, args.milliseconds = 1, 0.0
    args.cases = args.cases or (SMOKE_CASES if args.smoke else CASES)
    config = config_of(args.model, smoke=args.smoke)
    method = METHOD.format(rounds=args.rounds, milliseconds=args.milliseconds)
    record = new_record(f"{'a tiny generator' if args.smoke else args.model} on a GPU", method, args.device)
    file = record_file(args.out, f"generator-{'tiny' if args.smoke else args.model}", record)
    with tempfile.TemporaryDirectory() as folder:
        _measure(record, config, args, deadline, Path(folder), file)
    print(generator_table(record["generator"]), f"\n\nwrote {file}")
    return 0 if any("failed" not in row for row in record["generator"]["rows"]) else 1


def _measure(
    record: dict[str, Any],
    config: GeneratorConfig,
    args: argparse.Namespace,
    deadline: Deadline,
    folder: Path,
    file: Path,
) -> None:
    """Fills `record`, and writes it after every candidate."""
    checkpoint = seeded_checkpoint(config, folder)
    found = ceilings(args.device, smoke=args.smoke)
    _save_reference(checkpoint, args.cases[0], args.device, folder)
    rows: list[dict[str, Any]] = []
    usual = [(name, None) for name in (LIMITS if args.device.type == "cuda" else ON_CPU)]
    for candidate, first in args.candidates or usual:
        rows += _measured(candidate, args.cases[:first], eager_error(rows), args, deadline, folder)
        derived = with_ratios(rows, config, found)
        record["generator"] = {"ceilings": found, "rows": derived, "targets": list(targets(derived))}
        write(file, record)
        print(f"{candidate}: {deadline.left:.0f} s left", flush=True)


def _candidate(text: str) -> tuple[str, int | None]:
    name, equals, first = text.partition("=")
    if name not in LIMITS:
        raise argparse.ArgumentTypeError(f"no candidate {name!r}; known: {', '.join(LIMITS)}")
    return name, int(first) if equals else None


def _save_reference(checkpoint: Checkpoint, case: Case, device: torch.device, folder: Path) -> None:
    size, batch = case
    exact = TorchBackend(checkpoint, device=str(device), dtype=torch.float64)
    np.save(folder / "reference.npy", exact.run(*scene(size, size, batch)))
    if device.type == "cuda":
        torch.cuda.empty_cache()  # the candidates run in other processes


def _measured(
    candidate: str,
    cases: Sequence[Case],
    eager: dict[str, Any] | None,
    args: argparse.Namespace,
    deadline: Deadline,
    folder: Path,
) -> list[dict[str, Any]]:
    """The candidate's rows; the last one says what went wrong, if anything did."""
    limit = min(LIMITS[candidate], deadline.left)
    if limit <= 0:
        return [{"candidate": candidate, "failed": "not run, the budget was spent"}]
    rows = folder / f"{candidate}.jsonl"
    command = [sys.executable, "-m", CHILD, candidate, "--checkpoint", str(folder / SEEDED)]
    command += ["--reference", str(folder / "reference.npy"), "--rows", str(rows), "--device", str(args.device)]
    command += ["--rounds", str(args.rounds), "--milliseconds", str(args.milliseconds)]
    command += ["--eager", json.dumps(eager), "--cases", *(f"{size}x{batch}" for size, batch in cases)]
    log = folder / f"{candidate}.log"
    failure = run_limited(command, limit, log, folder=ROOT)
    print(log.read_text(errors="replace"), flush=True)
    found = [json.loads(line) for line in rows.read_text().splitlines()] if rows.exists() else []
    told = failure is None or any("failed" in row for row in found)
    return found if told else [*found, {"candidate": candidate, "failed": failure}]


if __name__ == "__main__":
    sys.exit(main())
