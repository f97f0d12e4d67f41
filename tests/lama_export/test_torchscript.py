"""TorchScript: right at every size, whichever it was traced at; by itself data, and a program in its bundle."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import lama_export.torchscript as torchscript
from lama_deploy import Inpainter
from lama_deploy.bundle import MODELS
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, CheckpointError, ConfigError, ParityError
from lama_deploy.images.scenes import scene
from lama_deploy.model.predict import generator_from_state, inpaint
from lama_deploy.proof.labels import load_labelled
from lama_deploy.proof.subjects import Size
from lama_deploy.runtime.backends.torchscript import TorchScriptBackend
from lama_export import ExportOptions, export_bundle
from lama_export.torchscript import save_torchscript, torchscript_from_state
from tests.lama_export.edge.networks import CONFIGS, seeded
from tests.resign import resign

SIZES = [Size(64, 64), Size(72, 136), Size(101, 85), Size(37, 90, 2), Size(5, 7)]


@pytest.fixture(scope="module")
def fourier(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return seeded("fourier", tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def bundle(fourier: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundles") / "fourier"
    assert export_bundle(fourier, out, ExportOptions(target="torchscript", memory=False, parity_subjects=SIZES)).passed
    return out


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_generator_at_every_size(kind: str, tmp_path: Path) -> None:
    """As a program calls it that knows torch alone, also where it pads to multiples of 8 itself."""
    checkpoint = seeded(kind, tmp_path)
    save_torchscript(torchscript_from_state(checkpoint.config, checkpoint.state_dict), tmp_path / "model.pt")
    module = torch.jit.load(str(tmp_path / "model.pt"))  # type: ignore[no-untyped-call]
    generator = generator_from_state(checkpoint.config, checkpoint.state_dict)
    for size in SIZES:
        image, mask = picture(size)
        with torch.inference_mode():
            found = module(image, mask)
        assert found.shape == image.shape and torch.equal(found[~hole(image, mask)], image[~hole(image, mask)])
        torch.testing.assert_close(found, inpaint(generator, image, mask), rtol=0, atol=4e-6)


def test_a_bundle_fills_and_is_labelled(bundle: Path, fourier: Checkpoint) -> None:
    described = load_labelled(bundle)
    assert (described.target, described.io, list(described.files)) == ("torchscript", "float", [MODELS["torchscript"]])
    image, mask = (one[0] for one in scene(60, 83, seed=4))
    found, expected = Inpainter.load(bundle)(image, mask), Inpainter.of(fourier, device="cpu")(image, mask)
    assert np.abs(found.astype(int) - expected).max() <= 1 and np.array_equal(found[mask == 0], image[mask == 0])


def test_a_transform_traced_at_one_parity_is_refused(
    fourier: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `bin/to_jit.py` writes is right at widths that are odd or even as the latent was then."""
    script = torch.jit.script
    unscripted = lambda one: one if one is torchscript.fourier_unit else script(one)  # noqa: E731
    monkeypatch.setattr(torch.jit, "script", unscripted)
    options = ExportOptions(target="torchscript", memory=False, parity_subjects=SIZES)
    with pytest.raises(ParityError):
        export_bundle(fourier, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_by_itself_the_file_is_data(bundle: Path) -> None:
    """Nobody runs a program who opens a checkpoint: its folded weights are none of official code's."""
    with pytest.raises(CheckpointError, match="folded weights are no checkpoint; give the folder of its bundle"):
        Inpainter.load(bundle / MODELS["torchscript"], device="cpu")


def test_files_that_are_none(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged.pt").write_bytes((bundle / MODELS["torchscript"]).read_bytes()[:-100])
    with pytest.raises(BundleError, match="torch cannot open it"):
        TorchScriptBackend(tmp_path / "damaged.pt", device="cpu")
    torch.jit.save(torch.jit.script(torch.nn.Identity()), str(tmp_path / "other.pt"))  # type: ignore[no-untyped-call]
    with pytest.raises(BundleError, match="not a LaMa model of lama-export"):
        TorchScriptBackend(tmp_path / "other.pt", device="cpu")


def test_a_wrong_label_is_refused(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    for file in bundle.iterdir():
        (tmp_path / "bundle" / file.name).write_bytes(file.read_bytes())
    resign(tmp_path / "bundle", precision="int8")
    with pytest.raises(BundleError, match="int8"):
        load_labelled(tmp_path / "bundle")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precision": "fp16"}, "float32 alone"),
        ({"decoder": "hole"}, "the whole picture"),
        ({"size": (64, 64)}, "its files take any"),
        ({"spectral": "dft"}, "leaves no choice"),
        ({"opset": 17}, "leave them out"),
    ],
)
def test_what_does_not_go_together(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ExportOptions(target="torchscript", **options)  # type: ignore[arg-type]


def picture(size: Size) -> tuple[Tensor, Tensor]:
    """Of float noise, whose spectrum has everything in it."""
    draw = torch.Generator().manual_seed(size.height)
    image = torch.rand((size.batch, 3, size.height, size.width), generator=draw)
    return image, (torch.rand((size.batch, 1, size.height, size.width), generator=draw) > 0.6).float()


def hole(image: Tensor, mask: Tensor) -> Tensor:
    return (mask > 0).expand_as(image)
