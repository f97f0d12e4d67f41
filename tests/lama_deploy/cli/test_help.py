"""Every command tells its version, and its help in whole sentences."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from lama_deploy import __version__

COMMANDS = {
    "lama-deploy": "lama_deploy.cli.main",
    "lama-deploy cache": "lama_deploy.cli.cache",
    "lama-deploy completion": "lama_deploy.cli.completion",
    "lama-deploy info": "lama_deploy.cli.info",
    "lama-deploy list": "lama_deploy.cli.list_models",
    "lama-bench": "lama_deploy.cli.bench",
    "lama-evaluate": "lama_deploy.cli.evaluate",
    "lama-export": "lama_export.cli",
    "lama-inpaint": "lama_deploy.cli.inpaint",
    "lama-refit": "lama_export.refit",
    "lama-serve": "lama_deploy.cli.serve",
    "lama-train": "lama_deploy.cli.train",
    "lama-verify": "lama_deploy.cli.verify",
    "python -m lama_deploy.cli.build_kernels": "lama_deploy.cli.build_kernels",
}


def printed(name: str, option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", [name, option])
    with pytest.raises(SystemExit) as ended:
        import_module(COMMANDS[name]).main()
    assert not ended.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_version(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(name, "--version", monkeypatch, capsys) == f"{name} {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_whole_sentences(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = " ".join(printed(name, "--help", monkeypatch, capsys).split())
    for action in import_module(COMMANDS[name]).parser()._actions:
        text = action.help or ""
        assert text[:1].isupper() and text.endswith("."), f"{action.dest}: {text!r}"
        assert text.split()[-1] in shown


def test_every_script_of_the_package_is_here() -> None:
    """A new command has to join the tests above."""
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert set(project["scripts"]) == {name for name in COMMANDS if name.startswith("lama-") and " " not in name}
