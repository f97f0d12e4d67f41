"""Pictures from folders and tar shards: found, indexed, decoded; what is damaged is named."""

import io
import tarfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from lama_deploy.errors import ConfigError, DataError
from lama_deploy.training.sources import PictureRef, by_shares, decode, find_pictures

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)


def save(path: Path, image: Image.Image | None = None, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or Image.fromarray(PIXELS)).save(path, **options)
    return path


def save_shard(path: Path, members: dict[str, bytes]) -> Path:
    """As WebDataset writes them: pictures and their labels side by side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as shard:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            shard.addfile(info, io.BytesIO(data))
    return path


def ref(path: Path) -> PictureRef:
    return PictureRef(path, "", path.name)


def test_tree_is_searched_sorted_and_grouped_by_its_top_folders(tmp_path):
    for name in ("b/deep/2.JPG", "a/1.png", "3.webp", "b/0.tiff"):
        save(tmp_path / name)
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    (tmp_path / "a" / "folder.png").mkdir()
    found = [(picture.name, picture.group) for picture in find_pictures(tmp_path)]
    assert found == [("3.webp", ""), ("a/1.png", "a"), ("b/0.tiff", "b"), ("b/deep/2.JPG", "b")]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"])
def test_every_format(tmp_path, suffix):
    """Channels in their order, rows in theirs; exact where the format is."""
    ramp = np.stack(np.meshgrid(np.arange(0, 250, 5), np.arange(40), [90], indexing="xy"), axis=-1)[:, :, 0]
    save(tmp_path / f"picture{suffix}", Image.fromarray(ramp.astype(np.uint8)), quality=95)
    pixels = decode(find_pictures(tmp_path)[0])
    assert pixels.shape == ramp.shape and pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - ramp).max() <= (12 if suffix in (".jpg", ".jpeg", ".webp") else 0)


def test_shards_hold_the_same_bytes_as_the_folder(tmp_path):
    """Names with a folder, labels beside the pictures, long names: only pictures are taken, each byte for byte."""
    names = ["a/0.png", "a/1.jpg", f"{'long' * 40}/2.png"]
    for index, name in enumerate(names):
        save(tmp_path / "files" / name, Image.fromarray(np.roll(PIXELS, index, axis=1)))
    data = {name: (tmp_path / "files" / name).read_bytes() for name in names}
    labels = {"a/0.cls": b"7", "a/1.json": b"{}"}
    save_shard(tmp_path / "shards" / "train-0000.tar", {names[0]: data[names[0]], **labels})
    save_shard(tmp_path / "shards" / "train-0001.tar", {name: data[name] for name in names[1:]})
    files, members = find_pictures(tmp_path / "files"), find_pictures(tmp_path / "shards")
    assert [member.read() for member in members] == [file.read() for file in files] == [data[name] for name in names]
    for file, member in zip(files, members, strict=True):
        np.testing.assert_array_equal(decode(file), decode(member))
        assert member.name.endswith(f"/{file.name}") and member.name.startswith("train-000")


def test_linked_folders_are_followed_once(tmp_path):
    """As data sets of classes are often made; circles end, and the folder itself wins over links to it."""
    save(tmp_path / "elsewhere" / "1.png")
    save(tmp_path / "data" / "real" / "2.png")
    (tmp_path / "data" / "class").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data" / "real")
    (tmp_path / "data" / "real" / "circle").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "nowhere.png").symlink_to(tmp_path / "none.png")
    found = [(picture.name, picture.group) for picture in find_pictures(tmp_path / "data")]
    assert found == [("class/1.png", "class"), ("real/2.png", "real")]


def test_masks_beside_pictures_are_no_photographs(tmp_path, caplog):
    for name in ("a.png", "a_mask000.png", "b_mask.png", "red_mask.jpg", "masked.png"):
        save(tmp_path / "files" / name)
    names = [picture.name for picture in find_pictures(tmp_path / "files")]
    assert names == ["a.png", "masked.png", "red_mask.jpg"]
    told = "2 pictures are masks by their names and are not trained on, such as a_mask000.png"
    assert [record.getMessage() for record in caplog.records] == [f"{tmp_path / 'files'}: {told}"]
    data = (tmp_path / "files" / "a.png").read_bytes()
    shard = save_shard(tmp_path / "one.tar", {"x.png": data, "x_mask001.png": data})
    assert [picture.name for picture in find_pictures(shard)] == ["one.tar/x.png"]
    (tmp_path / "files" / "a_mask000.png").rename(tmp_path / "m_mask.png")
    with pytest.raises(DataError, match="no pictures here"):
        find_pictures(tmp_path / "m_mask.png")


def test_single_file_or_shard_is_data_too(tmp_path):
    path = save(tmp_path / "one.png")
    assert [(picture.name, picture.group) for picture in find_pictures(path)] == [("one.png", "")]
    shard = save_shard(tmp_path / "one.tar", {"x.png": path.read_bytes()})
    np.testing.assert_array_equal(decode(find_pictures(shard)[0]), PIXELS)


def test_shard_in_a_subfolder_belongs_to_its_group(tmp_path):
    path = save(tmp_path / "photos" / "0.png")
    save_shard(tmp_path / "textures" / "0.tar", {"x.png": path.read_bytes()})
    save_shard(tmp_path / "top.tar", {"x.png": path.read_bytes()})
    assert [picture.group for picture in find_pictures(tmp_path)] == ["photos", "textures", ""]


@pytest.mark.parametrize("content", ["nothing", "text", "empty shard"])
def test_folder_without_pictures(tmp_path, content):
    if content == "text":
        (tmp_path / "a.txt").write_text("x")
    if content == "empty shard":
        save_shard(tmp_path / "0.tar", {"a.txt": b"x"})
    with pytest.raises(DataError, match=r"no pictures here; allowed are \.jpg, .* and \.tar shards"):
        find_pictures(tmp_path)


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        find_pictures(tmp_path / "none")


def test_damaged_shards_are_named(tmp_path):
    shard = save_shard(tmp_path / "0.tar", {f"{i}.png": bytes(3000) for i in range(4)})
    whole = shard.read_bytes()
    compressed = io.BytesIO()
    with tarfile.open(fileobj=compressed, mode="w:gz"):
        pass
    member = 512 + 3072  # header, and the data in whole blocks
    cut = [whole[:length] for length in (2000, member, member + 100, 2 * member, 2 * member + 600)]
    garbled = whole[:member] + b"x" * 4000
    for broken in (b"", b"no tar file", *cut, garbled, compressed.getvalue()):
        shard.write_bytes(broken)
        with pytest.raises(DataError, match=r"0\.tar: no readable, uncompressed tar shard") as caught:
            find_pictures(tmp_path)
        assert "\n" not in str(caught.value)


def header(name: str, kind: bytes = b"0", size: int = 0) -> bytes:
    """Of a tar member, with a size that tarfile itself would not write."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT)[:512])
    block[124:136] = (b"\xff" if size < 0 else b"\x80") + (size & (2**88 - 1)).to_bytes(11, "big")
    block[148:157] = b" " * 8 + kind
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def extended(text: bytes) -> bytes:
    """A member whose extended header is this."""
    return header("x", b"x", len(text)) + text.ljust(512, b"\0") + header("x.png", size=512) + bytes(512)


