"""The environment of somebody's own machine, whatever the tests run in."""

from __future__ import annotations

import os
from pathlib import Path

KEPT = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")


def plain_environment(home: Path, **variables: str) -> dict[str, str]:
    """What programs need to start, and `variables`. ONNX Runtime, for one, looks for a dozen variables of CI services
    (CI, GITHUB_ACTIONS, TF_BUILD ...) and leaves nothing in a home where it finds one.
    """
    return {name: os.environ[name] for name in KEPT if name in os.environ} | {"HOME": str(home), **variables}
