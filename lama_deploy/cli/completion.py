"""lama-deploy completion: what a shell needs to complete our commands, by shtab."""

from __future__ import annotations

import argparse
import re
import sys
from importlib import import_module

from lama_deploy.cli.common import command, command_parser

SHELLS = ("bash", "zsh")  # shtab completes no options of commands under a command in tcsh
FILES = re.compile("FILE|DIR|PATH|OUT|MODEL|BUNDLE|IMAGE|MASK")  # in the metavar of what takes a file


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-deploy completion",
        "Print a script that completes a command's options and files. In bash: "
        'eval "$(lama-deploy completion bash)"; for lama-inpaint as such, add its name.',
    )
    p.add_argument("shell", choices=SHELLS, help="Complete in this shell.")
    p.add_argument(
        "name",
        metavar="COMMAND",
        nargs="?",
        default="lama-deploy",
        help="Complete this command, such as lama-inpaint (default: lama-deploy with all that is under it).",
    )
    return p


@command("completion")
def main() -> int:
    p = parser()
    args = p.parse_args()
    import shtab

    parsers = command_parsers()
    if args.name not in parsers:
        p.error(f"'{args.name}' is no command; allowed: {', '.join(parsers)}")
    for one in parsers.values():
        _complete_files(one, shtab.FILE)
    print(shtab.complete(parsers[args.name], args.shell))
    return 0


def _complete_files(p: argparse.ArgumentParser, kind: object) -> None:
    """By their metavars, in what is under the parser too."""
    for action in p._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_files(below, kind)
        elif FILES.search(str(action.metavar or "")):
            action.complete = kind  # type: ignore[attr-defined]


def command_parsers() -> dict[str, argparse.ArgumentParser]:
    """By the names that are typed; of "lama-deploy" one that has the others as its commands."""
    from lama_deploy.cli.main import COMMANDS

    own = {name: import_module(one.module).parser() for name, one in COMMANDS.items()}
    whole = command_parser("lama-deploy", "")
    below = whole.add_subparsers()
    for name, one in own.items():
        below.add_parser(name, parents=[one], add_help=False, help=COMMANDS[name].told)
    return {"lama-deploy": whole, **{one.prog: one for one in own.values() if " " not in one.prog}}


if __name__ == "__main__":
    sys.exit(main())
