"""The page without a mouse: by keyboard, by screen reader, by finger, on a narrow screen."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.web.page.conftest import SIZE, Drive

pytest.importorskip("playwright", reason="Playwright is not installed: pip install playwright")

from tests.web.page.driving import Driver

PHONE = {"viewport": {"width": 360, "height": 640}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
CUT_OFF = """
() => [...document.querySelectorAll('button, input, select')].filter((one) => one.checkVisibility()).filter((one) => {
  const { left, right, top, bottom } = one.getBoundingClientRect();
  return left < 0 || top < 0 || right > innerWidth || bottom > innerHeight;
}).map((one) => one.id || one.dataset.tool)
"""
SMALL = """
() => [...document.querySelectorAll('button')].filter((one) => one.checkVisibility()).filter((one) => {
  const { width, height } = one.getBoundingClientRect();
  return width < 44 || height < 44;
}).map((one) => one.id || one.dataset.tool)
"""
NAMELESS = """
() => [...document.querySelectorAll('button, input:not([hidden]), select')]
  .filter((one) => !(one.ariaLabel || one.innerText || one.textContent.trim() || one.labels?.[0]?.innerText))
  .map((one) => one.id)
"""


def pressed(desk: Driver) -> list[str]:
    buttons = desk.page.locator("button[data-tool][aria-pressed=true]").all()
    return [button.get_attribute("aria-label") or "" for button in buttons]


def test_a_hole_is_marked_filled_compared_and_undone_by_keys_alone(desk: Driver) -> None:
    keys = desk.page.keyboard
    told = desk.page.locator("#told")
    assert desk.page.evaluate("document.activeElement.id") == "stage"
    keys.press("r")
    assert pressed(desk) == ["Rectangle"]
    keys.press("ArrowRight")
    assert told.inner_text() == "Rectangle 32 by 24 at 64, 48"
    keys.press("ArrowLeft")
    keys.press("Alt+ArrowUp")
    keys.press("Shift+ArrowRight")
    assert told.inner_text() == "Rectangle 36 by 24 at 60, 47"
    keys.press("Enter")
    assert told.inner_text() == "Rectangle marked"
    keys.press("Control+Enter")
    desk.told("Done in")
    assert told.inner_text().startswith("Done in")
    ys, xs = np.nonzero(desk.sent().hole)
    assert (xs.min(), xs.max() + 1, ys.min(), ys.max() + 1) == (60, 96, 47, 71)
    keys.press("c")
    assert desk.page.is_visible("#divider")
    keys.press("Control+z")
    desk.told("Undone: a fill")


def test_a_hole_is_marked_by_numbers(desk: Driver) -> None:
    desk.tool("Rectangle")
    for name, value in (("x", "10"), ("y", "20"), ("width", "30"), ("height", "15")):
        desk.page.fill(f"#box-{name}", value)
    desk.page.keyboard.press("Enter")
    for name, value in (("x", "15"), ("y", "20"), ("width", "5"), ("height", "5")):
        desk.page.fill(f"#box-{name}", value)
    desk.page.click("#box-erase")
    desk.page.fill("#box-x", "5000")
    desk.page.click("#box-mark")  # refused by the field
    expected = np.zeros(SIZE[::-1], bool)
    expected[20:35, 10:40] = True
    expected[20:25, 15:20] = False
    assert np.array_equal(desk.remove().hole, expected)


def test_everything_has_a_name_and_tools_tell_that_they_are_chosen(desk: Driver) -> None:
    assert desk.page.evaluate(NAMELESS) == []
    for key, name in (("e", "Eraser"), ("r", "Rectangle"), ("l", "Lasso"), ("b", "Brush")):
        desk.page.keyboard.press(key)
        assert pressed(desk) == [name]
    before = desk.radius
    desk.page.keyboard.press("]")
    assert desk.radius > before
    desk.page.keyboard.press("[")
    assert desk.radius == before
    desk.page.keyboard.press("?")
    assert desk.page.get_by_role("dialog").get_by_text("remove what is marked").is_visible()
    desk.page.keyboard.press("Escape")
    assert not desk.page.get_by_role("dialog").is_visible()


def test_focus_is_not_lost_while_a_hole_is_filled(desk: Driver) -> None:
    desk.drag((40, 40), (70, 60))
    desk.page.focus("#remove")
    held = list[Any]()
    desk.page.route("**/v1/inpaint", lambda route: held.append(route))
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_selector("#cancel:focus")
    held[0].continue_()
    desk.told("Done in")
    desk.page.wait_for_selector("#remove:focus")


def test_a_phone_paints_with_one_finger_and_zooms_with_two(drive: Drive, photo: Path) -> None:
    desk: Driver = drive(**PHONE)
    assert desk.page.evaluate(CUT_OFF) == []
    desk.open(photo, SIZE)
    for tool in ("Rectangle", "Brush"):
        desk.tool(tool)
        assert desk.page.evaluate(CUT_OFF) == []
        assert desk.page.evaluate(SMALL) == []
    assert desk.page.evaluate("document.documentElement.scrollWidth") == 360
    radius = desk.radius
    fingers = desk.page.context.new_cdp_session(desk.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    start, end, other = desk.at((40, 60)), desk.at((100, 60)), desk.at((60, 20))
    touch("touchStart", start)
    touch("touchMove", end)
    touch("touchEnd")
    assert desk.page.is_enabled("#undo")
    left = desk.at((80, 60))
    before = desk.shown((80, 60))
    touch("touchStart", left)
    touch("touchStart", left, other)  # the stroke that the first finger began is none
    touch("touchMove", (left[0] - 60, left[1]), (other[0] + 60, other[1]))
    touch("touchEnd")
    assert before  # and the picture is larger now
    desk.page.tap("#fit")
    hole = desk.remove().hole
    ys, xs = np.nonzero(hole)
    assert xs.min() >= 40 - radius - 1 and xs.max() <= 100 + radius + 1
    assert ys.min() >= 60 - radius - 1 and ys.max() <= 60 + radius + 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_what_the_person_prefers_and_can_be_read(drive: Drive, photo: Path, scheme: str) -> None:
    desk: Driver = drive(color_scheme=scheme)
    screen = Image.open(io.BytesIO(desk.page.screenshot())).convert("L")
    assert (np.asarray(screen).mean() > 128) == (scheme == "light")
    contrasts = desk.page.evaluate(
        """() => ['h2', '#privacy', '#choose', '#example'].map((name) => {
          const of = (css) => {
            const canvas = new OffscreenCanvas(1, 1).getContext('2d');
            canvas.fillStyle = css;
            canvas.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
              .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          let behind = document.querySelector(name);
          const ink = of(getComputedStyle(behind).color);
          while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
          const ground = of(getComputedStyle(behind).backgroundColor);
          return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
        })"""
    )
    assert min(contrasts) >= 4.5, contrasts
