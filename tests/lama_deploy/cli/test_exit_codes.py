"""The exit codes of the commands are told apart, and told."""

from __future__ import annotations

import signal
from importlib import import_module

import pytest

from lama_deploy.cli import exit_codes
from lama_deploy.cli.common import command
from lama_deploy.errors import ImageError, LamaDeployError, MissingDependencyError, ParityError
from tests.lama_deploy.cli.test_help import COMMANDS


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LamaDeployError("wrong"), 2),
        (ImageError("wrong"), 2),
        (MissingDependencyError("wrong"), 2),
        (ModuleNotFoundError("no", name="torch"), 2),
        (ParityError("wrong"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_end_has_its_code(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    @command("torch")
    def main() -> int:
        raise error

    assert main() == code
    assert capsys.readouterr().err.count("\n") == 1


def test_none_means_two_things() -> None:
    codes = list(exit_codes.MEANINGS)
    assert len(codes) == len(set(codes)) == 9 and set(exit_codes.COMMON) < set(codes)
    for code, number in (("HUNG_UP", signal.SIGHUP), ("INTERRUPTED", signal.SIGINT), ("TERMINATED", signal.SIGTERM)):
        assert getattr(exit_codes, code) == 128 + number
    assert exit_codes.PIPE_CLOSED == 128 + signal.SIGPIPE


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_them(name: str) -> None:
    shown = import_module(COMMANDS[name]).parser().format_help()
    (_, said) = " ".join(shown.split()).split("Exit codes: ")
    numbers = [part.split()[0] for part in said.removesuffix(".").split("; ")]
    own = {
        "lama-inpaint": "34",
        "lama-bench": "3",
        "lama-evaluate": "3",
        "lama-verify": "4",
        "lama-export": "4",
        "lama-refit": "4",
    }
    assert numbers == ["0", "1", "2", *own.get(name, ""), "129", "130", "141", "143"]
