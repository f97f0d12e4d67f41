"""What messages tell people to type works for how the package was installed, and names parts that exist."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

from lama_deploy import installing
from lama_deploy.installing import ROOT, install
from lama_deploy.tensorrt.modules import FLAVOURS

SOURCES = [path for folder in ("lama_deploy", "export") for path in (ROOT / folder).rglob("*.py")]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


class Installed:
    def __init__(self, recorded: str | None) -> None:
        self.recorded = recorded

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self.recorded


CLONE = {"url": "file:///home/a%20b/clone", "dir_info": {"editable": True}}
WHEEL = {"url": "file:///tmp/lama_deploy-0.1.0-py3-none-any.whl", "archive_info": {}}
GIT = {"url": "https://host/lama.git", "vcs_info": {"vcs": "git", "commit_id": "ab12", "requested_revision": "v1"}}
FORMS = {
    "clone": (json.dumps(CLONE), 'pip install -e "/home/a b/clone[torch]"'),
    "folder": (json.dumps({**CLONE, "dir_info": {}}), 'pip install "/home/a b/clone[torch]"'),
    "wheel": (json.dumps(WHEEL), f'pip install "lama-deploy[torch] @ {WHEEL["url"]}"'),
    "git": (json.dumps(GIT), 'pip install "lama-deploy[torch] @ git+https://host/lama.git@v1"'),
    "index": (None, 'pip install "lama-deploy[torch]"'),
    "damaged": ("{", 'pip install "lama-deploy[torch]"'),
    "another shape": ("[1]", 'pip install "lama-deploy[torch]"'),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_command_fits_the_installation(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    recorded, wanted = FORMS[form]
    monkeypatch.setattr(installing, "distribution", lambda name: Installed(recorded))
    assert install("torch") == wanted
    assert install("torch", upgrade=True) == wanted.replace("install", "install --upgrade")


def test_in_the_clone_it_is_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recorded = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    monkeypatch.setattr(installing, "distribution", lambda name: Installed(json.dumps(recorded)))
    monkeypatch.chdir(tmp_path)
    assert install("export") == 'pip install -e ".[export]"'


def test_only_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> Installed:
        raise installing.PackageNotFoundError(name)

    monkeypatch.setattr(installing, "distribution", missing)
    monkeypatch.chdir(tmp_path)
    assert install("torch") == f'pip install "{ROOT}[torch]"'


def named_in(path: Path) -> set[str]:
    """The parts that a file's calls of `install` and `command` name."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("install", "command")]
    arguments = [call.args[0] for call in named if call.args]
    return {one.value for one in arguments if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def test_what_is_named_exists() -> None:
    named = set().union(*map(named_in, SOURCES)) | {flavour.extra for flavour in FLAVOURS.values()}
    assert (
        {"torch", "export", "train", "evaluate", "layers", "tensorrt-rtx", "reference-metrics"} <= named <= set(EXTRAS)
    )


def test_messages_leave_it_to_one_function() -> None:
    """A name of an index, or of a part that was renamed, would stand in some message for ever."""
    for path in SOURCES:
        if path.name != "installing.py":
            assert not re.search(r"lama-deploy\[|pip install (-e )?[\"']?\.", path.read_text()), path


def everything_in(extra: str) -> set[str]:
    """The names of the packages that a part brings, those of the parts in it too."""
    packages = set()
    for requirement in EXTRAS[extra]:
        inner = re.fullmatch(r"lama-deploy\[(.*)\]", requirement)
        parts = (
            [everything_in(part) for part in inner[1].split(",")] if inner else [{re.split(r"[<>=]", requirement)[0]}]
        )
        packages.update(*parts)
    return packages


@pytest.mark.parametrize(
    ("extra", "packages"),
    {
        "torch": {"torch", "pyyaml", "pooch"},
        "export": {"torch", "onnx", "onnxruntime", "scikit-image", "pyyaml"},
        "export-openvino": {"openvino", "nncf", "onnx", "torch"},
        "reference-metrics": {"lpips", "pytorch-fid", "torchvision", "torch", "onnxruntime"},
        "layers": {"polygraphy", "onnx", "onnxruntime"},
        "tensorrt-rtx": {"tensorrt-rtx-cu13", "cuda-bindings"},
        "train": {"torch", "lightning-fabric", "albumentations", "tensorboard", "pyyaml"},
        "evaluate": {"torch", "onnxruntime", "opencv-python-headless"},
    }.items(),
)
def test_what_is_named_is_enough(extra: str, packages: set[str]) -> None:
    assert packages <= everything_in(extra)
