"""How results are encoded, where their format leaves a choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lama_deploy.errors import ImageError, brief

# Of 0 to 9. On photographs 2 takes 0.07 s a megapixel where zlib's own 6 takes 0.21, and the files are no larger
# (benchmarks: folder).
COMPRESSION = 2
JPEG_QUALITY = 95
WITH_QUALITY = ("JPEG", "WEBP")  # Pillow's names
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "TIFF": {},  # libtiff, which compresses, cannot write EXIF directories
    "BMP": {},
}


@dataclass(frozen=True, kw_only=True)
class SaveOptions:
    """quality: of JPEG (default: 95) and WebP, 1 to 100; WebP is lossless without it. compression: of PNG, 0 to 9.

    Raises ImageError for anything else.
    """

    quality: int | None = None
    compression: int = COMPRESSION

    def __post_init__(self) -> None:
        for name, value, least, most in (("quality", self.quality, 1, 100), ("compression", self.compression, 0, 9)):
            if value is None and name == "quality":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise ImageError(f"{name} is {brief(value)}; allowed: an integer from {least} to {most}")

    def of(self, kind: str) -> dict[str, Any]:
        """As Pillow's `save` takes them. kind: Pillow's name of a format that is written."""
        if kind == "PNG":
            return {"compress_level": self.compression}
        if kind == "JPEG":
            return {"quality": self.quality or JPEG_QUALITY, "subsampling": 0}
        if kind == "WEBP":  # exact: colours under full transparency stay
            return {"exact": True, **({"quality": self.quality} if self.quality else {"lossless": True})}
        return dict(OTHERS[kind])

    def loses(self, kind: str) -> bool:
        """Whether pixels outside the hole change too."""
        return kind == "JPEG" or (kind == "WEBP" and self.quality is not None)


AS_USUAL = SaveOptions()
