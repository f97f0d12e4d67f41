"""Triton with the native backend beside the engine that it runs: `python -m benchmarks.cpu.triton --server DIR`.

Each round computes pictures with the bare engine in this process, then asks a server in a process of its own with one
client and with several, by gRPC. Clients and server share the cores, as nobody's do who has two machines.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tritonclient.grpc as triton

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy import Inpainter
from lama_deploy.arrays import Array
from lama_deploy.checkpoints.weights import DEMO, load_weights
from lama_deploy.images.scenes import scene
from lama_deploy.reports.machine import machine
from lama_export import ExportOptions, export_bundle
from lama_export.triton.repository import write_repository

SIZES, CLIENTS, ROUNDS, A_ROUND = (128, 512), (1, 2, 4, 8), 5, 16
INSTANCES = {"one": 1, "two": 2}  # by model
START = 120  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", type=Path, required=True, help="The folder with bin/tritonserver.")
    parser.add_argument("--library", type=Path, help="A libtriton_lama.so (default: it is compiled).")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    args = parser.parse_args()
    with TemporaryDirectory() as place:
        bundle, repository = Path(place) / "bundle", Path(place) / "repository"
        export_bundle(load_weights(DEMO), bundle, ExportOptions(memory=False))
        for name, instances in INSTANCES.items():
            write_repository(bundle, repository, name=name, instances=instances, library=args.library)
        bare = Inpainter.load(bundle)
        with serving(args.server, repository) as (address, version):
            rows = {f"{size}x{size}": _beside(bare, address, size, args.rounds) for size in SIZES}
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": "Triton with the native backend beside the bare engine: lama-demo, ONNX Runtime",
        "date": today,
        "method": f"median of {args.rounds} rounds of {A_ROUND} pictures each way, one after the other; engine: "
        "Inpainter.run of arrays; server: arrays by gRPC over loopback, clients in the same machine; pictures a second "
        "as multiples of the engine's, and milliseconds of a request",
        "machine": machine((*PACKAGES, "tritonclient")) | {"tritonserver": version},
        "triton": rows,
    }
    file = RESULTS / f"{today}-cpu-triton.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(rows, indent=1), f"\nwrote {file}")


@contextmanager
def serving(folder: Path, repository: Path) -> Iterator[tuple[str, str]]:
    """Its address for gRPC, and its version."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = ["--allow-http=false", "--allow-metrics=false", "--grpc-address=127.0.0.1"]
    command = [str(folder / "bin" / "tritonserver"), f"--model-repository={repository}", *options]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with subprocess.Popen(
        [*command, f"--grpc-port={address.split(':')[1]}"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        env=environment,
    ) as process:  # fmt: skip
        try:
            client = triton.InferenceServerClient(address)
            _wait(client, process)
            yield address, client.get_server_metadata().version
        finally:
            process.terminate()


def _wait(client: Any, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        try:
            if client.is_server_ready():
                return
        except triton.InferenceServerException:
            pass
        time.sleep(0.1)
    raise SystemExit("error: tritonserver did not start; start it by hand to see why")


def _beside(bare: Inpainter, address: str, size: int, rounds: int) -> dict[str, Any]:
    """Of each way: pictures a second of the engine's, and a request's median and 99th percentile in ms."""
    picture = scene(size, size)
    expected = bare.run(*picture)
    rates: dict[str, list[float]] = {}
    waits: dict[str, list[float]] = {}
    for turn in range(rounds + 1):  # the first is warm-up
        own = _timed(lambda: [bare.run(*picture) for _ in range(A_ROUND)])
        for model in INSTANCES:
            for clients in CLIENTS:
                took, seconds = _asked(address, model, picture, expected, clients)
                if turn:
                    key = f"{INSTANCES[model]} instance{'s' * (model == 'two')}, {clients} clients"
                    rates.setdefault(key, []).append(own / took)
                    waits.setdefault(key, []).extend(seconds)
    return {
        key: {
            "of_engine": round(median(rates[key]), 3),
            "p50_ms": round(1000 * float(np.percentile(waits[key], 50)), 1),
            "p99_ms": round(1000 * float(np.percentile(waits[key], 99)), 1),
        }
        for key in rates
    }


def _asked(
    address: str, model: str, picture: tuple[Array, Array], expected: Array, clients: int
) -> tuple[float, list[float]]:
    """Seconds for all, and for each."""

    def ask(count: int) -> list[float]:
        with triton.InferenceServerClient(address) as client:
            return [_timed(lambda: _one(client, model, picture, expected)) for _ in range(count)]

    with ThreadPoolExecutor(clients) as pool:
        start = time.perf_counter()
        found = list(pool.map(ask, [A_ROUND // clients] * clients))
        return time.perf_counter() - start, [seconds for each in found for seconds in each]


def _one(client: Any, model: str, picture: tuple[Array, Array], expected: Array) -> None:
    inputs = []
    for name, values in zip(("image", "mask"), picture, strict=True):
        inputs.append(triton.InferInput(name, values.shape, "UINT8"))
        inputs[-1].set_data_from_numpy(values)
    if not np.array_equal(client.infer(model, inputs).as_numpy("result"), expected):
        raise SystemExit("error: the server gave another picture than the engine; nothing was measured")


def _timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
