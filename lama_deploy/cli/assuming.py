"""The option that says what a checkpoint does not show, for every command that opens one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lama_deploy.cli.refine_options import refine_options_of
from lama_deploy.cli.strategy_options import strategy_options_of
from lama_deploy.errors import ConfigError

if TYPE_CHECKING:
    from lama_deploy.runtime.inpainter import Inpainter


def add_assume_option(p: argparse.ArgumentParser) -> None:
    """`args.assume` is for `told`."""
    p.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="Say what a checkpoint without its config.yaml does not show, such as fft_norm=ortho or "
        "add_out_act=sigmoid, or which generator of several in its file to take, such as generator=generator_average.",
    )


def told(args: argparse.Namespace) -> Mapping[str, str]:
    """As `load_weights` takes it. Raises ConfigError."""
    from lama_deploy.checkpoints.unshown import parse_told

    return parse_told(args.assume)


def told_inpainter(args: argparse.Namespace) -> Inpainter:
    """As lama-inpaint's options say, of a checkpoint that --assume was given for. Raises ConfigError for a bundle."""
    from lama_deploy.bundle import is_bundle
    from lama_deploy.checkpoints.weights import load_weights
    from lama_deploy.runtime.inpainter import Inpainter
    from lama_deploy.runtime.opening import BY_SUFFIX

    if is_bundle(args.model) or Path(args.model).suffix in BY_SUFFIX:
        raise ConfigError("--assume is for checkpoints; what a bundle was exported with is in its bundle.json")
    names = ("backend", "precision", "streams", "device", "threads")
    own = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return Inpainter.of(
        load_weights(args.model, told(args)), **own, refine=refine_options_of(args), strategy=strategy_options_of(args)
    )
