"""lama-bench from end to end on small bundles: what it measures, refuses and leaves out."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx
import pytest

import lama_deploy.runtime.backends.tensorrt as tensorrt_backend
import lama_deploy.tensorrt.engine as tensorrt_engine
from lama_deploy.bench.page import bench_page
from lama_deploy.checkpoints.checkpoint import save_checkpoint
from lama_deploy.cli.bench import main
from lama_export.graph.model import onnx_from_state
from tests.lama_deploy.tensorrt.emulated_cuda import EmulatedDriver
from tests.lama_deploy.tensorrt.emulated_tensorrt import emulated_bundle, emulated_module
from tests.resign import resign

SMALL = [(1, 16, 16), (1, 32, 32), (2, 48, 64)]
EAGER = "eager PyTorch"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command in an empty folder, two rounds at a time, and returns its exit code."""
    monkeypatch.chdir(tmp_path)
    usual = ["--rounds", "2", "--threads", "1", "--json", "r.json", "--html", "r.html", "--overwrite"]

    def run(*arguments: object, sizes: str | None = "24x40,37x50x2") -> int:
        chosen = [] if sizes is None else ["--sizes", sizes]
        monkeypatch.setattr(sys, "argv", ["lama-bench", *usual, *chosen, *map(str, arguments)])
        return main()

    return run


