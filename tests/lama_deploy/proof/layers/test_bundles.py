"""Bundles against bundles by Polygraphy: the layer that was changed is named, rounding is not, engines are built."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lama_deploy.proof.layers.runners as runners_module
from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, ConfigError, EngineError, MissingDependencyError
from lama_deploy.images.scenes import scene
from lama_deploy.precision.scales import scale_state
from lama_deploy.proof.layers.bundles import LayeredModel, compare_layers, profile_for
from lama_deploy.proof.layers.compare import Difference, first_divergence
from lama_deploy.proof.layers.runners import require_polygraphy
from lama_deploy.proof.layers.table import layer_table
from lama_deploy.proof.subjects import Size
from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend
from lama_export.precision.fp16 import fold_ranges

SIZE = Size(40, 72)  # a latent of 5x9
Make = Callable[..., Path]


def differences(candidate: Path, reference: Path, size: Size = SIZE) -> list[Difference]:
    return compare_layers(*(LayeredModel.open(folder, load_bundle(folder)) for folder in (candidate, reference)), size)


def one_more(array: np.ndarray) -> np.ndarray:
    """One of its values changed, by as much as the largest of them."""
    changed = array.copy()
    changed.flat[array.size // 2] += np.abs(array).max()
    return changed


def folded(tiny: Checkpoint) -> dict[str, Any]:
    """The arguments of `make_bundle` for fp16."""
    found = fold_ranges(tiny.config, tiny.state_dict, [tuple(one[0] for one in scene(64, 64))])
    return {"precision": "fp16", "state": found.state_dict, "ranges": found.to_dict()}


@pytest.mark.parametrize(
    ("half", "weight", "layer"),
    [
        (False, "model.1.ffc.convl2l.weight", "generator/front/stem/conv"),
        (False, "model.5.conv1.ffc.convl2g.bias", "generator/block01/conv1/l2g"),
        (True, "model.5.conv2.ffc.convl2l.weight", "generator/block01/conv2/l2l"),
        (True, "model.5.conv2.ffc.convg2g.fu.conv_layer.weight", "generator/block01/conv2/g2g/fourier_unit/mix"),
    ],
)
def test_the_layer_whose_weight_was_changed_is_the_first(
    half: bool, weight: str, layer: str, make_bundle: Make, bundles: Mapping[str, Path], tiny: Checkpoint
) -> None:
    changed = make_bundle("changed", edit={weight: one_more}, **(folded(tiny) if half else {}))
    found = differences(changed, bundles["uint8"])
    first = first_divergence(found)
    assert first is not None and first.layer.name == layer
    assert first.layer.module in ("", weight.rpartition(".")[0])
    assert f"first diverging layer: {layer} (Conv" in layer_table(found)


def test_half_precision_is_no_divergence_and_its_scales_are_found(
    make_bundle: Make, bundles: Mapping[str, Path], tiny: Checkpoint
) -> None:
    half = make_bundle("half", **folded(tiny))
    found = {one.layer.name: one for one in differences(half, bundles["uint8"])}
    assert len(found) > 150 and all(found.values())
    assert max(one.error for one in found.values()) > 2.0**-12  # it is half precision indeed
    recorded = {name: value["scale"] for name, value in load_bundle(half).ranges["values"].items()}
    layers = {"local": "local", "global": "global", "block01/mid_local": "conv1/local"}
    assert {recorded[value] for value in layers} - {1.0}
    for value, layer in layers.items():
        assert found[f"generator/block01/{layer}"].scale == recorded[value]
    images, masks = scene(SIZE.height, SIZE.width)
    assert OnnxRuntimeBackend(bundles["uint8"] / "model.onnx").run(images, masks)[masks > 0].std() > 10


def test_bfloat16_and_the_same_file_are_no_divergence(make_bundle: Make, bundles: Mapping[str, Path]) -> None:
    found = differences(make_bundle("bf16", "bf16"), bundles["uint8"])
    assert len(found) > 150 and all(found) and max(one.error for one in found) > 2.0**-9
    assert {"generator/up1/conv"} < {one.layer.name for one in found}  # made by pixels in one of them
    same = differences(bundles["uint8"], bundles["uint8"], Size(17, 40, 2))
    assert all(same) and not any(one.error for one in same)
    assert "no layer diverges" in layer_table(same)


@pytest.mark.parametrize(("spectral", "inside"), [("inline", True), ("dft", False)])
def test_another_form_of_the_fourier_units_is_no_divergence(
    spectral: str, inside: bool, make_bundle: Make, bundles: Mapping[str, Path]
) -> None:
    """The DFT operator's values have other shapes inside of a unit, and other errors."""
    found = differences(make_bundle(spectral, spectral=spectral), bundles["uint8"])
    assert len(found) > 100 and not any(one.diverges for one in found)
    names = {one.layer.name for one in found}
    assert "generator/block01/conv1/g2g/fourier_unit" in names
    assert inside == any("/fourier_unit/" in name for name in names)


