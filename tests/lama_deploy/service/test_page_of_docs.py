"""What docs/service.md tells people to type works."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lama_deploy.arrays import Array
from lama_deploy.cli.serve import parser
from lama_deploy.service.options import ServiceOptions
from tests.lama_deploy.service.conftest import Running, png

DOCS = (Path(__file__).parents[3] / "docs" / "service.md").read_text()
ADDRESS = "127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


LINES = [line for block in blocks("sh") for line in block.splitlines()]


def test_every_line_of_curl_works(running: Running, tmp_path: Path, photo: Array, hole: Array) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    (tmp_path / "photo.png").write_bytes(png(photo))
    (tmp_path / "mask.png").write_bytes(png(hole))
    lines = [line for line in LINES if "curl" in line]
    assert len(lines) >= 10
    for line in lines:
        own = line.replace(ADDRESS, f"127.0.0.1:{running.port}")
        done = subprocess.run(["sh", "-c", own], cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, (line, done.stderr)
    assert {"result.png", "result.jpg", "copy.webp"} <= {path.name for path in tmp_path.iterdir()}


def test_its_python_works(running: Running) -> None:
    pytest.importorskip("tritonclient.http")
    (code,) = blocks("python")
    names: dict[str, object] = {}
    exec(code.replace(ADDRESS, f"127.0.0.1:{running.port}"), names)
    result = names["result"]
    assert isinstance(result, np.ndarray) and result.shape == (1, 64, 48, 3)


def test_its_commands_have_these_options() -> None:
    unit = re.search(r"ExecStart=\S+/(lama-serve.*)", DOCS)
    assert unit is not None
    for line in [*[line for line in LINES if line.startswith("lama-serve")], unit[1]]:
        parser().parse_args(shlex.split(line, comments=True)[1:])
    entry = re.search(r"ENTRYPOINT (\[.*\])", DOCS)
    assert entry is not None
    parser().parse_args(eval(entry[1])[1:])
    options = {option for action in parser()._actions for option in action.option_strings}
    assert set(re.findall(r"(?<=`)--[\w-]+", DOCS)) <= options


def test_its_numbers_are_the_programs() -> None:
    usual = ServiceOptions()
    assert f"--queue {usual.queue}`" in DOCS
    assert f"--deadline {usual.deadline:g}`" in DOCS
    assert f"({usual.max_bytes // 2**20} MiB)" in DOCS
    assert f"({usual.max_pixels // 10**6} million)" in DOCS
