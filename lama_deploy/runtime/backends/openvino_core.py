"""OpenVINO's entry point, one for the whole process."""

from __future__ import annotations

from functools import cache

import openvino as ov


@cache
def openvino_core() -> ov.Core:
    """The process's `ov.Core`, never freed.

    On CPUs with AVX-512 OpenVINO's CPU plugin gives the thread that first uses a core a signal stack, and unmaps it
    with the core's last model, whichever thread drops that one (seen in 2026.4). The next signal with a handler then
    kills the process: a finished child under a DataLoader's handler, say.
    """
    return ov.Core()
