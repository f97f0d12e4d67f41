"""The ncnn backend: threads agree, faults in one line."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lama_deploy import Inpainter
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, LamaDeployError
from lama_deploy.images.scenes import scene
from lama_export import ExportOptions, export_bundle

pytest.importorskip("ncnn", reason="ncnn is not installed: pip install ncnn")

from lama_deploy.runtime.backends.ncnn import NcnnBackend

MODEL, WEIGHTS = "model.ncnn.param", "model.ncnn.bin"


@pytest.fixture(scope="module")
def bundle(tiny: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the tiny generator, for 40x48; not to be written to."""
    folder = tmp_path_factory.mktemp("ncnn") / "bundle"
    export_bundle(tiny, folder, ExportOptions(target="ncnn", size=(40, 48)))
    return folder


@pytest.fixture
def copied(bundle: Path, tmp_path: Path) -> Path:
    """To damage, without the manifest that would notice."""
    copy = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    (copy / "bundle.json").unlink()
    return copy


def test_threads_that_share_it_agree_with_one(bundle: Path) -> None:
    backend = NcnnBackend(bundle / MODEL, threads=2)
    scenes = [scene(40, 48, seed=index) for index in range(6)]
    wanted = [backend.run(*pair) for pair in scenes]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: backend.run(*pair), scenes))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_known_pixels_keep_their_value_to_the_bit(bundle: Path) -> None:
    images, masks = scene(40, 48, seed=7)
    result = NcnnBackend(bundle / MODEL).run(images, masks)
    np.testing.assert_array_equal(result[masks == 0], (images / np.float32(255)).astype(np.float32)[masks == 0])


def test_a_file_of_others_is_refused(copied: Path) -> None:
    text = (copied / MODEL).read_text()
    (copied / MODEL).write_text(text.replace("lama_deploy/float", "theirs"))
    with pytest.raises(BundleError, match="not a LaMa model of lama-export; make one with lama-export --to ncnn"):
        Inpainter.load(copied / MODEL)


def test_layers_that_ncnn_does_not_know_are_refused(copied: Path) -> None:
    """A run of such a file ends the process."""
    (copied / MODEL).write_text((copied / MODEL).read_text().replace("Sigmoid ", "torch.where "))
    with pytest.raises(BundleError, match="ncnn cannot open it and the weights beside it; export it again"):
        Inpainter.load(copied / MODEL)


def test_weights_that_are_missing_are_named(copied: Path) -> None:
    (copied / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=r"ncnn's models are two, model\.ncnn\.param and model\.ncnn\.bin"):
        Inpainter.load(copied / MODEL)


def test_other_devices_and_options_are_refused(bundle: Path) -> None:
    with pytest.raises(LamaDeployError, match="the ncnn backend does not run on device 'cuda' here"):
        Inpainter.load(bundle, device="cuda")
    with pytest.raises(LamaDeployError, match="the ncnn backend has no option 'streams'"):
        Inpainter.load(bundle, streams=2)
