"""The Fourier unit on a GPU, side by side: `python -m benchmarks.gpu.spectral.run [--out FOLDER]` from the root.

Our two kernels against torch.fft and torch.compile, in every dtype and layout or in some, at LaMa's latents. Each is
checked against float64 before it is timed; what is wrong has no time. Prints the row for the crossover table of
kernels/src/resolve.cpp at the end. Without a GPU: --device cpu --smoke, and the emulated library for our kernels.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.ceilings import DTYPES, ceilings
from benchmarks.gpu.memory import free_bytes, shortage
from benchmarks.gpu.names import CANDIDATES, COMPILED
from benchmarks.gpu.page import spectral_table
from benchmarks.gpu.record import arguments, new_record, record_file, write
from benchmarks.gpu.spectral.case import FORMATS, Case, Conditions, forget, measured, needed_bytes
from benchmarks.gpu.spectral.counts import Unit, kernel_tiles
from benchmarks.gpu.spectral.derived import crossover, targets, with_shares
from benchmarks.gpu.spectral.units import emulated
from benchmarks.gpu.timing import Deadline

CHANNELS = 192
SIZES = ((64, 64, 1), (32, 32, 1), (85, 67, 1), (128, 128, 1), (256, 256, 1), (64, 64, 8), (512, 512, 1))
SMOKE_CHANNELS, SMOKE_SIZES = 8, ((6, 5, 1),)
METHOD = (
    "each candidate within its dtype's tolerance of float64 first; then {rounds} rounds in which all candidates of a "
    "case take turns, {milliseconds:g} ms or longer each, CUDA events, median (minimum, maximum in the record); cold: "
    "inputs rotate over twice the L2 cache or more, warm: the same input again and again, as in the network, which has "
    "just written it; calls: from Python, one after the other; graph: replays of a CUDA graph of such calls; no "
    "residual, no TF32; floor: the larger of least bytes over copy bandwidth and operations over the rate of a large "
    "matrix product in that dtype, both measured in the same run"
)


def main() -> int:
    p = arguments(__doc__, seconds=480, rounds=20)
    p.add_argument("--milliseconds", type=float, default=3.0, help="least time of one turn")
    p.add_argument("--library", type=Path, help="the emulated kernel library, for --device cpu")
    p.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    p.add_argument("--layouts", nargs="+", choices=FORMATS, default=list(FORMATS))
    p.add_argument("--without-compile", action="store_true", help="torch.compile takes longest to get ready")
    args = p.parse_args()
    torch.backends.cudnn.allow_tf32 = False
    deadline, device = Deadline(args.seconds), args.device
    rounds = 1 if args.smoke else args.rounds
    method = METHOD.format(rounds=rounds, milliseconds=args.milliseconds)
    channels = SMOKE_CHANNELS if args.smoke else CHANNELS
    record = new_record(f"Fourier unit of {channels} channels", method, device)
    library = emulated(args.library)
    rotated_bytes = 2 * record["machine"].get("gpu", {"l2_bytes": 0})["l2_bytes"]
    seconds = 0.0 if args.smoke else args.milliseconds / 1000
    candidates = tuple(name for name in CANDIDATES if name != COMPILED or not args.without_compile)
    conditions = Conditions(device, library, candidates, rotated_bytes, rounds, seconds)
    file = record_file(args.out, "spectral", record)
    _measure(record, list(_cases(channels, args)), conditions, deadline, file, smoke=args.smoke)
    print(_summary(record), f"\nwrote {file}")
    return 0 if any("failed" not in row for row in record["spectral"]["rows"]) else 1


def _cases(channels: int, args: argparse.Namespace) -> Iterator[Case]:
    """The most important first: the budget may not reach the last."""
    for dtype in args.dtypes:
        for layout in args.layouts:
            for height, width, batch in SMOKE_SIZES if args.smoke else SIZES:
                yield Case(Unit(channels, height, width, batch), dtype, layout)


def _measure(
    record: dict[str, Any], cases: list[Case], conditions: Conditions, deadline: Deadline, file: Path, *, smoke: bool
) -> None:
    """Fills `record`, and writes it after every case."""
    tiles, found = kernel_tiles(), ceilings(conditions.device, smoke=smoke)
    rows: list[dict[str, Any]] = []
    record["spectral"] = {"ceilings": found, "rows": rows, "left_out": []}
    for case in cases:
        if deadline.passed:
            record["spectral"]["left_out"].append(case.described())
            continue
        rows += [with_shares(row, case.unit.channels, tiles, found) for row in _tried(case, conditions)]
        record["spectral"] |= {"crossover": crossover(rows), "targets": list(targets(rows))}
        write(file, record)
        print(f"{case.described()}: {deadline.left:.0f} s left", flush=True)
    write(file, record)


def _tried(case: Case, conditions: Conditions) -> list[dict[str, Any]]:
    """Never raises: a case that fails as a whole is one row that says so."""
    try:
        short = shortage(needed_bytes(case, conditions.rotated_bytes), free_bytes(conditions.device))
        if short:
            return [{**case.described(), "candidate": "all", "failed": short}]
        rows = measured(case, conditions)
        forget(conditions.device)
    except Exception as error:
        traceback.print_exc()
        return [{**case.described(), "candidate": "all", "failed": f"{type(error).__name__}: {error}"[:300]}]
    return rows


def _summary(record: dict[str, Any]) -> str:
    found = record["spectral"]
    lines = [spectral_table(found)]
    if found.get("crossover") is not None and "gpu" in record["machine"]:
        row = f"{{{record['machine']['gpu']['compute_capability']}, {found['crossover']}}}"
        lines.append(f"row for kCrossovers in kernels/src/resolve.cpp: {row}")
    if found["left_out"]:
        lines.append(f"not measured for want of time: {len(found['left_out'])} cases")
    return "\n\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
