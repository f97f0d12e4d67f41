"""Bundles whose files are not those that bundle.json names: every way in refuses them, in one line that says which."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import lama_deploy.bundle
import lama_deploy.cli.bench
import lama_deploy.cli.evaluate
import lama_deploy.cli.inpaint
import lama_deploy.cli.verify
from lama_deploy import Inpainter
from lama_deploy.bundle import MANIFEST, PRECISION_PROPERTY, load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError
from lama_deploy.images.scenes import scene
from lama_deploy.proof.subjects import Size
from lama_export import ExportOptions, export_bundle
from lama_export.graph.model import onnx_from_state
from tests.resign import resign

OTHER_HASH = r"{} has the SHA-256 \w{{12}}…, and bundle\.json says \w{{12}}…; export the bundle again, or copy it"
OTHER_SIZE = r"{} has \d+ bytes, and bundle\.json says \d+; export the bundle again, or copy it again from where"


@pytest.fixture(scope="module")
def originals(
    bundles: Mapping[str, Path],
    openvino_bundles: Mapping[str, Path],
    tiny: Checkpoint,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Path]:
    external = tmp_path_factory.mktemp("external") / "bundle"
    export_bundle(tiny, external, ExportOptions(external_data=True, parity_subjects=[Size(16, 16)]))
    return {"onnx": bundles["uint8"], "openvino": openvino_bundles["fp32"], "external": external}


def flip(name: str) -> Callable[[Path, Checkpoint], None]:
    """One bit in the middle of the weights."""

    def damage(bundle: Path, tiny: Checkpoint) -> None:
        content = bytearray((bundle / name).read_bytes())
        content[len(content) // 2] ^= 1
        (bundle / name).write_bytes(content)

    return damage


def truncate(bundle: Path, tiny: Checkpoint) -> None:
    content = (bundle / "model.onnx").read_bytes()
    (bundle / "model.onnx").write_bytes(content[:-1000])


def swap(bundle: Path, tiny: Checkpoint) -> None:
    """The file of another bundle, of the same size."""
    size = (bundle / "model.onnx").stat().st_size
    other = {key: np.flip(array).copy() for key, array in tiny.state_dict.items()}
    onnx.save(onnx_from_state(tiny.config, other, decoder="hole"), bundle / "model.onnx")
    assert (bundle / "model.onnx").stat().st_size == size


def name_outside(name: str) -> Callable[[Path, Checkpoint], None]:
    def damage(bundle: Path, tiny: Checkpoint) -> None:
        (bundle.parent / "x").touch()
        files = load_bundle(bundle).files
        text = json.dumps(json.loads((bundle / MANIFEST).read_text()) | {"files": {**files, name: files["model.onnx"]}})
        (bundle / MANIFEST).write_text(text)

    return damage


def relabel(precision: str) -> Callable[[Path, Checkpoint], None]:
    return lambda bundle, tiny: resign(bundle, precision=precision) and None


def relabel_and_drop_metadata(bundle: Path, tiny: Checkpoint) -> None:
    model = onnx.load(bundle / "model.onnx")
    (entry,) = (entry for entry in model.metadata_props if entry.key == PRECISION_PROPERTY)
    model.metadata_props.remove(entry)
    onnx.save(model, bundle / "model.onnx")
    resign(bundle)
    Inpainter.load(bundle)  # an older one, which is taken for fp32
    resign(bundle, precision="int8")


def says(precision: str, label: str, name: str) -> str:
    return rf"{name}: {precision} by its (weights and nodes|metadata), and bundle\.json says {label}; export the bundle"


# What was done, to which bundle, what is said, and whether it opens without the check.
DAMAGES = {
    "a bit of model.onnx": ("onnx", flip("model.onnx"), OTHER_HASH.format(r"model\.onnx:"), True),
    "a bit of model.bin": ("openvino", flip("model.bin"), OTHER_HASH.format(r"model\.bin:"), True),
    "a bit of external data": ("external", flip("model.onnx.data"), OTHER_HASH.format(r"model\.onnx\.data:"), True),
    "truncated": ("onnx", truncate, OTHER_SIZE.format(r"model\.onnx:"), False),
    "swapped": ("onnx", swap, OTHER_HASH.format(r"model\.onnx:"), True),
    "label of onnx": ("onnx", relabel("int8"), says("fp32", "int8", r"model\.onnx"), True),
    "label of external data": ("external", relabel("fp16"), says("fp32", "fp16", r"model\.onnx"), True),
    "label of openvino": ("openvino", relabel("bf16"), says("fp32", "bf16", r"model\.xml"), True),
    "label without metadata": (
        "onnx",
        relabel_and_drop_metadata,
        r"model\.onnx: (fp32 by its weights and nodes|names no .* counts as fp32), and bundle\.json says int8",
        True,
    ),
    "parent": (
        "onnx",
        name_outside("../x"),
        r"bundle\.json: names the file '\.\./x', and allowed are only plain",
        False,
    ),
    "absolute": ("onnx", name_outside("/etc/hostname"), "names the file '/etc/hostname', and allowed", False),
    "subdirectory": ("onnx", name_outside("a/b"), "names the file 'a/b', and allowed are only plain names", False),
    "lines": ("onnx", name_outside("a\nb"), r"names the file 'a\\nb', and allowed are only plain names", False),
}


@pytest.fixture(params=DAMAGES)
def damaged(
    request: pytest.FixtureRequest, originals: Mapping[str, Path], tiny: Checkpoint, tmp_path: Path
) -> tuple[Path, str, bool]:
    """(bundle, what is said of it, whether it opens without the check)."""
    original, damage, message, opens = DAMAGES[request.param]
    copy = Path(shutil.copytree(originals[original], tmp_path / "bundle"))
    damage(copy, tiny)
    return copy, message, opens


def commands(bundle: Path, good: Path) -> dict[str, list[str]]:
    """Every way in."""
    return {
        "bench": [str(bundle), "--against", "none", "--sizes", "16x16", "--rounds", "1"],
        "inpaint": ["image.png", "mask.png", "-o", "out.png", "--model", str(bundle)],
        "evaluate": [str(bundle), "--data", "images", "--masks", "thick-256"],
        "verify": [str(bundle), "--sizes", "16x16"],
        "verify against it": [str(good), "--against", str(bundle), "--sizes", "16x16"],
        "verify its layers": [str(bundle), "--against", str(good), "--layers", "--sizes", "16x16"],
        "verify layers against it": [str(good), "--against", str(bundle), "--layers", "--sizes", "16x16"],
    }


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Runs a command in a folder with an image and its mask."""
    images, masks = scene(16, 24)
    (tmp_path / "images").mkdir()
    for path, array in (("image.png", images[0]), ("images/1.png", images[0]), ("mask.png", masks[0])):
        Image.fromarray(array).save(tmp_path / path)
    monkeypatch.chdir(tmp_path)

    def main(name: str, *arguments: str) -> int:
        command = name.split()[0]
        monkeypatch.setattr(sys, "argv", [f"lama-{command}", *arguments])
        return getattr(lama_deploy.cli, command).main()

    return main


