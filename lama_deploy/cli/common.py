"""What every command does alike: its parser and version, one-line errors, exit codes, progress."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

from tqdm import tqdm

from lama_deploy import __version__
from lama_deploy.cli.exit_codes import BAD_INPUT, INTERRUPTED, PROOF_FAILED, in_words
from lama_deploy.errors import LamaDeployError, MissingDependencyError, ParityError

PRECISIONS = ("fp32", "fp16", "bf16")  # of --backend cuda; named here too, since its module needs torch


def command_parser(
    prog: str, description: str, epilog: str = "", *, codes: dict[int, str] | None = None
) -> argparse.ArgumentParser:
    """A parser with --help and --version; every command makes its own with this. codes: exit codes of its own."""
    epilog = f"{epilog} {in_words(codes or {})}".strip()
    p = argparse.ArgumentParser(prog=prog, description=description, epilog=epilog, add_help=False)
    p.add_argument("-h", "--help", action="help", help="Show this help and end.")
    p.add_argument("--version", action="version", version=f"{prog} {__version__}", help="Print the version and end.")
    return p


def add_running_options(p: argparse.ArgumentParser, backends: Iterable[str], backend_help: str) -> None:
    """How a command runs the models that it opens."""
    group = p.add_argument_group("how models run")
    group.add_argument(
        "--device", choices=["cpu", "cuda"], help="Run on this device (default: cuda where there is one)."
    )
    group.add_argument(
        "--threads", type=positive, metavar="N", help="Use N CPU threads (default: as many as each engine likes)."
    )
    group.add_argument("--backend", choices=backends, help=backend_help)
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="Compute in this precision with --backend cuda (default: fp16; on the CPU fp32).",
    )


def command(extra: str) -> Callable[[Callable[[], int]], Callable[[], int]]:
    """Decorate a main(): a LamaDeployError is one line on stderr and an exit code, a missing package names `extra`."""

    def decorate(main: Callable[[], int]) -> Callable[[], int]:
        @wraps(main)
        def wrapped() -> int:
            try:
                return main()
            except ParityError as error:
                fail(error)
                return PROOF_FAILED
            except LamaDeployError as error:
                return fail(error)
            except ModuleNotFoundError as error:
                return fail(MissingDependencyError(f"{error.name} is not installed: pip install lama-deploy[{extra}]"))
            except KeyboardInterrupt:
                print("interrupted", file=sys.stderr)
                return INTERRUPTED

        return wrapped

    return decorate


def positive(text: str) -> int:
    """argparse's type for counts."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no integer of at least 1")
    return int(text)


def fail(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return BAD_INPUT


def progress_bar(description: str) -> Callable[[Sequence[Any]], Any]:
    """A progress bar on stderr, silent where stderr is not a terminal."""
    return lambda items: tqdm(items, desc=description, disable=None, leave=False)
