"""What the service tells of itself: health, models, counts, its description, and the page."""

import json
from pathlib import Path
from typing import Any

import pytest

from lama_deploy.errors import LamaDeployError
from lama_deploy.service.models import names_of
from lama_deploy.service.site import site_folder
from tests.lama_deploy.service.conftest import Painted, Running, Start


def test_health_and_models(running: Running) -> None:
    assert running.client.get("/livez").json() == {"status": "alive"}
    assert running.client.get("/readyz").json() == {"status": "ready"}
    models = running.client.get("/v1/models").json()["models"]
    assert models == [
        {"name": "lama-demo", "engine": "onnxruntime", "precision": "fp32", "default": True},
        {"name": "other", "engine": "onnxruntime", "precision": "fp32", "default": False},
    ]
    limits = {"token": False, "max_bytes": 128 * 2**20, "max_pixels": 100_000_000}
    assert running.client.get("/config.json").json() == {"engine": "server", "models": models, **limits}


def test_unknown_paths_and_methods(running: Running) -> None:
    answer = running.client.get("/nothing")
    assert (answer.status_code, list(answer.json())) == (404, ["error"])
    answer = running.client.get("/v1/inpaint")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json() == {"error": "GET is not allowed here; allowed: POST"}


def test_counts_are_prometheus(start: Start, files: dict[str, Any]) -> None:
    running = start(Painted())
    running.client.post("/v1/inpaint", files=files)
    running.client.post("/v1/inpaint", files={"image": b"x"})
    running.line_of(running.client.get("/some/path"))
    answer = running.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    for line in (
        'lama_requests_total{route="/v1/inpaint",status="200"} 1.0',
        'lama_requests_total{route="/v1/inpaint",status="400"} 1.0',
        'lama_requests_total{route="other",status="404"} 1.0',
        'lama_request_seconds_count{route="/v1/inpaint"} 2.0',
        'lama_stage_seconds_count{stage="decode"} 2.0',
        'lama_stage_seconds_count{stage="queue"} 1.0',
        'lama_stage_seconds_count{stage="infer"} 1.0',
        'lama_stage_seconds_count{stage="encode"} 1.0',
        'lama_batch_pictures_sum{model="painted"} 1.0',
        'lama_pixels_total{model="painted"} 8585.0',
        'lama_queue_pictures{model="painted"} 0.0',
        "lama_accepted_requests 0.0",
        "lama_held_pixels 0.0",
    ):
        assert line in answer.text.splitlines(), line
    assert "process_resident_memory_bytes" in answer.text


def test_the_description_is_whole(running: Running) -> None:
    described = running.client.get("/openapi.json").json()
    inpaint = described["paths"]["/v1/inpaint"]["post"]
    assert sorted(inpaint["responses"]) == sorted(
        map(str, (200, 400, 401, 403, 404, 408, 413, 415, 429, 500, 503, 504))
    )
    fields = described["components"]["schemas"]["Body_inpaint_v1_inpaint_post"]["properties"]
    assert set(fields) == {
        *("image", "mask", "model", "format", "quality", "compression", "strategy", "limit", "margin"),
        *("mask_threshold", "invert", "mask_from", "mask_as", "grow", "box", "point"),
    }
    assert all(one.get("description") for one in fields.values())
    assert "422" not in json.dumps(described["paths"])
    assert running.client.get("/docs").status_code == 404


def test_the_page_is_served_with_headers_that_keep_it_to_itself(start: Start, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>page</title>")
    (tmp_path / "page.js").write_text("1")
    running = start(Painted(), page=tmp_path, token="right")
    answer = running.client.get("/")
    assert answer.text == "<title>page</title>"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "'wasm-unsafe-eval'" in policy
    assert "http" not in policy
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert running.client.get("/page.js").headers["content-type"].startswith("text/javascript")
    assert running.client.get("/nothing.js").status_code == 404
    assert running.client.get("/%2e%2e/%2e%2e/etc/passwd").status_code == 404
    assert running.client.get("/config.json").json()["token"] is True
    authorised = {"Authorization": "Bearer right"}
    assert running.client.get("/v1/inpaint", headers=authorised).status_code == 405
    assert running.client.post("/nothing", headers=authorised).status_code == 404
    assert running.client.post("/nothing").status_code == 401


def test_the_checkouts_page_is_found() -> None:
    folder = site_folder()
    if folder is None:
        pytest.skip("no page is in this checkout yet")
    assert (folder / "index.html").is_file()


def test_names_of_models(tmp_path: Path) -> None:
    assert names_of(["a/big", "fast=b/big.onnx", "lama-demo"]) == {
        "big": "a/big",
        "fast": "b/big.onnx",
        "lama-demo": "lama-demo",
    }
    odd = tmp_path / "a=b"
    odd.mkdir()
    assert names_of([str(odd)]) == {"a=b": str(odd)}
    twice = "two models are called x; name one of them otherwise: NAME=a$"
    for given, said in (
        (["a/big", "b/big"], "NAME=b/big$"),
        (["x=a", "x=a"], twice),
        (["x="], "allowed"),
        (["=x"], "allowed"),
    ):
        with pytest.raises(LamaDeployError, match=said):
            names_of(given)
