"""The MNN backend: threads agree, nothing in standard output, faults in one line."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from lama_deploy import Inpainter
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, EngineError, LamaDeployError
from lama_deploy.images.scenes import scene
from lama_deploy.proof.subjects import Size
from lama_export import ExportOptions, export_bundle

pytest.importorskip("MNN", reason="MNN is not installed: pip install MNN")

import lama_export.edge.mnn as edge
from lama_deploy.runtime.backends.mnn import MnnBackend


@pytest.fixture(scope="module")
def bundle(tiny: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the tiny generator, with bytes at the interface; not to be written to."""
    folder = tmp_path_factory.mktemp("mnn") / "bundle"
    export_bundle(tiny, folder, ExportOptions(target="mnn", parity_subjects=(Size(40, 48),)))
    return folder


def test_threads_that_share_it_agree_with_one(bundle: Path) -> None:
    backend = MnnBackend(bundle / "model.mnn", threads=2)
    scenes = [scene(16 + 8 * index, 40, seed=index) for index in range(6)]
    wanted = [backend.run(*pair) for pair in scenes]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: backend.run(*pair), scenes))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_it_says_by_itself_is_not_in_standard_output(bundle: Path) -> None:
    """A picture may go there."""
    script = f"from lama_deploy import Inpainter; Inpainter.load({str(bundle)!r}).warm_up([(16, 16)]); print('ours')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "ours\n"


@pytest.mark.parametrize("kept", [0, 5000])
def test_a_damaged_file_is_refused_in_one_line(bundle: Path, kept: int, tmp_path: Path) -> None:
    damaged = tmp_path / "model.mnn"
    damaged.write_bytes((bundle / "model.mnn").read_bytes()[:kept])
    with pytest.raises(BundleError, match=r"MNN cannot open it; it is damaged or no model of MNN; export it again$"):
        Inpainter.load(damaged)
    copied = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    shutil.copy(damaged, copied)
    with pytest.raises(BundleError, match=r"model\.mnn: has \d+ bytes, and bundle\.json says"):
        Inpainter.load(copied)


def test_a_model_of_others_is_refused(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "business_code", lambda *_: "theirs")
    value = [onnx.helper.make_tensor_value_info(name, 1, [1, 4]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "theirs", value[:1], value[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=7)
    edge.mnn_from_onnx(model, tmp_path / "model.mnn", "uint8", "fp32")
    with pytest.raises(BundleError, match=r"not a LaMa model of lama-export .*; make one with lama-export --to mnn"):
        Inpainter.load(tmp_path / "model.mnn")


def test_options_it_does_not_have(bundle: Path) -> None:
    with pytest.raises(LamaDeployError, match="precision is 'half'; MNN has high, normal, low"):
        Inpainter.load(bundle, precision="half")
    with pytest.raises(LamaDeployError, match="the mnn backend does not run on device 'cuda' here"):
        Inpainter.load(bundle, device="cuda")
    with pytest.raises(BundleError, match="no such file"):
        MnnBackend(bundle / "other.mnn")


def test_a_run_that_computes_nothing_is_an_error(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = MnnBackend(bundle / "model.mnn", threads=1)

    class Silent:
        def forward(self, inputs: object) -> list[object]:
            return []

    monkeypatch.setattr(backend, "_module", Silent())
    with pytest.raises(EngineError, match="MNN failed on a picture of 16x16: RuntimeError: it computed nothing"):
        backend.run(*scene(16, 16))
