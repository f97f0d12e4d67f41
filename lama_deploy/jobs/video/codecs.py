"""Which codecs a video is written with, in which files, how good. Needs no PyAV, so that a command can name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lama_deploy.errors import ImageError, brief

READ = (".mp4", ".m4v", ".mov", ".mkv", ".webm")  # what is taken for a video, by its name
CONTAINERS: Mapping[str, str] = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
DEMUXERS: Mapping[str, str] = {".mkv": "matroska", ".webm": "matroska"}  # others: mov
MP4, ANY = (".mp4", ".m4v", ".mov", ".mkv"), (".mkv",)


@dataclass(frozen=True)
class Codec:
    """encoder: FFmpeg's name. quality: of --crf, the default and the most; None where the codec has no such number.

    lossless: options that keep every sample; None where there are none.
    """

    encoder: str
    suffixes: tuple[str, ...]
    quality: tuple[int, int] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    lossless: Mapping[str, str] | None = None
    tag: str | None = None  # in mp4 and mov, where players expect another one than FFmpeg's


QUIET_HEVC = "log-level=error"
CODECS: Mapping[str, Codec] = {
    "h264": Codec("libx264", MP4, (16, 51), {"preset": "medium"}, {"qp": "0", "preset": "medium"}),
    "hevc": Codec(
        "libx265",
        MP4,
        (18, 51),
        {"preset": "medium", "x265-params": QUIET_HEVC},
        {"preset": "medium", "x265-params": f"lossless=1:{QUIET_HEVC}"},
        "hvc1",
    ),
    "vp9": Codec("libvpx-vp9", (".webm", *MP4), (20, 63), {"b": "0", "row-mt": "1"}, {"lossless": "1"}),
    "ffv1": Codec("ffv1", ANY, None, {}, {"level": "3", "slicecrc": "1"}),
    "prores": Codec("prores_ks", (".mov", ".mkv"), None, {"profile": "3"}),
}
NAMES = (*CODECS, "same")


def is_video(path: Path) -> bool:
    """By its name; a folder is none."""
    return path.suffix.lower() in READ and not path.is_dir()


@dataclass(frozen=True)
class Writing:
    """How one video is written. crf: None for a codec without."""

    name: str
    codec: Codec
    container: str
    crf: int | None

    @property
    def is_lossless(self) -> bool:
        return self.codec.lossless is not None and (self.codec.quality is None or self.crf == 0)

    @property
    def options(self) -> dict[str, str]:
        """As the encoder takes them."""
        if self.is_lossless:
            return dict(self.codec.lossless or {})
        return dict(self.codec.options) | ({} if self.crf is None else {"crf": str(self.crf)})


def writing_for(output: Path, name: str | None, crf: int | None, source: str) -> Writing:
    """name: a codec, "same", or None for what the file usually has. source: the codec of the video that is read.

    Raises ImageError where that codec does not go into such a file, or has no such quality.
    """
    suffix = output.suffix.lower()
    if suffix not in CONTAINERS:
        raise ImageError(
            f"{brief(str(output))}: no video is written as {brief(suffix) or 'a file without suffix'}; allowed: "
            f"{', '.join(CONTAINERS)}"
        )
    name = _chosen(suffix, name, source)
    codec = CODECS[name]
    if suffix not in codec.suffixes:
        fitting = [other for other, one in CODECS.items() if suffix in one.suffixes]
        raise ImageError(
            f"{brief(str(output))}: {name} does not go into {suffix}; take --codec {' or '.join(fitting)}, or write "
            f"{' or '.join(codec.suffixes)}"
        )
    if crf is not None and (codec.quality is None or crf > codec.quality[1]):
        allowed = "none" if codec.quality is None else f"0 to {codec.quality[1]}"
        raise ImageError(f"--crf {crf}: {name} takes {allowed}; leave it out for the usual quality")
    usual = None if codec.quality is None else codec.quality[0]
    return Writing(name, codec, CONTAINERS[suffix], usual if crf is None else crf)


def _chosen(suffix: str, name: str | None, source: str) -> str:
    if name == "same":
        if source not in CODECS:
            raise ImageError(f"the video's codec {brief(source)} is not written; take --codec {', '.join(CODECS)}")
        return source
    return name or ("vp9" if suffix == ".webm" else "h264")
