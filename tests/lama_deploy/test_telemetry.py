"""No engine reports anything: a process is watched by what it looks up and by what it leaves in an empty home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.plain_environment import plain_environment

SOURCE = Path(__file__).parent / "lookups.c"
ROOT = Path(__file__).parents[2]
RUN = """
import sys
import numpy as np
from lama_deploy import Inpainter
from lama_deploy.images.scenes import scene
for bundle in sys.argv[1:]:
    Inpainter.load(bundle).run(*scene(16, 24))
"""
OTHERS = """
import lama_export.precision.int8_onnx, lama_export.precision.int8_openvino, openvino.tools.ovc
import lama_deploy.training.loop, lama_deploy.training.augment, lama_deploy.evaluation.metrics
"""
OF_ONNX_RUNTIME, OF_OPENVINO = ".cache/Microsoft", "intel/openvino_ga_cid"


@pytest.fixture(scope="module")
def watcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("lookups are watched on Linux, with a C compiler")
    library = tmp_path_factory.mktemp("watcher") / "lookups.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def watched(watcher: Path, folder: Path, code: str, *arguments: str, **variables: str) -> tuple[list[str], list[str]]:
    """(what was looked up, files in the home) of a Python process that runs `code`. It waits for threads that send."""
    home, lookups = folder / "home", folder / "lookups"
    home.mkdir()
    environment = plain_environment(
        home,
        LD_PRELOAD=str(watcher),
        LOOKUPS=str(lookups),
        PYTHONPATH=f"{ROOT}{os.pathsep}{ROOT / 'export'}",
        LAMA_DEPLOY_CACHE=str(folder / "cache"),
        **variables,
    )
    waiting = f"{code}\nimport time\ntime.sleep(2)"
    subprocess.run([sys.executable, "-W", "ignore", "-c", waiting, *arguments], env=environment, check=True, cwd=folder)
    files = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
    return lookups.read_text().splitlines() if lookups.exists() else [], files


def test_running_tells_nobody(
    watcher: Path, bundles: Mapping[str, Path], openvino_bundles: Mapping[str, Path], tmp_path: Path
) -> None:
    opened = str(bundles["uint8"]), str(openvino_bundles["fp32"])
    assert watched(watcher, tmp_path, RUN, *opened) == ([], [])


def test_exporting_and_training_tell_nobody(watcher: Path, tmp_path: Path) -> None:
    lookups, files = watched(watcher, tmp_path, OTHERS)
    assert lookups == []
    assert not [file for file in files if file.startswith(("intel", ".cache/Microsoft"))]


def test_the_engines_own_choice(watcher: Path, tmp_path: Path) -> None:
    """Also that the watcher sees what there is to see."""
    code = "import lama_deploy, onnxruntime, openvino, openvino_telemetry"
    lookups, files = watched(watcher, tmp_path, code, LAMA_DEPLOY_TELEMETRY="1")
    assert lookups
    for place in (OF_ONNX_RUNTIME, OF_OPENVINO):
        assert any(file.startswith(place) for file in files), (place, files)


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    from lama_deploy import telemetry

    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.delenv("ORT_TELEMETRY_DISABLED", raising=False)
    telemetry.switch_off()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
    assert os.environ["ORT_TELEMETRY_DISABLED"] == "1"
