"""How lama-inpaint cuts pictures for the model."""

from __future__ import annotations

import argparse
from typing import Any

from lama_deploy.runtime.strategies.options import LIMIT, MARGIN, STRATEGIES, StrategyOptions


def add_strategy_options(p: Any) -> None:
    group = p.add_argument_group("large pictures")
    group.add_argument(
        "--strategy",
        choices=STRATEGIES,
        default="auto",
        help="Give the model the picture as it is (whole), windows around the holes (crop), the picture made smaller, "
        "of which the holes alone come back (resize), windows one after the other over the holes, each of which sees "
        "what is filled already (tile), or what suits picture, holes, model and memory (auto, the default).",
    )
    group.add_argument(
        "--limit",
        type=int,
        default=LIMIT,
        metavar="N",
        help=f"Let windows have at most NxN pixels in auto and tile, and make the longer side N in resize (default: "
        f"{LIMIT}).",
    )
    group.add_argument(
        "--margin",
        type=int,
        default=MARGIN,
        metavar="N",
        help=f"Let windows show at least N pixels around a hole (default: {MARGIN}; more around large ones).",
    )


def strategy_options_of(args: argparse.Namespace) -> StrategyOptions:
    """Raises LamaDeployError."""
    return StrategyOptions(strategy=args.strategy, limit=args.limit, margin=args.margin)
