"""OpenVINO's entry point, one for the whole process."""

from __future__ import annotations

from functools import cache

import openvino as ov


@cache
def openvino_core() -> ov.Core:
    """The process's `ov.Core`, never freed.

    OpenVINO's CPU plugin gives the thread that first uses a core a signal stack. With the core's last model it unmaps
    that stack, whichever thread drops the model, and puts back the one that was there before: that of another core, if
    it has gone too, is unmapped (seen in 2026.4, with and without AVX-512). The next signal with a handler then kills
    the process, and no handler of SIGSEGV hears of it: a finished child under a DataLoader's handler, say.
    """
    return ov.Core()
