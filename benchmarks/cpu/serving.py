"""lama-serve beside the engine that it runs, on one machine: `python -m benchmarks.cpu.serving`.

Each round computes pictures with the bare engine in this process, then asks a service in a process of its own,
with one client and with several. Clients and service share the cores, as nobody's do who has two machines. After that
thousands of small requests: how many are lost, and what memory the service holds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy import Inpainter
from lama_deploy.checkpoints.weights import DEMO
from lama_deploy.images.scenes import scene
from lama_deploy.reports.machine import machine

SIZES, ROUNDS, A_ROUND, CLIENTS = (128, 512), 5, 8, 4
SMALL, MANY, EVERY = 48, 5000, 500
TOGETHER = (1, 4, 8)  # pictures
BOUNDARY = "lama-serve-benchmark"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--many", type=int, default=MANY)
    args = parser.parse_args()
    bare = Inpainter.load(DEMO, backend="onnxruntime")
    with serving("--streams", "1") as port, serving("--streams", "2") as port_of_two:
        rows = {f"{size}x{size}": _beside(bare, {"1": port, "2": port_of_two}, size, args.rounds) for size in SIZES}
        load = under_load(port_of_two, form_of(SMALL), args.many, EVERY)
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": "lama-serve beside the bare engine: lama-demo, ONNX Runtime",
        "date": today,
        "method": f"{args.rounds} rounds of {A_ROUND} pictures each way, one after the other; engine: Inpainter.run of "
        f"arrays; service: PNG in and out over loopback, client in the same machine; then {args.many:,} requests of "
        f"{SMALL}x{SMALL} by {CLIENTS} clients; {os.getloadavg()[1]:.1f} processes wanted the cores on average, these "
        "among them",
        "machine": machine((*PACKAGES, "fastapi", "uvicorn")),
        "serving": {"rows": rows, "load": load, "together": _together()},
    }
    file = RESULTS / f"{today}-cpu-serving.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["serving"], indent=1), f"\nwrote {file}")


@contextmanager
def serving(*options: str) -> Iterator[int]:
    """Its port."""
    command = [sys.executable, "-m", "lama_deploy.cli.serve", DEMO, "--backend", "onnxruntime", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().rsplit(":", 1)[1])
        finally:
            process.terminate()


def form_of(side: int) -> bytes:
    """A request's body: a picture and its mask, as PNG."""
    images, masks = scene(side, side)
    parts = b""
    for name, array in (("image", images[0]), ("mask", masks[0] * 255)):
        stream = BytesIO()
        Image.fromarray(array).save(stream, "PNG", compress_level=2)
        disposition = f'Content-Disposition: form-data; name="{name}"; filename="{name}.png"'
        parts += f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode() + stream.getvalue() + b"\r\n"
    return parts + f"--{BOUNDARY}--\r\n".encode()


class Client:
    """A connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of POST /v1/inpaint."""
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        self._connection.request("POST", "/v1/inpaint", body, kind)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def get(self, path: str) -> str:
        self._connection.request("GET", path)
        return self._connection.getresponse().read().decode()


def asked(port: int, body: bytes, clients: int, count: int, each: Callable[[int], None] = lambda _: None) -> list[Any]:
    """(seconds, status, bytes of the answer) of `count` requests. each: is told how many are answered."""
    found: list[tuple[float, int, bytes]] = []
    left, lock = iter(range(count)), threading.Lock()

    def ask() -> None:
        client = Client(port)
        while True:
            with lock:
                if next(left, None) is None:
                    return
            start = perf_counter()
            status, answer = client.post(body)
            with lock:
                found.append((perf_counter() - start, status, answer))
                each(len(found))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def under_load(port: int, body: bytes, count: int, every: int, clients: int = CLIENTS) -> dict[str, Any]:
    """{"requests", "lost", "different", "rss_mib"}: answers that are no 200, that are not the first's, and MiB."""
    memory: list[float] = []
    watcher = Client(port)

    def each(done: int) -> None:
        if done % every == 0:
            lines = watcher.get("/metrics").splitlines()
            held = next(line for line in lines if line.startswith("process_resident_memory_bytes "))
            memory.append(round(float(held.split()[1]) / 2**20, 1))

    found = asked(port, body, clients, count, each)
    good = {answer for _, status, answer in found if status == 200}
    lost = count - sum(status == 200 for _, status, _ in found)
    return {"requests": count, "lost": lost, "different": len(good) - 1, "every": every, "rss_mib": memory}


def _beside(bare: Inpainter, ports: dict[str, int], side: int, rounds: int) -> dict[str, Any]:
    """By way: p50 and p99 in ms, and pictures a second."""
    images, masks = scene(side, side)
    body = form_of(side)
    ways: dict[str, Callable[[], list[float]]] = {
        "engine": lambda: [_timed(bare, images, masks) for _ in range(A_ROUND)]
    }
    for streams, port in ports.items():
        for clients in (1, CLIENTS):
            name = f"service, streams {streams}, clients {clients}"
            ways[name] = lambda port=port, clients=clients: [one[0] for one in asked(port, body, clients, A_ROUND)]  # type: ignore[misc]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    whole = dict.fromkeys(ways, 0.0)
    for way in ways.values():
        way()  # warm
    for _ in range(rounds):
        for name, way in ways.items():
            start = perf_counter()
            seconds[name] += way()
            whole[name] += perf_counter() - start
    return {name: _summary(one, whole[name]) for name, one in seconds.items()}


def _timed(bare: Inpainter, images: Any, masks: Any) -> float:
    start = perf_counter()
    bare.run(images, masks)
    return perf_counter() - start


def _summary(seconds: Sequence[float], whole: float) -> dict[str, float]:
    p50, p99 = (round(1000 * float(np.percentile(seconds, part)), 1) for part in (50, 99))
    return {"p50_ms": p50, "p99_ms": p99, "per_second": round(len(seconds) / whole, 2)}


def _together() -> dict[str, dict[str, float]]:
    """By size: milliseconds of processor time a picture, where one thread runs so many as one batch."""
    alone = Inpainter.load(DEMO, backend="onnxruntime", threads=1)
    found: dict[str, dict[str, float]] = {}
    for side in (64, 128, 256):
        images, masks = scene(side, side)
        found[f"{side}x{side}"] = row = {}
        for count in TOGETHER:
            batch = [np.repeat(array, count, axis=0) for array in (images, masks)]
            alone.backend.run(*batch)
            times = [_processor_time(alone, batch) for _ in range(24 // count)]
            row[str(count)] = round(1000 * median(times) / count, 1)
    return found


def _processor_time(bare: Inpainter, batch: Sequence[Any]) -> float:
    start = process_time()
    bare.backend.run(*batch)
    return process_time() - start


if __name__ == "__main__":
    main()
