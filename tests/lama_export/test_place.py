"""An export replaces what exports wrote, and nothing of anybody else, whenever it appears and whatever is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lama_deploy.bundle import MANIFEST
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.errors import BundleError
from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig
from lama_export import place as place_module
from lama_export.naming import name_of
from lama_export.place import new_bundle

CONFIG = GeneratorConfig(width=8, blocks=1)
OLD, NEW = "old weights", "new weights"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    state = {key: tensor.numpy() for key, tensor in seeded_generator(CONFIG, seed=5).state_dict().items()}
    save_checkpoint(path, CONFIG, state)
    return load_checkpoint(path)


def fill(folder: Path, content: str = OLD, *more: str) -> None:
    """As an export does, as far as its place is concerned."""
    folder.mkdir(exist_ok=True)
    for name in ("model.onnx", *more):
        (folder / name).write_text(content)
    manifest = {"format": 1, "generator": {"width": 8}, "files": {"model.onnx": {}, **{name: {} for name in more}}}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def export(out: Path, checkpoint: Checkpoint, *, overwrite: bool = False, meanwhile: Callable[[], None] = list) -> None:
    with new_bundle(out, checkpoint, overwrite=overwrite) as building:
        fill(building, NEW)
        meanwhile()


def test_an_old_bundle_is_replaced_with_all_that_it_wrote(checkpoint: Checkpoint, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(out, OLD, "model.onnx.data", "model.engine", "plugin-linux-x86_64.so", "plugin-linux-aarch64.so")
    (out / "verify.json").write_text("{}")
    out.chmod(0o750)
    export(out, checkpoint)
    assert set(content(out)) == {"model.onnx", MANIFEST} and content(out)["model.onnx"] == NEW
    assert list(tmp_path.iterdir()) == [out] and out.stat().st_mode & 0o777 == 0o750


def test_a_new_folder_has_the_permissions_of_any(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    export(tmp_path / "out", checkpoint)
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


def note(out: Path) -> None:
    (out / "notes.txt").write_text("mine")


def subfolder(out: Path) -> None:
    (out / "photos").mkdir()


def link(out: Path) -> None:
    (out / "model.xml").symlink_to("/etc/passwd")


def linked_model(out: Path) -> None:
    (out / "model.onnx").rename(out.parent / "store.onnx")
    (out / "model.onnx").symlink_to("../store.onnx")


def named_by_the_manifest(out: Path) -> None:
    """By a manifest that no export wrote."""
    (out / "taxes.pdf").write_text("mine")
    manifest = json.loads((out / MANIFEST).read_text())
    manifest["files"] |= {"taxes.pdf": {}, "../other": {}}
    (out / MANIFEST).write_text(json.dumps(manifest))


def another_manifest(out: Path) -> None:
    (out / MANIFEST).write_text('{"format": 1}')


def plugin_of_nobody(out: Path) -> None:
    """The name of a plugin, which the manifest does not have."""
    (out / "plugin-linux-x86_64.so").write_text("mine")


FOREIGN = {
    note: "notes.txt",
    plugin_of_nobody: "plugin-linux-x86_64.so",
    subfolder: "photos",
    link: "model.xml",
    linked_model: "model.onnx",
    named_by_the_manifest: "taxes.pdf",
    another_manifest: "bundle.json",
}


def tree(folder: Path) -> set[tuple[str, str]]:
    return {(str(path.relative_to(folder)), path.read_text() if path.is_file() else "") for path in folder.rglob("*")}


@pytest.mark.parametrize("add", FOREIGN)
def test_what_is_somebodys_refuses_before_the_work(
    checkpoint: Checkpoint, tmp_path: Path, add: Callable[[Path], None]
) -> None:
    out = tmp_path / "out"
    fill(out)
    add(out)
    before = tree(tmp_path)
    with pytest.raises(BundleError, match=rf"out: holds {FOREIGN[add]}, which is no file of a bundle") as caught:
        export(out, checkpoint, meanwhile=lambda: pytest.fail("the work has begun"))
    assert "\n" not in str(caught.value) and tree(tmp_path) == before


@pytest.mark.parametrize("add", [note, subfolder, named_by_the_manifest])
def test_overwrite_keeps_what_is_somebodys(checkpoint: Checkpoint, tmp_path: Path, add: Callable[[Path], None]) -> None:
    out = tmp_path / "out"
    fill(out, OLD, "model.onnx.data")
    add(out)
    export(out, checkpoint, overwrite=True)
    assert (out / FOREIGN[add]).exists() and (out / "model.onnx").read_text() == NEW
    assert not (out / "model.onnx.data").exists() and list(tmp_path.iterdir()) == [out]


def test_overwrite_takes_no_name_of_somebodys(checkpoint: Checkpoint, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "model.onnx").write_text("my own")
    with pytest.raises(BundleError, match=r"model\.onnx in it is no file of a bundle"):
        export(out, checkpoint, overwrite=True)
    assert content(tmp_path) == {"out/model.onnx": "my own"}


@pytest.mark.parametrize("before", ["bundle", "nothing"])
def test_what_appears_meanwhile_stays(checkpoint: Checkpoint, tmp_path: Path, before: str) -> None:
    out = tmp_path / "out"
    if before == "bundle":
        fill(out)

    def appear() -> None:
        out.mkdir(exist_ok=True)
        note(out)

    with pytest.raises(BundleError, match=r"the new bundle is whole, in .*out-1") as caught:
        export(out, checkpoint, meanwhile=appear)
    assert "\n" not in str(caught.value) and (out / "notes.txt").read_text() == "mine"
    assert (out / "model.onnx").exists() == (before == "bundle")
    assert content(tmp_path / "out-1")["model.onnx"] == NEW and len(list(tmp_path.iterdir())) == 2


def test_a_file_that_appears_meanwhile_stays(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="appeared while this was exported"):
        export(tmp_path / "out", checkpoint, meanwhile=lambda: note_at(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "mine" and (tmp_path / "out-1" / MANIFEST).is_file()


def note_at(path: Path) -> None:
    path.write_text("mine")


class Killed(BaseException):
    """Nothing after it runs, not even what tidies up."""


@pytest.mark.parametrize("stage", ["between", "before the old one is removed", "while others are moved"])
def test_a_kill_at_any_moment_is_mended_by_the_next_export(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """A fork dies there; what it left is a folder of the old bundle, whole, aside."""
    out, aside = tmp_path / "out", place_module._aside(tmp_path / "out")
    fill(out)
    note(out)
    out.rename(aside)
    if stage != "between":
        fill(out, NEW)
    if stage == "while others are moved":
        (aside / "notes.txt").rename(out / "notes.txt")
        (aside / "model.onnx").unlink()
    place_module._recover(out)
    assert list(tmp_path.iterdir()) == [out] and (out / "notes.txt").read_text() == "mine"
    assert (out / "model.onnx").read_text() == (OLD if stage == "between" else NEW)


def test_trouble_between_the_renames_puts_the_old_one_back(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    fill(out)
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if target == out and path != place_module._aside(out):
            raise Killed
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(Killed):
        export(out, checkpoint)
    assert content(out)["model.onnx"] == OLD and list(tmp_path.iterdir()) == [out]


def test_bad_places_are_one_line_before_the_work(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "loop").symlink_to("loop")
    before = tree(tmp_path)
    for out, words in (
        (".", "is the folder that this runs in"),
        ("..", "is the folder that this runs in"),
        ("link", "is a link"),
        ("loop", "is a link"),
        ("loop/out", "loop"),
        ("file", "is a file"),
        ("file/out", "Not a directory|File exists"),
        ("n" * 256, "File name too long"),
        ("a/" * 3000 + "out", "File name too long"),
        ("nul\0byte", "null byte"),
        ("/proc/self/out", "cannot be written"),
    ):
        with pytest.raises(BundleError, match=words) as caught:
            export(Path(out), checkpoint, meanwhile=lambda: pytest.fail("the work has begun"))
        assert str(caught.value).isprintable() and len(str(caught.value)) < 500
    assert tree(tmp_path) == before


def test_a_full_disk_leaves_nothing(checkpoint: Checkpoint, tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(28, os.strerror(28))

    fill(tmp_path / "out")
    with pytest.raises(BundleError, match=r"out: cannot be written \(No space left on device\)"):
        export(tmp_path / "out", checkpoint, meanwhile=full)
    assert content(tmp_path / "out")["model.onnx"] == OLD and len(list(tmp_path.iterdir())) == 1


def test_weights_are_never_in_the_way(checkpoint: Checkpoint, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "models").mkdir(parents=True)
    weights = mine / "models" / "best.ckpt"
    weights.write_bytes(checkpoint.path.read_bytes())
    official = Checkpoint(weights, checkpoint.config, checkpoint.state_dict, checkpoint.sha256)
    for out, words in (
        (mine, "holds the weights"),
        (mine / "models", "holds the weights"),
        (mine / "onnx", "lies in the folder of the checkpoint"),
    ):
        for overwrite in (False, True):
            with pytest.raises(BundleError, match=words):
                export(out, official, overwrite=overwrite)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [weights]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("big-lama/models/best.ckpt", "big-lama"),
        ("runs/mine/models/last.ckpt", "mine"),
        ("runs/mine/generator.safetensors", "mine"),
        ("weights/places.ckpt", "places"),
        ("best.ckpt", "here"),
    ],
)
def test_default_names_are_the_weights_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, name: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert name_of(Checkpoint(Path(path), CONFIG, {}, "")) == name
