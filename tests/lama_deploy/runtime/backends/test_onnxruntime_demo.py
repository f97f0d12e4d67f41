"""lama-demo without torch: what ships is what the exporter makes of the shipped weights, to the bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from lama_deploy import Inpainter
from lama_deploy.checkpoints.weights import DEMO, load_weights
from lama_deploy.errors import LamaDeployError
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.backends import onnxruntime
from lama_deploy.runtime.backends.onnxruntime_demo import GRAPH, DemoBackend, weights_of
from lama_export.graph.model import onnx_from_state

ROOT = Path(__file__).parents[4]


def test_it_is_the_exporters() -> None:
    checkpoint = load_weights(DEMO)
    wanted, shipped = (
        onnx_from_state(checkpoint.config, checkpoint.state_dict, decoder="hole"),
        onnx.load_from_string(GRAPH.read_bytes()),
    )
    weights = weights_of(GRAPH.read_bytes(), checkpoint)
    for tensor in shipped.graph.initializer:
        if tensor.name in weights:
            assert list(tensor.dims) == list(weights[tensor.name].shape)
            tensor.CopyFrom(onnx.numpy_helper.from_array(weights.pop(tensor.name), tensor.name))
    assert not weights
    assert shipped == wanted, "run examples/demo_model/ship.py"


def test_it_computes_what_torch_computes() -> None:
    image, mask = (batch[0] for batch in scene(40, 56, seed=3))
    found = Inpainter.load(DEMO, backend="onnxruntime", threads=1, device="cpu")
    assert found.backend.capabilities.memory is not None
    wanted = Inpainter.load(DEMO, backend="torch", threads=1, device="cpu")
    np.testing.assert_allclose(found(image, mask).astype(int), wanted(image, mask), atol=1)


def test_other_names_and_options_are_refused(tiny) -> None:
    with pytest.raises(LamaDeployError, match="the onnxruntime backend has no option 'cache'; allowed: device, thr"):
        Inpainter.load(DEMO, backend="onnxruntime", cache="")
    with pytest.raises(LamaDeployError, match="backend 'onnxruntime' does not run this"):
        Inpainter.load(tiny.path, backend="onnxruntime")


def test_without_torch_it_is_the_default() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('torch', 'onnx', 'yaml', 'openvino')))\n"
        "from lama_deploy import Inpainter\n"
        "print(Inpainter.load('lama-demo').backend.name)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "onnxruntime\n", done.stderr


def test_what_a_large_picture_took_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next pictures are the same."""
    backend = DemoBackend(device="cpu", threads=1)
    pictures = scene(72, 100)
    kept = backend.run(*pictures)
    monkeypatch.setattr(onnxruntime, "PIXELS_GIVEN_BACK", 72 * 100)
    assert all(np.array_equal(backend.run(*pictures), kept) for _ in range(2))
