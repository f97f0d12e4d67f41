"""lama-train: lists, plans, trains and goes on; what cannot be is one line and exit code 2."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from lama_deploy.checkpoints.checkpoint import load_checkpoint
from lama_deploy.cli.train import main
from lama_deploy.model import build_generator
from lama_deploy.training.going_on import read_run
from lama_deploy.training.presets import PRESETS
from lama_deploy.training.state import TrainedOn

YAML = """
generator: {width: 4, blocks: 1}
discriminator: {width: 4, layers: 2}
losses: {perceptual_weight: 0}
optimizer: {ema: 0.5}
data: {batch_size: 2, crop: 32, augmentation: none, mask_scale: 0.125, workers: 0}
steps: 2
log_every: 1
"""


@pytest.fixture
def lama_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command in a folder with `run.yaml` and five pictures in `data`, and returns its exit code."""
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text(YAML)
    Path("data").mkdir()
    for index in range(5):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"data/{index}.png")

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["lama-train", *arguments])
        return main()

    return run


TRAIN = ["--config", "run.yaml", "--data", "data", "--accelerator", "cpu", "--out"]


def test_list(lama_train, capsys):
    assert lama_train("--list") == 0
    assert capsys.readouterr().out.splitlines() == list(PRESETS)


def test_dry_run_writes_nothing(lama_train, capsys):
    assert lama_train(*TRAIN, "out", "--dry-run", "--devices", "3", "--set", "data.batch_size=4") == 0
    captured = capsys.readouterr()
    assert "data: 5 pictures" in captured.out and "2 steps of 4 x 3 = 12 pictures" in captured.out
    assert captured.err == "" and not Path("out").exists()


