"""model.pt by itself, called as programs call their big-lama.pt: IOPaint 1.6 (`iopaint/model/lama.py`) and
simple-lama-inpainting 0.1.2 (`models/model.py`), which know torch and no package of ours.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from lama_deploy import Inpainter
from lama_deploy.arrays import Array
from tests.integrations.conftest import SIZES, picture


@pytest.mark.parametrize("name", SIZES)
def test_as_iopaint_and_simple_lama(name: str, torchscript: Path) -> None:
    module = torch.jit.load(str(torchscript / "model.pt"), map_location="cpu").to(torch.device("cpu")).eval()
    image, mask = picture(name)
    expected = Inpainter.load(torchscript, strategy="whole")(image, mask)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found = module(planes(image), (planes(mask * 255) > 0) * 1)
        assert found.dtype == torch.float32
        pixels = np.clip(found[0].permute(1, 2, 0).numpy() * 255, 0, 255).astype(np.uint8)
        pixels = pixels[: image.shape[0], : image.shape[1]]
        assert np.abs(pixels.astype(int) - expected).max() <= 1, mode  # they compute it at a padded size
        assert np.array_equal(pixels[mask == 0], image[mask == 0])


def planes(picture: Array) -> torch.Tensor:
    """(1, C, H, W) in [0, 1], padded to multiples of 8 by reflection that repeats the edge."""
    stacked = picture if picture.ndim == 3 else picture[..., None]
    missing = [(0, -side % 8) for side in picture.shape[:2]]
    padded = np.pad(stacked, [*missing, (0, 0)], mode="symmetric")
    return torch.from_numpy(padded.transpose(2, 0, 1).astype(np.float32) / 255)[None]
