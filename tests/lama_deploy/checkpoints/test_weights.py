"""Weights by name: from the cache, by a verified download, or with the package; a path always wins over a name."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import skimage.data

from lama_deploy.backbones.locate import find_backbone
from lama_deploy.cache import CACHE_VARIABLE, cache_directory, kept_in_cache
from lama_deploy.checkpoints import weights
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.checkpoints.weights import PublishedWeights, find_weights, load_weights, provenance
from lama_deploy.errors import CheckpointError, LamaDeployError, MissingBackboneError, WeightsNotFoundError
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.variants import VARIANTS

NAME = "big-lama"
FILE = "tiny.safetensors"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """(folder that is served, its address)."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def publish(monkeypatch: pytest.MonkeyPatch, address: str, tiny: Checkpoint) -> None:
    published = PublishedWeights(file_name=FILE, url=f"{address}/{FILE}", sha256=tiny.sha256)
    monkeypatch.setattr(weights, "PUBLISHED", {NAME: published})


@pytest.fixture
def closed_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_download_is_cached_and_verified(cache, server, tiny, monkeypatch, closed_address):
    folder, address = server
    (folder / FILE).write_bytes(tiny.path.read_bytes())
    publish(monkeypatch, address, tiny)
    loaded = load_weights(NAME)
    assert loaded.path == cache / FILE
    assert loaded.sha256 == tiny.sha256 == hashlib.sha256((cache / FILE).read_bytes()).hexdigest()
    publish(monkeypatch, closed_address, tiny)
    assert find_weights(NAME) == cache / FILE


def test_server_with_other_content(cache, server, tiny, monkeypatch):
    folder, address = server
    (folder / FILE).write_bytes(b"something else")
    publish(monkeypatch, address, tiny)
    with pytest.raises(WeightsNotFoundError, match="another SHA-256 than the published one") as caught:
        find_weights(NAME)
    assert str(cache / FILE) in str(caught.value)
    assert not list(cache.rglob("*.*"))


@pytest.mark.parametrize(("reachable", "reason"), [(True, "HTTPError"), (False, "ConnectionError")])
def test_no_download_says_where_to_put_the_file(cache, server, closed_address, tiny, monkeypatch, reachable, reason):
    address = server[1] if reachable else closed_address
    publish(monkeypatch, address, tiny)
    wanted = f"put the file from {address}/{FILE} at {cache / FILE}"
    with pytest.raises(WeightsNotFoundError) as caught:
        find_weights(NAME)
    assert wanted in str(caught.value) and reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_put_into_the_cache_by_hand(cache, closed_address, tiny, monkeypatch):
    publish(monkeypatch, closed_address, tiny)
    cache.mkdir()
    (cache / FILE).write_bytes(tiny.path.read_bytes())
    assert find_weights(NAME) == cache / FILE
    (cache / FILE).write_bytes(tiny.path.read_bytes()[:-1] + b"\xff")
    with pytest.raises(WeightsNotFoundError, match=f"is not the published {tiny.sha256}; delete the file"):
        find_weights(NAME)


@pytest.mark.parametrize("variable", ["TORCH_HOME", "XDG_CACHE_HOME", "HOME"])
def test_file_of_other_programs_in_torchs_cache(cache, closed_address, tiny, monkeypatch, variable):
    """IOPaint and simple-lama have downloaded it: nothing is downloaded or copied."""
    publish(monkeypatch, closed_address, tiny)
    folders = {"TORCH_HOME": "hub", "XDG_CACHE_HOME": "torch/hub", "HOME": ".cache/torch/hub"}
    for name in folders:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(cache.parent / "home"))
    there = cache.parent / "home" / folders[variable] / "checkpoints" / FILE
    there.parent.mkdir(parents=True)
    there.write_bytes(tiny.path.read_bytes())
    assert load_weights(NAME).path == there
    assert not cache.exists()


def test_another_file_in_torchs_cache_is_not_used_and_said(cache, server, tiny, monkeypatch, caplog):
    folder, address = server
    (folder / FILE).write_bytes(tiny.path.read_bytes())
    publish(monkeypatch, address, tiny)
    there = cache.parent / "torch" / "hub" / "checkpoints" / FILE
    there.parent.mkdir(parents=True)
    there.write_bytes(b"another")
    assert find_weights(NAME) == cache / FILE
    assert f"{there}: not used: its SHA-256 " in caplog.text


