"""Test sets: pairs as they lie in a folder, and pairs made as official gen_mask_dataset.py makes them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy.errors import DataError, ImageError
from lama_deploy.evaluation.drawn_set import MadeSet, drawing_size, square_crop
from lama_deploy.evaluation.test_set import NO_MASK, PairFolder, write_pair
from lama_deploy.images.masks import MASK_SETS, Boxes

SIZE = 64
HALF = Boxes(margin=0, min_size=30, max_size=60, min_times=1, max_times=2)  # often more than half of 64 x 64


class Everything:
    """A generator of masks without a known pixel."""

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        return np.ones((height, width), np.uint8)


def made(folder: Path, **options: int) -> MadeSet:
    return MadeSet(folder, HALF, SIZE, **options)


def all_pairs(test_set: MadeSet | PairFolder, size: int | None = None) -> list:
    return [pair for source in test_set.sources for pair in test_set.pairs(source, size)]


def test_no_hole_covers_more_than_half(photographs):
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    for name, limit in {"thin-256": 0, "thick-256": 0}.items():
        test_set = MadeSet(photographs, MASK_SETS[name], 128, per_image=5)
        shares = [pair.hole.mean() for pair in all_pairs(test_set)]
        assert shares and limit < min(shares) and max(shares) <= 0.5


def test_limit_bites(photographs):
    """Without the limit this set's holes would be larger; photographs may vanish."""
    drawn = [HALF.draw(np.random.default_rng(seed), SIZE, SIZE).mean() for seed in range(50)]
    kept = [pair.hole.mean() for pair in all_pairs(made(photographs, per_image=5))]
    assert max(drawn) > 0.5 and len(kept) < 5 * len(made(photographs).sources) and max(kept) <= 0.5
    assert all_pairs(MadeSet(photographs, Everything(), SIZE)) == []


def test_pairs_are_squares_with_official_names(photographs):
    pairs = all_pairs(made(photographs, per_image=2))
    assert all(pair.rgb.shape == (SIZE, SIZE, 3) and pair.hole.shape == (SIZE, SIZE) for pair in pairs)
    assert set(np.unique(pairs[0].hole)) == {0, 1}
    assert "0_crop000_mask000" in [pair.name for pair in pairs]
    assert "below/3_crop001_mask001" in [pair.name for pair in pairs]


def test_crop_is_a_window_of_the_bicubic_resize(photographs):
    pair = made(photographs).pairs(photographs / "0.png", None)[0]
    with Image.open(photographs / "0.png") as image:
        resized = np.asarray(image.resize((round(140 * SIZE / 90), SIZE), Image.Resampling.BICUBIC))
    windows = [resized[:, left : left + SIZE] for left in range(resized.shape[1] - SIZE + 1)]
    assert any(np.array_equal(pair.rgb, window) for window in windows)


def test_draws_depend_on_the_seed_and_the_name_alone(photographs):
    before = {pair.name: pair for pair in all_pairs(made(photographs))}
    (photographs / "0.png").unlink()
    Image.new("RGB", (90, 70)).save(photographs / "00.png")
    test_set = made(photographs)
    after = {pair.name: pair for source in reversed(test_set.sources) for pair in test_set.pairs(source, None)}
    common = before.keys() & after.keys()
    assert len(common) >= 3
    for name in common:
        np.testing.assert_array_equal(before[name].hole, after[name].hole)
        np.testing.assert_array_equal(before[name].rgb, after[name].rgb)
    other = {pair.name: pair for pair in all_pairs(made(photographs, seed=1))}
    assert any(not np.array_equal(other[name].hole, after[name].hole) for name in other.keys() & common)


