"""The examples do what they say, from files, over HTTP and in other languages: bytes as the package makes them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.inpainter import Inpainter
from tests.cpp.building import engine_folder
from tests.cpp.liblama import Liblama
from tests.kernel_build import ROOT, run
from tests.plain_environment import plain_environment


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMA_ENGINE", str(engine_folder("onnx")))


@pytest.fixture(scope="module")
def bundle(tiny_bundles: Mapping[str, Path]) -> Path:
    return tiny_bundles["onnx"]


@pytest.fixture(scope="module")
def picture() -> tuple[Array, Array]:
    """(H, W, 3) and (H, W), 255 = hole."""
    images, masks = scene(61, 84)
    return images[0], (masks[0] > 0).astype(np.uint8) * np.uint8(255)


@pytest.fixture(scope="module")
def expected(bundle: Path, picture: tuple[Array, Array]) -> Array:
    image, mask = picture
    return Inpainter.load(bundle)(image, mask)


def program(tree: Path, name: str) -> Path:
    path = tree / "examples" / name
    if not path.exists():
        pytest.skip(f"{name} was left out: libpng and libjpeg have no headers here")
    return path


def save(folder: Path, picture: tuple[Array, Array]) -> tuple[Path, Path]:
    for name, pixels in zip(("picture.png", "mask.png"), picture, strict=True):
        Image.fromarray(pixels).save(folder / name)
    return folder / "picture.png", folder / "mask.png"


def call(*command: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*map(str, command)], input=stdin, capture_output=True, check=False)


def test_pictures(tree: Path, bundle: Path, picture: tuple[Array, Array], expected: Array, tmp_path: Path) -> None:
    done = call(program(tree, "inpaint"), bundle, *save(tmp_path, picture), tmp_path / "result.png")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "result.png")), expected)


def test_a_folder_goes_on_behind_a_picture_that_is_none(
    tree: Path, bundle: Path, picture: tuple[Array, Array], expected: Array, tmp_path: Path
) -> None:
    pictures, masks = tmp_path / "pictures", tmp_path / "masks"
    for folder in (pictures, masks):
        folder.mkdir()
    Image.fromarray(picture[0]).save(pictures / "a.jpg", quality=95)
    Image.fromarray(picture[0]).save(pictures / "b.png")
    for name in ("a", "b", "c"):
        Image.fromarray(picture[1]).save(masks / f"{name}.png")
    (pictures / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n, but no more")
    done = call(program(tree, "inpaint"), bundle, pictures, masks, tmp_path / "results")
    assert done.returncode == 3 and b"c.png" in done.stderr
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "results" / "b.png")), expected)
    assert Image.open(tmp_path / "results" / "a.jpg").size == picture[0].shape[1::-1]
    assert not (tmp_path / "results" / "c.png").exists()


def test_what_is_no_bundle_is_one_line(tree: Path, picture: tuple[Array, Array], tmp_path: Path) -> None:
    done = call(program(tree, "inpaint"), tmp_path, *save(tmp_path, picture), tmp_path / "result.png")
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1 and b"not a bundle" in done.stderr
    assert not (tmp_path / "result.png").exists()


def bare(picture: tuple[Array, Array]) -> tuple[list[str], bytes]:
    image, mask = picture
    return [str(image.shape[1]), str(image.shape[0])], image.tobytes() + mask.tobytes()


def test_bare_bytes_in_c99(tree: Path, bundle: Path, picture: tuple[Array, Array], expected: Array) -> None:
    size, stdin = bare(picture)
    done = call(tree / "examples" / "raw", bundle, *size, stdin=stdin)
    assert done.returncode == 0 and done.stdout == expected.tobytes(), done.stderr
    short = call(tree / "examples" / "raw", bundle, *size, stdin=stdin[:-1])
    assert short.returncode == 2 and b"fewer bytes" in short.stderr and short.stdout == b""


def test_bare_bytes_in_rust(
    tree: Path, bundle: Path, picture: tuple[Array, Array], expected: Array, tmp_path: Path
) -> None:
    rustc = shutil.which("rustc")
    if rustc is None or subprocess.run([rustc, "--version"], capture_output=True).returncode:  # rustup's may be empty
        pytest.skip("rustc is not installed, so the example in Rust is not tried")
    source = ROOT / "examples" / "rust" / "inpaint.rs"
    run(rustc, "-D", "warnings", str(source), "-L", str(tree), "-l", "lama", "-o", str(tmp_path / "inpaint"))
    size, stdin = bare(picture)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tree)}
    done = subprocess.run([tmp_path / "inpaint", bundle, *size], input=stdin, capture_output=True, env=environment)
    assert done.returncode == 0 and done.stdout == expected.tobytes(), done.stderr
    failed = subprocess.run([tmp_path / "inpaint", tmp_path, *size], input=stdin, capture_output=True, env=environment)
    assert failed.returncode == 1 and b"not a bundle" in failed.stderr


def test_ctypes(
    lama: Liblama, tree: Path, bundle: Path, picture: tuple[Array, Array], expected: Array, tmp_path: Path
) -> None:
    script = ROOT / "examples" / "python_ctypes.py"
    files = save(tmp_path, picture)
    done = call(sys.executable, script, tree / "liblama.so", bundle, *files, tmp_path / "result.png")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "result.png")), expected)


@pytest.fixture
def worker(tree: Path, bundle: Path) -> Iterator[str]:
    """The address of one that runs."""
    command = [program(tree, "http_worker"), bundle, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().rpartition(" ")[2].strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def post(address: str, body: bytes) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(f"{address}/inpaint", data=body), timeout=60) as answer:
        found: bytes = answer.read()
    return found


def test_http(worker: str, picture: tuple[Array, Array], expected: Array) -> None:
    with urllib.request.urlopen(f"{worker}/health", timeout=60) as answer:
        assert answer.read() == b"ok"
    body = BytesIO()
    Image.fromarray(np.dstack((picture[0], 255 - picture[1]))).save(body, "PNG")
    result = np.asarray(Image.open(BytesIO(post(worker, body.getvalue()))))
    np.testing.assert_array_equal(result[..., :3], expected)
    assert (result[..., 3] == 255).all()
    for wrong in (b"", b"no picture", body.getvalue()[:-40]):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            post(worker, wrong)
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(post(worker, body.getvalue())))), result)


def test_engines_report_nothing_unless_they_may(tree: Path, bundle: Path, tmp_path: Path) -> None:
    """ONNX Runtime 1.32 writes an identifier into the home of whoever opens it."""
    soak = [tree / "tests" / "soak", bundle, "1", "1", "8"]
    environment = plain_environment(tmp_path, LAMA_ENGINE=str(engine_folder("onnx")))
    subprocess.run(soak, env=environment, check=True, capture_output=True)
    assert list(tmp_path.iterdir()) == []
    subprocess.run(soak, env={**environment, "LAMA_DEPLOY_TELEMETRY": "1"}, check=True, capture_output=True)
    assert list(tmp_path.iterdir()) != []
