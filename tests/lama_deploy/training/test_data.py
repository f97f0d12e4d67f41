"""Samples by number: the same whatever asks for them, each picture once an epoch, broken files replaced and counted."""

import io
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch._utils import ExceptionWrapper
from torch.utils.data import DataLoader

from lama_deploy.errors import DataError
from lama_deploy.training.config import DataConfig
from lama_deploy.training.data import MAX_UNREADABLE, Batch, TrainingSamples, training_batches

DATA = DataConfig(batch_size=3, crop=32, augmentation="distortions", mask_scale=0.125, workers=0, outpainting_share=0.3)
PLAIN = replace(DATA, augmentation="none")


def batches(
    folder: Path, config: DataConfig, first: int = 0, last: int = 4, seed: int = 0, **ranks: int
) -> list[Batch]:
    return list(training_batches(TrainingSamples(folder, config, seed), first, last, **ranks))


def same(one: Batch, other: Batch) -> bool:
    return torch.equal(one.image, other.image) and torch.equal(one.mask, other.mask) and one[2:] == other[2:]


def test_batches_are_pictures_and_masks(pictures):
    (batch,) = batches(pictures, DATA, last=1)
    assert batch.image.shape == (3, 3, 32, 32) and batch.mask.shape == (3, 1, 32, 32)
    assert batch.image.dtype == batch.mask.dtype == torch.float32
    assert 0 <= batch.image.min() < 0.3 and 0.5 < batch.image.max() <= 1
    assert set(batch.mask.unique().tolist()) == {0.0, 1.0} and batch.mask.flatten(1).any(dim=1).all()
    assert batch.names == sorted(set(batch.names), key=batch.names.index) and batch.unreadable == []
    assert batch.image.is_contiguous() and batch.padded == 0


def test_pixels_are_those_of_the_file(pictures):
    """A crop as large as the picture is the picture."""
    (batch,) = batches(pictures, replace(PLAIN, crop=40), last=1)
    for image, name in zip(batch.image, batch.names, strict=True):
        whole = np.asarray(Image.open(pictures / name))
        crop = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        assert any(np.array_equal(crop, whole[:, x : x + 40]) for x in range(9))


def test_workers_change_nothing(pictures):
    """Batches of 0 and of 2 workers, with the full augmentation."""
    alone = batches(pictures, DATA)
    shared = batches(pictures, replace(DATA, workers=2))
    assert len(alone) == len(shared) == 4
    assert all(same(a, b) for a, b in zip(alone, shared, strict=True))


def test_sample_is_a_function_of_its_number(pictures):
    """In any order, from any object, whatever the global states."""
    one, other = TrainingSamples(pictures, DATA, 5), TrainingSamples(pictures, DATA, 5)
    wanted = {number: one[number] for number in (0, 1, 9, 30)}
    np.random.seed(1)
    torch.manual_seed(1)
    for number in (30, 1, 9, 0):
        again = other[number]
        assert again[2:] == wanted[number][2:]
        np.testing.assert_array_equal(again.image, wanted[number].image)
        np.testing.assert_array_equal(again.mask, wanted[number].mask)


def test_seeds_give_other_samples(pictures):
    first, other = (batches(pictures, DATA, last=2, seed=seed) for seed in (0, 1))
    assert not torch.equal(first[0].mask, other[0].mask)
    assert [batch.names for batch in first] != [batch.names for batch in other]


def test_masks_do_not_repeat(pictures):
    samples = TrainingSamples(pictures, PLAIN, 0)
    masks = [samples[number].mask.tobytes() for number in range(40)]
    assert len(set(masks)) == 40


def test_resumed_batches_are_the_rest(pictures):
    whole = batches(pictures, DATA, 0, 5)
    resumed = batches(pictures, DATA, 2, 5)
    assert len(resumed) == 3
    assert all(same(a, b) for a, b in zip(whole[2:], resumed, strict=True))


