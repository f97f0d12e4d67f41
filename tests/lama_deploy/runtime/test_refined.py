"""--refine and refine=: of backend torch alone, in every strategy, at full size, with the known pixels as they were."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.cli.inpaint import main
from lama_deploy.errors import LamaDeployError
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.refine_options import RefineOptions

SMALL = RefineOptions(n_iters=3, min_side=24)


@pytest.fixture(scope="module")
def refining(tiny: Checkpoint) -> Inpainter:
    return Inpainter.of(tiny, device="cpu", strategy="whole", refine=SMALL)


@pytest.fixture(scope="module")
def plain(tiny: Checkpoint) -> Inpainter:
    return Inpainter.of(tiny, device="cpu", strategy="whole")


def test_holes_change_and_known_pixels_do_not(refining: Inpainter, plain: Inpainter) -> None:
    pixels, holes = scene(60, 75)
    found, other = refining.run(pixels, holes), plain.run(pixels, holes)
    assert np.array_equal(found[holes == 0], pixels[holes == 0])
    assert (found != other)[holes > 0].mean() > 0.2
    assert np.array_equal(refining.run(pixels, holes), found)


def test_a_batch_is_each_picture_alone(refining: Inpainter) -> None:
    pixels, holes = scene(50, 64, 2, seed=3)
    alone = [refining.run(pixels[index : index + 1], holes[index : index + 1])[0] for index in range(2)]
    assert np.array_equal(refining.run(pixels, holes), np.stack(alone))


def test_a_picture_above_the_budget_keeps_its_size_and_its_known_pixels(tiny: Checkpoint) -> None:
    options = RefineOptions(n_iters=2, min_side=24, px_budget=2500)
    inpainter = Inpainter.of(tiny, device="cpu", strategy="whole", refine=options)
    pixels, holes = scene(120, 91)
    found = inpainter.run(pixels, holes)
    assert found.shape == pixels.shape and np.array_equal(found[holes == 0], pixels[holes == 0])
    assert found[holes > 0].std() > 5


def test_windows_are_refined_too(tiny: Checkpoint) -> None:
    pixels, holes = scene(200, 300)
    holes[:] = 0
    holes[:, 20:60, 20:70] = 1
    crops = [Inpainter.of(tiny, device="cpu", strategy="crop", refine=one).run(pixels, holes) for one in (SMALL, None)]
    assert np.array_equal(crops[0][holes == 0], pixels[holes == 0])
    assert not np.array_equal(crops[0], crops[1])


def test_autos_windows_are_large_enough_to_be_refined(tiny: Checkpoint) -> None:
    """Around a small hole they would not be, and --refine would change nothing."""
    hole = np.zeros((900, 1200), np.uint8)
    hole[300:320, 500:530] = 1
    inpainter = Inpainter.of(tiny, refine=RefineOptions(n_iters=1, min_side=64))
    (step,) = inpainter.plan(hole).steps
    assert step.size == (192, 192)
    (step,) = Inpainter.of(tiny, refine=RefineOptions(n_iters=1, min_side=160)).plan(hole).steps
    assert step.size == (320, 320)


def test_what_is_too_small_to_be_refined_is_said_once(tiny: Checkpoint, caplog: pytest.LogCaptureFixture) -> None:
    pixels, holes = scene(60, 75)
    inpainter = Inpainter.of(tiny, device="cpu", strategy="whole", refine=RefineOptions(min_side=50))
    for _ in range(2):
        inpainter.run(pixels, holes)
    (said,) = caplog.messages
    assert said.startswith("75x60 pixels are too few to refine by a smaller size, and are filled alone")


def test_what_is_refined_says_nothing(refining: Inpainter, caplog: pytest.LogCaptureFixture) -> None:
    refining.run(*scene(60, 75))
    assert not caplog.messages


@pytest.mark.parametrize("wrong", [{"n_iters": 0}, {"lr": 0}, {"lr": "x"}, {"max_scales": True}, {"px_budget": 2**40}])
def test_options_out_of_range_are_one_line(wrong: Any) -> None:
    with pytest.raises(LamaDeployError, match=r"^refinement's \w+ is .*; allowed: "):
        RefineOptions(**wrong)


def test_other_backends_and_values_are_refused_by_one_line(bundles: Mapping[str, Path], tiny: Checkpoint) -> None:
    with pytest.raises(LamaDeployError, match=r"the onnxruntime backend cannot refine; .* --backend torch$"):
        Inpainter.load(bundles["uint8"], refine=True)
    with pytest.raises(LamaDeployError, match="the cuda backend cannot refine"):
        Inpainter.of(tiny, backend="cuda", device="cpu", refine=True)  # type: ignore[call-overload]
    with pytest.raises(LamaDeployError, match="cannot refine"):
        Inpainter(Inpainter.load(bundles["uint8"]).backend, refine=True)
    with pytest.raises(LamaDeployError, match="refine is yes; allowed: True, False or RefineOptions"):
        Inpainter.of(tiny, refine="yes")  # type: ignore[call-overload]


def test_the_command(tiny: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, holes = scene(60, 75)
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    Image.fromarray((holes[0] > 0).astype(np.uint8) * 255).save(tmp_path / "a_mask.png")
    given = [str(tmp_path / name) for name in ("a.png", "a_mask.png")] + ["--model", str(tiny.path), "--device", "cpu"]
    refine = [
        "--refine",
        "--refine-iters",
        "3",
        "--refine-min-side",
        "24",
        "--refine-lr",
        "0.002",
        "--backend",
        "torch",
    ]

    def call(name: str, *more: str) -> int:
        monkeypatch.setattr(sys, "argv", ["lama-inpaint", *given, "-o", str(tmp_path / name), *more])
        return main()

    assert call("refined.png", *refine) == 0
    assert call("refused.png", "--refine-iters", "3") == 2 and not (tmp_path / "refused.png").exists()
    expected = Inpainter.of(tiny, device="cpu", refine=SMALL).run(pixels, holes)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "refined.png")), expected[0])
