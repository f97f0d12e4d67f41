"""What is compiled and committed is what the sources make, and what docs/web.md shows compiles."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.kernel_build import ROOT
from tests.web.package.conftest import WEB

EXAMPLES = re.compile(r"```ts\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def compiler(node: str, modules: Path) -> list[str]:
    return [node, str(modules / "typescript" / "bin" / "tsc")]


def files_in(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_dist_is_what_the_sources_make(compiler: list[str], tmp_path: Path) -> None:
    words = [*compiler, "-p", str(WEB / "tsconfig.json"), "--outDir", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    made, kept = files_in(tmp_path), files_in(WEB / "dist")
    assert sorted(made) == sorted(kept), "run npm run build in web/, after removing web/dist"
    assert [name for name in made if made[name] != kept[name]] == [], "run npm run build in web/"


def test_examples_of_the_page_compile(compiler: list[str], tmp_path: Path) -> None:
    """As a user's own project has them, by the package's name and its declarations."""
    texts = [(ROOT / "docs" / "web.md").read_text(), (WEB / "README.md").read_text()]
    examples = [code for text in texts for code in EXAMPLES.findall(text)]
    assert len(examples) >= 2
    for index, code in enumerate(examples):
        (tmp_path / f"example{index}.ts").write_text(code)
    options = {
        "extends": str(WEB / "tsconfig.base.json"),
        "compilerOptions": {
            "noEmit": True,
            "noUnusedLocals": False,
            "paths": {"lama-deploy": [str(WEB / "dist" / "index.d.ts")]},
        },
        "include": ["*.ts"],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(options))
    words = [*compiler, "-p", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
