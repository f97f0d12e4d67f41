"""Core ML's package is the only folder in a bundle: no name leads out of it, and no link makes anything else go."""

import json
from pathlib import Path

import pytest

from lama_deploy.bundle import MANIFEST, PACKAGE, PACKAGE_FILES, load_bundle
from lama_deploy.disk import sha256_of
from lama_deploy.errors import BundleError
from lama_export.package_folder import is_package, remove_package
from tests.hostile.bundle_files import sign

NAMES = (
    f"{PACKAGE}/../secret",
    f"{PACKAGE}/Data/../../secret",
    f"{PACKAGE}/Data/com.apple.CoreML/weights/../../../../secret",
    f"{PACKAGE}//etc/hostname",
    f"{PACKAGE}/Data/com.apple.CoreML/other.bin",
    f"./{PACKAGE_FILES[0]}",
    f"{PACKAGE_FILES[0]}/",
    f"{PACKAGE}\\Manifest.json",
    f"other.mlpackage/{Path(PACKAGE_FILES[0]).name}",
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    for name in PACKAGE_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "model.onnx").touch()
    sign_package(folder)
    (tmp_path / "secret").write_text("secret")
    (folder / "secret").write_text("secret")
    return folder


def sign_package(folder: Path, *more: str) -> None:
    """Write its bundle.json, with right hashes for whatever is named."""
    package = folder / PACKAGE
    aside = package.rename(folder.parent / "aside")
    sign(folder, "onnx")
    aside.rename(package)
    entries = {}
    for name in (*PACKAGE_FILES, *more):
        there = (folder / name).is_file()
        entries[name] = {
            "bytes": (folder / name).stat().st_size if there else 6,
            "sha256": sha256_of(folder / name) if there else 64 * "0",
        }
    values = json.loads((folder / MANIFEST).read_text()) | {"target": "coreml", "files": entries}
    (folder / MANIFEST).write_text(json.dumps(values))


def test_a_right_one_loads(bundle: Path) -> None:
    assert sorted(load_bundle(bundle).files) == sorted(PACKAGE_FILES)


@pytest.mark.parametrize("name", NAMES)
def test_names_lead_nowhere_else(bundle: Path, name: str) -> None:
    sign_package(bundle, name)
    with pytest.raises(BundleError, match="allowed are only plain names of files beside it"):
        load_bundle(bundle)


@pytest.mark.parametrize("name", PACKAGE_FILES)
def test_every_file_is_held_to_its_hash(bundle: Path, name: str) -> None:
    content = (bundle / name).read_text()
    (bundle / name).write_text("X" + content[1:])
    with pytest.raises(BundleError, match=r"has the SHA-256"):
        load_bundle(bundle)
    (bundle / name).unlink()
    with pytest.raises(BundleError, match="is missing"):
        load_bundle(bundle)


@pytest.mark.parametrize("name", PACKAGE_FILES)
def test_all_of_them_have_to_be_named(bundle: Path, name: str) -> None:
    values = json.loads((bundle / MANIFEST).read_text())
    del values["files"][name]
    (bundle / MANIFEST).write_text(json.dumps(values))
    with pytest.raises(BundleError, match="is not among its files"):
        load_bundle(bundle)


def test_what_is_no_package_is_not_removed_as_one(bundle: Path, tmp_path: Path) -> None:
    package = bundle / PACKAGE
    assert is_package(package)
    (package / "mine").touch()
    assert not is_package(package)
    (package / "mine").unlink()
    (package / "mine").mkdir()
    assert not is_package(package)
    (package / "mine").rmdir()
    data = (package / "Data").rename(tmp_path / "elsewhere")
    (package / "Data").symlink_to(data)
    assert not is_package(package)
    (package / "Data").unlink()
    data.rename(package / "Data")
    link = tmp_path / PACKAGE
    link.symlink_to(package)
    assert is_package(package) and not is_package(link)
    remove_package(package)
    assert not package.exists()


def test_a_file_that_appears_meanwhile_stays(bundle: Path) -> None:
    (bundle / PACKAGE / "Data" / "mine").write_text("mine")
    with pytest.raises(OSError, match="not empty"):
        remove_package(bundle / PACKAGE)
    assert (bundle / PACKAGE / "Data" / "mine").read_text() == "mine"