def test_dry_run_of_a_name_without_its_perceptual_weights(lama_train, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    """The run would fail as well, and both say what can start here."""
    monkeypatch.setattr("lama_deploy.training.here._is_here", lambda loss: loss == "vgg19")
    assert lama_train("--data", "data", "--dry-run") == 2
    out, planned = capsys.readouterr()
    assert "generator: 27,048,835 parameters; discriminator: 6,962,369" in out
    assert "the perceptual loss is not on this machine and is left out above" in out
    assert "error: resnet50-ade20k is not on this machine; " in planned and planned.count("\n") == 1
    starting = "--config lama-regular-vgg19, lama-regular-no-perceptual; or any with --set losses.perceptual=vgg19 or "
    assert f"without it these start here: {starting}--set losses.perceptual_weight=0 (without)" in planned
    monkeypatch.setattr("lama_deploy.training.loop.build_generator", lambda config: build_generator("lama-demo"))
    assert lama_train("--data", "data", "--accelerator", "cpu") == 2
    assert capsys.readouterr().err == planned


def test_dry_run_looks_at_mask_files(lama_train, capsys):
    Path("masks").mkdir()
    Image.new("L", (8, 8), 255).save("masks/a.png")
    Path("masks/b.png").write_bytes(b"no picture")
    own = ["--set", "data.mask_files=masks", "--set", "data.mask_files_share=0.5"]
    assert lama_train(*TRAIN, "out", "--dry-run", *own) == 0
    out = capsys.readouterr().out
    assert "mask files: 2, 2 of them looked at; 1 will be skipped, such as masks/b.png: unreadable mask" in out
    Path("masks/a.png").unlink()
    assert lama_train(*TRAIN, "out", "--dry-run", *own) == 2
    assert "error: none of 1 mask files can be used, the first: masks/b.png: " in capsys.readouterr().err


def test_trains_and_resumes(lama_train, capsys):
    """Two steps, then a third; a second run into the same folder is refused."""
    assert lama_train(*TRAIN, "out") == 0
    captured = capsys.readouterr()
    assert "written to out; next: lama-export --weights out/generator.safetensors" in captured.out
    assert captured.err == ""
    first = load_checkpoint("out/generator.safetensors").state_dict
    assert lama_train(*TRAIN, "out") == 2
    assert (
        capsys.readouterr().err
        == "error: out: holds a run already; go on with --resume, use another --out, or --overwrite\n"
    )
    assert lama_train(*TRAIN, "out", "--resume", "--set", "steps=3") == 0
    assert torch.load("out/models/last.ckpt", weights_only=True)["global_step"] == 3
    second = load_checkpoint("out/generator.safetensors").state_dict
    assert any(not np.array_equal(first[key], second[key]) for key in first)


def test_goes_on_with_nothing_but_its_folder(lama_train, capsys):
    """The configuration, its changes and the data are the run's own."""
    assert lama_train(*TRAIN, "out", "--set", "data.batch_size=1", "--stop-after", "1") == 0
    capsys.readouterr()
    Path("run.yaml").unlink()
    assert lama_train("--resume", "--out", "out", "--accelerator", "cpu") == 0
    assert torch.load("out/models/last.ckpt", weights_only=True)["global_step"] == 2
    assert capsys.readouterr().err == ""
    record = read_run(Path("out"))
    assert (record.config.data.batch_size, record.config.generator.width) == (1, 4)
    assert record.data == TrainedOn(Path("data").absolute(), 5)


def test_goes_on_from_a_run_that_does_not_name_its_data(lama_train, capsys):
    """As older versions wrote them."""
    assert lama_train(*TRAIN, "out", "--stop-after", "1") == 0
    config = yaml.safe_load(Path("out/config.yaml").read_text())
    del config["location"]
    Path("out/config.yaml").write_text(yaml.safe_dump(config))
    capsys.readouterr()
    assert lama_train("--resume", "--out", "out", "--accelerator", "cpu") == 2
    assert capsys.readouterr().err.startswith("error: --data is missing")
    assert lama_train("--resume", "--out", "out", "--accelerator", "cpu", "--data", "data") == 0
    assert capsys.readouterr().err == ""


def test_what_changes_where_a_run_goes_on_is_said(lama_train, capsys):
    assert lama_train(*TRAIN, "out", "--stop-after", "1") == 0
    capsys.readouterr()
    Path("data").rename("moved")
    assert lama_train("--resume", "--out", "out", "--accelerator", "cpu") == 2
    assert "data: no such folder" in capsys.readouterr().err
    changed = ["--data", "moved", "--set", "data.batch_size=1", "--set", "seed=3", "--set", "data.shares={}"]
    assert lama_train("--resume", "--out", "out", "--accelerator", "cpu", *changed) == 0
    told = "note: out: goes on with other settings: data.batch_size 2 -> 1, seed 0 -> 3, the data "
    assert capsys.readouterr().err == f"{told}'{Path('data').absolute()}' -> '{Path('moved').absolute()}'\n"
    again = ["--config", "run.yaml", "--data", "moved"]
    Path("moved/0.png").unlink()
    assert lama_train("--resume", "--out", "out", "--accelerator", "cpu", *again) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "note: out: goes on with other settings: data.batch_size 1 -> 2, seed 3 -> 0, pictures 5 -> 4"
    assert said[1].startswith("error: out: its 2 steps are done already")


def test_a_run_of_another_network_does_not_go_on(lama_train, capsys):
    assert lama_train(*TRAIN, "out", "--stop-after", "1") == 0
    capsys.readouterr()
    other = ["--set", "generator.width=8", "--set", "generator.blocks=2"]
    assert lama_train("--resume", "--out", "out", "--accelerator", "cpu", *other) == 2
    note, error = capsys.readouterr().err.splitlines()
    assert note.endswith("generator.width 4 -> 8, generator.blocks 1 -> 2")
    assert "not a state of this configuration (Error(s) in loading state_dict for Generator: Missing key" in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("generator: {n_blocks: 18}", "config.yaml: is no run of lama-train's"),
        ("lama_deploy: {steps: 3}", "--data is missing"),
        ("lama_deploy: {step: 3}", "no such setting: step"),
    ],
)
def test_folders_of_no_run(lama_train, capsys, text, message):
    Path("out").mkdir()
    Path("out/config.yaml").write_text(text)
    assert lama_train("--resume", "--out", "out") == 2
    assert message in capsys.readouterr().err


