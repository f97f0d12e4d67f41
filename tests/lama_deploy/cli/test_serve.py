"""lama-serve as a process: how it starts, how it ends, and what a killed one costs."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason='the service is not installed: pip install "lama-deploy[serve]"')

import httpx

from lama_deploy.cli.serve import main
from lama_deploy.runtime.inpainter import Inpainter
from tests.lama_deploy.service.conftest import SECONDS, png, until

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'export'}"}
DEMO = ("lama-demo", "--backend", "onnxruntime", "--threads", "1")


class Process:
    """A started lama-serve."""

    def __init__(self, *options: str, port: int = 0, **environment: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "lama_deploy.cli.serve", *DEMO, "--port", str(port), *options],
            env={**ENVIRONMENT, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.popen.stdout is not None
        self.told = self.popen.stdout.readline()
        assert self.told.startswith("serving lama-demo at http://127.0.0.1:"), self.popen.communicate()
        self.client = httpx.Client(base_url=self.told.split()[-1], timeout=SECONDS, trust_env=False)
        until(lambda: self.client.get("/livez").status_code == 200, catching=httpx.TransportError)

    def ended(self) -> tuple[int, str]:
        """Its exit code, and what it wrote on standard error."""
        _, told = self.popen.communicate(timeout=SECONDS)
        return self.popen.returncode, told


@contextmanager
def started(*options: str, **given: Any) -> Iterator[Process]:
    process = Process(*options, **given)
    try:
        yield process
    finally:
        process.client.close()
        process.popen.kill()
        process.popen.communicate()


def files(side: int) -> dict[str, bytes]:
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    mask = np.zeros((side, side), np.uint8)
    mask[side // 4 : side // 2, side // 4 : side // 2] = 255
    return {"image": png(image), "mask": png(mask)}


def test_it_ends_by_a_signal_once_what_it_has_accepted_is_done(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("right\n")
    with started("--token", str(token), "--log", "json") as process, ThreadPoolExecutor(3) as pool:
        process.client.headers["Authorization"] = "Bearer right"
        posts = [
            pool.submit(process.client.post, "/v1/inpaint", files=files(384), data={"strategy": "whole"})
            for _ in range(3)
        ]
        until(lambda: "lama_accepted_requests 3.0" in process.client.get("/metrics").text)
        process.popen.send_signal(signal.SIGTERM)
        assert [post.result().status_code for post in posts] == [200] * 3
        code, told = process.ended()
    assert code == 143
    assert '"event": "stopping"' in told
    assert "right" not in told


def test_a_second_signal_ends_it_at_once() -> None:
    with started() as process, ThreadPoolExecutor(1) as pool:
        fields = {"strategy": "whole"}
        post = pool.submit(process.client.post, "/v1/inpaint", files=files(1500), data=fields)
        until(lambda: "lama_accepted_requests 1.0" in process.client.get("/metrics").text)
        process.popen.send_signal(signal.SIGINT)
        time.sleep(0.7)  # signals that come sooner are the same wish
        process.popen.send_signal(signal.SIGINT)
        code, told = process.ended()
        assert code == 130
        assert told.rstrip().endswith("ended at once by SIGINT")
        with pytest.raises(httpx.TransportError):
            post.result()


@pytest.mark.slow
def test_a_killed_one_loses_what_it_held_and_nothing_else(tmp_path: Path) -> None:
    """Under something that starts it again, as a system does, and with clients that ask again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    asked, wanted = files(64), 40
    expected = Inpainter.load("lama-demo", backend="onnxruntime", threads=1)
    done, lost, over = [], [], threading.Event()
    living: list[Process] = []

    def supervise() -> None:
        while not over.is_set():
            with started(port=port, TMPDIR=str(tmp_path)) as process:
                living[:] = [process]
                while not over.is_set() and process.popen.poll() is None:
                    time.sleep(0.02)

    def ask() -> None:
        while len(done) < wanted:
            try:
                answer = httpx.post(f"http://127.0.0.1:{port}/v1/inpaint", files=asked, timeout=SECONDS)
                assert answer.status_code == 200
                done.append(answer.content)
            except httpx.TransportError:
                lost.append(1)
                time.sleep(0.1)

    supervisor = threading.Thread(target=supervise)
    supervisor.start()
    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(ask) for _ in range(4)]
        for reached in (10, 25):
            until(lambda reached=reached: len(done) >= reached)  # type: ignore[misc]
            living[0].popen.kill()
        for client in clients:
            client.result()
    over.set()
    supervisor.join()
    assert lost
    assert len(done) >= wanted
    assert len(set(done)) == 1
    image, mask = (np.asarray(Image.open(io.BytesIO(one))) for one in asked.values())
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(done[0]))), expected(image, mask))
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_served_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*given: str) -> str:
        monkeypatch.setattr(sys, "argv", ["lama-serve", *given])
        try:
            code = main()
        except SystemExit as error:
            code = error.code  # type: ignore[assignment]
        assert code == 2
        errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        return errors[0]

    empty = tmp_path / "empty"
    empty.write_text(" \n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "cannot listen on 127.0.0.1:" in refused("--port", str(taken.getsockname()[1]))
    assert "(No such file or directory); write the token into a file" in refused("--token", str(tmp_path / "none"))
    assert "holds no token" in refused("--token", str(empty))
    assert "--allow-origin example.org: allowed: a site" in refused("--allow-origin", "example.org")
    assert "two models are called a" in refused("x/a", "y/a")
    assert "no checkpoint there" in refused(str(tmp_path / "bundle"), "--port", "0")
    assert "is no port" in refused("--port", "70000")
    assert "is no number of seconds" in refused("--deadline", "0")
    assert "is no number of seconds" in refused("--deadline", "nan")
    assert "is more than" in refused("--queue", "1000000")
    assert "is no number of milliseconds" in refused("--batch-wait", "-1")


def test_it_warns_where_everybody_may_ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("lama_deploy.service.server.serve", lambda *_: signal.SIGTERM)
    for given, warned in ((("--host", "0.0.0.0"), True), ((), False)):
        monkeypatch.setattr(sys, "argv", ["lama-serve", *DEMO, "--port", "0", *given])
        assert main() == 143
        assert ("note: other machines may use this service" in capsys.readouterr().err) == warned
    monkeypatch.setenv("LAMA_SERVE_TOKEN", "right")
    monkeypatch.setattr(sys, "argv", ["lama-serve", *DEMO, "--port", "0", "--host", "0.0.0.0"])
    assert main() == 143
    assert "other machines" not in capsys.readouterr().err
