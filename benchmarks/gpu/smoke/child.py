"""The cases of `run.py`, one after the other, each written down as it ends; a new process goes on behind a broken one.

A fault of the device ends the process, since nothing works in it any more; so does a case that hangs.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import sys
import traceback
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.memory import free_bytes, shortage
from benchmarks.gpu.record import new_record, write
from benchmarks.gpu.smoke.cases import FULL, TINY, SkippedError, SmokeCase, Subject, cases
from benchmarks.gpu.spectral.units import emulated
from benchmarks.gpu.timing import Deadline

MOST_SECONDS = 20  # of one case: the first one loads the libraries
METHOD = (
    "each case against float64 by torch.fft on the same device, within the tolerance of its dtype: the difference's "
    "norm as a share of the result's; inputs are standard normal"
)


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--record", type=Path, required=True, help="begun where it is missing, else gone on with")
    p.add_argument("--device", type=torch.device, required=True)
    p.add_argument("--library", type=Path, help="the emulated kernel library, for --device cpu")
    p.add_argument("--smoke", action="store_true", help="tiny sizes")
    p.add_argument("--seconds", type=float, required=True)
    args = p.parse_args()
    sizes, deadline = TINY if args.smoke else FULL, Deadline(args.seconds)
    subject, every = Subject(args.device, emulated(args.library), sizes), list(cases(sizes))
    record = json.loads(args.record.read_text()) if args.record.exists() else _begun(args.device, sizes.channels)
    record["smoke"]["cases"] = len(every)
    for case in every[len(record["smoke"]["rows"]) :]:
        if deadline.passed:
            break
        _run(case, subject, record, args.record)
        _device_works(args.device)
    faulthandler.cancel_dump_traceback_later()
    return 0


def _run(case: SmokeCase, subject: Subject, record: dict[str, Any], file: Path) -> None:
    """Writes the record before and after: a process that does not come back has left the case's name there."""
    found = record["smoke"]
    found["under_way"] = {"kind": case.kind, "case": case.name}
    write(file, record)
    faulthandler.dump_traceback_later(MOST_SECONDS, exit=True)
    found["rows"].append({**found.pop("under_way"), **_row(case, subject)})
    write(file, record)


def _begun(device: torch.device, channels: int) -> dict[str, Any]:
    record = new_record(f"Smoke test of the kernels, {channels} channels", METHOD, device)
    return record | {"smoke": {"rows": []}}


@torch.inference_mode()
def _row(case: SmokeCase, subject: Subject) -> dict[str, Any]:
    """Never raises: "error", "skipped" or "failed"."""
    try:
        short = shortage(case.needed_bytes(subject.sizes.channels), free_bytes(subject.device))
        row: dict[str, Any] = {"failed": short} if short else {"error": case.error(subject)}
    except SkippedError as reason:
        row = {"skipped": str(reason)}
    except Exception as error:
        traceback.print_exc()
        row = {"failed": f"{type(error).__name__}: {error}".split("\n")[0][:300]}
    print(case.name, row, flush=True)
    return row


def _device_works(device: torch.device) -> None:
    """Ends the process where a case has broken the device for it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    sys.exit(main())