@pytest.fixture
def engine(bundles: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of an engine, and a GPU and TensorRT that run it."""
    driver = EmulatedDriver()
    monkeypatch.setattr(tensorrt_backend, "driver", driver)
    monkeypatch.setattr(tensorrt_engine, "open_tensorrt", lambda target: emulated_module(driver))
    return emulated_bundle(bundles["uint8"], tmp_path / "engine", [SMALL])


def changed(bundle: Path, copy: Path, **values: Any) -> Path:
    """A copy with other values in its bundle.json."""
    return resign(Path(shutil.copytree(bundle, copy)), **values)


def rows() -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["size"], row["candidate"]): row for row in json.loads(Path("r.json").read_text())["rows"]}


def test_bundles_against_eager(bench, bundles, openvino_bundles, capsys):
    models = [str(bundles["uint8"]), str(bundles["float"]), str(openvino_bundles["fp32"])]
    assert bench(*models) == 0
    record = json.loads(Path("r.json").read_text())
    assert list(rows()) == [(size, name) for size in ("24x40", "37x50x2") for name in (EAGER, *models)]
    assert all(len(row["seconds"]) == 2 and row["first_s"] > 0 and row["failure"] is None for row in record["rows"])
    engines = ["torch", "onnxruntime", "onnxruntime", "openvino in f32"]
    found = [(one["engine"], one["device"], one["precision"]) for one in record["candidates"]]
    assert found == [(engine, "cpu", "fp32") for engine in engines]
    assert len(record["candidates"][3]["sha256"]["model.bin"]) == 64
    assert {"method", "not_measured", "version", "date", "machine", "plan"} <= record.keys()
    assert Path("r.html").read_text() == bench_page(record)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + 8 + 2 and printed[-2:] == ["wrote r.json", "wrote r.html"]
    assert not list(Path().glob("*.partial"))


def test_wrong_one_gets_no_time(bench, bundles, tiny, tmp_path, capsys):
    state = {key: array * 1.01 for key, array in tiny.state_dict.items()}
    save_checkpoint(tmp_path / "other.safetensors", tiny.config, state)
    assert bench(bundles["uint8"], "other.safetensors", "--backend", "cuda", "--device", "cpu", sizes="24x40") == 3
    wrong, right = rows()["24x40", "other.safetensors"], rows()["24x40", str(bundles["uint8"])]
    assert wrong["failure"].startswith(f"WRONG against {EAGER}: max error ") and not wrong["seconds"]
    assert wrong["failure"].endswith("it was made from another checkpoint") and len(right["seconds"]) == 2
    assert wrong["failure"] in capsys.readouterr().out


def test_engine_at_the_corners_of_its_profiles(bench, engine, bundles):
    assert bench(engine, bundles["uint8"], "--against", "none", sizes=None) == 0
    sizes = ["16x16", "16x16x2", "32x32", "16x64", "33x41", "48x64"]
    assert list(rows()) == [(size, name) for size in sizes for name in (str(engine), str(bundles["uint8"]))]
    (first, _) = json.loads(Path("r.json").read_text())["candidates"]
    assert (first["engine"], first["device"], first["target"]) == ("tensorrt", "cuda", "trt")
    assert first["profiles"][0]["max"] == [48, 64] and rows()["16x16", str(engine)]["is_baseline"]


def test_size_that_no_profile_takes_is_told_in_its_row(bench, engine, bundles, capsys):
    assert bench(engine, bundles["uint8"], "--against", "none", sizes="8x40,16x40") == 3
    assert rows()["8x40", str(engine)]["failure"].startswith("no profile takes it; the engine has 16x16 to 48x64")
    assert rows()["8x40", str(bundles["uint8"])]["is_baseline"] and rows()["16x40", str(engine)]["is_baseline"]


def test_engine_whose_eager_pytorch_has_no_gpu(bench, engine, capsys):
    """Eager runs where the engine does, or not at all."""
    assert bench(engine, sizes="16x16") == 0
    assert [name for _, name in rows()] == [str(engine)]
    (line,) = json.loads(Path("r.json").read_text())["left_out"]
    assert line.startswith(f"{EAGER} is left out: this PyTorch sees no CUDA device") and line in capsys.readouterr().err


def test_engine_without_a_gpu(bench, bundles, engine, monkeypatch, capsys):
    monkeypatch.setattr(tensorrt_backend, "driver", EmulatedDriver(devices=0))
    assert bench(engine, sizes="16x16") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {engine}: ") and error.count("\n") == 1 and not Path("r.json").exists()
    assert bench(bundles["uint8"], engine, sizes="16x16") == 3
    assert len(rows()) == 2 and str(engine) in json.loads(Path("r.json").read_text())["left_out"][0]


def test_eager_among_the_models_is_the_baseline(bench, bundles, tiny):
    assert bench(bundles["uint8"], tiny.path, sizes="24x40") == 0
    assert [name for _, name in rows()] == [str(tiny.path), str(bundles["uint8"])]
    assert rows()["24x40", str(tiny.path)]["is_baseline"]


@pytest.mark.parametrize(
    ("weights", "reason"),
    [({"source": "no-such", "sha256": 64 * "0"}, "no-such: no checkpoint there"), (None, "is another checkpoint than")],
)
def test_eager_is_left_out_in_one_line(bench, bundles, tiny, tmp_path, capsys, weights, reason):
    copy = changed(
        bundles["uint8"], tmp_path / "copy", weights=weights or {"source": str(tiny.path), "sha256": 64 * "0"}
    )
    assert bench(copy, sizes="24x40") == 0
    note = capsys.readouterr().err.splitlines()[0]
    assert note.startswith(f"note: {EAGER} is left out: ") and reason in note and note.endswith("one more argument")
    assert [name for _, name in rows()] == [str(copy)]


def test_half_precision_on_a_cpu_is_explained(bench, bundles, tiny, tmp_path, capsys):
    copy = changed(bundles["uint8"], tmp_path / "copy", precision="fp16")
    onnx.save(onnx_from_state(tiny.config, tiny.state_dict, precision="fp16"), copy / "model.onnx")
    resign(copy)
    assert bench(copy, "--against", "none", sizes="24x40") == 0
    assert "copy: ONNX Runtime computes fp16 in float32 on a CPU" in capsys.readouterr().err


REFUSED = {
    "nothing there": (["nowhere"], "nowhere: no checkpoint there, and no name of weights"),
    "not a bundle": (["{bundle}/model.onnx"], "give the bundle that it was exported in"),
    "size": (["{bundle}", "--sizes", "24"], "size '24' is not HEIGHTxWIDTH"),
    "folder": (["{bundle}", "--json", "none/r.json"], "none/r.json: cannot be written"),
    "device": (["{bundle}", "--device", "cuda"], "this ONNX Runtime has no CUDA provider"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(bench, bundles, capsys, case):
    arguments, message = REFUSED[case]
    named = [argument.format(bundle=bundles["uint8"]) for argument in arguments]
    assert bench(*named, sizes=None) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert not list(Path().iterdir())


def test_the_others_go_on(bench, bundles, capsys):
    assert bench("nowhere", bundles["uint8"], "--against", "none", sizes="24x40") == 3
    assert len(rows()) == 1 and "error: nowhere: " in capsys.readouterr().err


def test_nothing_measured_writes_nothing(bench, engine, capsys):
    assert bench(engine, "--against", "none", sizes="8x8") == 2
    printed = capsys.readouterr()
    assert "no profile takes it" in printed.out and "error: nothing could be measured" in printed.err
    assert not Path("r.json").exists() and not Path("r.html").exists()


def test_a_record_that_is_there_stays(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lama-bench", "never opened", "--json", "r.json", "--html", "r.html"])
    monkeypatch.chdir(tmp_path)
    Path("r.html").write_text("mine")
    assert main() == 2
    assert capsys.readouterr().err.startswith("error: r.html: exists already and would be replaced; give another name")
    assert Path("r.html").read_text() == "mine"
