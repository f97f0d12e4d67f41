"""What every command does alike: its parser and version, one-line errors, exit codes, progress."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any, NoReturn

from tqdm import tqdm

from lama_deploy import __version__
from lama_deploy.cli.exit_codes import BAD_INPUT, PIPE_CLOSED, PROOF_FAILED, in_words
from lama_deploy.cli.notes import logged_as_notes
from lama_deploy.cli.output import flush_output, output_is_closed, prepare_output, silence
from lama_deploy.cli.signals import ends_by_signals
from lama_deploy.cli.verbosity import add_verbosity_options, is_quiet, show_traceback, usual_verbosity
from lama_deploy.errors import LamaDeployError, MissingDependencyError, ParityError, brief, one_line
from lama_deploy.installing import install
from lama_deploy.runtime.devices import parse_device
from lama_deploy.runtime.options import MOST_THREADS
from lama_deploy.temporaries import remove_living

MOST_DIGITS = 18  # of a count; more take Python long, or are refused by it with a traceback
DEVICES = ("cpu", "cuda", "mps", "xpu")
PRECISIONS = ("fp32", "fp16", "bf16")  # of --backend cuda; named here too, since its module needs torch


class Parser(argparse.ArgumentParser):
    """One line for what cannot be: argparse itself prints the whole usage before it, which hides it."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"error: {one_line(message)}; {self.prog} --help tells what it takes\n")


def command_parser(
    prog: str, description: str, epilog: str = "", *, codes: dict[int, str] | None = None
) -> argparse.ArgumentParser:
    """A parser with --help, --version, -v and -q; each command's own. codes: exit codes of its own."""
    epilog = f"{epilog} {in_words(codes or {})}".strip()
    p = Parser(prog=prog, description=description, epilog=epilog, add_help=False)
    p.add_argument("-h", "--help", action="help", help="Show this help and end.")
    p.add_argument("--version", action="version", version=f"{prog} {__version__}", help="Print the version and end.")
    add_verbosity_options(p)
    return p


def add_overwrite_option(p: Any, what: str = "files") -> None:
    """The option of `overwriting`'s rule, the same for every command. p: a parser, or a group of its options."""
    p.add_argument(
        "--overwrite",
        action="store_true",
        help=f"Replace {what} that are there already (default: refuse before the work).",
    )


def add_running_options(p: argparse.ArgumentParser, backends: Iterable[str], backend_help: str) -> None:
    """How a command runs the models that it opens."""
    group = p.add_argument_group("how models run")
    group.add_argument(
        "--device",
        type=device,
        metavar="DEVICE",
        help="Run on this device: cpu, cuda, or cuda:N for one of several GPUs (default: auto, cuda where there is "
        "one).",
    )
    group.add_argument(
        "--threads",
        type=few,
        metavar="N",
        help=f"Use N CPU threads, {MOST_THREADS} at most (default: as many as each engine likes).",
    )
    group.add_argument("--backend", choices=backends, help=backend_help)
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="Compute in this precision with --backend cuda (default: fp16; on the CPU fp32).",
    )


def command(extra: str) -> Callable[[Callable[[], int]], Callable[[], int]]:
    """Decorate a main(): it ends by signals, and whatever it ends by is at most one line on stderr and an exit code.

    A missing package names `extra`. What is no LamaDeployError, and no refusal of the system's, stays a traceback.
    """

    def decorate(main: Callable[[], int]) -> Callable[[], int]:
        @wraps(main)
        def wrapped() -> int:
            prepare_output()  # first: what is opened below must get no number of it
            try:
                with ends_by_signals(), logged_as_notes(), usual_verbosity():
                    return _outcome(main, extra)
            except KeyboardInterrupt as error:
                return _signalled(getattr(error, "number", signal.SIGINT))
            except BrokenPipeError as error:
                if not output_is_closed():
                    return fail(error)
                silence()
                return PIPE_CLOSED
            except OSError as error:
                code = fail(error)
                silence()
                return code

        return wrapped

    return decorate


def _outcome(main: Callable[[], int], extra: str) -> int:
    """Its exit code. Raises OSError, of which BrokenPipeError where nobody reads what it says."""
    try:
        return main()
    except ParityError as error:
        fail(error)
        return PROOF_FAILED
    except LamaDeployError as error:
        return fail(error)
    except ModuleNotFoundError as error:
        return fail(MissingDependencyError(f"{error.name} is not installed: {install(extra)}"))
    except MemoryError:
        return fail(LamaDeployError("this takes more memory than there is; give it less at once, or more memory"))
    finally:
        flush_output()


def _signalled(number: int) -> int:
    with suppress(OSError):  # after SIGHUP there may be no terminal
        print("interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}", file=sys.stderr)
    silence()
    remove_living()
    return 128 + number


def device(text: str) -> str | None:
    """argparse's type for devices; which of them a model can have, its backend says."""
    try:
        found = parse_device(text, DEVICES)
    except LamaDeployError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return None if found is None else str(found)


def positive(text: str) -> int:
    """argparse's type for counts."""
    if not text.isdecimal() or len(text) > MOST_DIGITS or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{brief(repr(text))} is no integer of at least 1")
    return int(text)


def few(text: str) -> int:
    """argparse's type for what the system has to start so many of: threads and streams."""
    if positive(text) > MOST_THREADS:
        raise argparse.ArgumentTypeError(f"{brief(text)} is more than {MOST_THREADS}, the most on this machine")
    return positive(text)


def fail(error: Exception) -> int:
    """Say it in one line, whatever names are in it."""
    show_traceback()
    print(f"error: {one_line(_said(error))}", file=sys.stderr)
    return BAD_INPUT


def _said(error: Exception) -> str:
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    reason = error.strerror or type(error).__name__
    return f"{brief(os.fsdecode(error.filename))}: {reason}" if isinstance(error.filename, str | bytes) else reason


class ProgressBar:
    """A bar on stderr that tells what is done and how long it takes; silent with -q, and where that is no terminal."""

    FORMAT = "{desc}: {percentage:3.0f}% ({n_fmt} of {total_fmt}), {elapsed} gone, {remaining} left"

    def __init__(self, description: str) -> None:
        self.description = description

    def __call__(self, items: Sequence[Any]) -> Any:
        """The items, one after the other. elapsed and remaining are minutes and seconds."""
        hidden = True if is_quiet() else None  # None: where stderr is no terminal
        return tqdm(items, desc=self.description, disable=hidden, leave=False, bar_format=self.FORMAT)

    def named(self, description: str) -> ProgressBar:
        """Another bar, of another phase of the work."""
        return ProgressBar(description)


def progress_bar(description: str) -> ProgressBar:
    return ProgressBar(description)
