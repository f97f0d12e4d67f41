"""Images find their masks in every way of calling, and no result overwrites an input or another result."""

from pathlib import Path

import pytest

from lama_deploy.errors import ImageError
from lama_deploy.images.pairs import Job, find_jobs, images_without_mask


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def jobs(image: str, mask: str | None, output: str) -> list[tuple[str, str, str]]:
    found = find_jobs(Path(image), Path(mask) if mask else None, Path(output))
    assert all(isinstance(job, Job) for job in found)
    return [(str(job.image), str(job.mask), str(job.output)) for job in found]


def test_two_files(at):
    touch("a.jpg", "m.png")
    assert jobs("a.jpg", "m.png", "out.webp") == [("a.jpg", "m.png", "out.webp")]
    Path("out").mkdir()
    assert jobs("a.jpg", "m.png", "out") == [("a.jpg", "m.png", "out/a.png")]


def test_two_folders_by_stem_and_by_mask_suffix(at):
    touch(
        "i/b.jpg", "i/a.png", "i/c.TIF", "i/alone.png", "i/notes.txt", "m/a.bmp", "m/b_mask.png", "m/c.png", "m/x.png"
    )
    assert jobs("i", "m", "o") == [
        ("i/a.png", "m/a.bmp", "o/a.png"),
        ("i/b.jpg", "m/b_mask.png", "o/b.png"),
        ("i/c.TIF", "m/c.png", "o/c.png"),
    ]


def test_several_masks_of_one_image_name_the_results(at):
    touch("i/a.png", "m/a_mask001.png", "m/a_mask000.png", "m/ab_mask.png")
    assert jobs("i", "m", "o") == [
        ("i/a.png", "m/a_mask000.png", "o/a_mask000.png"),
        ("i/a.png", "m/a_mask001.png", "o/a_mask001.png"),
    ]


def test_subfolders_are_kept(at):
    touch("i/x/a.png", "i/b.png", "m/a.png", "m/deep/b.png")
    assert jobs("i", "m", "o") == [("i/b.png", "m/deep/b.png", "o/b.png"), ("i/x/a.png", "m/a.png", "o/x/a.png")]


def test_folders_that_repeat_names_are_paired_place_by_place(at):
    touch("i/x/a.png", "i/y/a.png", "i/a.png", "m/x/a.png", "m/y/a_mask.png", "m/a.png")
    assert jobs("i", "m", "o") == [
        ("i/a.png", "m/a.png", "o/a.png"),
        ("i/x/a.png", "m/x/a.png", "o/x/a.png"),
        ("i/y/a.png", "m/y/a_mask.png", "o/y/a.png"),
    ]


def test_one_mask_for_a_folder(at):
    touch("i/a.png", "i/b.jpg", "m.png")
    assert jobs("i", "m.png", "o") == [("i/a.png", "m.png", "o/a.png"), ("i/b.jpg", "m.png", "o/b.png")]


@pytest.mark.parametrize("mask", [None, "i", "./i/"])
def test_official_folder(at, mask):
    touch("i/b.jpg", "i/b_mask.png", "i/a.png", "i/a_mask002.png", "i/a_mask001.png", "i/sub/a.png", "i/sub/a_mask.png")
    touch("i/alone.png", "i/orphan_mask.png", "i/c_mask_mask1.png", "i/c_mask.webp")
    assert jobs("i", mask, "o") == [
        ("i/a.png", "i/a_mask001.png", "o/a_mask001.png"),
        ("i/a.png", "i/a_mask002.png", "o/a_mask002.png"),
        ("i/b.jpg", "i/b_mask.png", "o/b_mask.png"),
        ("i/c_mask.webp", "i/c_mask_mask1.png", "o/c_mask_mask1.png"),
        ("i/sub/a.png", "i/sub/a_mask.png", "o/sub/a_mask.png"),
    ]


WRONG = {
    "no image": (["m.png"], ("a.png", "m.png", "o.png"), "a.png: no such file or folder"),
    "no mask": (["a.png"], ("a.png", "m.png", "o.png"), "m.png: no such file or folder"),
    "no folder": ([], ("i", None, "o"), "i: no such file or folder"),
    "file and no mask": (["a.png"], ("a.png", None, "o.png"), "a.png is a file, so MASK must be one too"),
    "file and folder": (["a.png", "m/a.png"], ("a.png", "m", "o.png"), "so MASK must be one too"),
    "official without pairs": (["i/a.png", "i/b_mask.png"], ("i", None, "o"), "i: no pairs NAME.png with NAME_mask"),
    "folders without pairs": (["i/a.png", "m/b.png"], ("i", "m", "o"), "no mask in m has the name of an image in i"),
    "output is the image": (["a.png", "m.png"], ("a.png", "m.png", "a.png"), "a.png: is an input"),
    "output is the mask": (["a.png", "m.png"], ("a.png", "m.png", "x/../m.png"), "m.png: is an input"),
    "into the image folder": (["i/a.png", "m/a.png"], ("i", "m", "i"), "i/a.png: is an input and would be overwritten"),
    "into the mask folder": (["i/a.png", "m/a.png"], ("i", "m", "m"), "m/a.png: is an input"),
    "official onto itself": (["i/a.png", "i/a_mask.png"], ("i", None, "i"), "i/a_mask.png: is an input"),
    "file into its folder": (["i/a.png", "m.png"], ("i/a.png", "m.png", "i"), "i/a.png: is an input"),
    "other image's name": (["i/a.png", "i/a.jpg", "m.png"], ("i", "m.png", "o"), "o/a.png: two results have this name"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_paired(at, case):
    names, call, message = WRONG[case]
    touch(*names)
    with pytest.raises(ImageError, match=message):
        jobs(*call)


def test_links_to_inputs_are_not_overwritten(at):
    touch("a.png", "m.png")
    Path("o.png").symlink_to("a.png")
    with pytest.raises(ImageError, match=r"o.png: is an input"):
        jobs("a.png", "m.png", "o.png")


def test_links_in_a_circle_are_no_inputs(at):
    """Writing there fails, in one line."""
    touch("a.png", "m.png")
    Path("o.png").symlink_to("o.png")
    assert jobs("a.png", "m.png", "o.png") == [("a.png", "m.png", "o.png")]


def test_official_folder_takes_any_picture_suffix(at):
    touch("d/a.JPG", "d/a_mask000.png", "d/a.txt")
    assert jobs("d", None, "o") == [("d/a.JPG", "d/a_mask000.png", "o/a_mask000.png")]


def test_images_without_mask_are_named(at):
    touch("i/a.png", "i/b.png", "m/a.png", "d/c.png", "d/c_mask.png")
    folders = Path("i"), Path("m")
    assert images_without_mask(*folders, find_jobs(*folders, Path("o"))) == [Path("i/b.png")]
    assert images_without_mask(Path("d"), None, find_jobs(Path("d"), None, Path("o"))) == []
