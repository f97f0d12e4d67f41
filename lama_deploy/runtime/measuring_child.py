"""A process that opens a model and tells what its runs take: `python -m lama_deploy.runtime.measuring_child`.

It reads what to open and to run from standard input, as `measuring` writes it, and prints a line of JSON for each run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.runtime.backend import Backend, is_fixable
from lama_deploy.runtime.device_memory import free_bytes
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.shapes import Shape

PEAK = "VmHWM"  # of /proc/self/status
RESET_PEAK = "5"  # what /proc/self/clear_refs takes for it
FIRST_TO_GO = "1000"


def main() -> None:
    """Raises whatever the model does; who started this falls back to what is known without it."""
    request = json.load(sys.stdin)
    with suppress(OSError):  # where memory ends, the system ends this process and none that serves anybody
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    backend = _opened(request)
    on_gpu = str(backend.device).startswith("cuda")
    peak = _on_device(str(backend.device)) if on_gpu else _of_process
    for n, h, w in request["shapes"]:
        if not request["fixed"]:
            _tell(backend, (n, h, w), peak)
        elif is_fixable(backend):
            _tell(backend.fixed((n, h, w)), (n, h, w), peak)


def _opened(request: dict[str, Any]) -> Backend:
    source, options, told = request["source"], dict(request["options"]), request["told"]
    if "dtype" in options:
        import torch

        options["dtype"] = getattr(torch, options["dtype"])
    if told is None:
        return Inpainter.load(source, check=False, **options).backend
    from lama_deploy.checkpoints.checkpoint import load_checkpoint

    return Inpainter.of(load_checkpoint(source, told), **options).backend


def _tell(backend: Backend, shape: Shape, peak: Callable[[Callable[[], object]], int]) -> None:
    images = np.full((*shape, 3), 127, np.uint8)
    masks = np.full(shape, 255, np.uint8)  # all hole: a model with a decoder for holes alone takes the most
    print(json.dumps({"shape": shape, "bytes": peak(lambda: backend.run(images, masks))}), flush=True)


def _of_process(run: Callable[[], object]) -> int:
    """The largest resident set meanwhile."""
    with suppress(OSError):  # where it cannot be reset: from the start, which is less in no later run
        Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    run()
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(PEAK))
    return int(line.split()[1]) * 1024


def _on_device(device: str) -> Callable[[Callable[[], object]], int]:
    """What the engine has taken since it was opened: all engines on GPUs keep what they take."""
    before = free_bytes(device)

    def peak(run: Callable[[], object]) -> int:
        for _ in range(2):  # the second one records a graph
            run()
        after = free_bytes(device)
        if before is None or after is None:
            raise SystemExit("nothing here tells the device's free memory")
        return max(0, before - after)

    return peak


if __name__ == "__main__":
    main()
