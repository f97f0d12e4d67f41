"""Pictures and masks: programs and bombs made by hand, then good files of every format and mode, mutated.

Through what the commands do with them: a whole job of lama-inpaint on a quick backend, whose known pixels must be equal
to the bit, the reading of lama-train and its mask files, and calibration. A `gs` that is first in PATH tells whether
anything was started.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from PIL import Image

from lama_deploy import Inpainter
from lama_deploy.errors import ImageError
from lama_deploy.images.deep import png_with
from lama_deploy.images.files import read_mask, read_photograph, write_photograph
from lama_deploy.images.mask_options import MaskFrom, MaskOptions
from lama_deploy.images.notes import Notes
from lama_deploy.images.opening import MAX_PIXELS, formats, opened, pillow_limit_lifted
from lama_deploy.images.pairs import Job
from lama_deploy.images.placing import ORIENTATION, STORED_FROM_SHOWN
from lama_deploy.jobs import picture as jobs
from lama_deploy.precision.calibration import CalibrationSet
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.training.mask_files import ObjectMasks
from lama_deploy.training.sources import PictureRef, decode
from tests.hostile.families._crafted_pictures import ODD, REFUSED, saved
from tests.hostile.families._mutations import damaged

TIME_BOUND = 60.0
MEMORY_BUDGET = 400 << 20
COUNT = 2000
MUTATED_PIXELS = 2_000_000  # what mutated files may have, so that two thousand of them take seconds
CRAFTED = [*(make for make, _ in REFUSED.values()), *ODD.values()]
# Written under each of these names, whatever they are.
SUFFIXES = (".jpg", ".png", ".tif", ".webp", ".bmp", ".gif", ".eps", "")
MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "LA;16", "RGB;16", "RGBA;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "GIF": ("L", "P"),
    "PPM": ("1", "L", "RGB", "I;16"),
    "AVIF": ("RGB", "RGBA"),
}


class Inverting:
    """A backend that takes no time: holes are the picture's negative."""

    name = "inverting"
    device = "cpu"
    capabilities = Capabilities()

    def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        return np.where(masks[..., None] > 0, 255 - images, images)


@dataclass
class Shared:
    files: list[bytes]
    inpainter: Inpainter
    started: Path


def prepare(folder: Path) -> Shared:
    started, commands = folder / "started", folder / "bin"
    commands.mkdir()
    for name in ("gs", "gswin64c", "djpeg", "cjpeg", "convert"):
        (commands / name).write_text(f"#!/bin/sh\necho {name} >> {started}\n")
        (commands / name).chmod(0o755)
    os.environ["PATH"] = f"{commands}{os.pathsep}{os.environ['PATH']}"
    files = [file for kind in formats() for mode in MODES[kind] for file in _good(kind, mode)]
    pillow_limit_lifted().__enter__()
    return Shared(files, Inpainter(Inverting()), started)


