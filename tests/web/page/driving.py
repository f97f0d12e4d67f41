"""The page as somebody uses it: pointers at pixels of the photo, and what was sent, answered and shown."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

Place = tuple[float, float]  # x, y in pixels of the photo as it is shown

# Keeps what is sent: forms with files are not told to the driver.
KEEP_FORMS = """
window.sent = [];
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (form) {
  const kept = { form, status: 0, answer: undefined };
  window.sent.push(kept);
  this.addEventListener('load', () => Object.assign(kept, { status: this.status, answer: this.response }));
  return send.call(this, form);
};
"""
READ_FORM = """
async (index) => {
  const { form, status, answer } = window.sent.at(index);
  const text = async (blob) => {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let letters = '';
    for (let at = 0; at < bytes.length; at += 32768) letters += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(letters);
  };
  const fields = {};
  const files = {};
  for (const [name, value] of form) {
    if (typeof value === 'string') fields[name] = value;
    else files[name] = await text(value);
  }
  return { fields, files, status, answer: answer && (await text(answer)) };
}
"""
PLACE = """
async ([stage, picture, place]) => {
  const { View } = await import('./app/view.js');
  const view = new View();
  view.resize(stage);
  view.show(picture);
  return { at: view.toStage(place), scale: view.scale };
}
"""


@dataclass(frozen=True)
class Sent:
    fields: dict[str, str]
    files: dict[str, bytes]
    status: int
    answer: bytes

    @property
    def hole(self) -> np.ndarray:
        """(H, W) bool."""
        mask = Image.open(io.BytesIO(self.files["mask"]))
        assert mask.mode == "1"
        return np.asarray(mask)

    @property
    def result(self) -> np.ndarray:
        """(H, W, 3) uint8, as it is stored."""
        return np.asarray(Image.open(io.BytesIO(self.answer)).convert("RGB"))


class Driver:
    """Of one page, with a photo in it after `open`."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.errors = page, list[str]()
        self.size = (0, 0)  # width, height of the photo as it is shown
        page.set_default_timeout(20_000)
        page.add_init_script(KEEP_FORMS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda told: self.errors.append(told.text) if "Security Policy" in told.text else None)
        page.goto(address)
        expect(page.locator("#privacy")).not_to_be_empty()

    def reset(self) -> None:
        """As the page is after it was loaded, but for the photo."""
        self.page.unroute_all()
        self.page.evaluate("window.sent = []")
        if self.size != (0, 0):
            self.tool("Brush")  # which ends a comparison too
            self.page.fill("#size", "40")

    def open(self, file: Path, size: tuple[int, int]) -> None:
        self.page.evaluate("document.querySelector('#line').textContent = ''")
        self.page.set_input_files("#file", file)
        replace = self.page.get_by_role("button", name="Open it")
        if replace.is_visible():
            replace.click()
        expect(self.page.locator("#line")).to_contain_text(f"{size[0]} x {size[1]}")
        self.size = size

    def tool(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def drag(self, *places: Place) -> None:
        """The mouse, pressed at the first place and released at the last."""
        x, y = self.at(places[0])
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*self.at(place))
        self.page.mouse.up()

    def at(self, place: Place) -> Place:
        """On the page, in CSS pixels."""
        stage, found = self._placed(place)
        return stage["x"] + found["at"]["x"], stage["y"] + found["at"]["y"]

    @property
    def radius(self) -> float:
        """Of the brush, in pixels of the photo."""
        return float(self.page.input_value("#size")) / 2 / self._placed((0, 0))[1]["scale"]

    def _placed(self, place: Place) -> tuple[dict[str, float], dict[str, Any]]:
        stage = self.page.locator("#stage").bounding_box()
        assert stage is not None
        sizes = [{"width": w, "height": h} for w, h in ((stage["width"], stage["height"]), self.size)]
        return stage, self.page.evaluate(PLACE, [*sizes, {"x": place[0], "y": place[1]}])

    def remove(self) -> Sent:
        """Fills, and waits for it."""
        before = self.page.evaluate("window.sent.length")
        self.page.click("#remove")
        self.told("Done in")
        assert self.page.evaluate("window.sent.length") == before + 1
        return self.sent()

    def told(self, line: str) -> None:
        expect(self.page.locator("#line")).to_contain_text(line, timeout=60_000)

    def sent(self, index: int = -1) -> Sent:
        kept = self.page.evaluate(READ_FORM, index)
        files = {name: base64.b64decode(text) for name, text in kept["files"].items()}
        return Sent(kept["fields"], files, kept["status"], base64.b64decode(kept["answer"] or ""))

    def download(self) -> tuple[str, bytes]:
        """The file's name and its bytes."""
        with self.page.expect_download() as waiting:
            self.page.click("#download")
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()

    def shown(self, *places: Place) -> list[tuple[int, int, int]]:
        """Colours on the screen there."""
        self.page.wait_for_timeout(60)  # the next frame draws
        screen = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        ratio = self.page.evaluate("devicePixelRatio")
        return [screen.getpixel(tuple(int(value * ratio) for value in self.at(place))) for place in places]


def disc_swept(size: tuple[int, int], places: Sequence[Place], radius: float) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) bool each: the pixels whose centre is at most radius from the line, and those too near to that to tell."""
    width, height = size
    y, x = np.mgrid[:height, :width] + 0.5
    nearest = np.full((height, width), np.inf)
    for (ax, ay), (bx, by) in itertools.pairwise([*places[:1], *places]):
        along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / max((bx - ax) ** 2 + (by - ay) ** 2, 1e-12)
        along = np.clip(along, 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)))
    return nearest <= radius, np.abs(nearest - radius) < 1e-6
