"""IOPaint with a bundle of lama-export as its model "lama": `python lama_iopaint.py --bundle DIR start --port 8080`.

What follows the bundle is IOPaint's own command line, `run` and `start` alike. Contract: IOPaint 1.6, `iopaint.model`.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import numpy as np
from iopaint import entry_point
from iopaint.model import models
from iopaint.model.base import InpaintModel

from lama_deploy import Inpainter, LamaDeployError
from lama_deploy.service.iopaint_strategies import strategy_of

VARIABLE = "LAMA_BUNDLE"


class Bundle(InpaintModel):
    """In place of IOPaint's LaMa. Pictures are cut by lama-deploy, as IOPaint's `hd_strategy` asks for it."""

    name = "lama"
    is_erase_model = True

    @staticmethod
    def is_downloaded() -> bool:
        return True

    def init_model(self, device: Any, **_: Any) -> None:
        """device: IOPaint's, of its kind or torch's. Raises LamaDeployError."""
        self.backend = Inpainter.load(os.environ[VARIABLE], device=str(getattr(device, "value", device))).backend

    def __call__(self, image: np.ndarray, mask: np.ndarray, config: Any) -> np.ndarray:
        """image (H, W, 3) RGB, mask (H, W) or (H, W, 1), above 0 is hole, both uint8 -> (H, W, 3) BGR uint8."""
        inpaint = Inpainter(self.backend, strategy_of(config, max(image.shape[:2])))
        return np.ascontiguousarray(inpaint(image, mask)[..., ::-1])

    forward = __call__  # what IOPaint's class has to have


def main() -> int:
    p = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    p.add_argument("--bundle", default=os.environ.get(VARIABLE))
    args, rest = p.parse_known_args()
    if not args.bundle:
        print(f"no model: give a bundle of lama-export with --bundle DIR, or in {VARIABLE}", file=sys.stderr)
        return 2
    os.environ[VARIABLE] = args.bundle
    models[Bundle.name] = Bundle
    sys.argv[1:] = rest
    try:
        entry_point()
    except LamaDeployError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