def test_it_is_not_loaded(damaged: tuple[Path, str, bool]) -> None:
    bundle, message, _ = damaged
    model = next(path for path in (bundle / "model.onnx", bundle / "model.xml") if path.is_file())
    for source in (bundle, model):
        with pytest.raises(BundleError, match=message) as caught:
            Inpainter.load(source)
        assert "\n" not in str(caught.value)


def test_no_command_takes_it(
    damaged: tuple[Path, str, bool], run: Callable[..., int], bundles: Mapping[str, Path], capsys
) -> None:
    bundle, message, _ = damaged
    for name, arguments in commands(bundle, bundles["uint8"]).items():
        assert run(name, *arguments) == 2, name
        lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
        assert len(lines) == 1 and re.search(f"^error: .*{message}", lines[0]), (name, lines)
    assert not list(Path().glob("**/verify.json"))


def test_it_opens_without_the_check(damaged: tuple[Path, str, bool], run: Callable[..., int]) -> None:
    bundle, _, opens = damaged
    if opens:
        images, masks = scene(16, 24)
        assert Inpainter.load(bundle, check=False)(images, masks).shape == images.shape
    arguments = commands(bundle, bundle)["inpaint"]
    assert run("inpaint", *arguments, "--no-check") == (0 if opens else 2)


def test_other_files_may_lie_beside(bundles: Mapping[str, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundles["uint8"], tmp_path / "bundle"))
    (copy / "verify.json").write_text("{}")
    shutil.copy(copy / "model.onnx", copy / "other.onnx")
    for source in (copy, copy / "model.onnx", copy / "other.onnx"):
        Inpainter.load(source)


def test_an_onnx_file_needs_no_engine_beside_it(bundles: Mapping[str, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundles["uint8"], tmp_path / "bundle"))
    (copy / "model.engine").write_bytes(b"engine")
    resign(copy, target="trt")
    (copy / "model.engine").write_bytes(b"another")
    Inpainter.load(copy / "model.onnx")
    with pytest.raises(BundleError, match=r"model\.engine: has 7 bytes, and bundle\.json says 6;"):
        load_bundle(copy)


def test_a_file_that_cannot_be_read(bundles: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(lama_deploy.bundle, "sha256_of", refuse)
    with pytest.raises(BundleError, match=r"model\.onnx: cannot be read \(Permission denied\); allow it, or export"):
        Inpainter.load(bundles["uint8"])
