"""lama-deploy: every command under one name; `python -m lama_deploy` is the same."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from itertools import takewhile

from lama_deploy.cli.common import command, command_parser
from lama_deploy.errors import LamaDeployError, brief

BEFORE_A_COMMAND = ("-v", "--verbose", "-q", "--quiet")


@dataclass(frozen=True)
class Command:
    """module: with `main` and `parser`. told: what it does, in a line of the help."""

    module: str
    told: str


COMMANDS: Mapping[str, Command] = {
    "export": Command("lama_export.cli", "Export a checkpoint to a bundle, and prove it."),
    "inpaint": Command("lama_deploy.cli.inpaint", "Fill the holes of pictures."),
    "serve": Command("lama_deploy.cli.serve", "Serve models over HTTP, with a page to paint holes on."),
    "verify": Command("lama_deploy.cli.verify", "Compare a bundle with its checkpoint, or with another bundle."),
    "bench": Command("lama_deploy.cli.bench", "Time models side by side."),
    "evaluate": Command("lama_deploy.cli.evaluate", "Measure inpainters as the paper does."),
    "train": Command("lama_deploy.cli.train", "Train or fine-tune a generator."),
    "refit": Command("lama_export.refit", "Put other weights into the TensorRT engine of a bundle."),
    "info": Command("lama_deploy.cli.info", "Tell what a checkpoint or a bundle is, and what is proven of it."),
    "list": Command("lama_deploy.cli.list_models", "List models by name, and bundles in folders, with their sizes."),
    "cache": Command("lama_deploy.cli.cache", "Tell what the cache holds, or clear it."),
    "build-kernels": Command("lama_deploy.cli.build_kernels", "Compile the CUDA kernels by hand."),
    "completion": Command("lama_deploy.cli.completion", "Print the completion of these commands for a shell."),
}


def parser() -> argparse.ArgumentParser:
    """For the help and the version; what comes after a command's name is that command's."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {one.told}" for name, one in COMMANDS.items())
    p = command_parser("lama-deploy", f"From a LaMa checkpoint to an engine in production.\n\nCommands:\n{commands}")
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.add_argument("command", metavar="COMMAND", help="Run this command; COMMAND --help tells what it takes.")
    p.add_argument("arguments", metavar="...", nargs=argparse.REMAINDER, help="Give it these arguments.")
    return p


def main() -> int:
    """The exit code of the command that is named, which reads the arguments after its name, and -v and -q before it."""
    leading = list(takewhile(lambda word: word in BEFORE_A_COMMAND, sys.argv[1:]))
    name, *rest = [*sys.argv[1 + len(leading) :], ""]
    if name not in COMMANDS:
        return _without_a_command()
    sys.argv = [f"lama-{name}", *leading, *rest[:-1]]
    code: int = import_module(COMMANDS[name].module).main()
    return code


@command("torch")
def _without_a_command() -> int:
    """Help and version; an error for what is no command."""
    args = parser().parse_args(sys.argv[1:] or ["--help"])
    near = get_close_matches(args.command, COMMANDS, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise LamaDeployError(f"'{brief(args.command)}' is no command; allowed: {', '.join(COMMANDS)}{meant}")


if __name__ == "__main__":
    sys.exit(main())
