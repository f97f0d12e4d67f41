"""lama-export says what it recognised, what it is at, what it wrote and what comes next."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.model import seeded_generator
from lama_deploy.proof.subjects import Size
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, cli, export_bundle
from lama_export.progress import Progress, phase


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    config = GeneratorConfig(width=8, blocks=1)
    save_checkpoint(path, config, {key: value.numpy() for key, value in seeded_generator(config).state_dict().items()})
    return load_checkpoint(path)


@pytest.fixture
def export(tiny: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs the command on the tiny generator in an empty folder, compared at one size."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "_options", lambda args: ExportOptions(target=args.to, parity_subjects=(Size(24, 40),)))
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["lama-export", "--to", "onnx", *arguments])
    return cli.main()


def test_lines(
    export: Path, tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--weights", str(tiny.path), "--out", "a bundle") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("weights: ") and tiny.sha256 in lines[0]
    assert lines[1].startswith("recognised: no generator of the paper's: ffc, 1 blocks of 64 channels, ")
    size = (export / "a bundle" / "model.onnx").stat().st_size
    assert lines[-2] == f"wrote a bundle: model.onnx {size / 1e6:.1f} MB"
    assert lines[-1] == "next: lama-inpaint IMAGE MASK -o RESULT.png --model 'a bundle'"


def test_json(
    export: Path, tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--weights", str(tiny.path), "--out", "b", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["path"] == "b" and facts["proof"]["passed"] and facts["weights"]["sha256"] == tiny.sha256


class Named:
    """A bar that notes under which names it runs."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def __call__(self, items: object) -> object:
        return iter(items)  # type: ignore[call-overload]

    def named(self, name: str) -> Progress:
        self.names.append(name)
        return self


def test_each_phase_has_its_name(tiny: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    Image.effect_noise((72, 64), 40).convert("RGB").save(tmp_path / "photographs" / "one.png")
    names: list[str] = []
    own = ExportOptions(precision="fp16", calibration=tmp_path / "photographs", parity_subjects=(Size(24, 40),))
    export_bundle(tiny, tmp_path / "bundle", own, progress=Named(names))
    assert names == ["measuring ranges", "comparing with PyTorch"]
    assert phase(iter, "anything") is iter
