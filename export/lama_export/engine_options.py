"""What can be asked of a TensorRT engine: sizes it is made for, batches, GPUs, a plugin. Needs no TensorRT."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lama_deploy.errors import ConfigError, brief

OPT_LEVELS = range(6)
Sides = tuple[int, int]  # height, width in pixels


@dataclass(frozen=True)
class Profile:
    """Picture sizes (height, width) in pixels that kernels are chosen for; any size from `min` to `max` runs.

    Raises ConfigError unless 1 <= min <= opt <= max on both sides.
    """

    min: Sides
    opt: Sides
    max: Sides

    def __post_init__(self) -> None:
        for lowest, best, highest in zip(self.min, self.opt, self.max, strict=True):
            if not 1 <= lowest <= best <= highest:
                raise ConfigError(f"profile {self} is not ordered; allowed: 1 <= MIN <= OPT <= MAX on both sides")

    @classmethod
    def parse(cls, text: str) -> Profile:
        """From "256:512:1024" (squares) or "256x320:512x640:1024x1280" (heights by widths). Raises ConfigError."""
        found = [re.fullmatch(r"(\d+)(?:x(\d+))?", part) for part in text.split(":")]
        sides = [(int(one[1]), int(one[2] or one[1])) for one in found if one]
        if len(sides) != 3 or len(found) != 3:
            raise ConfigError(
                f"profile '{brief(text)}' is not MIN:OPT:MAX in pixels, such as 256:512:1024 or 256x320:..."
            )
        return cls(*sides)

    def __str__(self) -> str:
        return ":".join(str(h) if h == w else f"{h}x{w}" for h, w in (self.min, self.opt, self.max))


@dataclass(frozen=True)
class Batch:
    """How many pictures at once. Raises ConfigError unless 1 <= min <= opt <= max."""

    min: int = 1
    opt: int = 1
    max: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.min <= self.opt <= self.max:
            raise ConfigError(f"batch {self} is not ordered; allowed: 1 <= MIN <= OPT <= MAX")

    @classmethod
    def parse(cls, text: str) -> Batch:
        """From "1:1:4". Raises ConfigError."""
        if not re.fullmatch(r"\d+:\d+:\d+", text):
            raise ConfigError(f"batch '{brief(text)}' is not MIN:OPT:MAX, such as 1:1:4")
        return cls(*map(int, text.split(":")))

    def __str__(self) -> str:
        return f"{self.min}:{self.opt}:{self.max}"


DEFAULT_PROFILES = (Profile.parse("256:512:1024"), Profile.parse("1024:1536:2048"))


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How to build an engine. Raises ConfigError.

    profiles: the engine holds kernels for each. batch: of every profile; the default is one picture, because memory
    for the largest batch at the largest size is what a context reserves. compute_capabilities: such as "8.9", for
    TensorRT-RTX; none means its own default. plugin: library that replaces the Fourier units' nodes. opt_level: how
    long the builder searches, 0 to 5, None for its default. workspace: MiB that kernels may use as scratch, None for
    all. tf32: let float32 products round their operands to 11 bits, as TensorRT does by default.
    """

    profiles: Sequence[Profile] = DEFAULT_PROFILES
    batch: Batch = Batch()
    compute_capabilities: Sequence[str] = ()
    plugin: Path | None = None
    opt_level: int | None = None
    workspace: int | None = None
    tf32: bool = False

    def __post_init__(self) -> None:
        if not self.profiles:
            raise ConfigError("an engine needs at least one --profile, such as 256:512:1024")
        if self.opt_level is not None and self.opt_level not in OPT_LEVELS:
            raise ConfigError(f"--opt-level {self.opt_level} is not from 0 to {OPT_LEVELS[-1]}")
        if self.workspace is not None and self.workspace < 1:
            raise ConfigError(f"--workspace {self.workspace} is no size; give at least 1 MiB")
        if self.plugin is not None and not self.plugin.is_file():
            raise ConfigError(f"--plugin {self.plugin}: no such file; give the library with SpectralConv in it")
        for wrong in (one for one in self.compute_capabilities if not re.fullmatch(r"\d+\.\d", one)):
            raise ConfigError(f"compute capability '{brief(wrong)}' is not MAJOR.MINOR, such as 8.9")
