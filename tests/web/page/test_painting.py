"""What is painted is what is sent, and what comes back is what `Inpainter` makes of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lama_deploy import Inpainter
from tests.web.page.conftest import SIZE

pytest.importorskip("playwright", reason="Playwright is not installed: pip install playwright")

from tests.web.page.driving import Driver, disc_swept

STROKE = ((40, 40), (70, 60), (75, 90))


def filled(inpainter: Inpainter, pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    return np.asarray(inpainter(pixels, hole.astype(np.uint8)))


def test_a_stroke_is_filled_in_place_and_nothing_else_changes(
    desk: Driver, inpainter: Inpainter, pixels: np.ndarray
) -> None:
    desk.drag(*STROKE)
    sent = desk.remove()
    inside, unsure = disc_swept(SIZE, STROKE, desk.radius)
    assert inside.sum() > 500
    assert np.array_equal(sent.hole | unsure, inside | unsure)
    assert np.array_equal(sent.result[~sent.hole], pixels[~sent.hole])
    assert np.array_equal(sent.result, filled(inpainter, pixels, sent.hole))
    assert np.abs(sent.result[sent.hole].astype(int) - pixels[sent.hole]).max() > 8
    assert sent.fields == {"format": "png", "mask_as": "shown"}
    desk.told("filled by whole")
    [(x, y)] = [STROKE[1]]
    assert desk.shown((x + 0.5, y + 0.5)) == [tuple(sent.result[y, x])]


def test_the_result_is_the_next_input(desk: Driver, inpainter: Inpainter) -> None:
    desk.drag((30, 30), (60, 30))
    first = desk.remove()
    desk.drag((100, 80), (120, 90))
    second = desk.remove()
    assert second.files["image"] == first.answer
    assert not (first.hole & second.hole).any()
    assert np.array_equal(second.result, filled(inpainter, first.result, second.hole))


def test_rectangle_lasso_and_eraser(desk: Driver) -> None:
    expected = Image.new("1", SIZE)
    draw = ImageDraw.Draw(expected)
    desk.tool("Rectangle")
    desk.drag((20, 20), (60, 50))
    draw.rectangle((20, 20, 59, 49), fill=1)
    desk.tool("Lasso")
    outline = ((80, 20), (140, 30), (120, 80), (90, 70))
    desk.drag(*outline, outline[0])
    draw.polygon(outline, fill=1)
    desk.tool("Eraser")
    desk.drag((20, 35), (60, 35))
    erased, _ = disc_swept(SIZE, ((20, 35), (60, 35)), desk.radius)
    sent = desk.remove()
    differing = sent.hole ^ (np.asarray(expected) & ~erased)
    assert not differing[:, :75].any()  # the rectangle less the eraser, to the pixel
    assert sent.hole[:, 75:].sum() > 0
    assert differing.sum() < 140  # Pillow takes a polygon's edge, too, for its inside


def test_undo_and_redo_of_marks_and_of_fills(desk: Driver) -> None:
    desk.drag((30, 30), (60, 30))
    desk.drag((100, 80), (120, 90))
    desk.page.keyboard.press("Control+z")
    first = desk.remove()
    assert not first.hole[60:].any()
    here = (45, 30)
    [done] = desk.shown(here)
    desk.page.keyboard.press("Control+z")
    desk.told("Undone: a fill")
    [marked] = desk.shown(here)
    desk.page.keyboard.press("Control+z")
    desk.told("Undone: a mark")
    [original] = desk.shown(here)
    assert len({done, marked, original}) == 3
    desk.page.keyboard.press("Control+Shift+z")
    desk.told("Done again: a mark")
    desk.page.keyboard.press("Control+y")
    desk.told("Done again: a fill")
    assert desk.shown(here) == [done]
    assert desk.page.evaluate("window.sent.length") == 1  # nothing was computed anew


def test_clear_and_nothing_marked(desk: Driver) -> None:
    desk.drag(*STROKE)
    desk.tool("Clear the marks")
    desk.page.click("#remove")
    desk.told("Nothing is marked yet")
    desk.page.keyboard.press("Control+z")  # clearing can be undone too
    assert desk.remove().hole.any()


def test_before_and_after(desk: Driver, pixels: np.ndarray) -> None:
    desk.drag((50, 60), (110, 60))
    result = desk.remove().result
    desk.tool("Compare before and after")
    left, right = (55, 60), (105, 60)
    as_it_was = tuple(pixels[60, 55])
    assert as_it_was != tuple(result[60, 55])
    assert desk.shown((55.5, 60.5), (105.5, 60.5)) == [as_it_was, tuple(result[60, 105])]
    desk.drag((80, 60), (20, 60))  # what parts them is dragged, and nothing is painted
    assert desk.shown((55.5, 60.5)) == [tuple(result[60, left[0]])]
    desk.page.focus("#divider")
    desk.page.keyboard.press("End")
    assert desk.shown((right[0] + 0.5, 60.5)) == [tuple(pixels[60, right[0]])]
    desk.page.keyboard.press("Escape")
    assert not desk.page.is_visible("#divider")


def test_zoomed_in_strokes_are_finer_and_still_where_they_were_drawn(desk: Driver) -> None:
    coarse = desk.radius
    desk.page.mouse.move(*desk.at((80, 60)))
    desk.page.mouse.wheel(0, -500)
    x, y = desk.at((80, 60))  # the point under the pointer stays
    desk.page.mouse.click(x, y)
    hole = desk.remove().hole
    ys, xs = np.nonzero(hole)
    assert abs(xs.mean() + 0.5 - 80) < 0.6 and abs(ys.mean() + 0.5 - 60) < 0.6
    assert 1 < np.ptp(xs) < 2 * coarse / 1.8


def test_a_fill_can_be_cancelled_and_marks_stay(desk: Driver) -> None:
    desk.page.route("**/v1/inpaint", lambda route: None)  # never answered
    desk.drag(*STROKE)
    desk.page.click("#remove")
    desk.page.click("#cancel")
    desk.told("Cancelled")
    desk.page.unroute("**/v1/inpaint")
    assert desk.remove().hole.any()


def test_another_photo_replaces_a_result_only_when_told_so(desk: Driver, photo: Path) -> None:
    desk.drag(*STROKE)
    desk.remove()
    desk.page.set_input_files("#file", photo)
    desk.page.get_by_role("button", name="Stay here").click()
    assert desk.page.is_enabled("#compare")
    desk.page.set_input_files("#file", photo)
    desk.page.get_by_role("button", name="Open it").click()
    desk.told("160 x 120")
    assert desk.page.is_disabled("#compare")


def test_a_photo_is_dropped_and_pasted(drive: Any, photo: Path) -> None:
    driver = drive()
    for event in ("drop", "paste"):
        driver.page.evaluate(
            """async ([kind, name, bytes]) => {
              const data = new DataTransfer();
              data.items.add(new File([Uint8Array.from(bytes)], name, { type: 'image/png' }));
              const event = kind === 'drop'
                ? new DragEvent('drop', { dataTransfer: data, cancelable: true, bubbles: true })
                : new ClipboardEvent('paste', { clipboardData: data, bubbles: true });
              document.body.dispatchEvent(event);
            }""",
            [event, f"{event}.png", list(photo.read_bytes())],
        )
        driver.told(f"{event}.png, 160 x 120")
