"""Where a call of our backend spends its time, kernel by kernel: `python -m benchmarks.gpu.generator.profile`.

One replay of big-lama at 512 and at 2048 pixels, as torch.profiler sees it. Without a GPU: --device cpu --smoke, where
PyTorch's operators take the kernels' place.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.generator.counts import needed_bytes
from benchmarks.gpu.generator.fillers import OURS, Filler, filler
from benchmarks.gpu.generator.subject import SMOKE_CASES, case_of, config_of, scene_on, seeded_checkpoint
from benchmarks.gpu.memory import free_bytes, shortage
from benchmarks.gpu.page import profile_table
from benchmarks.gpu.record import arguments, new_record, record_file, write
from benchmarks.gpu.timing import WARM_UP, Deadline

Row = dict[str, Any]
CASES = ((512, 1), (2048, 1))
METHOD = (
    "torch.profiler around one call after {warm_up} others: a replay of the CUDA graph with the masking and composite "
    "around it; a kernel's time is the device's, gaps between kernels are not in it; seeded weights"
)


def main() -> int:
    p = arguments(__doc__, seconds=60)
    p.add_argument("--model", default="big-lama")
    p.add_argument("--candidate", choices=OURS, default="ours fp16")
    p.add_argument("--cases", nargs="+", type=case_of, metavar="SIZExBATCH")
    args = p.parse_args()
    deadline, rows = Deadline(args.seconds), []
    cases = args.cases or (SMOKE_CASES if args.smoke else CASES)
    what = f"Kernels of {'a tiny generator' if args.smoke else args.model}, {args.candidate}"
    record = new_record(what, METHOD.format(warm_up=WARM_UP), args.device)
    file = record_file(args.out, f"profile-{'tiny' if args.smoke else args.model}", record)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = seeded_checkpoint(config_of(args.model, smoke=args.smoke), Path(folder))
        watch(lambda: torch.ones(1, device=args.device), args.device)  # before the capture: graphs are looked into then
        made = cache(lambda: filler(args.candidate, checkpoint, str(args.device)))
        for size, batch in cases:
            row = {"size": size, "batch": batch}
            rows.append(row | _row(made, row, args.device, needed_bytes(checkpoint.config, size, batch), deadline))
            record["profile"] = {"candidate": args.candidate, "rows": rows}
            write(file, record)
    print(profile_table(record["profile"]), f"\n\nwrote {file}")
    return 0 if all("failed" not in row for row in rows) else 1


def _row(made: Callable[[], Filler], row: Row, device: torch.device, needed: int, deadline: Deadline) -> Row:
    """Never raises: what went wrong is under "failed"."""
    if deadline.passed:
        return {"failed": "not run, the budget was spent"}
    try:
        short = shortage(needed, free_bytes(device))
        return {"failed": short} if short else profiled(_call(made(), row, device), device)
    except Exception as error:  # the other case goes on
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}".split("\n")[0][:300]}


@torch.inference_mode()
def _call(made: Filler, row: Row, device: torch.device) -> Callable[[], Any]:
    image, mask, *_ = scene_on(device, row["size"], row["batch"])
    return lambda: made.on_device(image, mask)


@torch.inference_mode()
def profiled(call: Callable[[], Any], device: torch.device) -> Row:
    """total_us and the kernels, the longest first: name, calls, us in all, share of the total."""
    for _ in range(WARM_UP):
        call()
    return table_of(watch(call, device), DeviceType.CUDA if device.type == "cuda" else DeviceType.CPU)


def watch(call: Callable[[], Any], device: torch.device) -> Any:
    """Averages of torch.profiler over one call, of the host and of the device."""
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(device)  # what was started before is not this call's
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]) as found:
        call()
        if on_gpu:
            torch.cuda.synchronize(device)
    return found.key_averages()


def table_of(averages: Any, where: DeviceType) -> Row:
    """averages: of torch.profiler, in which a launch on the host bears its kernel's time too: only kernels count.

    RuntimeError: there are none, the profiler saw nothing.
    """
    own = "self_device_time_total" if where == DeviceType.CUDA else "self_cpu_time_total"
    times = [
        (one.key, one.count, getattr(one, own))
        for one in averages
        if one.device_type == where and getattr(one, own) > 0 and not getattr(one, "is_user_annotation", False)
    ]
    total = sum(us for _, _, us in times)
    if not total:
        raise RuntimeError("the profiler saw no kernel; another profiler may hold the device's counters")
    kernels = [
        {"name": name, "calls": calls, "us": round(us, 3), "share": us / total}
        for name, calls, us in sorted(times, key=lambda row: -row[2])
    ]
    return {"total_us": round(total, 3), "launches": sum(calls for _, calls, _ in times), "kernels": kernels}


if __name__ == "__main__":
    sys.exit(main())
