"""What docs/phones.md tells people to type works, where its engines are installed."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy.bundle import load_bundle
from lama_deploy.images.scenes import scene

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "phones.md").read_text()
PROGRAMS = ("lama-export", "lama-inpaint", "lama-verify")
MODULES = {"lama-export": "lama_export.cli", "lama-inpaint": "lama_deploy.cli.inpaint"}
MODULES["lama-verify"] = "lama_deploy.cli.verify"
WITHOUT_MEASURING = "lama-export --no-memory"  # which takes a minute, and is told of elsewhere


def blocks(section: str) -> list[tuple[str, str]]:
    """(language, text) of a section's blocks, in their order."""
    _, _, after = PAGE.partition(f"\n## {section}\n")
    return re.findall(r"```(sh|python)\n(.*?)```", after.split("\n## ")[0], re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a picture and a mask under the page's names, and the commands as programs."""
    images, masks = scene(256, 256, seed=2)
    Image.fromarray(images[0]).save(tmp_path / "photo.png")
    Image.fromarray(255 * (masks[0] > 0).astype(np.uint8)).save(tmp_path / "mask.png")
    for name in PROGRAMS:
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {MODULES[name]} "$@"\n')
        program.chmod(0o755)
    return tmp_path


def shell(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run(["bash", "-ec", text.replace("lama-export", WITHOUT_MEASURING)], folder)


def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "export"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("section", "package", "results"),
    [
        ("MNN", "MNN", ("result.png", "program.png")),
        ("ncnn", "ncnn", ("result-ncnn.png", "program-ncnn.png")),
    ],
)
def test_commands_and_program_agree(section: str, package: str, results: tuple[str, str], folder: Path) -> None:
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install {package}")
    for language, text in blocks(section):
        done = shell(text, folder) if language == "sh" else run([sys.executable, "-c", text], folder)
        assert done.returncode == 0, done.stdout + done.stderr
    by_command, by_program = (np.asarray(Image.open(folder / name)).astype(int) for name in results)
    assert by_command.std() > 20 and np.abs(by_command - by_program).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("section", "packages", "bundles"),
    [
        ("LiteRT", ("ai_edge_litert", "ai_edge_quantizer"), ("phone", "phone-int8")),
        ("Core ML", ("coremltools",), ("iphone",)),
    ],
)
def test_commands_make_bundles(section: str, packages: Sequence[str], bundles: Sequence[str], folder: Path) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        pytest.skip(f"not installed: {' and '.join(missing)}")
    (commands,) = [text for language, text in blocks(section) if language == "sh"]
    done = shell(commands.replace("pip install", "true"), folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(load_bundle(folder / name).parity["passed"] for name in bundles)
