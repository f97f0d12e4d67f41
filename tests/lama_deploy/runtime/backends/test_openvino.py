"""The OpenVINO backend: threads and streams agree, a cache that never serves old weights, faults in one line."""

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lama_deploy import Inpainter
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.errors import BundleError, LamaDeployError
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.proof.subjects import Size
from lama_deploy.runtime.backends import openvino as openvino_backend
from lama_deploy.runtime.backends import openvino_files
from lama_deploy.runtime.backends.openvino import OpenVinoBackend, _decode_whole, _supported_hint
from lama_deploy.runtime.backends.openvino_core import openvino_core
from lama_deploy.runtime.backends.openvino_files import ModelFiles
from lama_deploy.shapes import Shape, ShapeRange
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, export_bundle
from lama_export.graph.picture import Interface
from tests.kernel_build import ROOT

TINY = GeneratorConfig(width=8, blocks=1)  # of the bundles

SCENE = scene(40, 56, 2, seed=1)


@pytest.fixture
def copied(openvino_bundles: Mapping[str, Path], tmp_path: Path) -> Path:
    """A bundle to damage."""
    return Path(shutil.copytree(openvino_bundles["fp32"], tmp_path / "bundle"))


def test_streams_compute_what_one_thread_computes(openvino_bundles: Mapping[str, Path]) -> None:
    one = OpenVinoBackend(openvino_bundles["fp32"] / "model.xml", threads=1, cache="")
    two = OpenVinoBackend(openvino_bundles["fp32"] / "model.xml", threads=2, streams=2, cache="")
    assert (one.capabilities.workers, two.capabilities.workers) == (2, 3)
    scenes = [scene(16 + 8 * index, 40, seed=index) for index in range(6)]
    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(lambda pair: two.run(*pair), scenes))
    for result, pair in zip(found, scenes, strict=True):
        assert np.abs(result.astype(int) - one.run(*pair)).max() <= 1


def test_large_pictures_are_compiled_for_their_shape(
    openvino_bundles: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_backend, "PIXELS_WORTH_COMPILING", 50 * 66)
    inpaint = Inpainter.load(openvino_bundles["fp32"], cache="")
    made: list[Shape] = []
    fixed = inpaint.backend.fixed
    monkeypatch.setattr(inpaint.backend, "fixed", lambda shape: made.append(shape) or fixed(shape))
    pairs = [scene(50, 65), scene(50, 66, seed=1), scene(66, 50, 2, seed=2), scene(66, 50, 2, seed=3)]
    for images, masks in pairs:
        wanted = np.where(masks[..., None] > 0, inpaint.backend.run(images, masks), images)
        assert np.abs(inpaint.run(images, masks).astype(int) - wanted).max() <= 1
    assert made == [(1, 50, 66), (2, 66, 50)]


@pytest.mark.parametrize("io", ["uint8", "float"])
def test_a_fixed_model_takes_one_shape(tiny: Checkpoint, io: Interface, tmp_path: Path) -> None:
    options = ExportOptions(target="openvino", io=io, parity_subjects=[Size(16, 16)])
    export_bundle(tiny, tmp_path / "out", options)
    backend = OpenVinoBackend(tmp_path / "out" / "model.xml", streams=2, cache="")
    fixed = backend.fixed((2, 40, 56))
    assert (fixed.capabilities.shapes, fixed.capabilities.workers) == ((ShapeRange(*3 * ((2, 40, 56),)),), 2)
    difference = np.abs(fixed.run(*SCENE).astype(float) - backend.run(*SCENE))
    assert difference.max() <= (1 if io == "uint8" else 1 / 255)


def test_a_fixed_model_has_no_shape_that_depends_on_the_mask(openvino_bundles: Mapping[str, Path]) -> None:
    """Else OpenVINO would plan no memory for the decoder, which takes the most."""
    for precision in ("fp32", "bf16"):
        model = openvino_core().read_model(openvino_bundles[precision] / "model.xml")
        model.reshape({"image": (1, 40, 56, 3), "mask": (1, 40, 56)})
        assert any(node.get_output_partial_shape(0).is_dynamic for node in model.get_ordered_ops())
        _decode_whole(model)
        model.validate_nodes_and_infer_types()
        moving = [node for node in model.get_ordered_ops() if node.get_output_partial_shape(0).is_dynamic]
        assert not [node.get_friendly_name() for node in moving if "window" not in node.get_friendly_name()]


def test_results_do_not_share_memory(openvino_bundles: Mapping[str, Path]) -> None:
    backend = OpenVinoBackend(openvino_bundles["fp32"] / "model.xml", cache="")
    first = backend.run(*SCENE)
    kept = first.copy()
    backend.run(255 - SCENE[0], SCENE[1])
    np.testing.assert_array_equal(first, kept)


