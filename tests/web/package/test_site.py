"""The folder that lama-export --to web writes, and where its files come from."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from lama_deploy.bundle import load_bundle
from lama_deploy.cache import CACHE_VARIABLE
from lama_deploy.disk import sha256_of
from lama_deploy.errors import BundleError, LamaDeployError, MissingDependencyError
from lama_export.web import ort_files
from lama_export.web.site import write_site
from tests.web.package.conftest import WEB

NAMES = list(ort_files.FILES)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Small files in place of ONNX Runtime's, which are known by their sums as those are."""
    content = {name: name.encode() for name in NAMES}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    monkeypatch.setattr(ort_files, "FILES", sums)
    return content


def written(folder: Path, content: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: dict[str, bytes], script: str = "") -> None:
    """A program called npm, which packs these files; or one that does something else."""
    packed = written(tmp_path / "packed" / "package" / "dist", content)
    archive = tmp_path / "package.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(packed.parents[1] / "package", "package")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    monkeypatch.setattr(ort_files, "INTEGRITY", f"sha512-{digest}")
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script or f'cp {archive} .'}\n")
    program.chmod(0o755)
    monkeypatch.setattr(ort_files.shutil, "which", lambda name: str(program) if name == "npm" else None)


def test_a_site_holds_what_it_names(site: Path, demo: Path) -> None:
    config = json.loads((site / "config.json").read_text())
    bundle = load_bundle(demo)
    assert config["engine"] == "browser"
    assert config["model"]["name"] == "lama-demo"
    assert config["model"]["precision"] == bundle.precision
    assert (
        sha256_of(site / config["model"]["file"]) == config["model"]["sha256"] == bundle.files["model.onnx"]["sha256"]
    )
    assert (site / config["package"]).is_file()
    assert sorted(path.name for path in (site / config["runtime"]).iterdir()) == sorted(NAMES)
    assert not list(site.rglob("*.ts"))
    manifest = json.loads((site / "manifest.webmanifest").read_text())
    assert all((site / icon["src"]).is_file() for icon in manifest["icons"])


def test_the_page_is_told_of_worker_and_manifest(site: Path) -> None:
    page, own = (site / "index.html").read_text(), (WEB / "site" / "index.html").read_text()
    assert page.count('<script src="register.js"></script>') == 1
    assert page.count('<link rel="manifest" href="manifest.webmanifest">') == 1
    assert "manifest-src 'self'" in page or "Content-Security-Policy" not in own


def test_the_worker_is_another_one_for_other_files(demo: Path, modules: Path, site: Path, tmp_path: Path) -> None:
    runtime = modules / "onnxruntime-web" / "dist"
    for name in ("lama-demo", "another"):
        (tmp_path / name).mkdir()
        write_site(demo, tmp_path / name, name=name, runtime=runtime)
    workers = [(tmp_path / name / "offline.js").read_text() for name in ("lama-demo", "another")]
    assert workers[0] == (site / "offline.js").read_text()
    assert workers[0] != workers[1]
    listed = json.loads(workers[0].split("const SITE = ", 1)[1].split(";\n", 1)[0])
    assert {"index.html", "config.json", "lama/index.js", "lama/worker.js", "ort/ort.wasm.min.mjs"} <= set(
        listed["files"]
    )
    assert all((site / file).is_file() for file in (*listed["files"], *listed["later"]))
    assert not any(file.startswith("model/") for file in listed["files"])


def test_bundles_that_browsers_cannot_run_are_refused(demo: Path, tmp_path: Path) -> None:
    bundle, out = tmp_path / "bundle", tmp_path / "out"
    shutil.copytree(demo, bundle)
    out.mkdir()
    manifest = json.loads((bundle / "bundle.json").read_text())
    (bundle / "model.xml").touch()
    manifest["files"]["model.xml"] = {"bytes": 0, "sha256": hashlib.sha256().hexdigest()}
    (bundle / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="is in several files"):
        write_site(bundle, out)
    (bundle / "bundle.json").write_text(json.dumps({**manifest, "target": "openvino"}))
    with pytest.raises(BundleError, match="is for openvino, and browsers run ONNX Runtime"):
        write_site(bundle, out)
    assert not list(out.iterdir())


def test_files_of_another_version_are_refused(few: dict[str, bytes], tmp_path: Path) -> None:
    folder = written(tmp_path / "given", few)
    assert ort_files.ort_folder(folder) == folder
    (folder / NAMES[0]).write_bytes(b"another")
    with pytest.raises(BundleError, match="is not that of onnxruntime-web"):
        ort_files.ort_folder(folder)
    (folder / NAMES[0]).unlink()
    with pytest.raises(BundleError, match="is missing; --runtime takes the folder dist"):
        ort_files.ort_folder(folder)


def test_npm_is_asked_once(few: dict[str, bytes], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm(tmp_path, monkeypatch, few)
    kept = ort_files.ort_folder()
    assert kept == cache / ort_files.FOLDER
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == few
    monkeypatch.setattr(ort_files.shutil, "which", lambda _: None)
    assert ort_files.ort_folder() == kept  # from the cache
    (kept / NAMES[0]).write_bytes(b"damaged")
    with pytest.raises(MissingDependencyError, match=r"there is no npm; install Node\.js, or name the folder"):
        ort_files.ort_folder()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no network >&2; exit 1", "no network"),
        ("echo something > package.tgz", "is not the package that is known"),
    ],
)
def test_what_npm_gives_is_checked(
    few: dict[str, bytes], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    npm(tmp_path, monkeypatch, few, script)
    with pytest.raises(LamaDeployError, match=words) as told:
        ort_files.ort_folder()
    assert "\n" not in str(told.value)
    assert not list(cache.iterdir())  # nothing half-written
