"""--refine and what belongs to it."""

from __future__ import annotations

import argparse
from typing import Any

from lama_deploy.cli.common import positive, progress_bar
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.runtime.refine_options import RefineOptions

NAMES = ("n_iters", "lr", "min_side", "max_scales", "px_budget")


def add_refine_options(p: Any) -> None:
    usual = RefineOptions()
    group = p.add_argument_group("refinement")
    group.add_argument(
        "--refine",
        action="store_true",
        help="Refine what is filled until a smaller copy of it looks as the model fills that; of checkpoints, with "
        "--backend torch, and tens of times slower.",
    )
    group.add_argument(
        "--refine-iters",
        dest="n_iters",
        type=positive,
        metavar="N",
        help=f"Make N passes at each size (default: {usual.n_iters}).",
    )
    group.add_argument("--refine-lr", dest="lr", type=_rate, metavar="X", help=f"Adam's rate (default: {usual.lr}).")
    for name, of, what in (
        ("min-side", "min_side", "Let the smallest size's shorter side be about N pixels"),
        ("max-scales", "max_scales", "Use N sizes at most"),
        ("budget", "px_budget", "Refine windows of more than N pixels at a smaller size"),
    ):
        told = f"{what} (default: {getattr(usual, of):,})."
        group.add_argument(f"--refine-{name}", dest=of, type=positive, metavar="N", help=told)


def refine_options_of(args: argparse.Namespace) -> RefineOptions | None:
    """None without --refine. Raises LamaDeployError for options of it alone, and for values out of range."""
    given = {name: getattr(args, name) for name in NAMES if getattr(args, name) is not None}
    if not args.refine and given:
        raise LamaDeployError("--refine-iters and the like are options of --refine; give that too, or leave them out")
    return RefineOptions(**given, progress=progress_bar("refining")) if args.refine else None


def _rate(text: str) -> float:
    """argparse's type."""
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{brief(repr(text))} is no number, such as 0.002") from error
