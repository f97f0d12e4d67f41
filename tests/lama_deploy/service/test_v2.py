"""The V2 protocol: by tritonclient, and as plain JSON."""

import json
from typing import Any

import numpy as np
import pytest

from lama_deploy.arrays import Array
from lama_deploy.runtime.inpainter import Inpainter
from tests.lama_deploy.service.conftest import Running

INFER = "/v2/models/lama-demo/infer"


def request_of(photo: Array, hole: Array, **changed: Any) -> dict[str, Any]:
    inputs = [
        {"name": name, "shape": list(array.shape), "datatype": "UINT8", "data": array.tolist()}
        for name, array in (("image", photo[None, :16, :12]), ("mask", hole[None, 15:31, 25:37]))
    ]
    return {"inputs": inputs, **changed}


def test_tritonclient_works_unchanged(running: Running, demo: Inpainter, photo: Array, hole: Array) -> None:
    triton = pytest.importorskip("tritonclient.http")
    client = triton.InferenceServerClient(f"127.0.0.1:{running.port}")
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("lama-demo")
    assert client.is_model_ready("other", "1")
    assert not client.is_model_ready("big")
    assert client.get_server_metadata()["name"] == "lama-serve"
    told = client.get_model_metadata("lama-demo")
    assert [(one["name"], one["datatype"], one["shape"]) for one in told["inputs"]] == [
        ("image", "UINT8", [-1, -1, -1, 3]),
        ("mask", "UINT8", [-1, -1, -1]),
    ]
    images, masks = np.stack((photo, photo[::-1])), np.stack((hole, hole))
    for binary in (True, False):
        inputs = [triton.InferInput("image", images.shape, "UINT8"), triton.InferInput("mask", masks.shape, "UINT8")]
        for one, array in zip(inputs, (images, masks), strict=True):
            one.set_data_from_numpy(np.ascontiguousarray(array), binary_data=binary)
        for outputs in (None, [triton.InferRequestedOutput("result", binary_data=binary)]):
            result = client.infer("lama-demo", inputs, request_id="7", outputs=outputs)
            assert result.get_response()["id"] == "7"
            assert np.array_equal(result.as_numpy("result"), demo.run(images, masks))
    with pytest.raises(triton.InferenceServerException, match="model 'big' is not served"):
        client.infer("big", inputs)


def test_plain_json(running: Running, demo: Inpainter, photo: Array, hole: Array) -> None:
    image, mask = photo[None, :16, :12], hole[None, 15:31, 25:37]
    asked = request_of(photo, hole, id="a", parameters={"strategy": "whole", "timeout": 5})
    answer = running.client.post(INFER, json=asked)
    told = answer.json()
    (output,) = told["outputs"]
    assert (told["id"], told["model_name"], output["name"], output["shape"]) == (
        "a",
        "lama-demo",
        "result",
        [1, 16, 12, 3],
    )
    assert np.array_equal(np.array(output["data"]).reshape(output["shape"]), demo.run(image, mask))
    assert json.loads(answer.headers["x-lama-notes"]) == ["of the parameters timeout changes nothing here"]


def test_one_mask_serves_all(running: Running, photo: Array, hole: Array) -> None:
    asked = request_of(photo, hole)
    asked["inputs"][0] |= {"shape": [2, 16, 12, 3], "data": asked["inputs"][0]["data"] * 2}
    answer = running.client.post(INFER, json=asked)
    first, second = np.array(answer.json()["outputs"][0]["data"]).reshape(2, -1)
    assert np.array_equal(first, second)


def test_what_is_wrong_is_told_as_kserve_does(running: Running, photo: Array, hole: Array) -> None:
    def wrong(status: int, said: str, content: bytes | dict[str, Any], path: str = INFER, **headers: str) -> None:
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        answer = running.client.post(path, content=content, headers=headers)
        assert answer.status_code == status, answer.text
        assert said in answer.json()["error"]

    def changed(index: int, **fields: Any) -> dict[str, Any]:
        asked = request_of(photo, hole)
        asked["inputs"][index].update(fields)
        return asked

    length = {"Inference-Header-Content-Length": "5"}
    wrong(400, "the body is no JSON", b"{")
    wrong(400, "the body is no JSON", b"[" * 100_000)
    wrong(400, "the body is no JSON", b"\xff")
    wrong(400, "the body is no JSON object", b"[]")
    wrong(400, "an input is missing; inputs: image, mask", b"{}")
    wrong(400, "inputs is no list of objects", {"inputs": 5})
    wrong(400, "input 'pixels' is unknown", changed(0, name="pixels"))
    wrong(400, "there twice", changed(1, name="image"))
    wrong(400, "image: datatype is 'FP32'; allowed: UINT8", changed(0, datatype="FP32"))
    wrong(400, "image: shape is [1, 16, 12, 4]; allowed: (N, H, W, 3)", changed(0, shape=[1, 16, 12, 4]))
    wrong(400, "image: shape is", changed(0, shape=[1, 16, -12, 3]))
    wrong(400, "image: shape is", changed(0, shape=[1, 16, 10**30, 3]))
    wrong(400, "both must have the same size", changed(1, shape=[1, 12, 16]))
    wrong(400, "mask: there are no data", changed(1, data=[[1, 2], [3]]))
    wrong(400, "mask: data are not 192 integers from 0 to 255", changed(1, data=[1, 2]))
    wrong(400, "mask: data are not 192 integers", changed(1, data=[0.5] * 192))
    wrong(400, "mask: data are not 192 integers", changed(1, data=[256] * 192))
    wrong(400, "mask: data are not 192 integers", changed(1, data=["1"] * 192))
    wrong(400, "binary_data_size is 5, and 0 bytes are there", changed(1, parameters={"binary_data_size": 5}))
    wrong(400, "parameter 'shared_memory_region' is unknown", changed(1, parameters={"shared_memory_region": "x"}))
    wrong(400, "parameter 'stratgy' is unknown", request_of(photo, hole, parameters={"stratgy": "crop"}))
    wrong(400, "strategy is best", request_of(photo, hole, parameters={"strategy": "best"}))
    wrong(
        400, "output 'output' is unknown; the only one is result", request_of(photo, hole, outputs=[{"name": "output"}])
    )
    wrong(400, "id is no string", request_of(photo, hole, id=5))
    wrong(400, "allowed: how many bytes of the body are JSON", b"{}", **length)
    wrong(400, "2 bytes behind the JSON belong to no input", json.dumps(request_of(photo, hole)).encode() + b"xx", **{
        "Inference-Header-Content-Length": str(len(json.dumps(request_of(photo, hole))))
    })  # fmt: skip
    for shape, said in (((1, 10**5, 10**5), "1x100000x100000 is more than"), ((65, 1, 1), "65 pictures in a request")):
        asked = request_of(photo, hole)
        asked["inputs"][0]["shape"], asked["inputs"][1]["shape"] = [*shape, 3], list(shape)
        wrong(413, said, asked)
    wrong(404, "model 'big' is not served", request_of(photo, hole), "/v2/models/big/infer")
    wrong(404, "has one version, 1", request_of(photo, hole), "/v2/models/other/versions/2/infer")
