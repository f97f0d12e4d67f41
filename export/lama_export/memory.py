"""What memory a new bundle's runs take on this machine, for its `bundle.json`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from lama_deploy.bundle import Bundle
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.measuring import measure
from lama_export.engine_options import ENGINES
from lama_export.progress import Progress, phase

log = logging.getLogger(__name__)


def memory_record(directory: Path, bundle: Bundle, progress: Progress) -> dict[str, Any]:
    """As `runtime.measuring.measure`, with the options that are chosen where nobody chooses, on the CPU.

    Empty of engines, whose memory is taken as they are opened, of what does not run here, of files for one size, and
    where measuring fails, which is logged.
    """
    if bundle.target in (*ENGINES, "coreml"):
        return {}
    recipe = Inpainter.load(directory, check=False, device="cpu").backend.capabilities.recipe
    if recipe is None:
        return {}
    try:
        return next(measure(one) for one in phase(progress, "measuring memory")([recipe]))
    except (LamaDeployError, StopIteration) as error:
        log.warning("what memory the bundle takes could not be measured (%s); it will be estimated", brief(error))
        return {}