@pytest.mark.parametrize("shape", [(20, 33), (33, 20), (20, 20), (20, 21)])
def test_crops_start_where_official_ones_may(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(3)
    for _ in range(30):
        mask = Boxes(margin=0, min_size=2, max_size=15).draw(random, *shape)
        ys, xs = np.nonzero(mask)
        positions, length = (xs, shape[1]) if shape[0] < shape[1] else (ys, shape[0])
        side = min(shape)
        end = positions.min() + (positions.max() - positions.min()) * 1
        first = max(0, min(length - side - 1, end - side))
        beyond = max(first + 1, min(length - side, end))
        crops = [square_crop(random, mask) for _ in range(200)]
        starts = {crop.left if shape[0] < shape[1] else crop.top for crop in crops}
        assert starts <= set(range(first, beyond))
        assert len(starts) >= min(beyond - first, 5)
        crop = crops[0]
        np.testing.assert_array_equal(crop.hole, mask[crop.top : crop.top + side, crop.left : crop.left + side])


def test_other_sizes_have_the_same_holes_and_photographs(photographs):
    test_set = made(photographs)
    for source in test_set.sources:
        for small, large in zip(test_set.pairs(source, None), test_set.pairs(source, 3 * SIZE), strict=True):
            assert small.name == large.name and large.rgb.shape == (3 * SIZE, 3 * SIZE, 3)
            np.testing.assert_array_equal(np.kron(small.hole, np.ones((3, 3), np.uint8)), large.hole)
            shrunk = Image.fromarray(large.rgb).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
            assert np.abs(np.asarray(shrunk).astype(int) - small.rgb).mean() < 6


def test_written_sets_are_read_back(photographs, tmp_path):
    for pair in all_pairs(made(photographs)):
        write_pair(pair, tmp_path / "out")
    written = all_pairs(PairFolder(tmp_path / "out"))
    assert [pair.name for pair in written] == [pair.name for pair in all_pairs(made(photographs))]
    for wanted, got in zip(all_pairs(made(photographs)), written, strict=True):
        np.testing.assert_array_equal(wanted.rgb, got.rgb)
        np.testing.assert_array_equal(wanted.hole, got.hole)
    assert not list((tmp_path / "out").rglob("*.partial"))


def test_pair_folder(pairs):
    test_set = PairFolder(pairs)
    found = all_pairs(test_set)
    assert [pair.name for pair in found] == [f"{index}_crop000_mask000" for index in range(4)]
    assert [pair.hole.mean() for pair in found] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    doubled = all_pairs(test_set, 80)
    assert doubled[0].rgb.shape == (80, 96, 3)
    np.testing.assert_array_equal(doubled[1].hole, np.kron(found[1].hole, np.ones((2, 2), np.uint8)))


def test_results_beside_the_pairs_do_not_matter(pairs):
    (pairs / "results").mkdir()
    Image.new("RGB", (48, 40)).save(pairs / "results" / "0_crop000_mask000.png")
    assert len(PairFolder(pairs).sources) == 4 and not PairFolder(pairs).notes.lines()


def test_images_without_masks_are_said(pairs):
    (pairs / "alone.png").touch()
    assert PairFolder(pairs).notes.names() == {NO_MASK: [str(pairs / "alone.png")]}


def test_unreadable_pictures_raise_one_by_one(photographs):
    (photographs / "2.png").write_bytes(b"no picture")
    test_set = made(photographs)
    with pytest.raises(ImageError, match="not a picture"):
        test_set.pairs(photographs / "2.png", None)
    assert test_set.pairs(photographs / "4.png", None)


@pytest.mark.parametrize("kind", [MadeSet, PairFolder])
def test_of_an_animation_no_frame_is_measured_as_if_it_were_the_picture(kind, tmp_path):
    frames = [Image.new("RGB", (90, 90), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    Image.new("L", (90, 90), 255).save(tmp_path / "a_mask000.png")
    test_set = made(tmp_path) if kind is MadeSet else PairFolder(tmp_path)
    with pytest.raises(ImageError, match="more than one frame"):
        test_set.pairs(test_set.sources[0], None)


def test_a_long_picture_is_not_scaled_to_gigapixels(photographs):
    Image.new("L", (60_000, 1)).save(photographs / "long.png")
    with pytest.raises(ImageError, match=r"long.png: 60000x1 with .* would be 240000000x4000, more than 100,"):
        MadeSet(photographs, HALF, 4000).pairs(photographs / "long.png", None)


def test_masks_are_no_photographs(pairs):
    assert {path.name for path in MadeSet(pairs, HALF, SIZE).sources} == {f"{index}_crop000.png" for index in range(4)}


@pytest.mark.parametrize("kind", [PairFolder, lambda folder: MadeSet(folder, HALF, SIZE)])
def test_folders_with_nothing_in_them(tmp_path, kind):
    with pytest.raises(DataError, match="no such folder"):
        kind(tmp_path / "none")
    (tmp_path / "text.txt").touch()
    with pytest.raises(DataError, match=r"no pairs|no photographs"):
        kind(tmp_path)


def test_refused_options(photographs):
    with pytest.raises(DataError, match="6 pairs of a photograph cannot be made; allowed: 1 to 5"):
        made(photographs, per_image=6)
    Image.new("RGB", (90, 70)).save(photographs / "0.webp")
    with pytest.raises(DataError, match=r"0\.png and .*0\.webp: their pairs would have one name"):
        made(photographs)


def test_sets_are_drawn_at_the_size_in_their_name() -> None:
    assert [drawing_size(name) for name in ("thick-512", "thin-256", "train", "train-narrow")] == [512, 256, 256, 256]


def test_names_that_are_no_unicode(photographs):
    (photographs / "4.png").rename(photographs / "4\udcff.png")
    assert MadeSet(photographs, HALF, SIZE).pairs(photographs / "4\udcff.png", None)
