"""The files of onnxruntime-web that a site holds: from a folder, the cache, or npm, and checked."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from lama_deploy.cache import cache_directory
from lama_deploy.disk import sha256_of
from lama_deploy.errors import BundleError, LamaDeployError, MissingDependencyError, brief
from lama_deploy.temporaries import temporary_folder

log = logging.getLogger(__name__)
PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
# Of the package as npm has it, and of the files of its folder `dist`.
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
WASM = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
WEBGPU = {
    "ort.webgpu.min.mjs": "3dffff71811bc13a3a3d9591c57ca5ee5735b8f5f3eaf789510b02bb040ae3a0",
    "ort-wasm-simd-threaded.asyncify.mjs": "3d1c85995364bb643302fc6fd877a0c3ba5ae72401815e0f24828a53d9191e28",
    "ort-wasm-simd-threaded.asyncify.wasm": "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da",
}
FILES: Mapping[str, str] = WASM | WEBGPU
FOLDER = f"{PACKAGE}-{VERSION}"  # in the cache
REMEDY = f"name the folder with its files by --runtime, such as node_modules/{PACKAGE}/dist"
SECONDS = 600  # that npm may take


def ort_folder(given: Path | None = None) -> Path:
    """A folder with FILES. given: as they lie in the package's `dist`; None: the cache's, fetched by npm where needed.

    Raises BundleError for files that are missing or others, MissingDependencyError where there is no npm to ask.
    """
    if given is not None:
        _require(given)
        return given
    kept = cache_directory() / FOLDER
    if not _wrong_in(kept):
        return kept
    npm = shutil.which("npm")
    if npm is None:
        raise MissingDependencyError(
            f"a site needs {PACKAGE} {VERSION}, which npm fetches, and there is no npm; install Node.js, or {REMEDY}"
        )
    try:
        _fetch(npm, kept)
    except OSError as error:
        raise LamaDeployError(f"{kept}: cannot be written ({brief(error.strerror or error)}); {REMEDY}") from error
    return kept


def _fetch(npm: str, kept: Path) -> None:
    """By the user's own npm, from wherever that is told to ask; nothing of the package is run."""
    log.info("fetching %s %s by npm", PACKAGE, VERSION)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(kept.parent) as folder:
        packed = folder / "packed"
        packed.mkdir()
        _run(npm, packed)
        for archive in packed.iterdir():
            _unpack(archive, folder)
        shutil.rmtree(packed)
        _require(folder)
        if kept.exists():
            shutil.rmtree(kept)
        folder.rename(kept)


def _run(npm: str, folder: Path) -> None:
    words = [npm, "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", str(folder), "--ignore-scripts", "--silent"]
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise LamaDeployError(f"npm did not fetch {PACKAGE} in {SECONDS} seconds; try again, or {REMEDY}") from error
    if done.returncode:
        said = brief(done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}")
        raise LamaDeployError(f"npm cannot fetch {PACKAGE} {VERSION} ({said}); {REMEDY}")


def _unpack(archive: Path, folder: Path) -> None:
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{found}" != INTEGRITY:
        raise BundleError(
            f"{PACKAGE} {VERSION}, as npm fetched it, is not the package that is known here (SHA-512 {found[:16]}…); "
            f"look at what npm is told to ask, or {REMEDY}"
        )
    with tarfile.open(archive) as packed:
        for name in FILES:
            stream = packed.extractfile(f"package/dist/{name}")
            assert stream is not None  # the archive is the known one
            (folder / name).write_bytes(stream.read())


def _require(folder: Path) -> None:
    """Raises BundleError."""
    if wrong := _wrong_in(folder):
        raise BundleError(f"{os.fspath(folder)}: {wrong}; --runtime takes the folder dist of {PACKAGE} {VERSION}")


def _wrong_in(folder: Path) -> str:
    """Empty for nothing."""
    for name, expected in FILES.items():
        if not (folder / name).is_file():
            return f"{name} is missing"
        if sha256_of(folder / name) != expected:
            return f"{name} is not that of {PACKAGE} {VERSION}"
    return ""
