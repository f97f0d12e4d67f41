"""Every strategy over a backend that is no model: what it is shown, what comes back, and what auto chooses."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lama_deploy import Inpainter
from lama_deploy.errors import DeviceMemoryError, EngineError, ImageError, LamaDeployError
from lama_deploy.images.scenes import scene
from lama_deploy.process_memory import process_memory
from lama_deploy.runtime.backend import Capabilities, Memory
from lama_deploy.runtime.strategies.options import STRATEGIES, StrategyOptions
from lama_deploy.runtime.strategies.plan import Plan
from lama_deploy.shapes import Shape, ShapeRange

PROFILE = ShapeRange((1, 64, 64), (4, 256, 256), (4, 512, 512))


@dataclass
class Means:
    """Fills holes with the mean of what it is shown beside them, and looks at nothing inside them."""

    capabilities: Capabilities = field(default_factory=Capabilities)
    name: str = "means"
    device: str = "cpu"
    ran: list[Shape] = field(default_factory=list)
    fails: tuple[Exception, int] | None = None  # and the width of windows that it fails for

    def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        assert self.capabilities.part_for(masks.shape) == masks.shape
        self.ran.append(masks.shape)
        if self.fails and masks.shape[2] == self.fails[1]:
            raise self.fails[0]
        filled = images.copy()
        for picture, mask in zip(filled, masks > 0, strict=True):
            picture[mask] = picture[~mask].mean(axis=0) if not mask.all() else 77
        return filled


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture of any proportions, with holes of any: blobs, lines, specks, or all of it."""
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(20, 420, 2))
    pixels = scene(height, width, seed=seed)[0][0]
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for _ in range(random.integers(1, 6)):
        x, y, a, b = (int(v) for v in random.integers(0, max(height, width), 4))
        kind = random.integers(4)
        if kind == 0:
            draw.ellipse([x, y, x + a // 2, y + b // 2], fill=255)
        elif kind == 1:
            draw.line([(x, y), (a, b)], fill=255, width=int(random.integers(1, 30)))
        elif kind == 2:
            draw.point([(x, y), (a, b)], fill=255)
        else:
            draw.rectangle([x, y, x + a // 9, y + b // 9], fill=255)
    return pixels, (np.asarray(mask) > 0).astype(np.uint8)


@pytest.fixture
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that auto cuts pictures which are small enough for a test."""
    monkeypatch.setattr(f"{Plan.__module__}.SMALL", 0)


@pytest.mark.usefixtures("nothing_is_small")
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("shapes", [(), (PROFILE,)])
def test_known_pixels_stay_and_every_hole_is_filled(strategy: str, shapes: tuple[ShapeRange, ...]) -> None:
    for seed in range(8):
        pixels, hole = drawn(seed)
        options = StrategyOptions(strategy=strategy, limit=128, margin=4 * seed)  # type: ignore[arg-type]
        got = Inpainter(Means(Capabilities(shapes=shapes)), options).run(pixels[None], hole[None])[0]
        np.testing.assert_array_equal(got[hole == 0], pixels[hole == 0])
        hidden = pixels.copy()
        hidden[hole > 0] = 255 - hidden[hole > 0]  # whatever the hole hides, and whatever fills it, is its own affair
        again = Inpainter(Means(Capabilities(shapes=shapes)), options).run(hidden[None], hole[None])[0]
        np.testing.assert_array_equal(got, again)


@pytest.mark.usefixtures("nothing_is_small")
@pytest.mark.parametrize("strategy", ["auto", "crop", "tile", "resize"])
def test_a_picture_is_filled_the_same_in_any_company(strategy: str) -> None:
    pictures = [
        (pixels[:200, :300], hole[:200, :300]) for pixels, hole in map(drawn, range(40)) if hole[:200, :300].any()
    ]
    options = StrategyOptions(strategy=strategy, limit=128)  # type: ignore[arg-type]
    backend = Means(Capabilities(batch=4))
    together = Inpainter(backend, options).run_many(pictures)
    assert any(Inpainter(backend, options).plan(hole).steps for _, hole in pictures)
    assert any(shape[0] > 1 for shape in backend.ran)
    for (pixels, hole), got in zip(pictures, together, strict=True):
        np.testing.assert_array_equal(got, Inpainter(Means(), options).run(pixels[None], hole[None])[0])


def hole_of(size: tuple[int, int], *boxes: tuple[int, int, int, int]) -> np.ndarray:
    """boxes: top, left, height, width."""
    hole = np.zeros(size, np.uint8)
    for top, left, height, width in boxes:
        hole[top : top + height, left : left + width] = 1
    return hole


def planned(hole: np.ndarray, strategy: str = "auto", **capabilities: object) -> Plan:
    return Inpainter(Means(Capabilities(**capabilities)), strategy).plan(hole)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hole", "kinds", "why"),
    [
        (hole_of((600, 800), (10, 10, 20, 20)), "whole", "small"),
        (hole_of((3000, 4000), (1000, 900, 150, 200)), "crop", "holes"),
        (hole_of((1000, 1000), (200, 200, 600, 600)), "whole", "no gain"),
        (hole_of((3000, 4000), (200, 200, 2200, 2000)), "resize", "large"),
        (hole_of((3000, 4000), (1500, 0, 30, 4000)), "crop", "holes"),
        (hole_of((3000, 4000), (0, 0, 30, 4000), (0, 0, 3000, 30)), "tile", "thin"),
        (hole_of((3000, 4000), (0, 0, 1200, 1200), (2500, 3500, 30, 30)), "crop and resize", "large"),
    ],
)
def test_auto_chooses_by_size_and_holes(hole: np.ndarray, kinds: str, why: str) -> None:
    plan = planned(hole)
    assert (plan.kinds, plan.why) == (kinds, why), plan.windows
    assert all(step.size[0] * step.size[1] <= 1024**2 for step in plan.steps)


def process_room() -> int:
    memory = process_memory()
    if memory is None:
        pytest.skip("this system does not say how much memory there is")
    return memory.whole


def test_auto_chooses_what_fits_into_memory() -> None:
    room = process_room()
    hole = hole_of((3000, 4000), (1000, 900, 700, 700))
    plan = planned(hole, memory=Memory(0, room / 500_000))
    assert plan.why == "memory" and all(0 < step.size[0] * step.size[1] < 450_000 for step in plan.steps)
    backend = Means(Capabilities(memory=Memory(0, room / 500_000)))
    with pytest.raises(DeviceMemoryError, match="strategy auto"):
        Inpainter(backend, "whole").run(np.zeros((1, *hole.shape, 3), np.uint8), hole[None])


def test_auto_chooses_what_the_engine_takes() -> None:
    hole = hole_of((1500, 2000), (500, 900, 150, 200))
    plan = planned(hole, shapes=(PROFILE,))
    (step,) = plan.steps
    assert step.kind == "crop" and step.size == (320, 384)
    (small,) = planned(hole_of((1500, 2000), (500, 900, 90, 90)), shapes=(PROFILE,)).steps
    assert small.size == (256, 256)  # what it was made for
    (large,) = planned(hole_of((1500, 2000), (100, 200, 900, 900)), shapes=(PROFILE,)).steps
    assert large.kind == "resize" and max(large.size) <= 512


def test_windows_that_overlap_are_one_and_lie_inside_the_picture() -> None:
    hole = hole_of((1000, 2000), (0, 0, 40, 40), (0, 150, 40, 40), (900, 1900, 100, 100), (500, 1000, 30, 30))
    plan = planned(hole, "crop")
    windows = [step.window for step in plan.steps]
    assert len(windows) == 3 and windows[0].width >= 190 + 64
    for window in windows:
        assert window.top >= 0 and window.bottom <= 1000 and window.left >= 0 and window.right <= 2000
        assert window.height % 64 == window.width % 64 == 0
    assert windows[0].top == windows[0].left == 0 and (windows[2].bottom, windows[2].right) == (1000, 2000)


def test_later_tiles_see_what_is_filled() -> None:
    pixels, hole = np.full((1, 2000, 700, 3), 200, np.uint8), hole_of((2000, 700), (100, 0, 1800, 700))
    backend = Means()
    got = Inpainter(backend, StrategyOptions(strategy="tile", limit=512)).run(pixels, hole[None])
    assert len(backend.ran) > 4
    np.testing.assert_array_equal(got, pixels)  # 77, where a tile would have seen nothing known


@pytest.mark.parametrize("error", [EngineError("failed"), MemoryError()])
def test_an_error_is_that_pictures_alone(error: Exception) -> None:
    pictures = [
        (np.full((300, 300 + 8 * n, 3), 9, np.uint8), hole_of((300, 300 + 8 * n), (9, 9, 50, 50))) for n in range(3)
    ]
    backend = Means(Capabilities(batch=3), fails=(error, 308))
    results = Inpainter(backend, "whole").run_many(pictures)
    assert [type(result) for result in results] == [np.ndarray, type(error), np.ndarray]


def test_memory_that_ends_while_a_hole_is_set_is_that_pictures_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def detailed(*_: object) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr("lama_deploy.runtime.strategies.fillings.detailed", detailed)
    large, small = ((np.full((n, n, 3), 9, np.uint8), hole_of((n, n), (9, 9, 50, 50))) for n in (400, 100))
    results = Inpainter(Means(), StrategyOptions(strategy="resize", limit=128)).run_many([large, small])
    assert [type(result) for result in results] == [MemoryError, np.ndarray]


def test_a_batch_that_fails_is_tried_one_by_one() -> None:
    @dataclass
    class Frail(Means):
        def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
            if len(images) > 1:
                raise DeviceMemoryError("too little")
            return super().run(images, masks)

    pixels, hole = np.full((300, 300, 3), 9, np.uint8), hole_of((300, 300), (9, 9, 50, 50))
    results = Inpainter(Frail(Capabilities(batch=3)), "whole").run_many([(pixels, hole)] * 3)
    assert all(isinstance(result, np.ndarray) for result in results)


def test_specks_all_over_a_picture_are_no_reason_for_more_than_the_picture() -> None:
    hole = np.zeros((1500, 2000), np.uint8)
    hole[::60, ::60] = 1
    assert (planned(hole).kinds, planned(hole).why) == ("whole", "no gain")
    little = planned(hole, memory=Memory(0, process_room() / 1_500_000))
    assert little.kinds == "tile" and all(step.size[0] * step.size[1] < 1_400_000 for step in little.steps)


def test_a_plan_is_for_holes() -> None:
    for wrong in ("x", np.zeros((3, 3, 3), np.uint8), np.zeros((3, 3)), np.zeros((0, 3), np.uint8)):
        with pytest.raises(ImageError, match=r"allowed: uint8 or bool \(H, W\)"):
            Inpainter(Means()).plan(wrong)  # type: ignore[arg-type]


def test_holes_may_be_chosen_by_others() -> None:
    """As videos do: the window stays where it is, wherever the hole moves inside it."""
    around = hole_of((1000, 2000), (400, 400, 200, 600))
    inpaint, shapes = Inpainter(backend := Means()), set()
    for left in range(400, 900, 100):
        inpaint.run(
            np.zeros((1, 1000, 2000, 3), np.uint8), hole_of((1000, 2000), (450, left, 90, 90))[None], around=around
        )
        shapes.add(backend.ran[-1])
    assert len(shapes) == 1


def test_an_empty_hole_needs_no_run() -> None:
    pixels = scene(1500, 1500)[0]
    backend = Means()
    np.testing.assert_array_equal(Inpainter(backend).run(pixels, np.zeros((1, 1500, 1500), np.uint8)), pixels)
    np.testing.assert_array_equal(
        Inpainter(backend).run_many([(pixels[0], np.zeros((1500, 1500), np.uint8))])[0], pixels[0]
    )
    assert not backend.ran
    assert planned(np.zeros((1500, 1500), np.uint8)).why == "empty"


def test_what_nobody_asked_for_is_news() -> None:
    specks = np.zeros((1500, 2000), np.uint8)
    specks[::60, ::60] = 1
    assert (
        planned(specks).text == ("filled by whole, since windows around the holes would be most of the picture")
        and planned(specks).is_news
    )
    little = hole_of((600, 800), (10, 10, 20, 20))
    assert planned(little, "resize").text == "filled by whole, since its longer side is within the limit already"
    assert planned(little, "resize").is_news and planned(little, "tile").why == "asked"
    assert not any(planned(hole, kind).is_news for hole in (little, 0 * specks) for kind in ("auto", "whole", "crop"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strategy": "best"}, "allowed: auto, whole, crop, resize, tile"),
        ({"limit": 100}, "from 128 to 65536"),
        ({"margin": -1}, "from 0 to 16384"),
        ({"limit": True}, "an integer"),
    ],
)
def test_other_options_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(LamaDeployError, match=words):
        replace(StrategyOptions(), **options)  # type: ignore[arg-type]
