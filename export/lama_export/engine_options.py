"""What can be asked of a TensorRT engine: sizes it is made for, batches, GPUs, a plugin. Needs no TensorRT."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from lama_deploy.errors import ConfigError, brief

ENGINES = ("trt", "trt-rtx")  # targets
OPT_LEVELS = range(6)
DEVICES = range(64)
AUX_STREAMS = range(33)
MOST = 2**20  # pixels a side, pictures at once: what `lama_deploy.bundle` takes
MOST_VALUES = 2**40  # in one tensor: TensorRT-RTX 1.7.1 warns of more, and goes on without a limit of its own
WORKSPACES = range(1, MOST + 1)  # MiB
Sides = tuple[int, int]  # height, width in pixels


@dataclass(frozen=True)
class Profile:
    """Picture sizes (height, width) in pixels that kernels are chosen for; any size from `min` to `max` runs.

    Raises ConfigError unless 1 <= min <= opt <= max <= MOST on both sides.
    """

    min: Sides
    opt: Sides
    max: Sides

    def __post_init__(self) -> None:
        for lowest, best, highest in zip(self.min, self.opt, self.max, strict=True):
            if not 1 <= lowest <= best <= highest <= MOST:
                raise ConfigError(
                    f"profile {self} is not ordered; allowed: 1 <= MIN <= OPT <= MAX <= {MOST} on both sides"
                )

    @classmethod
    def parse(cls, text: str) -> Profile:
        """From "256:512:1024" (squares) or "256x320:512x640:1024x1280" (heights by widths). Raises ConfigError."""
        found = [re.fullmatch(r"(\d{1,9})(?:x(\d{1,9}))?", part) for part in text.split(":")]
        sides = [(int(one[1]), int(one[2] or one[1])) for one in found if one]
        if len(sides) != 3 or len(found) != 3:
            raise ConfigError(
                f"profile '{brief(text)}' is not MIN:OPT:MAX in pixels, such as 256:512:1024 or 256x320:..."
            )
        return cls(*sides)

    def takes(self, sides: Sides) -> bool:
        return all(low <= n <= high for low, n, high in zip(self.min, sides, self.max, strict=True))

    def __str__(self) -> str:
        return ":".join(str(h) if h == w else f"{h}x{w}" for h, w in (self.min, self.opt, self.max))


@dataclass(frozen=True)
class Batch:
    """How many pictures at once. Raises ConfigError unless 1 <= min <= opt <= max <= MOST."""

    min: int = 1
    opt: int = 1
    max: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.min <= self.opt <= self.max <= MOST:
            raise ConfigError(f"batch {self} is not ordered; allowed: 1 <= MIN <= OPT <= MAX <= {MOST}")

    @classmethod
    def parse(cls, text: str) -> Batch:
        """From "1:1:4". Raises ConfigError."""
        if not re.fullmatch(r"\d{1,9}:\d{1,9}:\d{1,9}", text):
            raise ConfigError(f"batch '{brief(text)}' is not MIN:OPT:MAX, such as 1:1:4")
        return cls(*map(int, text.split(":")))

    def __str__(self) -> str:
        return f"{self.min}:{self.opt}:{self.max}"


# Every size of 1 to 2048 pixels a side, in whatever proportion, runs in one of them as it is: the tightest profile runs
# it, and padding to multiples of 8 is inside the graph. Scratch memory is taken for the shape that runs, so the wide
# range of the second costs nothing but kernels chosen for larger pictures.
DEFAULT_PROFILES = (Profile.parse("1:512:1024"), Profile.parse("1:1024x1536:2048"))
# "This function may be called at most once when building a refittable engine" (NvInfer.h of TensorRT 10.0 to 11.1,
# IBuilderConfig::addOptimizationProfile).
REFIT_PROFILES = (Profile.parse("1:1024:2048"),)
Hardware = Literal["ampere+", "same-cc"]
Profiling = Literal["detailed", "none"]
HARDWARE: tuple[Hardware, ...] = get_args(Hardware)
PROFILING: tuple[Profiling, ...] = get_args(Profiling)


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How to build an engine. Raises ConfigError.

    profiles: the engine holds kernels for each; one that can be refitted has a single profile, by default that of
    REFIT_PROFILES. batch: of every profile; the default is one picture, because memory for the largest batch at the
    largest size is what a context reserves. compute_capabilities: such as "8.9", for TensorRT-RTX; none means its own
    default. plugin: library that replaces the Fourier units' nodes. opt_level: how long the builder searches, 0 to 5,
    None for its default. workspace: MiB that kernels may use as scratch, None for all. tf32: let float32 products round
    their operands to 11 bits, as TensorRT does by default.

    version_compatible: later releases of the same major version run the engine too. hardware: other GPUs run it too,
    those of Ampere and newer, or those of the same compute capability; None for the GPU that it was built on. refit:
    its weights can be exchanged later. strip_weights: it holds none until then. timing_cache: a file of timings to read
    and extend instead of this user's own. device: which GPU builds and proves, 0 the first, None for the current one.
    verbose: the builder's own words on stderr. profiling: what the engine can tell of its layers later. aux_streams:
    how many streams besides its own a run may use, None for TensorRT's choice. prove: run the engine on this machine's
    GPU before it is called one. proof_sizes: heights and widths to do that at, besides the profiles' best ones; none
    for the profiles' corners.
    """

    profiles: Sequence[Profile] = DEFAULT_PROFILES
    batch: Batch = Batch()
    compute_capabilities: Sequence[str] = ()
    plugin: Path | None = None
    opt_level: int | None = None
    workspace: int | None = None
    tf32: bool = False
    version_compatible: bool = False
    hardware: Hardware | None = None
    refit: bool = False
    strip_weights: bool = False
    timing_cache: Path | None = None
    device: int | None = None
    verbose: bool = False
    profiling: Profiling = "detailed"
    aux_streams: int | None = None
    prove: bool = True
    proof_sizes: Sequence[Sides] = ()

    def __post_init__(self) -> None:
        if not self.profiles:
            raise ConfigError("an engine needs at least one --profile, such as 256:512:1024")
        if self.refittable and self.profiles is DEFAULT_PROFILES:
            object.__setattr__(self, "profiles", REFIT_PROFILES)
        if self.refittable and len(self.profiles) > 1:
            raise ConfigError(
                f"TensorRT takes one --profile with --refit and --strip-weights, and {len(self.profiles)} are given; "
                f"give one, such as {REFIT_PROFILES[0]}"
            )
        for name, value, allowed in (
            ("--opt-level", self.opt_level, OPT_LEVELS),
            ("--device", self.device, DEVICES),
            ("--aux-streams", self.aux_streams, AUX_STREAMS),
            ("--workspace", self.workspace, WORKSPACES),
        ):
            if value is not None and value not in allowed:
                raise ConfigError(f"{name} {value} is not from {allowed[0]} to {allowed[-1]}")
        if self.plugin is not None and not self.plugin.is_file():
            raise ConfigError(f"--plugin {self.plugin}: no such file; give the library with SpectralConv in it")
        for wrong in (one for one in self.compute_capabilities if not re.fullmatch(r"\d{1,3}\.\d", one)):
            raise ConfigError(f"compute capability '{brief(wrong)}' is not MAJOR.MINOR, such as 8.9")
        for profile in self.profiles:
            if 3 * self.batch.max * profile.max[0] * profile.max[1] > MOST_VALUES:
                raise ConfigError(
                    f"profile {profile} with batches of {self.batch} has pictures of more than {MOST_VALUES} values, "
                    "which TensorRT does not take; give smaller ones"
                )
        self._check_proof()

    def _check_proof(self) -> None:
        if self.proof_sizes and not self.prove:
            raise ConfigError("--proof-sizes is where the engine is run, and --no-engine-proof runs it nowhere")
        if self.strip_weights and self.proof_sizes:
            raise ConfigError("--strip-weights leaves an engine that runs only once it is refitted; no --proof-sizes")
        for height, width in self.proof_sizes:
            if not any(profile.takes((height, width)) for profile in self.profiles):
                raise ConfigError(f"--proof-sizes {height}x{width} is outside of every --profile, so it cannot be run")

    @property
    def refittable(self) -> bool:
        """An engine without weights is one that gets them later."""
        return self.refit or self.strip_weights