def test_cache_is_used(openvino_bundles: Mapping[str, Path], tmp_path: Path) -> None:
    model = openvino_bundles["fp32"] / "model.xml"
    first = OpenVinoBackend(model, cache=tmp_path / "cache").run(*SCENE)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.blob")}
    assert written
    np.testing.assert_array_equal(OpenVinoBackend(model, cache=tmp_path / "cache").run(*SCENE), first)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.blob")} == written


def test_default_cache_is_the_users(
    openvino_bundles: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "cache"))
    Inpainter.load(openvino_bundles["fp32"])
    assert list((tmp_path / "cache" / "openvino").iterdir())
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "file"))
    Inpainter.load(openvino_bundles["fp32"])  # where nothing can be written, without one


@pytest.fixture
def exchanged(copied: Path, tmp_path: Path) -> Callable[[], None]:
    """Writes other weights over those of `copied`, whose time and size stay. Their model.xml differs in names only."""
    state = {key: tensor.numpy() for key, tensor in seeded_generator(TINY, seed=2).state_dict().items()}
    save_checkpoint(tmp_path / "other.safetensors", TINY, state)
    options = ExportOptions(target="openvino", parity_subjects=[Size(16, 16)])
    export_bundle(load_checkpoint(tmp_path / "other.safetensors"), tmp_path / "other", options)

    def exchange() -> None:
        weights = copied / "model.bin"
        content, before = (tmp_path / "other" / "model.bin").read_bytes(), weights.stat()
        assert len(content) == before.st_size
        with weights.open("r+b") as file:  # in place, as `cp` does
            file.write(content)
        os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))

    return exchange


def test_the_cache_goes_by_content(copied: Path, exchanged: Callable[[], None], tmp_path: Path) -> None:
    model, cache = copied / "model.xml", tmp_path / "cache"
    first = OpenVinoBackend(model, cache=cache).run(*SCENE)
    exchanged()
    second = OpenVinoBackend(model, cache=cache).run(*SCENE)
    assert (first != second).any()
    np.testing.assert_array_equal(second, OpenVinoBackend(model, cache="").run(*SCENE))
    np.testing.assert_array_equal(second, OpenVinoBackend(model, cache=cache).run(*SCENE))