HOSTILE_SHARDS = {
    "read to its end": header("x.png", size=-1),
    "read backwards": header("x.png", size=-7),
    "in a circle": header("a.png") + header("x.png", size=-512),
    "beyond all files": header("x.png", size=2**80),
    "a name of a terabyte": header("x", b"L", 2**60) + bytes(512),
    "a header of a terabyte": header("x", b"x", 2**60) + bytes(512),
    "names for names": b"".join(header("x", b"L", 1) + b"n".ljust(512, b"\0") for _ in range(2000)),
    "a negative size": extended(b"13 size=-600\n"),
    "a map of letters": extended(b"22 GNU.sparse.map=a,b\n23 GNU.sparse.size=none\n"),
    "a size of letters": extended(b"22 GNU.sparse.major=1\n26 GNU.sparse.realsize=zz\n"),
}


@pytest.mark.parametrize("case", HOSTILE_SHARDS)
def test_hostile_shards_are_refused(tmp_path, case):
    (tmp_path / "0.tar").write_bytes(HOSTILE_SHARDS[case] + bytes(1024))
    with pytest.raises(DataError, match=r"0\.tar: no readable, uncompressed tar shard") as caught:
        find_pictures(tmp_path)
    assert "\n" not in str(caught.value)


def expected(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def test_modes_become_rgb_bytes(tmp_path):
    rgb = Image.fromarray(PIXELS)
    palette = rgb.quantize(16)
    cmyk = rgb.convert("CMYK")
    grey = rgb.convert("L")
    bits = rgb.convert("1")
    wanted = {
        save(tmp_path / "palette.png", palette): expected(palette),
        save(tmp_path / "cmyk.tif", cmyk): expected(cmyk),
        save(tmp_path / "grey.png", grey): expected(grey),
        save(tmp_path / "grey-alpha.png", grey.convert("LA")): expected(grey),
        save(tmp_path / "bits.png", bits): expected(bits),
    }
    for path, pixels in wanted.items():
        np.testing.assert_array_equal(decode(ref(path)), pixels, err_msg=path.name)


def test_picture_is_turned_as_its_exif_says(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # shown turned by 90 degrees clockwise
    path = save(tmp_path / "turned.png", Image.fromarray(PIXELS), exif=exif)
    np.testing.assert_array_equal(decode(ref(path)), np.rot90(PIXELS, -1))


def test_sixteen_bits_keep_their_upper_byte(tmp_path):
    deep = np.random.default_rng(1).integers(0, 65536, (9, 11), dtype=np.uint16)
    path = save(tmp_path / "deep.png", Image.fromarray(deep))
    np.testing.assert_array_equal(decode(ref(path)), np.repeat((deep >> 8)[..., None], 3, axis=2))


def test_transparency_is_dropped_and_colours_under_it_stay(tmp_path):
    alpha = np.random.default_rng(1).integers(0, 256, (12, 17), dtype=np.uint8)
    path = save(tmp_path / "alpha.png", Image.fromarray(np.dstack([PIXELS, alpha])))
    np.testing.assert_array_equal(decode(ref(path)), PIXELS)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif"])
def test_damaged_pictures_raise_nothing_but_data_errors(tmp_path, suffix):
    """Cut short anywhere, and with random bytes in it."""
    warnings.simplefilter("ignore")  # Pillow's, of damaged tags
    whole = save(tmp_path / f"whole.{suffix}").read_bytes()
    random = np.random.default_rng(0)
    path, refused = tmp_path / f"broken.{suffix}", 0
    for attempt in range(60):
        broken = bytearray(whole[: random.integers(len(whole))] if attempt % 2 else whole)
        for place in random.integers(min(len(broken), 300), size=6) if broken else ():
            broken[place] = random.integers(256)
        path.write_bytes(broken)
        try:
            assert decode(ref(path)).ndim == 3
        except DataError as error:
            refused += 1
            assert str(error).startswith(f"{path.name}: unreadable (") and "\n" not in str(error)
    assert refused > 20


def test_file_that_is_gone_and_float_pixels(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png: unreadable"):
        decode(ref(tmp_path / "gone.png"))
    path = save(tmp_path / "float.tif", Image.fromarray(np.ones((4, 5), np.float32)))
    with pytest.raises(DataError, match=r"float\.tif: unreadable \(pixel mode F"):
        decode(ref(path))


def groups(**counts: int) -> list[PictureRef]:
    return [PictureRef(Path(f"{name}{i}"), name, f"{name}{i}") for name, count in counts.items() for i in range(count)]


def test_without_shares_every_picture_comes_once():
    assert by_shares(groups(a=3, b=2), {}) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("counts", "shares", "wanted"),
    [
        ({"a": 10, "b": 10}, {"a": 3, "b": 1}, {"a": 30, "b": 10}),
        ({"a": 100, "b": 7}, {"a": 0.5, "b": 0.5}, {"a": 100, "b": 100}),
        ({"a": 10, "b": 10, "c": 9}, {"b": 1, "a": 1}, {"a": 10, "b": 10}),  # c is left out
        ({"a": 1, "b": 1000}, {"a": 1, "b": 4}, {"a": 250, "b": 1000}),
    ],
)
def test_shares_repeat_pictures_until_the_proportions_hold(counts, shares, wanted):
    """No picture of a group that has a share is left out, and within a group all come up alike."""
    pictures = groups(**counts)
    drawn = [pictures[index] for index in by_shares(pictures, shares)]
    assert Counter(picture.group for picture in drawn) == wanted
    for name in shares:
        times = Counter(picture.name for picture in drawn if picture.group == name)
        assert len(times) == counts[name] and max(times.values()) - min(times.values()) <= 1


@pytest.mark.parametrize("shares", [{"a": 1, "x": 1}, {"a": 0.0}, {"a": 1, "b": -1}])
def test_shares_without_pictures(shares):
    with pytest.raises(ConfigError, match=r"has no pictures or no positive share; subfolders: a, b"):
        by_shares(groups(a=2, b=2), shares)
