"""Pictures and masks that lama-inpaint's tests write and read."""

from pathlib import Path

import numpy as np
from PIL import Image

from lama_deploy.images.scenes import scene

IMAGES, MASKS = scene(30, 44, 3, seed=11)


def save(name: str, array: np.ndarray, **options: object) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(name, **options)


def save_folders(count: int = 3) -> None:
    for index in range(count):
        save(f"images/{index}.png", IMAGES[index])
        save(f"masks/{index}.png", MASKS[index] * 255)


def pixels(name: str | Path) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image)


def files(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())