def test_stops_early_and_fine_tunes(lama_train, capsys):
    assert lama_train(*TRAIN, "out", "--stop-after", "1") == 0
    assert torch.load("out/models/last.ckpt", weights_only=True)["global_step"] == 1
    tuned = [*TRAIN, "tuned", "--weights", "out", "--stop-after", "1", "--set", "optimizer.generator_lr=1e-12"]
    assert lama_train(*tuned) == 0
    assert (
        f"weights: out/models/last.ckpt, SHA-256 {load_checkpoint('out').sha256} (of no pub" in capsys.readouterr().out
    )
    given, found = load_checkpoint("out").state_dict, load_checkpoint("tuned").state_dict
    key = "model.1.ffc.convl2l.weight"
    np.testing.assert_allclose(found[key], given[key], atol=1e-9)


REFUSED = {
    "no data": (["--config", "run.yaml"], "--data is missing"),
    "data that is not there": (["--config", "run.yaml", "--data", "none"], "none: no such folder"),
    "unknown name": (["--config", "lama", "--data", "data"], "'lama' is unknown; a file, or one of: lama-fourier"),
    "missing file": (["--config", "none.yaml", "--data", "data"], "none.yaml: no readable YAML"),
    "unknown field": ([*TRAIN, "out", "--set", "data.cropp=64"], "no such setting: data.cropp; there are: "),
    "wrong type": ([*TRAIN, "out", "--set", "data.crop=wide"], "data.crop is 'wide'"),
    "no assignment": ([*TRAIN, "out", "--set", "data.crop"], "'data.crop' is no assignment"),
    "unknown masks": ([*TRAIN, "out", "--set", "data.masks=huge"], "mask set 'huge' is unknown"),
    "unknown perceptual loss": (
        [*TRAIN, "out", "--set", "losses.perceptual=lpips", "--set", "losses.perceptual_weight=1"],
        "perceptual loss 'lpips' is unknown",
    ),
    "missing weights": ([*TRAIN, "out", "--weights", "none.ckpt"], "none.ckpt: no checkpoint there"),
    "nothing to resume": ([*TRAIN, "out", "--resume"], "no saved state here; start without --resume"),
    "out is a file": ([*TRAIN, "run.yaml"], "run.yaml: could not be written"),
    "shares without a folder": ([*TRAIN, "out", "--set", "data.shares={a: 1}"], "data.shares: 'a' has no pictures"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(lama_train, capsys, case):
    arguments, message = REFUSED[case]
    assert lama_train(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize("option", ["--devices", "--stop-after"])
def test_counts_below_one(lama_train, capsys, option):
    with pytest.raises(SystemExit) as caught:
        lama_train(*TRAIN, "out", option, "0")
    assert caught.value.code == 2
    assert "'0' is no integer of at least 1" in capsys.readouterr().err


def test_interrupted(lama_train, capsys, monkeypatch):
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lama_deploy.cli.train_end.train", interrupt)
    assert lama_train(*TRAIN, "out") == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_commands_that_need_no_training_import_nothing_heavy():
    """`lama-train --help` answers without torch."""
    program = "import sys, lama_deploy.cli.train as t; t.parser(); print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_run_does_not_write_into_its_data(lama_train, capsys, more):
    """Its samples are pictures, which it would train on when it goes on."""
    assert lama_train(*TRAIN, "data/run", *more) == 2
    assert "--out data/run: is or lies in data, whose files are the input" in capsys.readouterr().err
    assert not Path("data/run").exists()
