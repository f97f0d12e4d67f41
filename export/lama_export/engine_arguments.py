"""The options of lama-export that are TensorRT's."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from lama_deploy.cli.common import positive
from lama_deploy.errors import ConfigError, brief
from lama_export.engine_options import (
    DEFAULT_PROFILES,
    ENGINES,
    HARDWARE,
    OPT_LEVELS,
    PROFILING,
    REFIT_PROFILES,
    Batch,
    EngineOptions,
    Profile,
    Sides,
)


def add_engine_arguments(p: argparse.ArgumentParser) -> None:
    _add_shapes(p.add_argument_group("TensorRT engines (--to trt, trt-rtx): what they take"))
    _add_building(p.add_argument_group("TensorRT engines: how they are built"))
    _add_travelling(p.add_argument_group("TensorRT engines: where else they run"))
    _add_proof(p.add_argument_group("TensorRT engines: how they are proven"))


def engine_options(args: argparse.Namespace) -> EngineOptions | None:
    """None where no option of engines was given. Raises ConfigError."""
    given = {
        "profiles": args.profile and [Profile.parse(text) for text in args.profile],
        "batch": Batch.parse(args.batch) if args.batch is not None and args.to in ENGINES else None,
        "plugin": args.plugin,
        "compute_capabilities": args.compute_capability,
        "opt_level": args.opt_level,
        "workspace": args.workspace,
        "tf32": args.tf32,
        "version_compatible": args.version_compatible,
        "hardware": args.hardware_compatibility,
        "refit": args.refit,
        "strip_weights": args.strip_weights,
        "timing_cache": args.timing_cache,
        "device": args.device,
        "verbose": args.builder_log,
        "profiling": args.profiling,
        "aux_streams": args.aux_streams,
        "prove": args.engine_proof,
        "proof_sizes": args.proof_sizes and [_sides(text) for text in args.proof_sizes],
    }
    asked: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return EngineOptions(**asked) if asked else None


def _add_shapes(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--profile",
        action="append",
        metavar="MIN:OPT:MAX",
        help="Make a profile for these image sizes in pixels, squares or HxW; repeatable (default: "
        f"{' and '.join(map(str, DEFAULT_PROFILES))}, which take every size up to 2048 pixels a side).",
    )
    group.add_argument(
        "--batch",
        metavar="MIN:OPT:MAX",
        help=f"Run this many images at once (default: {Batch()}; memory grows with MAX); with --size a number.",
    )


def _add_building(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--plugin", type=Path, metavar="PATH", help="Use this library with SpectralConv, or this liblama_spectral."
    )
    group.add_argument(
        "--opt-level",
        type=int,
        choices=OPT_LEVELS,
        help="Let the builder search this long, 0 the shortest (default: TensorRT's own).",
    )
    group.add_argument(
        "--workspace", type=positive, metavar="MIB", help="Let kernels use this much scratch memory (default: all)."
    )
    group.add_argument("--tf32", action="store_true", default=None, help="Let float32 products round to TF32.")
    group.add_argument(
        "--aux-streams",
        type=int,
        metavar="N",
        help="Let a run use this many streams besides its own (default: TensorRT's choice; 0 saves memory).",
    )
    group.add_argument(
        "--timing-cache",
        type=Path,
        metavar="PATH",
        help="Read timings of kernels from this file and add to it, with --to trt (default: one in the user's cache).",
    )
    group.add_argument(
        "--device", type=int, metavar="N", help="Build and prove on this GPU, 0 the first (default: the current one)."
    )
    group.add_argument(
        "--profiling",
        choices=PROFILING,
        help="Keep what layers are and where they come from in the engine: detailed (default), or none, for an engine "
        "that tells nobody.",
    )
    group.add_argument(
        "--builder-log", action="store_true", default=None, help="Show all that TensorRT says as it builds, on stderr."
    )


def _add_travelling(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--compute-capability",
        action="append",
        metavar="N.N",
        help="Build for GPUs such as 8.9, with --to trt-rtx; repeatable (default: TensorRT-RTX's own).",
    )
    group.add_argument(
        "--version-compatible",
        action="store_true",
        default=None,
        help="Build an engine that later releases of the same major version run too (default: only the same release).",
    )
    group.add_argument(
        "--hardware-compatibility",
        choices=HARDWARE,
        help="Build an engine that other GPUs run too, more slowly: those of Ampere and newer, or those of the same "
        "compute capability (default: the GPU that it is built on).",
    )
    group.add_argument(
        "--refit",
        action="store_true",
        default=None,
        help="Build an engine whose weights lama-refit exchanges for those of another checkpoint; it takes one "
        f"--profile (default: {REFIT_PROFILES[0]}).",
    )
    group.add_argument(
        "--strip-weights",
        action="store_true",
        default=None,
        help="Leave the weights out of the engine, which runs once lama-refit has put them in; implies --refit.",
    )


def _add_proof(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--no-engine-proof",
        dest="engine_proof",
        action="store_false",
        default=None,
        help="Do not run the engine here; its ONNX file is proven all the same.",
    )
    group.add_argument(
        "--proof-sizes",
        nargs="+",
        metavar="HxW",
        help="Run the engine at these sizes in pixels, and at what its profiles are best at (default: the corners of "
        "its profiles).",
    )


def _sides(text: str) -> Sides:
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if not found:
        raise ConfigError(f"proof size '{brief(text)}' is not HEIGHTxWIDTH, such as 720x1280")
    return int(found[1]), int(found[2])
