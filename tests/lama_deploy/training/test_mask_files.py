"""Object masks from files, and the mixture of masks that a configuration asks for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy.errors import ConfigError, DataError
from lama_deploy.images.masks import MASK_SETS
from lama_deploy.training.config import DataConfig
from lama_deploy.training.mask_files import Choice, ObjectMasks, mask_source


def object_file(folder: Path, name: str = "object.png", mode: str = "L", value: int = 255) -> Path:
    """A triangle of 20x10 pixels in a picture of 100x80: asymmetric both ways."""
    mask = np.zeros((80, 100), np.uint8)
    for row in range(20):
        mask[30 + row, 40 : 40 + 1 + row // 2] = value
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).convert(mode).save(path)
    return path


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """(y, x, height, width) of what is set."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


@pytest.mark.parametrize("size", [(160, 200), (400, 400)])
def test_object_keeps_its_share_up_to_a_quarter_of_its_size(tmp_path, size):
    """Sides are scaled by 0.75 to 1.25, so that shares are by the squares of it."""
    share = (np.asarray(Image.open(object_file(tmp_path))) > 0).mean()
    objects = ObjectMasks.from_folder(tmp_path)
    masks = [objects.draw(np.random.default_rng(number), *size) for number in range(200)]
    factors = np.sqrt([mask.mean() / share for mask in masks])
    assert 0.72 < factors.min() < 0.8 and 1.2 < factors.max() < 1.28
    assert abs(factors.mean() - 1) < 0.04
    for mask in masks:
        assert mask.shape == size and mask.dtype == np.uint8 and mask.max() == 1
        height, width = bounds(mask)[2:]
        assert abs(height / width - 20 / 10) < 0.25  # its form is kept


def test_object_is_flipped_both_ways_and_put_anywhere(tmp_path):
    object_file(tmp_path)
    objects = ObjectMasks.from_folder(tmp_path)
    corners, places = set(), []
    for number in range(200):
        mask = objects.draw(np.random.default_rng(number), 160, 200)
        y, x, height, width = bounds(mask)
        inside = mask[y : y + height, x : x + width]
        thin_end_on_top = inside[0].sum() < inside[-1].sum()
        corners.add((bool(thin_end_on_top), bool(inside[:, 0].all())))
        places.append((y / (160 - height), x / (200 - width)))
    assert corners == {(True, True), (True, False), (False, True), (False, False)}
    assert np.min(places) < 0.05 and np.max(places) > 0.95
    assert (abs(np.mean(places, axis=0) - 0.5) < 0.1).all()


def test_objects_are_binary_whatever_their_grey(tmp_path):
    """Nonzero is the object: value 1 of 255, palettes, 1-bit and 16-bit files."""
    wanted = ObjectMasks((object_file(tmp_path, "255.png"),)).draw(np.random.default_rng(0), 80, 100)
    dim = object_file(tmp_path, "1.png", value=1)
    bits = object_file(tmp_path, "bits.png", mode="1")
    deep = tmp_path / "deep.png"
    Image.fromarray((np.asarray(Image.open(dim)) > 0).astype(np.uint16)).save(deep)
    for path in (dim, bits, deep):
        np.testing.assert_array_equal(ObjectMasks((path,)).draw(np.random.default_rng(0), 80, 100), wanted)


def test_object_larger_than_the_canvas_stays_within(tmp_path):
    """All of a wide picture is hole: it fits a tall canvas, and leaves no error behind."""
    Image.fromarray(np.full((10, 200), 255, np.uint8)).save(tmp_path / "all.png")
    objects = ObjectMasks.from_folder(tmp_path)
    for number in range(20):
        mask = objects.draw(np.random.default_rng(number), 64, 16)
        assert mask.shape == (64, 16) and mask.any()


def test_object_too_thin_for_the_canvas_leaves_a_pixel(tmp_path):
    """Nearest sampling can miss every pixel of a scattered object; the hole is never empty."""
    scattered = np.zeros((300, 300), np.uint8)
    scattered[[3, 3, 290, 291], [5, 280, 6, 281]] = 255
    Image.fromarray(scattered).save(tmp_path / "dots.png")
    objects = ObjectMasks.from_folder(tmp_path)
    counts = [int(objects.draw(np.random.default_rng(number), 8, 8).sum()) for number in range(60)]
    assert min(counts) == 1


