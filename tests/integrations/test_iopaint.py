"""The plug-in: against IOPaint's contract, and in IOPaint itself where LAMA_IOPAINT_PYTHON names a Python that has it.

That Python needs lama-deploy's requirements too: NumPy, Pillow 10.1 and ONNX Runtime; our tree is put on its path.
"""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from lama_deploy import Inpainter, LamaDeployError, StrategyOptions
from tests.integrations.conftest import INTEGRATIONS, SIZES, imported, picture
from tests.kernel_build import ROOT

PLUG_IN = INTEGRATIONS / "iopaint" / "lama_iopaint.py"
PYTHON = os.environ.get("LAMA_IOPAINT_PYTHON", "")
real = pytest.mark.skipif(not PYTHON, reason="LAMA_IOPAINT_PYTHON names no Python that has IOPaint")


class Strategy(StrEnum):
    """IOPaint's HDStrategy."""

    ORIGINAL = "Original"
    RESIZE = "Resize"
    CROP = "Crop"


class InpaintModel:
    """IOPaint's, as far as a model sees it."""

    def __init__(self, device: object, **kwargs: object) -> None:
        self.device = device
        self.init_model(device, **kwargs)  # type: ignore[attr-defined]


def config(strategy: Strategy) -> SimpleNamespace:
    """IOPaint's InpaintRequest, with sides that fit small pictures."""
    return SimpleNamespace(
        hd_strategy=strategy,
        hd_strategy_crop_trigger_size=80,
        hd_strategy_crop_margin=8,
        hd_strategy_resize_limit=128,
    )


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The plug-in beside modules that have what it imports; `entry_point` builds the model as ModelManager does."""
    models: dict[str, Any] = {"lama": object}
    program = SimpleNamespace(models=models, argv=[], made=None)

    def entry_point() -> None:
        program.argv = sys.argv[1:]
        assert models["lama"].is_downloaded() and models["lama"].is_erase_model
        program.made = models["lama"]("cpu", model_info=None, enable_controlnet=False)

    contents: dict[str, dict[str, Any]] = {
        "iopaint": {"entry_point": entry_point},
        "iopaint.model": {"models": models},
        "iopaint.model.base": {"InpaintModel": InpaintModel},
    }
    for name, content in contents.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    program.plug_in = imported(PLUG_IN, "lama_iopaint")
    return program


def test_every_strategy_gives_what_ours_gives(stub: Any, onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["lama_iopaint.py", "--bundle", str(onnx), "run", "--model", "lama"])
    assert stub.plug_in.main() == 0 and stub.argv == ["run", "--model", "lama"]
    image, mask = picture("any")
    for strategy, ours in [
        (Strategy.ORIGINAL, StrategyOptions(strategy="whole")),
        (Strategy.RESIZE, StrategyOptions(strategy="resize", limit=128)),
        (Strategy.CROP, StrategyOptions(strategy="crop", margin=8)),
    ]:
        found = stub.made(image, mask * 255, config(strategy))
        assert found.dtype == np.uint8 and found.flags.c_contiguous
        assert np.array_equal(found[..., ::-1], Inpainter.load(onnx, strategy=ours)(image, mask)), strategy
    assert stub.plug_in.strategy_of(config(Strategy.CROP), 80).strategy == "whole"


def test_errors_are_a_line(stub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.delenv("LAMA_BUNDLE", raising=False)
    for arguments, words in [([], "give a bundle"), (["--bundle", str(tmp_path / "none")], "no checkpoint there")]:
        monkeypatch.setattr(sys, "argv", ["lama_iopaint.py", *arguments, "start"])
        assert stub.plug_in.main() == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1


def test_a_device_that_the_engine_has_not_is_no_cpu(stub: Any, onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMA_BUNDLE", str(onnx))
    with pytest.raises(LamaDeployError, match="mps"):
        stub.plug_in.Bundle("mps")


@real
@pytest.mark.slow
def test_iopaint_runs_torchscript_without_a_plug_in(folders: Path, torchscript: Path) -> None:
    place = folders / "models" / "torch" / "hub" / "checkpoints"
    place.mkdir(parents=True)
    (place / "big-lama.pt").write_bytes((torchscript / "model.pt").read_bytes())
    told = ["--image", "in", "--mask", "masks", "--output", "found", "--model-dir", "models"]
    run(folders, "-m", "iopaint", "run", "--model", "lama", "--device", "cpu", *told)
    for name, (found, expected) in results(folders, torchscript).items():
        assert np.abs(found.astype(int) - expected).max() <= 1, name


@real
@pytest.mark.slow
def test_iopaint_runs_a_bundle_by_the_plug_in(folders: Path, onnx: Path) -> None:
    told = ["--image", "in", "--mask", "masks", "--output", "found", "--model-dir", "models"]
    run(folders, str(PLUG_IN), "--bundle", str(onnx), "run", *told)
    for name, (found, expected) in results(folders, onnx).items():
        assert np.array_equal(found, expected), name


@real
@pytest.mark.slow
def test_iopaints_server_answers_by_the_plug_in(folders: Path, onnx: Path) -> None:
    with server(folders, str(PLUG_IN), "--bundle", str(onnx), "start", "--port", "0", "--model-dir", "models") as url:
        for name in SIZES:
            asked = {
                key: base64.b64encode((folders / kind / f"{name}.png").read_bytes()).decode()
                for key, kind in (("image", "in"), ("mask", "masks"))
            }
            request = Request(f"{url}/api/v1/inpaint", json.dumps(asked).encode(), {"Content-Type": "application/json"})
            (folders / "found").mkdir(exist_ok=True)
            (folders / "found" / f"{name}.png").write_bytes(urlopen(request, timeout=300).read())
    for name, (found, expected) in results(folders, onnx).items():
        assert np.array_equal(found, expected), name


@real
@pytest.mark.slow
def test_simple_lama_runs_torchscript(folders: Path, torchscript: Path) -> None:
    """It gives what it has padded to multiples of 8, which is cut off here."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom PIL import Image\nfrom simple_lama_inpainting import SimpleLama\n"
        "fill = SimpleLama('cpu')\nPath('found').mkdir()\n"
        "for file in Path('in').iterdir():\n"
        "    image, mask = Image.open(file), Image.open(Path('masks') / file.name)\n"
        "    fill(image, mask).crop((0, 0, *image.size)).save(Path('found') / file.name)\n"
    )
    if subprocess.run([PYTHON, "-c", "import simple_lama_inpainting"], capture_output=True).returncode:
        pytest.skip("simple-lama-inpainting is not installed beside IOPaint")
    run(folders, "-c", program, LAMA_MODEL=str(torchscript / "model.pt"))
    for name, (found, expected) in results(folders, torchscript).items():
        assert np.abs(found.astype(int) - expected).max() <= 1, name


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for kind in ("in", "masks"):
        (tmp_path / kind).mkdir()
    for name in SIZES:
        image, mask = picture(name)
        Image.fromarray(image).save(tmp_path / "in" / f"{name}.png")
        Image.fromarray(mask * 255).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path


def results(folders: Path, bundle: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What a program wrote, and what lama-inpaint writes with the same engine."""
    told = ["in", "masks", "-o", "expected", "--model", str(bundle), "--strategy", "whole", "--device", "cpu"]
    run(folders, "-m", "lama_deploy", "inpaint", *told)
    read = lambda kind, name: np.asarray(Image.open(folders / kind / f"{name}.png").convert("RGB"))  # noqa: E731
    return {name: (read("found", name), read("expected", name)) for name in SIZES}


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "COLUMNS": "200", **more}


def run(folder: Path, *command: str, **more: str) -> None:
    done = subprocess.run([PYTHON, *command], cwd=folder, env=environment(**more), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def server(folder: Path, *command: str) -> Iterator[str]:
    process = subprocess.Popen(
        [PYTHON, *command], cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                yield found[1]
                break
        else:
            pytest.fail("".join(said))
    finally:
        process.terminate()
        process.communicate()
