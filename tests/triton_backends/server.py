"""A real tritonserver on 127.0.0.1, as a test starts and ends it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

VARIABLE = "LAMA_TRITON_SERVER"  # the folder with bin/tritonserver and backends
SECONDS = 120  # that a start or an end may take


def server_folder() -> Path:
    """Skips aloud where there is none."""
    told = os.environ.get(VARIABLE)
    spec = None if told else find_spec("pytriton")
    if spec is not None and spec.origin is not None:
        told = str(Path(spec.origin).parent / "tritonserver")
    if told is None:
        pytest.skip(f"no Triton here: install nvidia-pytriton, or name its folder pytriton/tritonserver by {VARIABLE}")
    assert (Path(told) / "bin" / "tritonserver").is_file(), f"{VARIABLE} names {told}, which has no bin/tritonserver"
    return Path(told)


class Server:
    """Of a model repository; models that cannot be loaded do not end it. environment: besides this process's own."""

    def __init__(
        self,
        repository: Path,
        log: Path,
        *,
        backends: Path | None = None,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder = server_folder()
        self.http, self.grpc, self.metrics = (f"127.0.0.1:{port}" for port in free_ports(3))
        self._log = log
        command = [
            str(folder / "bin" / "tritonserver"),
            f"--model-repository={repository}",
            f"--backend-directory={backends or folder / 'backends'}",
            "--exit-on-error=false",
            "--strict-readiness=false",
            "--allow-gpu-metrics=false",
        ]
        for name in ("http", "grpc", "metrics"):
            address, port = getattr(self, name).split(":")
            command += [f"--{name}-address={address}", f"--{name}-port={port}"]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [*command, *options], stdout=out, stderr=out, env={**os.environ, **(environment or {})}
            )
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def scraped(self) -> str:
        """Its metrics, as Prometheus reads them."""
        with urlopen(f"http://{self.metrics}/metrics", timeout=SECONDS) as answer:
            return answer.read().decode()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> int:
        """As Kubernetes ends it. Its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(SECONDS)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait(SECONDS)

    def _wait(self) -> None:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and self.is_alive():
            with suppress(URLError, OSError), urlopen(f"http://{self.http}/v2/health/ready", timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError(f"tritonserver did not start:\n{self.said[-4000:]}")


def free_ports(count: int) -> list[int]:
    """Of 127.0.0.1, different ones."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