def case(shared: Shared, folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    crafted = seed < len(CRAFTED)
    data = CRAFTED[seed]() if crafted else damaged(rng, rng.choice(shared.files), rng.choice(shared.files))
    path = folder / f"picture{rng.choice(SUFFIXES)}"
    path.write_bytes(data)
    most = MAX_PIXELS if crafted else MUTATED_PIXELS
    try:
        (_job if crafted else rng.choice(ROLES))(shared, path, rng, most)
    finally:
        if shared.started.exists():
            shared.started.unlink()
            raise AssertionError("a process was started")


def _job(shared: Shared, path: Path, rng: random.Random, most: int) -> None:
    """The picture is filled as lama-inpaint does it, under a mask of the size at which it is shown."""
    photograph = read_photograph(path, most)
    suffix = rng.choice(
        (".png", ".tif", ".webp") if photograph.alpha is not None else (".png", ".tif", ".webp", ".bmp")
    )
    hole = np.random.default_rng(rng.randrange(2**32)).integers(0, 2, photograph.rgb.shape[:2], dtype=np.uint8)
    turn = photograph.exif.get(ORIENTATION, 1)
    Image.fromarray(_shown(hole * 255, turn)).save(path.with_name("mask.png"))
    job = Job(path, path.with_name("mask.png"), path.with_name(f"result{suffix}"))
    work = jobs.PictureWork(shared.inpainter, jobs.PictureOptions(max_pixels=most))
    picture = work.read(job, lambda pixels: None)
    (found,) = work.infer([picture])
    if isinstance(found, Exception):
        raise found
    work.write(job, picture, found)
    result = read_photograph(job.output, most)
    wanted = np.where(hole[..., None] > 0, 255 - photograph.rgb, photograph.rgb)
    np.testing.assert_array_equal(_as_shown(result), _shown(wanted, turn))
    if photograph.is_deep and result.is_deep:
        whole = _samples_in(photograph.samples, 255 - photograph.rgb, hole)
        np.testing.assert_array_equal(_shown(result.samples, result.exif.get(ORIENTATION, 1)), _shown(whole, turn))


def _mask(shared: Shared, path: Path, rng: random.Random, most: int) -> None:
    """The file is the mask of a good picture."""
    good = path.with_name("good.png")
    Image.new("RGB", (12, 8), (1, 2, 3)).save(good)
    photograph = read_photograph(good)
    options = MaskOptions(
        mask_threshold=rng.choice((0, 0, 127)), invert=rng.random() < 0.3, mask_from=rng.choice(get_args(MaskFrom))
    )
    mask = read_mask(path, photograph, most, options, Notes().about(path))
    assert mask.shape == (8, 12) and mask.dtype == np.uint8 and mask.max() <= 1
    write_photograph(path.with_name("result.png"), photograph)


def _samples_in(samples: np.ndarray, rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """16 bits: a byte's value twice, and the luminance where the picture is grey."""
    fill = rgb if samples.ndim == 3 else np.asarray(Image.fromarray(rgb).convert("L"))
    return np.where(hole > 0 if samples.ndim == 2 else hole[..., None] > 0, fill.astype(np.uint16) * 257, samples)


def _refuse_large(path: Path, most: int) -> None:
    """For readers that take 100 megapixels whoever asks, which are right and take their two gigabytes."""

    def stop(height: int, width: int) -> None:
        raise ImageError("looked at")

    try:
        with opened(path, most, stop):
            pass
    except ImageError as error:
        if f"more than {most:,} pixels" in str(error):
            raise


def _training(shared: Shared, path: Path, rng: random.Random, most: int) -> None:
    _refuse_large(path, most)
    picture = decode(PictureRef(path, "", path.name))
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3


def _shapes(shared: Shared, path: Path, rng: random.Random, most: int) -> None:
    _refuse_large(path, most)
    assert ObjectMasks((path,)).draw(np.random.default_rng(0), 32, 32).shape == (32, 32)


def _calibration(shared: Shared, path: Path, rng: random.Random, most: int) -> None:
    _refuse_large(path, most)
    path.rename(path.with_suffix(".jpg"))
    pixels, hole = CalibrationSet(path.parent)[0]
    assert pixels.dtype == np.uint8 and pixels.shape == (*hole.shape, 3)


ROLES: tuple[Callable[[Shared, Path, random.Random, int], None], ...] = (
    _job, _job, _job, _job, _mask, _mask, _training, _shapes, _calibration,
)  # fmt: skip


def _as_shown(photograph: Any) -> np.ndarray:
    return _shown(photograph.rgb, photograph.exif.get(ORIENTATION, 1))


def _shown(stored: np.ndarray, orientation: int) -> np.ndarray:
    """Turned as EXIF says, with NumPy: the opposite of STORED_FROM_SHOWN."""
    if orientation not in STORED_FROM_SHOWN:
        return stored
    turned = stored.swapaxes(0, 1) if orientation >= 5 else stored
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return np.ascontiguousarray(turned[:, ::-1] if orientation in (2, 3, 6, 7) else turned)


def _good(kind: str, mode: str) -> list[bytes]:
    """12x8 pixels of noise, plain and turned, and with a compression where the format has several."""
    pixels = np.random.default_rng(7).integers(0, 256, (8, 12, 4), dtype=np.uint8)
    if mode.endswith(";16") and mode != "I;16":
        shallow = mode.removesuffix(";16")
        bands = pixels[..., : len(shallow)]
        return [png_with(data, bands.astype(np.uint16) * 249) for data in _good(kind, shallow)]
    if mode in ("I;16", "F"):
        image = Image.fromarray(pixels[..., 0].astype(np.uint16 if mode == "I;16" else np.float32) * 200)
    else:
        image = Image.fromarray(pixels).convert(mode)
    variants: list[dict[str, Any]] = [{}]
    if kind in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF"):
        exif = Image.Exif()
        exif[ORIENTATION], exif[0x010F] = 6, "Camera"
        variants.append({"exif": exif})
    if kind == "TIFF" and mode != "F":
        variants += [{"compression": name} for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits")]
    if kind == "JPEG":
        variants.append({"progressive": True})
    if kind == "GIF":
        variants.append({"save_all": True, "append_images": [image], "comment": b"hello"})
    return [saved(kind, image, **options) for options in variants]
