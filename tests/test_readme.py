"""What the README tells people to type works: its Python runs, its commands exist, its links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from contextlib import suppress
from http.client import HTTPConnection
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from lama_deploy.cli.main import COMMANDS
from lama_deploy.tensorrt.modules import FLAVOURS

ROOT = Path(__file__).parent.parent
RUNTIME = ROOT / "web" / "node_modules" / "onnxruntime-web" / "dist"
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines]


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {words[1] for words in commands() if words[0] == "make"}
    assert named == {"demo", "test"} <= targets


def test_the_table_of_commands_is_all_of_them() -> None:
    """With the scripts that are installed, and the options that it names."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    rows = [line.split("|")[1:3] for line in README.splitlines() if line.startswith("| `lama-")]
    rows = [(named, told) for named, told in rows if "lama-deploy " in named]
    under = [re.search(r"`lama-deploy ([\w-]+)", named)[1] for named, _ in rows]  # type: ignore[index]
    assert under == sorted(COMMANDS, key=under.index) and len(under) == len(COMMANDS)
    shortcuts = {found for named, _ in rows for found in re.findall(r"`(lama-\w+)`", named)}
    assert shortcuts | {"lama-deploy"} == set(scripts)
    for name, (_, told) in zip(under, rows, strict=True):
        options = {
            option
            for action in import_module(COMMANDS[name].module).parser()._actions
            for option in action.option_strings
        }
        assert set(re.findall(r"--[\w-]+", told)) <= options, name


def test_ci_runs_every_test() -> None:
    assert {"make test", "make test-slow"} <= set((ROOT / ".ci" / "run").read_text().splitlines())


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links and all((ROOT / link).exists() for link in links)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint, photographs and masks under the README's names."""
    import torch

    from lama_deploy.model import seeded_generator
    from lama_deploy.variants import GeneratorConfig

    folder = tmp_path_factory.mktemp("readme")
    state = seeded_generator(GeneratorConfig(width=4, blocks=1)).state_dict()
    (folder / "big-lama" / "models").mkdir(parents=True)
    torch.save(
        {"state_dict": {f"generator.{key}": value for key, value in state.items()}},
        folder / "big-lama" / "models" / "best.ckpt",
    )
    for kind, colour in (("photos", "teal"), ("masks", "black")):
        (folder / kind).mkdir()
        picture = Image.new("RGB", (50, 40), colour)
        picture.paste((255, 255, 255), (20, 10, 30, 25))
        picture.save(folder / kind / "one.png")
    return folder


def needs_what_is_not_here(arguments: list[str], said: str) -> bool:
    """TensorRT comes with a GPU's machine, TensorRT-RTX with the development environment where it has a wheel; what
    browsers run comes by npm.
    """
    target = arguments[arguments.index("--to") + 1] if "--to" in arguments else ""
    if target == "web":
        return not RUNTIME.is_dir() and "needs onnxruntime-web" in said
    missing = target in FLAVOURS and find_spec(FLAVOURS[target].module) is None
    return missing and f"needs {FLAVOURS[target].name}, which is not installed" in said


def in_less_time(name: str, arguments: list[str]) -> list[str]:
    """What a person would not add: one small photograph to measure ranges on, no measuring of memory, few rounds."""
    if name == "lama-bench":
        return ["--rounds", "2"]
    if "web" in arguments and RUNTIME.is_dir():
        return ["--runtime", str(RUNTIME)]
    if name == "lama-export" and "--weights" in arguments:
        return ["--no-memory", *(["--calibration", "photos"] if "--fp16" in arguments else [])]
    return []


def served(command: list[str], **options: Any) -> None:
    """A server answers where it says, until it is ended."""
    with subprocess.Popen(
        [*command, "--port", "0"], stderr=subprocess.STDOUT, stdout=subprocess.PIPE, **options
    ) as server:
        assert server.stdout is not None
        said = ""
        while not (found := re.search(r"http://[\w.:]+", said)):
            said = server.stdout.readline()
            assert said, "it ended before it said where it serves"
        address = urlsplit(found[0])
        answer = None
        while answer is None:
            with suppress(ConnectionRefusedError):
                connection = HTTPConnection(str(address.hostname), address.port, timeout=60)
                connection.request("GET", "/")
                answer = connection.getresponse()
        assert answer.status == 200 and b"<html" in answer.read()
        server.terminate()
        server.stdout.read()


def test_commands_and_python_run_in_order(workplace: Path) -> None:
    modules = {
        "lama-export": "lama_export.cli",
        "lama-inpaint": "lama_deploy.cli.inpaint",
        "lama-verify": "lama_deploy.cli.verify",
        "lama-bench": "lama_deploy.cli.bench",
        "lama-serve": "lama_deploy.cli.serve",
        "lama-train": "lama_deploy.cli.train",
        "lama-evaluate": "lama_deploy.cli.evaluate",
    }
    path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'export'}", "PATH": "", "OMP_NUM_THREADS": os.environ["OMP_NUM_THREADS"]}
    ours = [words for words in commands() if words[0] in modules]
    assert list(dict.fromkeys(words[0] for words in ours)) == list(modules)
    for name, *arguments in ours:
        command = [sys.executable, "-m", modules[name], *arguments, *in_less_time(name, arguments)]
        if name == "lama-serve":
            served(command, cwd=workplace, env=path, text=True)
            continue
        done = subprocess.run(command, cwd=workplace, env=path, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or needs_what_is_not_here(arguments, done.stderr), done.stderr
    (block,) = blocks("python")
    setup = "from PIL import Image\nimage = Image.open('photos/one.png')\nmask = Image.open('masks/one.png')\n"
    subprocess.run([sys.executable, "-c", setup + block], cwd=workplace, env=path, check=True)
    from_command, from_python = (Image.open(workplace / name) for name in ("results/one.png", "result.png"))
    assert from_command.tobytes() == from_python.tobytes() != Image.open(workplace / "photos/one.png").tobytes()
