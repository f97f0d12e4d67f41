"""The commands of docs/phones.md do what they say, where their packages are installed."""

import importlib
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from lama_deploy.bundle import load_bundle

PAGE = Path(__file__).parents[3] / "docs" / "phones.md"
PACKAGES = {"LiteRT": ("ai_edge_litert", "ai_edge_quantizer"), "Core ML": ("coremltools",)}
MAINS = {"lama-export": "lama_export.cli", "lama-verify": "lama_deploy.cli.verify"}


def commands(section: str) -> list[list[str]]:
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("section", PACKAGES)
def test_its_commands_work(section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not all(map(find_spec, PACKAGES[section])):
        pytest.skip(f"not installed: {' and '.join(PACKAGES[section])}")
    monkeypatch.chdir(tmp_path)
    run = [words for words in commands(section) if words[0] != "pip"]
    assert {words[0] for words in run} == set(MAINS)
    for words in run:
        monkeypatch.setattr("sys.argv", words)
        assert importlib.import_module(MAINS[words[0]]).main() == 0, words
    assert all(load_bundle(folder).parity["passed"] for folder in tmp_path.iterdir())