def test_every_picture_once_an_epoch_in_a_new_order(pictures):
    samples = TrainingSamples(pictures, PLAIN, 0)
    names = [samples[number].name for number in range(7 * 4)]
    epochs = [names[start : start + 7] for start in range(0, 28, 7)]
    assert all(sorted(epoch) == sorted(path.name for path in pictures.iterdir()) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_the_numbers_out(pictures, world):
    """Step s of all ranks is what one process with the whole batch has at step s; no sample twice, none left out."""
    alone = batches(pictures, replace(PLAIN, batch_size=3 * world), 1, 3)
    ranks = [batches(pictures, PLAIN, 1, 3, rank=rank, world=world) for rank in range(world)]
    for step, whole in enumerate(alone):
        parts = [rank[step] for rank in ranks]
        assert torch.equal(torch.cat([part.image for part in parts]), whole.image)
        assert torch.equal(torch.cat([part.mask for part in parts]), whole.mask)
        assert [name for part in parts for name in part.names] == whole.names


def test_shares_decide_how_often_a_folder_comes_up(save_pictures, tmp_path):
    save_pictures(tmp_path / "photos", 4)
    save_pictures(tmp_path / "textures", 2, seed=50)
    save_pictures(tmp_path / "unused", 2, seed=90)
    samples = TrainingSamples(tmp_path, replace(PLAIN, shares={"photos": 3.0, "textures": 1.0}), 0)
    names = Counter(samples[number].name.split("/")[0] for number in range(8))
    assert names == {"photos": 6, "textures": 2}


def test_shards_give_the_same_samples_as_the_folder(pictures, tmp_path):
    files = sorted(pictures.iterdir())
    for index, part in enumerate((files[:3], files[3:])):
        with tarfile.open(tmp_path / f"{index}.tar", "w") as shard:
            for path in part:
                shard.add(path, path.name)
    from_files, from_shards = batches(pictures, DATA), batches(tmp_path, DATA)
    for a, b in zip(from_files, from_shards, strict=True):
        assert torch.equal(a.image, b.image) and torch.equal(a.mask, b.mask)
        assert [Path(name).name for name in b.names] == a.names


@pytest.fixture
def damaged(save_pictures, tmp_path) -> Path:
    """Seven pictures, of which one is cut short and one is no picture."""
    folder = save_pictures(tmp_path / "damaged", 7)
    (folder / "02.png").write_bytes((folder / "02.png").read_bytes()[:300])
    (folder / "05.png").write_bytes(b"no picture")
    return folder


def test_unreadable_files_are_skipped_named_and_replaced(damaged):
    """By the picture of the next number; its own mask and the other samples stay what they are."""
    found = batches(damaged, PLAIN, last=7)
    assert all(batch.image.shape[0] == 3 for batch in found)
    lines = Counter(line for batch in found for line in batch.unreadable)
    assert sum(lines.values()) >= 2 * 3 and len(lines) == 2
    assert all(line.startswith(("02.png: unreadable (", "05.png: unreadable (")) for line in lines)
    names = {name for batch in found for name in batch.names}
    assert names == {"00.png", "01.png", "03.png", "04.png", "06.png"}


def test_unreadable_files_leave_the_other_samples_alone(damaged, pictures):
    broken, whole = (TrainingSamples(folder, PLAIN, 0) for folder in (damaged, pictures))
    order = [whole[number].name for number in range(15)]
    replaced = 0
    for number in range(14):
        sample = broken[number]
        np.testing.assert_array_equal(sample.mask, whole[number].mask)
        if order[number] in ("02.png", "05.png"):
            replaced += 1
            assert len(sample.unreadable) >= 1
            later = [name for name in order[number + 1 :] if name not in ("02.png", "05.png")]
            assert not later or sample.name == later[0]
        else:
            assert sample.unreadable == [] and sample.name == order[number]
            np.testing.assert_array_equal(sample.image, whole[number].image)
    assert replaced == 4


def test_folder_of_unreadable_files_stops(tmp_path):
    for index in range(3):
        (tmp_path / f"{index}.png").write_bytes(b"no picture")
    message = rf"^{MAX_UNREADABLE} pictures in a row are unreadable, the last: \d.png: unreadable \(not a picture"
    with pytest.raises(DataError, match=message):
        batches(tmp_path, PLAIN)


@pytest.mark.parametrize("augmentation", ["none", "distortions", "photographs"])
def test_pictures_of_odd_shapes_are_cropped_or_skipped(save_pictures, tmp_path, augmentation):
    """OpenCV turns nothing of 32,768 pixels a side and more."""
    folder = save_pictures(tmp_path / "odd", 2)
    for index, size in enumerate([(1, 1), (40_000, 1), (1, 40_000), (70_000, 3)]):
        Image.new("RGB", size, (9, 9, 9)).save(folder / f"long{index}.png")
    samples = TrainingSamples(folder, replace(DATA, augmentation=augmentation), 0)
    found = [samples[number] for number in range(24)]
    assert all(sample.image.shape == (DATA.crop, DATA.crop, 3) for sample in found)
    lines = {line for sample in found for line in sample.unreadable}
    assert all("long" in line and "cannot be augmented at" in line and "\n" not in line for line in lines)


def test_error_of_a_worker_is_its_one_line(pictures, monkeypatch):
    """As torch wraps it: with the worker's traceback in its text. A real worker that fails takes torch 5 seconds."""

    def fail(*arguments: object) -> None:
        try:
            raise DataError("a.png: unreadable (b: c)")
        except DataError:
            ExceptionWrapper(where="in DataLoader worker process 0").reraise()

    monkeypatch.setattr(DataLoader, "__iter__", fail)
    with pytest.raises(DataError) as caught:
        batches(pictures, PLAIN)
    assert str(caught.value) == "a.png: unreadable (b: c)"


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match="no pictures here"):
        TrainingSamples(tmp_path, PLAIN, 0)


@pytest.mark.parametrize("augmentation", ["none", "distortions", "photographs"])
def test_pictures_smaller_than_the_crop_are_padded_and_counted(save_pictures, tmp_path, augmentation):
    """Either side counts; a picture of the crop's size is not small."""
    for index, size in enumerate([(31, 60), (60, 31), (32, 32)]):
        save_pictures(tmp_path / str(index), 1, *size)
    (batch,) = batches(tmp_path, replace(DATA, augmentation=augmentation), last=1)
    assert batch.padded == 2
    assert batch.image.shape == (3, 3, 32, 32)
    assert (batch.image.flatten(1).std(dim=1) > 0.01).all()


def test_pictures_of_any_mode_train(tmp_path):
    """16 bits, CMYK, palette and alpha beside each other."""
    rgb = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    Image.fromarray(np.full((40, 40), 40_000, np.uint16)).save(tmp_path / "deep.png")
    rgb.convert("CMYK").save(tmp_path / "cmyk.jpg")
    rgb.quantize(8).save(tmp_path / "palette.png")
    buffer = io.BytesIO()
    rgb.convert("RGBA").save(buffer, "PNG")
    (tmp_path / "alpha.png").write_bytes(buffer.getvalue())
    (batch,) = batches(tmp_path, replace(PLAIN, batch_size=4), last=1)
    assert sorted(batch.names) == ["alpha.png", "cmyk.jpg", "deep.png", "palette.png"] and batch.unreadable == []
    grey = batch.image[batch.names.index("deep.png")]
    assert (grey == (40_000 >> 8) / 255).all()
