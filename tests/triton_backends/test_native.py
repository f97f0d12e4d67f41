"""The native backend in a real Triton: Inpainter's bytes, bad requests, many clients, batches, instances, its end."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from geventhttpclient.response import HTTPConnectionClosed
from tritonclient.utils import InferenceServerException, shared_memory

from lama_deploy.arrays import Array
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.strategies.options import StrategyOptions
from lama_export.triton.repository import write_repository
from tests.kernel_build import ROOT
from tests.triton_backends.asking import MODULES, Client
from tests.triton_backends.server import Server, server_folder

pytestmark = pytest.mark.slow
PROTOCOLS = list(MODULES)
SIZES = ((24, 32), (1, 1), (101, 85), (300, 500))
WAITING = "dynamic_batching { max_queue_delay_microseconds: 300000 }"
RAGGED = "dims: [ -1, -1, 3 ] allow_ragged_batch: true", "dims: [ -1, -1 ] allow_ragged_batch: true"


def edit(repository: Path, name: str, *changes: tuple[str, str]) -> None:
    """As people do to config.pbtxt."""
    config = repository / name / "config.pbtxt"
    text = config.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    config.write_text(text)


def parameter(name: str, value: str) -> tuple[str, str]:
    """A further one."""
    first = 'parameters { key: "strategy"'
    return first, f'parameters {{ key: "{name}" value {{ string_value: "{value}" }} }}\n{first}'


@pytest.fixture(scope="module")
def repository(library: Path, tiny_bundles: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    server_folder()  # skips before anything is written
    out = tmp_path_factory.mktemp("repository")
    write_repository(tiny_bundles["onnx"], out, library=library)
    write_repository(tiny_bundles["openvino"], out, library=library, name="openvino")
    write_repository(tiny_bundles["onnx"], out, library=library, name="two", instances=2)
    write_repository(tiny_bundles["onnx"], out, library=library, name="batched", batch=8)
    edit(out, "batched", ("dynamic_batching { }", WAITING))
    write_repository(tiny_bundles["onnx"], out, library=library, name="ragged", batch=8)
    edit(out, "ragged", ("dynamic_batching { }", WAITING))
    edit(out, "ragged", ("dims: [ -1, -1, 3 ]", RAGGED[0]), ("dims: [ -1, -1 ]", RAGGED[1]))
    write_repository(tiny_bundles["onnx"], out, library=library, name="crop")
    write_repository(tiny_bundles["onnx"], out, library=library, name="single")
    edit(out, "single", *2 * [("dims: [ -1, -1, -1, 3 ]", "dims: [ -1, -1, 3 ]")])
    edit(out, "single", ("dims: [ -1, -1, -1 ]", "dims: [ -1, -1 ]"))
    edit(out, "crop", ('"auto"', '"crop"'), parameter("margin", "16"), parameter("threads", "1"))
    return out


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(repository, tmp_path_factory.mktemp("server") / "log")
    yield running
    assert running.is_alive(), running.said[-4000:]
    assert running.end() == 0


def random_scene(random: np.random.Generator, most: int) -> tuple[Array, Array]:
    height, width = (int(side) for side in random.integers(1, most, 2))
    image = random.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    mask = np.zeros((1, height, width), np.uint8)
    mask[0, height // 3 : height // 3 + 40, width // 4 : width // 4 + 40] = 255
    return image, mask


@pytest.mark.parametrize("size", SIZES)
def test_equal_to_inpainter(client: Client, inpaint: Inpainter, size: tuple[int, int]) -> None:
    image, mask = scene(*size)
    np.testing.assert_array_equal(client.ask("lama", image, mask), inpaint.run(image, mask))


def test_several_pictures_in_a_request(client: Client, inpaint: Inpainter) -> None:
    image, mask = (np.concatenate([part, part[:, ::-1], part[:, :, ::-1]]) for part in scene(60, 50))
    np.testing.assert_array_equal(client.ask("lama", image, mask), inpaint.run(image, mask))


def test_one_picture_without_a_count(client: Client, inpaint: Inpainter) -> None:
    image, mask = scene(60, 50)
    np.testing.assert_array_equal(client.ask("single", image[0], mask[0]), inpaint.run(image, mask)[0])


def test_openvino(client: Client, tiny_bundles: Mapping[str, Path]) -> None:
    image, mask = scene(101, 85)
    expected = Inpainter.load(tiny_bundles["openvino"], threads=1, cache="").run(image, mask)
    np.testing.assert_array_equal(client.ask("openvino", image, mask), expected)


def test_parameters_of_config_pbtxt(server: Server, tiny_bundles: Mapping[str, Path]) -> None:
    image, mask = random_scene(np.random.default_rng(5), 400)
    options = StrategyOptions(strategy="crop", margin=16)
    expected = Inpainter.load(tiny_bundles["onnx"], strategy=options, threads=1).run(image, mask)
    with closing(Client(server, "http")) as client:
        np.testing.assert_array_equal(client.ask("crop", image, mask), expected)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_system_shared_memory(server: Server, inpaint: Inpainter, protocol: str) -> None:
    image, mask = scene(120, 90)
    regions = {"image": image, "mask": mask, "result": np.zeros_like(image)}
    with closing(Client(server, protocol)) as client:
        handles: dict[str, Any] = {}
        try:
            for name, values in regions.items():
                key = f"/lama-{uuid.uuid4().hex}"
                handles[name] = shared_memory.create_shared_memory_region(name, key, values.nbytes)
                shared_memory.set_shared_memory_region(handles[name], [values])
                client.raw.register_system_shared_memory(name, key, values.nbytes)
            inputs = [client.input(name, regions[name]) for name in ("image", "mask")]
            for tensor in inputs:
                tensor.set_shared_memory(tensor.name(), regions[tensor.name()].nbytes)
            output = client.module.InferRequestedOutput("result")
            output.set_shared_memory("result", image.nbytes)
            client.raw.infer("lama", inputs, outputs=[output])
            found = shared_memory.get_contents_as_numpy(handles["result"], image.dtype, list(image.shape))
            np.testing.assert_array_equal(found, inpaint.run(image, mask))
        finally:
            client.raw.unregister_system_shared_memory()
            for handle in handles.values():
                shared_memory.destroy_shared_memory_region(handle)


def test_sixteen_clients(server: Server, inpaint: Inpainter) -> None:
    def ask(seed: int) -> None:
        random = np.random.default_rng(seed)
        with closing(Client(server, PROTOCOLS[seed % 2])) as client:
            for model in ("lama", "two", "batched", "ragged"):
                image, mask = random_scene(random, 200)
                np.testing.assert_array_equal(client.ask(model, image, mask), inpaint.run(image, mask))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(16)))


SMALL, HOLE = scene(24, 32)
BAD = {
    "a mask of another size": (SMALL, HOLE[:, :20], "mask is [1,20,32] beside an image of [1,24,32,3]; give [1,24,32]"),
    "a mask for another number": (SMALL, np.repeat(HOLE, 2, 0), "mask is [2,24,32] beside an image of [1,24,32,3]"),
    "no picture": (SMALL[:0], HOLE[:0], "image is [0,24,32,3]; allowed: 1 to 1,048,576 pixels a side, 1 picture"),
    "no width": (SMALL[:, :, :0], HOLE[:, :, :0], "image is [1,24,0,3]; allowed"),
    "alpha": (np.zeros((1, 24, 32, 4), np.uint8), HOLE, "unexpected shape for input 'image'"),
    "no count": (SMALL[0], HOLE[0], "unexpected shape for input"),
    "floats": (SMALL.astype(np.float32), HOLE, "expects 'UINT8'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_requests(client: Client, inpaint: Inpainter, kind: str) -> None:
    image, mask, said = BAD[kind]
    line = client.refused("lama", image, mask)
    assert said in line and "\n" not in line.strip()
    np.testing.assert_array_equal(client.ask("lama", SMALL, HOLE), inpaint.run(SMALL, HOLE))


def test_bytes_that_are_not_there(server: Server) -> None:
    """A tensor that claims more than it sends."""
    with closing(Client(server, "http")) as client:
        inputs = [client.input("image", SMALL), client.input("mask", HOLE)]
        inputs[0].set_shape([1, 4000, 32, 3])
        with pytest.raises(InferenceServerException) as caught:
            client.raw.infer("lama", inputs)
        assert caught.value.status() == "400"


def executions(server: Server, model: str) -> dict[int, int]:
    """How often so many pictures were computed together."""
    with closing(Client(server, "http")) as client:
        (stats,) = client.raw.get_inference_statistics(model)["model_stats"]
    return {one["batch_size"]: one["compute_infer"]["count"] for one in stats["batch_stats"]}


def together(server: Server, model: str, pictures: list[tuple[Array, Array]]) -> list[Array | str]:
    """What each request gave, or its error; all are sent at once."""

    def ask(picture: tuple[Array, Array]) -> Array | str:
        with closing(Client(server, "grpc")) as client:
            try:
                return client.ask(model, *picture)
            except InferenceServerException as error:
                return str(error.message())

    with ThreadPoolExecutor(len(pictures)) as pool:
        return list(pool.map(ask, pictures))


def test_pictures_of_one_size_are_computed_together(server: Server, inpaint: Inpainter) -> None:
    before = executions(server, "batched")
    pictures = [scene(40, 56) for _ in range(8)]
    for found, picture in zip(together(server, "batched", pictures), pictures, strict=True):
        np.testing.assert_array_equal(found, inpaint.run(*picture))
    after = executions(server, "batched")
    assert any(size > 1 and count > before.get(size, 0) for size, count in after.items()), (before, after)


def test_a_bad_request_costs_itself_among_others(server: Server, inpaint: Inpainter) -> None:
    """Of different sizes, which config.pbtxt may allow in one execution."""
    good = [random_scene(np.random.default_rng(seed), 90) for seed in range(7)]
    *found, bad = together(server, "ragged", [*good, (SMALL, HOLE[:, :20])])
    assert isinstance(bad, str) and "mask is [1,20,32]" in bad
    for result, picture in zip(found, good, strict=True):
        np.testing.assert_array_equal(result, inpaint.run(*picture))
    assert max(executions(server, "ragged")) > 1


def test_metrics(server: Server) -> None:
    def counted(name: str) -> float:
        (value,) = re.findall(rf'^{name}{{model="lama",[^}}]*}} (\S+)$', server.scraped(), re.MULTILINE)
        return float(value)

    before = counted("nv_inference_count"), counted("nv_inference_compute_infer_duration_us")
    with closing(Client(server, "http")) as client:
        client.ask("lama", *(np.repeat(part, 2, 0) for part in scene(64, 64)))
        client.refused("lama", *BAD["a mask of another size"][:2])
    assert counted("nv_inference_count") == before[0] + 2 or counted("nv_inference_count") == before[0] + 1
    assert counted("nv_inference_compute_infer_duration_us") > before[1]
    failed = re.findall(r'nv_inference_request_failure{model="lama",reason="BACKEND"[^}]*} (\S+)', server.scraped())
    assert failed and float(failed[0]) >= 1


def test_whoever_goes_before_the_answer(server: Server, inpaint: Inpainter) -> None:
    image, mask = scene(700, 700)
    with closing(Client(server, "grpc")) as client:
        with pytest.raises(InferenceServerException, match="Deadline Exceeded"):
            client.ask("lama", image, mask, client_timeout=0.002)
        np.testing.assert_array_equal(client.ask("lama", SMALL, HOLE), inpaint.run(SMALL, HOLE))


def test_what_it_says_at_start(server: Server) -> None:
    assert re.search(r'"lama: fp32 with onnxruntime [\d.]+ \(\S+libonnxruntime\S+\), 1 at the same time"', server.said)
    assert re.search(r'"two: .* 2 at the same time"', server.said)
    assert "looks" not in server.said.split("Started HTTPService")[0]  # warm-up is no mask to doubt


WRONG: dict[str, tuple[list[tuple[str, str]], str]] = {
    "unknown": ([parameter("strateg", "crop")], "has the parameter strateg, which is not known; allowed: bundle, "),
    "number": ([parameter("threads", "two")], "the parameter threads is 'two'; give a whole number"),
    "range": ([parameter("limit", "7")], "limit is 7; allowed: 128 to 65536"),
    "strategy": ([('"auto"', '"best"')], "the parameter strategy is 'best'; allowed: auto, whole, crop"),
    "sizes": ([('"512x512"', '"512"')], "the parameter warm_up is '512'; give sizes such as"),
    "bundle": ([parameter("bundle", "nowhere")], "nowhere"),
    "engine": ([parameter("engine", "/nowhere/lib.so")], "/nowhere/lib.so: ONNX Runtime's library cannot be opened"),
    "tensors": ([('name: "mask"', 'name: "hole"')], "config.pbtxt has another input than the backend"),
    "type": ([("TYPE_UINT8", "TYPE_FP32")], "config.pbtxt has another input than the backend"),
    "memory": ([parameter("memory", "1"), ('"512x512"', '"512x512 9000x9000"')], "memory"),
    "damaged": ([], "model.onnx"),
}


@pytest.fixture(scope="module")
def unavailable(
    library: Path, tiny_bundles: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    """By model: why a server could not load it."""
    out = tmp_path_factory.mktemp("wrong")
    for name, (changes, _) in WRONG.items():
        write_repository(tiny_bundles["onnx"], out, library=library, name=name)
        edit(out, name, *changes)
    (out / "damaged" / "1" / "bundle" / "model.onnx").write_bytes(b"another")
    server = Server(out, tmp_path_factory.mktemp("server") / "log")
    try:
        with closing(Client(server, "http")) as client:
            listed = client.raw.get_model_repository_index()
    finally:
        server.kill()
    return {one["name"]: f"{one['state']}: {one.get('reason')}" for one in listed}


@pytest.mark.parametrize("name", WRONG)
def test_models_that_cannot_be(unavailable: Mapping[str, str], name: str) -> None:
    assert unavailable[name].startswith("UNAVAILABLE: ") and WRONG[name][1] in unavailable[name]
    assert "\n" not in unavailable[name]


def test_its_end_under_load(repository: Path, inpaint: Inpainter, tmp_path: Path) -> None:
    """All that is answered is right, what comes too late is refused, and the server ends by itself.

    Each request has a connection of its own: Triton waits for those of HTTP that are open, up to --exit-timeout-secs.
    """
    server = Server(repository, tmp_path / "log")
    image, mask = scene(200, 200)
    expected, begun, answered = inpaint.run(image, mask), Event(), []

    def ask_until_it_ends(index: int) -> None:
        while True:
            with closing(Client(server, PROTOCOLS[index % 2])) as client:
                try:
                    found = client.ask("two", image, mask)
                except (InferenceServerException, HTTPConnectionClosed, OSError):
                    return
            np.testing.assert_array_equal(found, expected)
            answered.append(index)
            begun.set()

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(ask_until_it_ends, index) for index in range(8)]
        try:
            assert begun.wait(60)
            assert server.end() == 0, server.said[-3000:]
        finally:
            server.kill()
        for client in clients:
            client.result(60)
    assert answered


def test_the_pages_python(server: Server) -> None:
    page = (ROOT / "docs" / "serving.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block.replace("127.0.0.1:8000", server.http), names)
    assert names["result"].shape == (1, 480, 640, 3) and (names["result"][0, 0] == 200).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("threads=two", "the parameter threads is 'two'"),
        ("threds=2", "--backend-config=lama,threds is not known; allowed"),
    ],
)
def test_parameters_of_the_command_line(
    given: str, said: str, library: Path, tiny_bundles: Mapping[str, Path], tmp_path: Path
) -> None:
    write_repository(tiny_bundles["onnx"], tmp_path / "out", library=library)
    server = Server(tmp_path / "out", tmp_path / "log", options=[f"--backend-config=lama,{given}"])
    try:
        with closing(Client(server, "http")) as client:
            (listed,) = client.raw.get_model_repository_index()
    finally:
        server.kill()
    assert said in listed["reason"]


def test_the_command_and_what_it_says_is_next(tiny_bundles: Mapping[str, Path], tmp_path: Path) -> None:
    """From a bundle to an answer, with a backend that is compiled on the way."""
    folder, out = server_folder(), tmp_path / "out"
    command = [sys.executable, "-m", "lama_export.cli", "--from", tiny_bundles["onnx"], "--to", "triton", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    words = ["tritonserver", f"--model-repository={out}"]
    assert done.stdout.splitlines()[-1] == f"next: {' '.join(words)}" and (folder / "bin" / words[0]).exists()
    server = Server(out, tmp_path / "log")
    try:
        image, mask = scene(128, 128)
        with closing(Client(server, "grpc")) as client:
            found = client.ask("lama", image, mask)
        np.testing.assert_array_equal(found, Inpainter.load(tiny_bundles["onnx"]).run(image, mask))
    finally:
        server.kill()
