"""What no key shows is assumed, written into the bundle, said, and used again when the bundle is verified."""

import json
import sys
from pathlib import Path

import pytest
import torch

from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.checkpoint import load_checkpoint
from lama_deploy.checkpoints.unshown import UNSHOWN
from lama_deploy.cli.inpaint import main as inpaint
from lama_deploy.cli.verify import main as verify
from lama_deploy.model import seeded_generator
from lama_deploy.proof.subjects import Size
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, export_bundle
from lama_export.cli import main as export

CONFIG = GeneratorConfig(width=4, blocks=1)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Lightning checkpoint without its config.yaml, with an average of the generator beside it."""
    monkeypatch.chdir(tmp_path)
    prefixes = ("generator.", "generator_average.")
    state = {
        prefix + key: value
        for seed, prefix in enumerate(prefixes)
        for key, value in seeded_generator(CONFIG, seed=seed).state_dict().items()
    }
    torch.save({"state_dict": state}, "w.ckpt")
    return "w.ckpt"


def run(main, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    return main()


def test_bundle_of_an_average_is_verified_as_what_it_is(weights, monkeypatch, capsys):
    """And the generator that is taken without asking is another."""
    checkpoint = load_checkpoint(weights, {"generator": "generator_average"})
    export_bundle(checkpoint, "out", ExportOptions(parity_subjects=[Size(24, 40)]), source=weights)
    monkeypatch.setattr("lama_deploy.cli.verify.PHOTOGRAPHS", ())
    unshown = UNSHOWN["ffc"]
    capsys.readouterr()
    assert load_bundle("out").assumed == unshown | {"generator": "state_dict.generator_average"}
    assert run(verify, monkeypatch, "out", "--sizes", "24x40") == 0
    said = capsys.readouterr().err
    assert said.startswith("note: w.ckpt came without a config.yaml, so it is assumed, and not verified: ")
    assert said.count("\n") == 1
    assert run(verify, monkeypatch, "out", "--against", "out", "--sizes", "24x40") == 0
    assert capsys.readouterr().err == said  # two bundles of one checkpoint: once
    manifest = json.loads(Path("out/bundle.json").read_text())
    Path("out/bundle.json").write_text(json.dumps(manifest | {"assumed": unshown}))
    assert run(verify, monkeypatch, "out", "--sizes", "24x40") == 4


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (export, ["--weights", "w.ckpt", "--to", "onnx", "--out", "out"]),
        (inpaint, ["none.png", "none_mask.png", "-o", "out.png", "--model", "w.ckpt"]),
    ],
)
def test_told_what_is_not_computed_is_one_line(weights, monkeypatch, capsys, main, arguments):
    for name in ("none.png", "none_mask.png"):
        Path(name).touch()
    assert run(main, monkeypatch, *arguments, "--assume", "add_out_act=tanh") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: add_out_act is 'tanh', and only 'sigmoid' is computed here")


def test_bundles_are_told_nothing(tiny_bundle, monkeypatch, capsys, tmp_path):
    Path(tmp_path / "p.png").touch()
    arguments = [str(tmp_path / "p.png"), str(tmp_path / "p.png"), "-o", str(tmp_path / "o.png")]
    assert run(inpaint, monkeypatch, *arguments, "--model", str(tiny_bundle), "--assume", "fft_norm=ortho") == 2
    assert "--assume is for checkpoints" in capsys.readouterr().err


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Path:
    """As far as it is looked at."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    return tmp_path / "bundle"