def test_an_open_model_stays_what_it_was(
    copied: Path, exchanged: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At new shapes too, which are compiled from what was read."""
    monkeypatch.setattr(openvino_backend, "PIXELS_WORTH_COMPILING", 66 * 66)
    inpaint = Inpainter.load(copied, cache=tmp_path / "cache")
    cached = Inpainter.load(copied, cache=tmp_path / "cache")  # which OpenVINO has read from there
    pairs = [scene(40, 56), scene(66, 66, seed=1), scene(80, 90, seed=2)]
    before = [inpaint.run(*pair) for pair in pairs]
    exchanged()
    for pair, kept in zip(pairs, before, strict=True):
        for opened in (inpaint, cached):
            assert np.abs(opened.run(*pair).astype(int) - kept).max() <= 1
    shutil.rmtree(copied)
    assert np.abs(inpaint.run(*pairs[2]).astype(int) - before[2]).max() <= 1


def test_the_cache_keeps_the_models_used_last(
    openvino_bundles: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_files, "KEPT", 2)
    for other in ("notes", 32 * "0"):
        (tmp_path / other).mkdir()
    files = [ModelFiles(Path("model.xml"), b"%d" % index, b"") for index in range(4)]
    for index in (0, 1, 0, 2, 3):
        files[index].cache_properties(tmp_path)
        time.sleep(0.01)  # for a file system that counts in ticks
    kept = {f"lama-{files[index].digest[:32]}" for index in (2, 3)}
    assert {path.name for path in tmp_path.iterdir()} == {"notes", 32 * "0", *kept}


def test_folders_of_a_person_in_the_cache_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also under names like those of the cache's own; `cache` may be any folder."""
    monkeypatch.setattr(openvino_files, "KEPT", 1)
    album, old = tmp_path / f"lama-{1:032x}", tmp_path / f"lama-{2:032x}"
    for file in (album / "photo.png", album / "model.blob", old / "1.blob"):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    (tmp_path / f"lama-{3:032x}").symlink_to(album)
    before = sorted(album.iterdir())
    ModelFiles(Path("model.xml"), b"x", b"").cache_properties(tmp_path)
    assert sorted(album.iterdir()) == before and (tmp_path / f"lama-{3:032x}").is_symlink()
    assert not old.exists()


def test_precision_falls_back_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    class OldCpu:
        def get_property(self, device: str, name: str) -> list[str]:
            return ["FP32", "INT8"]

    class NewCpu:
        def get_property(self, device: str, name: str) -> list[str]:
            return ["FP32", "BF16", "FP16"]

    with caplog.at_level(logging.WARNING):
        assert [_supported_hint(NewCpu(), name) for name in ("fp32", "bf16", "fp16", "int8")] == [
            "f32",
            "bf16",
            "f16",
            "bf16",
        ]
        assert _supported_hint(OldCpu(), "fp32") == "f32" and not caplog.records
        assert _supported_hint(OldCpu(), "bf16") == "f32"
        assert _supported_hint(OldCpu(), "int8") == "f32"
    assert [record.getMessage() for record in caplog.records] == [
        f"OpenVINO does not compute in bf16 on this CPU; {runs} in f32 instead, right and slower"
        for runs in ("bf16 runs", "what its 8-bit convolutions leave runs")
    ]


def test_hint_comes_from_the_bundle(openvino_bundles: Mapping[str, Path]) -> None:
    for precision in ("fp32", "bf16"):
        backend = OpenVinoBackend(openvino_bundles[precision] / "model.xml", cache="")
        hint = _supported_hint(openvino_core(), precision)
        assert (backend.capabilities.hint, backend.capabilities.made_for) == (hint, precision)
    overruled = OpenVinoBackend(openvino_bundles["bf16"] / "model.xml", cache="", precision="f32").capabilities
    assert (overruled.hint, overruled.precision, overruled.made_for) == ("f32", "fp32", "bf16")


def test_signals_arrive_after_a_model_dies_in_another_thread(openvino_bundles: Mapping[str, Path]) -> None:
    """With a core for each backend the child's end killed the process (`openvino_core`)."""
    script = """
import faulthandler, signal, subprocess, sys, threading
from lama_deploy.runtime.backends.openvino import OpenVinoBackend

faulthandler.enable()  # signals get a stack of their own
signal.signal(signal.SIGCHLD, lambda *_: print("signal", flush=True))
held = [OpenVinoBackend(sys.argv[1], cache="")]
last = threading.Thread(target=held.clear)
last.start()
last.join()
subprocess.run(["true"])
print("alive")
"""
    model = openvino_bundles["fp32"] / "model.xml"
    done = subprocess.run([sys.executable, "-c", script, str(model)], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("signal\nalive\n"), done.stderr


def test_each_process_has_one_core() -> None:
    """The tests' own too, which was the end of their process (`openvino_core`)."""
    folders = ("lama_deploy", "export", "benchmarks", "examples", "integrations", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py") if path != Path(__file__)]
    with_cores = {path.name for path in files if re.search(r"\b(ov|openvino)\.Core\(\)", path.read_text())}
    assert with_cores == {"openvino_core.py", "openvino_cpu.py"}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda bundle: (bundle / "model.xml").write_text("<net"), "damaged"),
        (lambda bundle: (bundle / "model.bin").write_bytes(b"123"), "OpenVINO cannot open it"),
        (lambda bundle: (bundle / "model.bin").unlink(), "model.bin is missing"),
        (lambda bundle: (bundle / "model.xml").write_text("<net><rt_info/></net>"), "not a LaMa model"),
    ],
)
def test_damaged_bundle(copied: Path, damage, message: str) -> None:
    damage(copied)
    with pytest.raises(BundleError, match=message) as raised:
        Inpainter.load(copied, cache="", check=False)
    assert "\n" not in str(raised.value)


def test_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such file"):
        Inpainter.load(tmp_path / "nothing.xml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda"}, "does not run on device 'cuda' here; allowed: auto, cpu"),
        ({"optimization": "all"}, "the openvino backend has no option 'optimization'; allowed: device, threads"),
        ({"cache": "/proc/none"}, "cannot be a cache"),
        ({"backend": "onnxruntime"}, "'openvino' does; it takes a bundle, made by lama-export --to onnx"),
    ],
)
def test_options_that_do_not_fit(openvino_bundles: Mapping[str, Path], options: dict[str, str], message: str) -> None:
    with pytest.raises(LamaDeployError, match=message):
        Inpainter.load(openvino_bundles["fp32"], **options)


@pytest.mark.slow
def test_memory_with_ever_new_sizes_is_bounded(tmp_path: Path) -> None:
    """In a process of its own; 200 sizes took 600 MiB where OpenVINO kept what it prepared for each."""
    bundle = tmp_path / "bundle"
    export_bundle(load_weights("lama-demo"), bundle, ExportOptions(target="openvino", parity_subjects=(Size(40, 48),)))
    found = subprocess.run([sys.executable, "-c", EVER_NEW_SIZES, str(bundle)], capture_output=True, check=True)
    met, more = (int(part) for part in found.stdout.split())
    assert met < 300 and more < 60, (met, more)


EVER_NEW_SIZES = """
import sys
from pathlib import Path
import numpy as np
from lama_deploy.runtime.backends.openvino import OpenVinoBackend

def mebibytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

def call(count):
    for h, w in random.integers(64, 193, (count, 2)):
        backend.run(random.integers(0, 255, (1, h, w, 3), np.uint8), np.ones((1, h, w), np.uint8))

backend = OpenVinoBackend(Path(sys.argv[1]) / "model.xml", threads=1, cache="")
random, start = np.random.default_rng(0), mebibytes()
call(100)
after = mebibytes()
call(150)
print(after - start, mebibytes() - after)
"""