def test_same_seed_same_object_and_all_files_come_up(tmp_path):
    for index, width in enumerate((2, 20, 70)):
        mask = np.zeros((80, 100), np.uint8)
        mask[10:20, 5 : 5 + width] = 255
        path = tmp_path / "below" / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(mask).save(path)
    objects = ObjectMasks.from_folder(tmp_path)
    ratios = set()
    for number in range(60):
        first, again = (objects.draw(np.random.default_rng(number), 80, 100) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        height, width = bounds(first)[2:]
        ratios.add(min((0.2, 2.0, 7.0), key=lambda ratio: abs(np.log(width / height / ratio))))
    assert ratios == {0.2, 2.0, 7.0}


def test_mask_without_a_hole_is_named(tmp_path):
    Image.new("L", (20, 10)).save(tmp_path / "empty.png")
    with pytest.raises(DataError, match=r"empty\.png: a mask without a hole") as caught:
        ObjectMasks.from_folder(tmp_path).draw(np.random.default_rng(0), 32, 32)
    assert "\n" not in str(caught.value)


def test_unreadable_mask_is_named(tmp_path):
    path = object_file(tmp_path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"object\.png: unreadable mask"):
        ObjectMasks.from_folder(tmp_path).draw(np.random.default_rng(0), 32, 32)


def test_unreadable_mask_is_skipped(tmp_path, caplog):
    """Another takes its place, the same one whenever the sample is drawn again."""
    whole = object_file(tmp_path)
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(whole.read_bytes()[:60])
    objects = ObjectMasks.from_folder(tmp_path)
    for number in range(9):
        first, again = (objects.draw(np.random.default_rng(number), 32, 32) for _ in range(2))
        assert first.any()
        np.testing.assert_array_equal(first, again)
    assert any(".png: unreadable mask" in record.getMessage() for record in caplog.records)


def test_unreadable_mask_is_said_once(tmp_path, caplog):
    object_file(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no picture")
    objects = ObjectMasks.from_folder(tmp_path)
    for number in range(20):
        objects.draw(np.random.default_rng(number), 32, 32)
    assert len(caplog.records) == 1
    assert [str(fault).partition(": ")[0] for fault in objects.unreadable()[1]] == [str(tmp_path / "a.png")]


def test_looks_at_so_many_files_at_most(tmp_path):
    path = object_file(tmp_path)
    masks = ObjectMasks((path,) * 10)
    assert [masks.unreadable(most)[0] for most in (3, 5, 10, 20)] == [3, 5, 10, 10]


def test_masks_in_linked_folders(tmp_path):
    object_file(tmp_path / "elsewhere")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "linked").symlink_to(tmp_path / "elsewhere")
    assert [path.name for path in ObjectMasks.from_folder(tmp_path / "masks").files] == ["object.png"]


def test_mask_of_the_crops_size_as_it_is(tmp_path):
    path = object_file(tmp_path)
    wanted = (np.asarray(Image.open(path)) > 0).astype(np.uint8)
    objects = ObjectMasks.from_folder(tmp_path, as_is=True)
    for number in range(5):
        np.testing.assert_array_equal(objects.draw(np.random.default_rng(number), 80, 100), wanted)
    double = objects.draw(np.random.default_rng(0), 160, 200)
    np.testing.assert_array_equal(double, wanted.repeat(2, axis=0).repeat(2, axis=1))


def test_part_of_a_mask_as_it_is(tmp_path):
    """Of another form: any part that has some of its hole, in the hole's own size."""
    mask = np.zeros((40, 400), np.uint8)
    mask[10:20, 300:330] = 255
    Image.fromarray(mask).save(tmp_path / "wide.png")
    objects = ObjectMasks.from_folder(tmp_path, as_is=True)
    drawn = [objects.draw(np.random.default_rng(number), 40, 40) for number in range(50)]
    assert all(part.shape == (40, 40) and part.any() and part.max() == 1 for part in drawn)
    assert all(bounds(part)[0] == 10 and bounds(part)[2] == 10 for part in drawn)
    assert max(bounds(part)[3] for part in drawn) == 30
    assert len({bounds(part)[1] for part in drawn}) > 5


def test_mask_that_scaling_loses_leaves_a_pixel(tmp_path):
    dots = np.zeros((301, 301), np.uint8)
    dots[[3, 290], [5, 280]] = 255
    Image.fromarray(dots).save(tmp_path / "dots.png")
    objects = ObjectMasks.from_folder(tmp_path, as_is=True)
    assert min(int(objects.draw(np.random.default_rng(number), 8, 8).sum()) for number in range(20)) >= 1


@pytest.mark.parametrize("folder", ["empty", "none"])
def test_folder_without_masks(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no mask files here"):
        ObjectMasks.from_folder(tmp_path / folder)


class Constant:
    """A generator that can be told from others by its value."""

    def __init__(self, value: int) -> None:
        self.value = value

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        return np.full((height, width), self.value, np.uint8)


def test_choice_follows_its_probabilities():
    choice = Choice(((0.2, Constant(1)), (0.3, Constant(2)), (1.0, Constant(3))))
    drawn = np.array([choice.draw(np.random.default_rng(number), 1, 1)[0, 0] for number in range(2000)])
    for value, probability in ((1, 0.2), (2, 0.3), (3, 0.5)):
        assert abs((drawn == value).mean() - probability) < 3 * (probability * (1 - probability) / 2000) ** 0.5


def test_configuration_decides_the_mixture(tmp_path):
    object_file(tmp_path)
    config = DataConfig(
        masks="thin-256", mask_scale=0.5, mask_files=str(tmp_path), mask_files_share=0.25, outpainting_share=0.125
    )
    parts = mask_source(config).parts
    assert not parts[1][1].as_is
    assert mask_source(replace(config, mask_files_as_is=True)).parts[1][1].as_is
    assert [probability for probability, _ in parts] == [0.125, 0.25, 1.0]
    assert isinstance(parts[1][1], ObjectMasks)
    assert parts[2][1] == MASK_SETS["thin-256"].scaled(0.5)
    plain = mask_source(DataConfig())
    for number in range(5):
        rng = np.random.default_rng(number)
        rng.random()  # the choice's
        wanted = MASK_SETS["train"].draw(rng, 64, 64)
        np.testing.assert_array_equal(plain.draw(np.random.default_rng(number), 64, 64), wanted)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"masks": "huge"}, "mask set 'huge' is unknown"),
        ({"mask_files_share": 0.5}, "names no folder"),
        ({"outpainting_share": 0.7, "mask_files_share": 0.4, "mask_files": "x"}, "sum up to 1"),
        ({"outpainting_share": -0.1}, "each from 0"),
    ],
)
def test_impossible_mixtures(values, message):
    with pytest.raises(ConfigError, match=message):
        mask_source(DataConfig(**values))