@pytest.mark.parametrize("name", ["bigger-lama", "missing/big-lama", ".", "zero\0", "x" * 300])
def test_unknown_name(cache, name):
    with pytest.raises(WeightsNotFoundError, match="known names: big-lama, lama-demo"):
        find_weights(name)


def test_unknown_names_are_checkpoint_errors(cache):
    with pytest.raises(CheckpointError):
        load_weights("nothing")


def test_published_weights_are_pinned_to_an_https_address():
    for published in weights.PUBLISHED.values():
        assert published.url.startswith("https://") and published.url.endswith(published.file_name)
        assert len(bytes.fromhex(published.sha256)) == 32


def test_path_wins_over_the_name(cache, closed_address, tiny, monkeypatch):
    publish(monkeypatch, closed_address, tiny)
    (cache.parent / NAME / "models").mkdir(parents=True)
    assert find_weights(NAME) == Path(NAME)
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        load_weights(NAME)
    (cache.parent / "lama-demo").write_bytes(tiny.path.read_bytes())
    with pytest.raises(CheckpointError, match="lama-demo: not a complete torch archive"):
        load_weights("lama-demo")
    assert load_weights(tiny.path).sha256 == tiny.sha256


def test_which_weights_were_read(cache, tiny, monkeypatch):
    told = f"weights: {tiny.path}, SHA-256 {tiny.sha256} "
    assert provenance(tiny) == told + "(of no published file)"
    publish(monkeypatch, "https://somewhere", tiny)
    assert provenance(tiny) == told + "(the published big-lama)"
    assert provenance(load_weights("lama-demo")).endswith("(lama-demo, as it ships)")


@pytest.mark.parametrize("content", [b"another", None])
def test_demo_is_pinned(content, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "DEMO_FILE", tmp_path / "lama-demo.safetensors")
    if content:
        weights.DEMO_FILE.write_bytes(content)
    with pytest.raises(WeightsNotFoundError, match=f"is not {weights.DEMO_SHA256}, that of lama-demo; install"):
        find_weights("lama-demo")


def test_demo_ships_with_the_package(cache):
    demo = load_weights("lama-demo")
    assert demo.sha256 == weights.DEMO_SHA256
    assert demo.config == VARIANTS["lama-demo"]
    assert demo.path.stat().st_size <= 12_000_000
    assert not cache.exists()


def test_demo_is_trained(cache):
    """On a photograph it never saw it comes closer to the truth than the mean colour of what surrounds the hole."""
    photograph = skimage.data.coffee()[:256, :256]
    hole = np.zeros((256, 256), np.uint8)
    hole[90:150, 60:200] = 1
    ring = scipy.ndimage.binary_dilation(hole, iterations=8) & (hole == 0)
    flat = photograph[ring].mean(axis=0)
    result = Inpainter.load("lama-demo")(photograph, hole)
    truth = photograph[hole > 0].astype(float)
    assert np.abs(result[hole > 0] - truth).mean() < np.abs(flat - truth).mean()


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"LAMA_DEPLOY_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"LAMA_DEPLOY_CACHE": "", "XDG_CACHE_HOME": "/b"}, "/b/lama_deploy"),
        ({"HOME": "/home/u"}, "/home/u/.cache/lama_deploy"),
        ({"HOME": "/home/u", "LAMA_DEPLOY_CACHE": "~/mine"}, "/home/u/mine"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": "~/mine"}, "/home/u/mine/lama_deploy"),
    ],
)
def test_cache_directory(monkeypatch, environment, wanted):
    for name in ("LAMA_DEPLOY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_directory() == Path(wanted)


@pytest.fixture
def homeless(monkeypatch):
    """As in a container, for a user without an entry in /etc/passwd."""
    for name in ("LAMA_DEPLOY_CACHE", "XDG_CACHE_HOME", "HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", nobody)


def test_no_home_is_one_line_where_the_cache_is_needed(homeless):
    with pytest.raises(
        LamaDeployError, match=r"no home directory is known here.*; name a folder in \$LAMA_DEPLOY_CACHE"
    ):
        find_weights("big-lama")


def test_no_home_is_no_matter_where_it_is_not(homeless):
    assert kept_in_cache("openvino") is None
    with pytest.raises(MissingBackboneError, match=r"a folder that \$LAMA_DEPLOY_CACHE names"):
        find_backbone("vgg16")
    assert find_weights("lama-demo").is_file()
