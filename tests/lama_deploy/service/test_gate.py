"""Who may ask, what is accepted and for how long: with clients that are too many, too large, too slow, or gone."""

import http.client
import json
import socket
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from lama_deploy.arrays import Array
from lama_deploy.errors import EngineError
from lama_deploy.service import server
from lama_deploy.service.options import ServiceOptions
from lama_deploy.service.refusals import RefusedError
from lama_deploy.service.sites import check_host
from tests.lama_deploy.service.conftest import SECONDS, Painted, Running, Start, png, until


def connected(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=SECONDS)


def head(length: int, kind: str = "multipart/form-data; boundary=b") -> bytes:
    lines = ("POST /v1/inpaint HTTP/1.1", "Host: here", f"Content-Type: {kind}")
    return "\r\n".join((*lines, f"Content-Length: {length}", "", "")).encode()


def answer_on(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """Status and JSON."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, json.loads(answer.read())


def header_of_bomb(width: int, height: int) -> bytes:
    """A PNG that says that it is so large, and has hardly any bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


def test_a_bomb_is_refused_by_its_header(running: Running, files: dict[str, Any]) -> None:
    files["image"] = header_of_bomb(50_000, 50_000)
    answer = running.client.post("/v1/inpaint", files=files)
    assert answer.status_code == 413
    limit = "100,000,000 pixels, the server's --max-pixels"
    assert answer.json() == {"error": f"image: 50000x50000 is more than {limit}"}
    assert running.line_of(answer)["pixels"] == 0  # it never came to its decoder


def test_a_body_that_is_too_long_is_not_read(start: Start, files: dict[str, Any], photo: Array) -> None:
    running = start(Painted(), max_bytes=100_000)
    assert running.client.post("/v1/inpaint", files=files).status_code == 200
    with connected(running) as connection:
        connection.sendall(head(100_001))  # and nothing of it is sent
        status, told = answer_on(connection)
    assert (status, told) == (
        413,
        {"error": "the request's body is longer than 100,000 bytes, the server's --max-bytes"},
    )
    large = {"image": png(np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8))}
    assert running.client.post("/v1/inpaint", files=large).status_code == 413  # who sends all first hears of it

    def without_length() -> Iterator[bytes]:
        yield b"--b\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n"
        for _ in range(200):
            yield b"x" * 1000

    answer = running.client.post(
        "/v1/inpaint", content=without_length(), headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert answer.status_code == 413
    until(lambda: running.service.accepted == running.service.body_bytes == 0)


def test_the_queue_has_a_bound(start: Start, files: dict[str, Any]) -> None:
    painted = Painted()
    running = start(painted, queue=3)
    painted.may.clear()
    with ThreadPoolExecutor(3) as pool:
        accepted = [pool.submit(running.client.post, "/v1/inpaint", files=files) for _ in range(3)]
        until(lambda: running.service.accepted == 3)
        answer = running.client.post("/v1/inpaint", files=files)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["error"].startswith("3 requests are accepted already; send it again in ")
        assert running.client.get("/readyz").status_code == 200  # full is not unready
        painted.may.set()
        assert [one.result().status_code for one in accepted] == [200] * 3
    assert running.client.post("/v1/inpaint", files=files).status_code == 200


def test_decoded_pixels_have_a_bound(start: Start, photo: Array, hole: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lama_deploy.service.service.PIXELS_HELD", 2 * photo.shape[0] * photo.shape[1])
    painted = Painted()
    running = start(painted)
    painted.may.clear()
    files = {"image": png(photo), "mask": png(hole)}
    with ThreadPoolExecutor(6) as pool:
        accepted = [pool.submit(running.client.post, "/v1/inpaint", files=files) for _ in range(6)]
        until(lambda: running.service.accepted == 6 and running.service.pixels.held > 0)
        assert running.service.pixels.held <= 2 * photo.shape[0] * photo.shape[1]
        painted.may.set()
        assert [one.result().status_code for one in accepted] == [200] * 6
    until(lambda: running.service.pixels.held == 0)


def test_what_is_past_its_deadline_is_not_computed(start: Start, files: dict[str, Any]) -> None:
    painted = Painted()
    running = start(painted, deadline=0.5)
    painted.may.clear()
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: running.client.post("/v1/inpaint", files=files), range(3)))
    assert [answer.status_code for answer in answers] == [504] * 3
    assert answers[0].json()["error"].startswith("not done within the server's deadline")
    painted.may.set()
    assert running.client.post("/v1/inpaint", files=files).status_code == 200
    assert painted.ran == [1, 1]  # the one that was being computed, and the last
    until(lambda: running.service.accepted == running.service.pixels.held == 0)


