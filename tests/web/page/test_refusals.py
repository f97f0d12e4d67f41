"""What goes wrong is one clear line, and what was painted is still there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.web.page.conftest import SIZE, Drive, Serve

pytest.importorskip("playwright", reason="Playwright is not installed: pip install playwright")

from tests.web.page.driving import Driver

STROKE = ((40, 40), (70, 60))
TOKEN = "a-token-of-tests"


@pytest.fixture(scope="module")
def guarded(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A server that asks for a token and takes little."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text(TOKEN)
    return serve("--token", str(token), "--max-bytes", "100000", "--max-pixels", "1000000")


def test_the_server_is_down(desk: Driver) -> None:
    desk.drag(*STROKE)
    desk.page.route("**/v1/**", lambda route: route.abort("connectionrefused"))
    desk.page.click("#remove")
    desk.told("The server does not answer. Your marks are kept")
    assert desk.page.locator("#line").get_attribute("data-tone") == "problem"
    desk.page.unroute("**/v1/**")
    assert desk.remove().hole.any()


def test_a_server_that_is_down_from_the_start(browser: Any, address: str) -> None:
    with browser.new_context() as context, context.new_page() as page:
        page.route("**/config.json", lambda route: route.abort("connectionrefused"))
        page.goto(address)
        page.locator("#line", has_text="The page cannot start").wait_for()


def test_a_busy_server_is_asked_again_when_it_says(desk: Driver) -> None:
    answers = iter((429, 503))

    def answer(route: Any) -> None:
        status = next(answers, None)
        if status is None:
            return route.continue_()
        return route.fulfill(status=status, headers={"Retry-After": "1"}, json={"error": "the queue is full"})

    desk.page.route("**/v1/inpaint", answer)
    desk.drag(*STROKE)
    desk.page.click("#remove")
    desk.told("The server is busy: trying again in 1 s")
    desk.told("Done in")
    assert [desk.sent(i).status for i in range(3)] == [429, 503, 200]


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (504, '{"error": "given up after 300 s"}', "given up after 300 s. It took too long: mark less at once"),
        (400, '{"error": "the mask is 1x1"}', "The server refused: the mask is 1x1. Your marks are kept."),
        (429, '{"error": "the queue is full"}', "the queue is full. It is still busy: try again in a minute."),
        (502, "<html>a proxy's own page</html>", "The server refused: it answers 502."),
    ],
)
def test_refusals_are_told_in_the_servers_words(desk: Driver, status: int, body: str, line: str) -> None:
    desk.page.route("**/v1/inpaint", lambda route: route.fulfill(status=status, body=body))
    desk.drag(*STROKE)
    desk.page.click("#remove")
    desk.told(line)
    desk.page.unroute("**/v1/inpaint")
    assert desk.remove().hole.any()


def test_a_token_is_asked_for_once_and_again_after_a_wrong_one(drive: Drive, guarded: str, photo: Path) -> None:
    desk = drive(guarded)
    desk.open(photo, SIZE)
    desk.drag(*STROKE)
    desk.page.click("#remove")
    desk.page.get_by_text("The server asks for its token.").wait_for()
    desk.page.keyboard.press("Escape")
    desk.told("The server asks for its token. Your marks are kept.")
    desk.page.click("#remove")
    desk.page.fill("#token", "wrong")
    desk.page.keyboard.press("Enter")
    desk.page.get_by_text("The server refused that token.").wait_for()
    desk.page.fill("#token", TOKEN)
    desk.page.keyboard.press("Enter")
    desk.told("Done in")
    desk.drag((100, 80), (120, 80))
    desk.remove()  # it is known by now
    assert desk.page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [1, 0, ""]


def test_photos_that_are_too_large_are_refused_before_anything_is_painted(
    drive: Drive, guarded: str, tmp_path: Path
) -> None:
    desk = drive(guarded)
    Image.new("RGB", (1500, 1000)).save(tmp_path / "pixels.png")
    Image.effect_noise((190, 190), 100).convert("RGB").save(tmp_path / "bytes.bmp")
    desk.page.set_input_files("#file", tmp_path / "pixels.png")
    desk.told("The photo has 1.5 megapixels; this server takes 1.0. Choose a smaller one.")
    desk.page.set_input_files("#file", tmp_path / "bytes.bmp")
    desk.told("The photo has 0.1 MB; this server takes 0.1 MB. Choose a smaller one.")
    assert desk.page.is_visible("#welcome")
    assert desk.page.evaluate("window.sent.length") == 0


def test_what_is_no_photo_is_refused_in_the_servers_words(desk: Driver, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    desk.drag(*STROKE)
    desk.page.set_input_files("#file", tmp_path / "notes.png")
    desk.told("The server refused: ")
    assert desk.remove().hole.any()  # the photo that was there still is