def test_an_overflow_is_named_where_it_happens(
    make_bundle: Make, bundles: Mapping[str, Path], tiny: Checkpoint
) -> None:
    state = scale_state(tiny.config, tiny.state_dict, {"block01/mid_local": 2.0**15})
    first = first_divergence(differences(make_bundle("big", "fp16", state=state, ranges={"x": 1}), bundles["uint8"]))
    assert (
        first is not None and first.layer.name.startswith("generator/block01/conv1/") and not np.isfinite(first.error)
    )
    assert "not finite" in layer_table([first])


def test_what_cannot_be_compared_is_one_line(make_bundle: Make, bundles: Mapping[str, Path]) -> None:
    with pytest.raises(ConfigError, match="not of the same generator and --io"):
        differences(bundles["uint8"], bundles["float"])
    damaged = make_bundle("damaged")
    (damaged / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(BundleError, match=r"damaged/model\.onnx: damaged \(.+\); export it again"):
        LayeredModel.open(damaged, load_bundle(damaged, check=False))


def test_a_model_that_does_not_run_says_why(make_bundle: Make, bundles: Mapping[str, Path]) -> None:
    wrong = make_bundle("wrong", edit={"model.5.conv1.ffc.convl2l.weight": lambda weight: weight[:, :1]})
    with pytest.raises(EngineError, match=r"the layers do not run: .*l2l"):
        differences(wrong, bundles["uint8"])


def test_the_tightest_profile_that_takes_the_size(engine_record: dict[str, Any]) -> None:
    assert profile_for(engine_record, Size(64, 64)).largest == (2, 64, 64)
    assert profile_for(engine_record, Size(65, 64, 2)).largest == (2, 256, 256)
    with pytest.raises(ConfigError, match=r"takes 16x16 to 64x64 .*, 64x64 to 256x256 .*, not 8x300; give another"):
        profile_for(engine_record, Size(8, 300))


def test_without_polygraphy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners_module, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*\[layers\]"):
        require_polygraphy("onnx")


def test_one_process_takes_one_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    import polygraphy.config
    import polygraphy.util

    monkeypatch.setattr(polygraphy.config, "USE_TENSORRT_RTX", True)
    require_polygraphy("trt-rtx")
    require_polygraphy("onnx")
    with pytest.raises(EngineError, match="one kind of TensorRT in a process"):
        require_polygraphy("trt")


@pytest.mark.slow
@pytest.mark.trt
def test_the_engine_of_the_layers_is_built_as_recorded(
    kernel_build: Path, make_bundle: Make, engine_record: dict[str, Any]
) -> None:
    """With the plugin Fourier units stay whole. In a process of its own, which can hold one SpectralConv."""
    half = make_bundle("half", "fp16", target="trt-rtx", engine=engine_record)
    with_plugin = {**engine_record, "plugin": {"name": "x", "sha256": "0" * 64, "kind": "compiled"}, "tf32": True}
    plugin = make_bundle("plugin", target="trt-rtx", engine=with_plugin)
    command = [sys.executable, str(Path(__file__).with_name("layers_plan.py")), str(half), str(plugin)]
    done = subprocess.run(
        [*command, str(kernel_build / "liblama_tensorrt_plugin.so")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    built = json.loads(done.stdout)
    profile = {"min": [1, 64, 64, 3], "opt": [1, 128, 128, 3], "max": [2, 256, 256, 3]}
    for one in built:
        assert one["bytes"] > 10_000 and len(one["outputs"]) > 100
        assert sorted(one["tensors"]) == sorted(["image", "mask", "result", *one["outputs"]])
        assert one["tensors"]["image"]["profiles"] == [profile] and "STRONGLY_TYPED" in one["flags"]
    assert ["TF32" in one["flags"] for one in built] == [False, True]
    units = {f"generator/block01/{conv}/g2g/fourier_unit" for conv in ("conv1", "conv2")}
    inside = [{name for name in one["outputs"] if "/fourier_unit" in name} for one in built]
    assert inside[0] > units and inside[1] == units
    assert [one["counts"].get("custom_layer", 0) for one in built] == [0, len(units)]