def test_who_goes_is_not_computed_for(start: Start, files: dict[str, Any]) -> None:
    painted = Painted()
    running = start(painted)
    painted.may.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(running.client.post, "/v1/inpaint", files=files)
        assert painted.begun.acquire(timeout=SECONDS)
        request = running.client.build_request("POST", "/v1/inpaint", files=files)
        with connected(running) as connection:
            body = request.read()
            connection.sendall(head(len(body), request.headers["content-type"]) + body)
            until(lambda: running.service.models.default.engine.waiting == 1)
        until(lambda: running.service.models.default.engine.waiting == 0)
        painted.may.set()
        assert first.result().status_code == 200
    assert painted.ran == [1]
    assert 499 in [line.get("status") for line in running.lines]


def test_what_is_no_http_is_told_so(running: Running) -> None:
    host = b"POST /v1/inpaint HTTP/1.1\r\nHost: localhost\r\n"
    wrong = (host + b"Content-Length: -5\r\n\r\n", b"garbage\r\n\r\n", host + b"X: " + b"x" * 3_000_000)
    for sent in wrong:
        with connected(running) as connection:
            with suppress(OSError):  # it is answered before all is sent
                connection.sendall(sent)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
            assert json.loads(answer.read())["error"].startswith("this is no HTTP/1.1 request")
            told = answer.headers["x-request-id"]
        assert [line["status"] for line in running.lines if line.get("id") == told] == [400]


def test_who_goes_while_sending_leaves_nothing(running: Running) -> None:
    with connected(running) as connection:
        connection.sendall(head(1000) + b"--b\r\n")
        until(lambda: running.service.accepted == 1)
    until(lambda: running.service.accepted == running.service.body_bytes == 0)


