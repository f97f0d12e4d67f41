"""Images find their masks in every way of calling, and no result overwrites an input or another result."""

from pathlib import Path

import pytest

from lama_deploy.errors import ImageError
from lama_deploy.images.pairs import Found, Job, Naming, find_jobs, official_pairs


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def find(image: str, mask: str | None, output: str, form: str | None = None) -> Found:
    return find_jobs(Path(image), Path(mask) if mask else None, Path(output), Naming(form))


def jobs(image: str, mask: str | None, output: str, form: str | None = None) -> list[tuple[str, str, str]]:
    found = find(image, mask, output, form).jobs
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


def names(paths: list[Path]) -> list[str]:
    return [str(path) for path in paths]


def test_what_of_two_folders_is_in_no_job(at):
    touch("i/a.png", "i/b.png", "i/c.heic", "i/.DS_Store", "m/a.png", "m/x.png", "m/notes.txt")
    found = find("i", "m", "o")
    assert names(found.without_mask) == ["i/b.png"] and names(found.without_image) == ["m/x.png"]
    assert names(found.not_read) == ["i/c.heic", "m/notes.txt"]


def test_what_of_an_official_folder_is_in_no_job(at):
    touch("d/c.png", "d/c_mask.png", "d/e.jpg", "d/f_mask1.png", "d/read.me")
    found = find("d", None, "o")
    assert names(found.without_mask) == ["d/e.jpg"] and names(found.without_image) == ["d/f_mask1.png"]
    assert names(found.not_read) == ["d/read.me"]


def test_one_mask_for_a_folder_leaves_nothing_out(at):
    touch("i/a.png", "m.png")
    assert find("i", "m.png", "o") == Found([Job(Path("i/a.png"), Path("m.png"), Path("o/a.png"))], [], [], [])


def test_one_mask_among_the_images_is_none_of_them(at):
    touch("i/a.png", "i/mask.png")
    assert jobs("i", "i/mask.png", "o") == [("i/a.png", "i/mask.png", "o/a.png")]


def test_masks_below_the_images_are_no_images(at):
    touch("i/a.png", "i/m/a.png", "i/m/b.png")
    found = find("i", "i/m", "o")
    assert names([job.mask for job in found.jobs]) == ["i/m/a.png"] and found.without_mask == []
    assert names(found.without_image) == ["i/m/b.png"]


def test_results_below_the_inputs_are_none(at):
    touch("d/a.png", "d/a_mask1.png", "d/out/a_mask1.png", "i/a.png", "i/out/a.png", "m/a.png")
    for call in (("d", None, "d/out"), ("i", "m", "i/out")):
        found = find(*call)
        assert len(found.jobs) == 1 and found.without_mask == found.without_image == []


def test_images_below_the_masks_are_no_masks(at):
    touch("m/a.png", "m/i/a.png")
    assert jobs("m/i", "m", "o") == [("m/i/a.png", "m/a.png", "o/a.png")]


@pytest.mark.parametrize("suffix", [".gif", ".jfif", ".PGM", ".avif", ".ppm"])
def test_every_format_that_is_read_is_found(at, suffix):
    touch(f"i/a{suffix}", f"m/a{suffix}", f"d/b{suffix}", "d/b_mask.png")
    assert jobs("i", "m", "o") == [(f"i/a{suffix}", f"m/a{suffix}", "o/a.png")]
    assert jobs("d", None, "o") == [(f"d/b{suffix}", "d/b_mask.png", "o/b_mask.png")]


def test_links_to_folders_are_followed_once(at):
    touch("other/a.png", "i/deep/b.png", "m/a.png", "m/b.png")
    for name, target in (("i/x", "../other"), ("i/y", "../other"), ("i/again", "deep"), ("i/deep/round", "..")):
        Path(name).symlink_to(target)
    assert jobs("i", "m", "o") == [("i/deep/b.png", "m/b.png", "o/deep/b.png"), ("i/x/a.png", "m/a.png", "o/x/a.png")]
    touch("other/c.png", "other/c_mask.png")
    assert [str(pair.image) for pair in official_pairs(Path("i"))] == ["i/x/c.png"]


def test_a_link_to_a_folder_is_a_folder(at):
    touch("other/a.png", "m/a.png")
    Path("i").symlink_to("other")
    assert jobs("i", "m", "o") == [("i/a.png", "m/a.png", "o/a.png")]


def test_results_in_the_format_that_is_asked_for(at):
    touch("i/a.JPG", "i/b.gif", "i/c.webp", "m/a.png", "m/b.png", "m/c.png")
    outputs = [output for _, _, output in jobs("i", "m", "o", "same")]
    assert outputs == ["o/a.JPG", "o/b.png", "o/c.webp"]
    assert [output for _, _, output in jobs("i", "m", "o", "tif")] == ["o/a.tif", "o/b.tif", "o/c.tif"]
    touch("d/a.jpg", "d/a_mask.png")
    assert jobs("d", None, "o", "same")[0][2] == "o/a_mask.jpg"
    Path("o").mkdir()
    assert jobs("i/a.JPG", "m/a.png", "o", "same")[0][2] == "o/a.JPG"


def test_a_file_has_its_format_by_its_name(at):
    touch("a.png", "m.png")
    with pytest.raises(ImageError, match=r"r.png: its own name says all, so leave --format out"):
        jobs("a.png", "m.png", "r.png", "jpg")
    with pytest.raises(ImageError, match=r"r.gif: cannot write .gif"):
        jobs("a.png", "m.png", "r.gif")
