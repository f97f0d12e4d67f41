"""Any picture, any hole, any size, drawn by hypothesis: what no person would think of."""

import numpy as np
from hypothesis import strategies as st

from lama_deploy.arrays import Array
from lama_deploy.images.files import read_photograph
from lama_deploy.images.folders import SHIPPED
from lama_deploy.images.scenes import scene

MOST_PIXELS = 120_000  # the oracle computes in float64
IMAGES = ("scene", "photograph", "checkerboard", "noise", "black", "white")
MASKS = ("scene", "pixel", "all", "noise")


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int, int]:
    """(height, width, batch): 16 to 700 px, mostly off the multiple of 8; latents odd and prime among them."""
    height = draw(st.integers(16, 700))
    width = draw(st.integers(16, max(16, min(700, MOST_PIXELS // height))))
    batch = draw(st.integers(1, 3)) if height * width * 3 <= MOST_PIXELS else 1
    return height, width, batch


CASES = {
    "size": sizes(),
    "image": st.sampled_from(IMAGES),
    "mask": st.sampled_from(MASKS),
    "seed": st.integers(0, 2**31),
}


def image_of(kind: str, height: int, width: int, batch: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    shape = (batch, height, width, 3)
    if kind == "scene":
        return scene(height, width, batch, seed)[0]
    if kind == "photograph":
        files = sorted(SHIPPED.glob("*.jpg"))
        photograph = read_photograph(files[seed % len(files)]).rgb
        rows, columns = np.arange(height) % photograph.shape[0], np.arange(width) % photograph.shape[1]
        return np.broadcast_to(photograph[rows][:, columns], shape).copy()
    if kind == "checkerboard":
        board = (np.indices((height, width)).sum(axis=0) % 2 * 255).astype(np.uint8)
        return np.broadcast_to(board[None, :, :, None], shape).copy()
    if kind == "noise":
        return random.integers(0, 256, shape, dtype=np.uint8)
    return np.full(shape, {"black": 0, "white": 255}[kind], np.uint8)


def mask_of(kind: str, height: int, width: int, batch: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    mask = np.zeros((batch, height, width), np.uint8)
    if kind == "pixel":
        mask[:, random.integers(height), random.integers(width)] = 1
    elif kind == "all":
        mask[:] = 1
    elif kind == "noise":
        mask[:] = random.random(mask.shape) < 0.3
        mask[:, 0, 0] = 1
    else:
        mask = scene(height, width, batch, seed)[1]
    return mask
