"""What docs/integrations.md and the adapters' pages tell people to type is there, and their links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from lama_export.cli import parser
from tests.integrations.conftest import INTEGRATIONS
from tests.kernel_build import ROOT

PAGES = [ROOT / "docs" / "integrations.md", *sorted(INTEGRATIONS.glob("*/README.md"))]


def commands(page: Path) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text()) if "://" not in link]
    assert links and all((page.parent / link).exists() for link in links)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_programs_are_there(page: Path) -> None:
    lines = commands(page)
    assert lines
    for line in lines:
        if line[0] == "lama-export":
            assert parser().parse_args(line[1:]).to == "torchscript"
        if line[0] == "python":
            assert (page.parent / line[1]).is_file()
        if line[0] == "pip":
            assert re.fullmatch(r"lama-deploy\[onnxruntime\]|-r", line[2])
            assert line[2] != "-r" or line[2:] == ["-r", "requirements.txt"]


def test_requirements_are_the_readmes() -> None:
    assert (INTEGRATIONS / "gradio" / "requirements.txt").read_text().splitlines()[0] == "lama-deploy[onnxruntime]"