def test_slow_clients_are_given_up(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADERS_WITHIN", 0.3)
    monkeypatch.setattr(server, "KEPT_ALIVE", 1)
    running = start(Painted(), deadline=0.5)
    with connected(running) as silent, connected(running) as slow, connected(running) as idle:
        slow.sendall(b"POST /v1/inpaint HTTP/1.1\r\nHost: he")
        idle.sendall(b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
        received = bytearray()
        while b"alive" not in received:
            received += idle.recv(65536)
        idle.sendall(b"GET /livez")  # and never more of it
        for one in (silent, slow, idle):
            with suppress(ConnectionResetError):
                assert one.recv(1) == b""
    with connected(running) as connection:
        connection.sendall(head(1000) + b"--b\r\n")
        status, told = answer_on(connection)
        assert connection.recv(1) == b""  # and soon the connection is over
    assert (status, told) == (408, {"error": "the request's body did not come within the server's deadline"})


def test_who_reads_slowly_holds_no_memory_for_ever(start: Start) -> None:
    running = start(Painted(), deadline=2.0)
    large = {"image": png(np.zeros((2500, 2500, 3), np.uint8), "BMP")}  # more than the system's buffers have room for
    fields = {"box": "0,0,9,9", "format": "bmp"}
    request = running.client.build_request("POST", "/v1/inpaint", files=large, data=fields)
    body = request.read()

    def is_begun(connection: socket.socket) -> bool:
        """Not where this machine is so busy that the deadline passes before."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", running.port))
        connection.sendall(head(len(body), request.headers["content-type"]) + body)
        return connection.recv(12) == b"HTTP/1.1 200"

    for _ in range(10):
        with socket.socket() as connection:
            if is_begun(connection):
                until(lambda: running.service.accepted == running.service.pixels.held == 0)  # though no more is read
                until(lambda: (running.lines[-1]["status"], running.lines[-1]["route"]) == (504, "/v1/inpaint"))
                assert running.lines[-1]["bytes_out"] < len(body)
                return
    pytest.fail("no answer was begun within the deadline")


def test_an_error_of_one_costs_the_others_nothing(start: Start, files: dict[str, Any]) -> None:
    painted = Painted(batch=4)
    running = start(painted)
    painted.may.clear()
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(running.client.post, "/v1/inpaint", files=files)
        assert painted.begun.acquire(timeout=SECONDS)
        others = [pool.submit(running.client.post, "/v1/inpaint", files=files) for _ in range(4)]
        until(lambda: running.service.models.default.engine.waiting == 4)
        painted.wrong = [EngineError("one of these is odd"), EngineError("the batch failed")]
        painted.may.set()
        statuses = [one.result().status_code for one in (first, *others)]
    assert sorted(statuses) == [200, 200, 200, 200, 500]


def test_errors_of_ours_are_told_without_what_they_say(start: Start, files: dict[str, Any]) -> None:
    painted = Painted()
    painted.wrong = [ValueError("secret")] * 2
    running = start(painted)
    answer = running.client.post("/v1/inpaint", files=files)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    until(lambda: any(line["event"] == "failed" for line in running.lines))
    assert "secret" not in json.dumps(running.lines)


def test_equal_shapes_run_together(start: Start, files: dict[str, Any], photo: Array) -> None:
    painted = Painted(batch=3)
    running = start(painted)
    painted.may.clear()
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(running.client.post, "/v1/inpaint", files=files)
        assert painted.begun.acquire(timeout=SECONDS)
        others = [pool.submit(running.client.post, "/v1/inpaint", files=files) for _ in range(3)]
        until(lambda: running.service.models.default.engine.waiting == 3)
        small = {"image": png(photo[:50]), "mask": png(photo[:50, :, 0])}
        last = pool.submit(running.client.post, "/v1/inpaint", files=small)
        until(lambda: running.service.models.default.engine.waiting == 4)
        painted.may.set()
        assert {one.result().status_code for one in (first, *others, last)} == {200}
    assert painted.ran == [1, 3, 1]


def test_tokens(start: Start, files: dict[str, Any]) -> None:
    running = start(Painted(), token="right")
    for path in ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready", "/config.json"):
        assert running.client.get(path).status_code == 200, path
    for path in ("/v1/models", "/metrics", "/openapi.json", "/v2", "/v2/models/painted", "/api/v1/model", "/nothing"):
        answer = running.client.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
    for given in ("", "right", "Bearer", "Bearer wrong", "Basic right", "Bearer rightx", "Bearer r\xefght"):
        answer = running.client.post("/v1/inpaint", files=files, headers={"Authorization": given.encode("latin-1")})
        assert answer.status_code == 401, given
        assert list(answer.json()) == ["error"]
    authorised = {"Authorization": "Bearer right"}
    answer = running.client.post("/v1/inpaint", files=files, headers=authorised)
    assert answer.status_code == 200
    running.line_of(answer)
    assert "right" not in json.dumps(running.lines)
    assert running.client.get("/openapi.json", headers=authorised).json()["security"] == [{"token": []}]


def test_pages_of_other_sites_may_not_ask(start: Start, files: dict[str, Any]) -> None:
    running = start(Painted(), origins=("https://good.example",))
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://bad.example"}
    assert running.client.post("/v1/inpaint", files=files, headers=foreign).status_code == 403
    old = {
        "Origin": "http://bad.example"
    }  # what browsers say of the site to a server that has neither TLS nor localhost
    for origin in ("http://bad.example", "null", f"https://{running.url.partition('://')[2]}0"):
        old["Origin"] = origin
        assert running.client.post("/v1/inpaint", files=files, headers=old).status_code == 403, origin
    for origin in (running.url, "https://good.example"):
        old["Origin"] = origin
        assert running.client.post("/v1/inpaint", files=files, headers=old).status_code == 200, origin
    foreign["Origin"] = "https://good.example"
    answer = running.client.post("/v1/inpaint", files=files, headers=foreign)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://good.example"
    assert "X-Lama-Plan" in answer.headers["access-control-expose-headers"]


def test_cors_is_off_by_default(running: Running, files: dict[str, Any]) -> None:
    answer = running.client.post("/v1/inpaint", files=files, headers={"Origin": "https://good.example"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    asked = {"Origin": "https://good.example", "Access-Control-Request-Method": "POST"}
    assert running.client.options("/v1/inpaint", headers=asked).status_code == 405


def test_other_names_do_not_lead_to_a_service_of_this_machine_alone() -> None:
    local, asked = ServiceOptions(local=True), {"host": "bad.example:8000", "origin": "http://bad.example:8000"}
    for host in ("bad.example", "bad.example:8000", "127.0.0.1.bad.example", "[::1", "10.0.0.1:8000"):
        with pytest.raises(RefusedError, match="localhost"):
            check_host({"host": host}, local)
    for host in ("localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.8.0.1", "[::1]:8000"):
        check_host({"host": host}, local)
    for options in (ServiceOptions(), ServiceOptions(local=True, token="right")):
        check_host(asked, options)


def test_ids_go_through(running: Running) -> None:
    answer = running.client.get("/livez", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert running.line_of(answer)["status"] == 200
    for odd in ("a b", "x" * 200, '"'):
        assert running.client.get("/livez", headers={"X-Request-Id": odd}).headers["x-request-id"] != odd


def test_what_is_accepted_is_finished_before_the_end(start: Start, files: dict[str, Any]) -> None:
    painted = Painted()
    running = start(painted)
    painted.may.clear()
    with ThreadPoolExecutor(4) as pool:
        accepted = [pool.submit(running.client.post, "/v1/inpaint", files=files) for _ in range(4)]
        until(lambda: running.service.accepted == 4)
        running.ask_to_end(15)
        until(lambda: running.client.get("/readyz").status_code == 503)
        assert running.client.get("/livez").status_code == 200
        answer = running.client.post("/v1/inpaint", files=files)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert running.client.get("/v2/health/ready").status_code == 503
        painted.may.set()
        assert [one.result().status_code for one in accepted] == [200] * 4
    running.wait()
    assert running.ended == 15
    assert [line["event"] for line in running.lines if "route" not in line] == ["stopping", "stopped"]
