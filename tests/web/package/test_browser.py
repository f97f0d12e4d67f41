"""In a real browser: the bytes of `Inpainter`, with threads and without, offline after the first visit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lama_deploy import Inpainter
from tests.cpp.strategy_cases import Drawn, hole_of, pixels_of
from tests.web.package.conftest import WEB
from tests.web.package.pictures import Job, by_python
from tests.web.package.serving import BLANK, Server

MODEL = "model/model.onnx"
HOLE = (20, 30, 40, 50)
SMALL = Job(Drawn(128, 128, 5, (HOLE,)), channels=4)
ODD = Job(Drawn(85, 101, 6, (HOLE, (0, 0, 3, 101))))
LARGE = Job(Drawn(1200, 1700, 9, ((700, 900, 30, 40),)), channels=4)  # a window of it is computed
USUAL_SIZE = Job(Drawn(512, 512, 3, ((100, 150, 200, 180),)))
DRAWING = (WEB / "test" / "support" / "pictures.mjs").read_text().replace("export function", "function")
IN_PAGE = (Path(__file__).parent / "in_page.js").read_text()
SECONDS = 300_000  # milliseconds that a page may take, on machines that do much beside


def ask(page: Any, *jobs: Job, model: str = MODEL, **load: Any) -> Any:
    """What in_page.js tells."""
    given = {"jobs": [job.to_json() for job in jobs], "load": load, "model": model}
    page.set_default_timeout(SECONDS)
    return page.evaluate(f"(given) => {{ {DRAWING}\nreturn ({IN_PAGE.strip().rstrip(';')})(given); }}", given)


def new_page(browser: Any, server: Server, path: str = BLANK) -> Any:
    page = browser.new_context().new_page()
    page.set_default_timeout(SECONDS)
    page.goto(server.address + path)
    return page


def same(results: Any, native: Inpainter, *jobs: Job) -> bool:
    found = [{name: one[name] for name in ("sha256", "plan")} for one in results]
    return found == [by_python(native, job) for job in jobs]


@pytest.fixture(scope="module")
def isolated(serve: Callable[..., Server]) -> Server:
    return serve(isolated=True)


@pytest.fixture(scope="module")
def plain(serve: Callable[..., Server]) -> Server:
    return serve(isolated=False)


def test_bytes_and_plans_are_those_of_python(browser: Any, isolated: Server, site: Path, native: Inpainter) -> None:
    told = ask(new_page(browser, isolated), SMALL, ODD, LARGE, threads=2)
    assert same(told["results"], native, SMALL, ODD, LARGE)
    assert (told["isolated"], told["provider"], told["notes"]) == (True, "wasm", [])
    size = (site / MODEL).stat().st_size
    assert told["downloaded"] == [size, size]
    assert told["steps"] > 2  # it was told on the way
    assert told["ticks"] > 5  # the page was alive meanwhile
    assert all(one["kept"] for one in told["results"])
    assert [one["progress"] for one in told["results"]] == [[[1, 1]]] * 3


def test_without_headers_one_thread_computes_and_says_so(browser: Any, plain: Server, native: Inpainter) -> None:
    told = ask(new_page(browser, plain), SMALL, SMALL, threads=2)
    assert same(told["results"], native, SMALL, SMALL)
    assert not told["isolated"]
    first, second = (one["notes"] for one in told["results"])
    assert "one thread computes in place of 2" in first[0]
    assert second == []  # it is said once


def test_what_is_wrong_with_the_model_is_told_in_a_line(browser: Any, plain: Server, site: Path) -> None:
    page = new_page(browser, plain)
    for options, kind, words in (
        ({"expectedSha256": "0" * 64}, "model", "is not the model that was asked for"),
        ({"model": "model/none.onnx"}, "model", "the server answers 404"),
        ({"model": "index.html"}, "model", "not a whole ONNX file"),
        ({"runtime": f"{plain.address}/nowhere/"}, "engine", "ONNX Runtime could not be loaded from"),
    ):
        told = ask(page, **options)
        assert (told["name"], told["kind"]) == ("LamaError", kind)
        assert words in told["message"]
        assert "\n" not in told["message"]


def test_a_run_and_a_load_can_be_given_up(browser: Any, plain: Server) -> None:
    page = new_page(browser, plain)
    names = page.evaluate(
        f"""async () => {{ {DRAWING}
        const {{ Inpainter }} = await import(new URL("lama/index.js", location).href);
        const at = (path) => new URL(path, location).href;
        const options = {{ runtime: at("ort/") }};
        const loading = new AbortController();
        const load = Inpainter.load(at("{MODEL}"), {{ ...options, signal: loading.signal,
          progress: () => loading.abort() }});
        const early = await load.catch((error) => error.name);
        const inpainter = await Inpainter.load(at("{MODEL}"), options);
        const drawn = {{ height: 600, width: 900, seed: 1, holes: [[0, 0, 3, 900], [300, 0, 3, 900]] }};
        const running = new AbortController();
        let windows = 0;
        const run = (signal) => inpainter.run(pixelsOf(drawn), holeOf(drawn), {{ strategy: "tile", limit: 256, signal,
          progress: () => {{ ++windows; running.abort(); }} }});
        const late = await run(running.signal).catch((error) => error.name);
        const seen = windows;
        const small = {{ height: 40, width: 40, seed: 1, holes: [[9, 9, 9, 9]] }};
        const after = await inpainter.run(pixelsOf(small), holeOf(small)); // the next one is not held up
        const gone = inpainter.run(pixelsOf(small), holeOf(small)).catch((error) => error.message);
        await inpainter.dispose();
        return {{ early, late, seen, plan: after.plan, gone: await gone }};
        }}"""
    )
    assert (names["early"], names["late"], names["seen"]) == ("AbortError", "AbortError", 1)
    assert names["plan"] == "filled by whole, since the picture is small: 40x40"
    assert names["gone"] == "the model was closed; load it again"


def test_the_site_works_offline_after_the_first_visit(
    browser: Any, serve: Callable[..., Server], site: Path, native: Inpainter
) -> None:
    """From a folder of a host that sends no headers, whose part the service worker takes."""
    server = serve(isolated=False, folder=site.parent)
    page = new_page(browser, server, f"/{site.name}/")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.wait_for_selector("html[data-offline=ready]", state="attached")
    assert page.evaluate("crossOriginIsolated")
    config = page.evaluate("fetch('config.json').then((answer) => answer.json())")
    load = {"expectedSha256": config["model"]["sha256"], "threads": 2}
    assert same(ask(page, SMALL, model=config["model"]["file"], **load)["results"], native, SMALL)
    server.stop()
    page.reload()
    assert page.title()
    assert page.evaluate("crossOriginIsolated")
    told = ask(page, SMALL, ODD, model=config["model"]["file"], **load)
    assert same(told["results"], native, SMALL, ODD)
    assert told["notes"] == []
    assert sum(path.endswith(".onnx") for path in server.asked) <= 2  # once by the page itself, and once here
    assert not any("asyncify" in path for path in server.asked)  # what computes on GPUs is not fetched for nothing
    assert errors == []


@pytest.mark.slow  # half a minute of a processor
def test_512_pixels_are_those_of_python(browser: Any, isolated: Server, native: Inpainter) -> None:
    told = ask(new_page(browser, isolated), USUAL_SIZE, threads=2)
    assert same(told["results"], native, USUAL_SIZE)


@pytest.mark.slow  # a GPU that the processor emulates takes a minute and more
def test_webgpu_computes_the_same_within_a_level(
    launched: Callable[..., Any], isolated: Server, native: Inpainter
) -> None:
    small = Job(Drawn(64, 64, 5, ((20, 20, 20, 20),)))
    with launched("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader") as browser:
        page = new_page(browser, isolated)
        told = ask(page, small, provider="webgpu")
        assert told["provider"] == "webgpu"
        expected = native.run(pixels_of(small.picture)[None], hole_of(small.picture)[None])[0]
        found = np.array(told["results"][0]["few"], np.int16).reshape(expected.shape)
        assert abs(found - expected).max() <= 1
        assert (found != expected).mean() < 0.01
        assert (found == expected)[hole_of(small.picture) == 0].all()
        careful = ask(page, small)  # an emulated GPU is no gain
        assert careful["provider"] == "wasm"
        assert "WebGPU is emulated" in careful["notes"][0]


@pytest.mark.parametrize("provider", ["webgpu"])
def test_a_gpu_that_is_asked_for_and_not_there_is_an_error(browser: Any, plain: Server, provider: str) -> None:
    told = ask(new_page(browser, plain), provider=provider)
    assert (told["kind"], "WebGPU is not there" in told["message"]) == ("engine", True)
