"""Pictures as the corpus keeps them: opaque RGB, the long side no longer than 2048 pixels, as JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageStat

from corpus_errors import CorpusError
from lama_deploy.errors import LamaDeployError
from lama_deploy.images.opening import decoded

SUFFIX = ".jpg"
LONG_SIDE = 2048
OPAQUE = 250  # alpha from here on is taken for opaque
CONTRAST_SIZE = (64, 64)


@dataclass(frozen=True)
class Limits:
    """The least a picture must have: pixels, and spread of its small grey version (a standard deviation)."""

    long_side: int = 0
    short_side: int = 0
    contrast: float = 0.0

    def allow(self, image: Image.Image) -> bool:
        if max(image.size) < self.long_side or min(image.size) < self.short_side:
            return False
        return not self.contrast or contrast(image) >= self.contrast


NO_LIMITS = Limits()


def contrast(image: Image.Image) -> float:
    """Near 0 for a plain surface, whatever its grain: that is averaged away."""
    return ImageStat.Stat(image.convert("L").resize(CONTRAST_SIZE)).stddev[0]


def read_picture(content: bytes, limits: Limits, name: str) -> Image.Image | None:
    """The picture in RGB; None when it is transparent somewhere or below the limits."""
    try:
        with decoded(content) as image:
            return image.convert("RGB") if limits.allow(image) and _is_opaque(image) else None
    except LamaDeployError as error:
        raise CorpusError(f"{name}: not a picture, or a damaged one ({error})") from error


def save_picture(image: Image.Image, path: Path) -> None:
    """Quality 90 without chroma subsampling: the loss must not teach the model JPEG's blocks and bleeding colours."""
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=90, subsampling=0)


def _is_opaque(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return True
    lowest = image.convert("RGBA").getchannel("A").getextrema()[0]
    return isinstance(lowest, int) and lowest >= OPAQUE
