"""What is served is what the sources are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[3] / "web"
SITE = WEB / "site"


def compile_page(out: Path, *options: str) -> None:
    compiler = WEB / "node_modules" / "typescript" / "bin" / "tsc"
    node = shutil.which("node")
    if node is None or not compiler.is_file():
        pytest.skip("no TypeScript here: install node, and run npm ci in web/")
    command = [node, str(compiler), "-p", str(WEB / "tsconfig.page.json"), "--outDir", str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_compiled_files_are_those_of_the_sources(tmp_path: Path) -> None:
    compile_page(tmp_path, "--noCheck")
    compiled = {path.name: path.read_text("utf-8") for path in (tmp_path / "app").iterdir()}
    assert compiled == {path.name: path.read_text("utf-8") for path in (SITE / "app").iterdir()}


@pytest.mark.slow  # four seconds of a processor of its own
def test_the_sources_are_typed(tmp_path: Path) -> None:
    compile_page(tmp_path)


def test_the_page_names_nothing_elsewhere_and_no_script_of_its_own() -> None:
    files = [path for path in SITE.rglob("*") if path.suffix in (".html", ".css", ".js", ".svg")]
    texts = {path: path.read_text("utf-8") for path in files}
    for path, text in texts.items():
        addresses = text.replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in addresses and "https:" not in addresses, path
    html = texts[SITE / "index.html"]
    assert " style=" not in html and " onclick=" not in html and "<style" not in html
    assert html.count("<script") == html.count('<script type="module" src="app/main.js"></script>') == 1
