"""lama-evaluate from end to end on generated pictures, and its one-line refusals."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy import Inpainter
from lama_deploy.cli.evaluate import main
from lama_deploy.images.scenes import scene

PLAIN = ["--metrics", "SSIM,PSNR,L1,L1-hole"]


@pytest.fixture
def evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command in an empty folder and returns its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["lama-evaluate", *map(str, arguments), "--device", "cpu", "--threads", "1"])
        return main()

    return run


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    images, masks = scene(40, 56, 3, seed=8)
    (tmp_path / "pairs").mkdir()
    for index in range(3):
        Image.fromarray(images[index]).save(tmp_path / "pairs" / f"{index}.png")
        Image.fromarray(masks[index] * 255).save(tmp_path / "pairs" / f"{index}_mask000.png")
    return tmp_path / "pairs"


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    (tmp_path / "photographs").mkdir()
    for index in range(3):
        Image.fromarray(scene(100, 130, seed=index)[0][0]).save(tmp_path / "photographs" / f"{index}.png")
    return tmp_path / "photographs"


def rows(folder: str | Path) -> list[dict[str, str]]:
    header, *lines = [line.split("\t") for line in (Path(folder) / "metrics.tsv").read_text().splitlines()]
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_pairs(evaluate, pairs, tiny, bundles, capsys):
    assert evaluate(tiny.path, bundles["uint8"], "--data", pairs, "-o", "out", *PLAIN) == 0
    table = rows("out")
    assert [row["model"] for row in table] == [str(tiny.path)] * 11 + [str(bundles["uint8"])] * 11
    assert table[0]["hole"] == "total" and table[0]["pairs"] == "3" and table[0]["size"] == "own"
    inpaint = Inpainter.load(tiny.path, device="cpu", threads=1)
    errors = []
    for index in range(3):
        image, mask = (np.asarray(Image.open(pairs / f"{index}{end}.png")) for end in ("", "_mask000"))
        errors.append(np.abs(inpaint(image, mask).astype(float) - image).mean() / 255)
    assert float(table[0]["L1 mean"]) == pytest.approx(np.mean(errors), abs=6e-5)
    assert float(table[0]["L1 std"]) == pytest.approx(np.std(errors), abs=6e-5)
    printed = capsys.readouterr().out
    assert printed.startswith("model ") and printed.endswith("wrote out/metrics.tsv and metrics.json\n")


def test_record(evaluate, pairs, tiny):
    assert evaluate(tiny.path, "--data", pairs, "-o", "out", *PLAIN) == 0
    record = json.loads(Path("out/metrics.json").read_text())
    assert record["models"] == [{"name": str(tiny.path), "kind": "ours", "sha256": tiny.sha256}]
    assert record["data"]["folder"] == str(pairs) and record["data"]["sets"][0]["pairs"] == 3
    assert len(record["data"]["sets"][0]["sha256"]) == 64
    assert list(record["metrics"]) == ["SSIM", "PSNR", "L1", "L1-hole"] and record["device"] == "cpu"


def test_made_set_at_two_sizes(evaluate, photographs, tiny):
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    made = ["--data", photographs, "--masks", "thin-256", "--size", 96, "--seed", 5, *PLAIN]
    assert evaluate(tiny.path, "opencv-telea", *made, "--sizes", "96,48", "--write", "set", "-o", "out") == 0
    sizes = [(row["model"], row["size"]) for row in rows("out") if row["hole"] == "total"]
    assert sizes == [(name, size) for size in ("96", "48") for name in (str(tiny.path), "opencv-telea")]
    record = json.loads(Path("out/metrics.json").read_text())
    assert record["data"]["masks"] == "thin-256" and record["data"]["seed"] == 5
    written = [{path.name for path in Path(f"set/{size}").iterdir()} for size in (96, 48)]
    assert written[0] == written[1] and "1_crop000_mask000.png" in written[0]
    assert evaluate(tiny.path, "--data", "set/96", "-o", "again", *PLAIN) == 0
    first = next(row for row in rows("out") if row["size"] == "96")
    assert {**rows("again")[0], "size": ""} == {**first, "size": ""}


def test_writing_a_set_needs_no_model(evaluate, photographs, capsys):
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    assert evaluate("--data", photographs, "--masks", "thin-256", "--size", "96", "--write", "set") == 0
    masks = {path.name for path in Path("set").glob("*_crop000_mask000.png")}
    assert masks and len(list(Path("set").iterdir())) == 2 * len(masks)
    assert capsys.readouterr().out == f"wrote {len(masks)} pairs to set\n" and not Path("evaluation").exists()


def test_masks_that_look_wrong_are_said_and_recorded(evaluate, pairs, tiny, capsys):
    mask = pairs / "1_mask000.png"
    with Image.open(mask) as image:
        Image.new("L", image.size).save(mask)
    assert evaluate(tiny.path, "--data", pairs, "-o", "out", *PLAIN) == 0
    assert f"note: {mask}: the mask has no hole" in capsys.readouterr().err
    notes = json.loads(Path("out/metrics.json").read_text())["data"]["notes"]
    assert [names for text, names in notes.items() if text.startswith("the mask has no hole")] == [[str(mask)]]


def test_one_bad_picture_costs_only_itself(evaluate, pairs, tiny, capsys):
    (pairs / "1.png").write_bytes(b"no picture")
    assert evaluate(tiny.path, "--data", pairs, *PLAIN) == 3
    assert rows("evaluation")[0]["pairs"] == "2"
    assert "note: left out: " in (error := capsys.readouterr().err) and "1.png: not a picture" in error


REFUSED = {
    "no folder": (["opencv-ns", "--data", "none"], "none: no such folder"),
    "no pairs": (["opencv-ns", "--data", "empty"], "no pairs NAME.png with NAME_mask*.png in it"),
    "no model": (["--data", "pairs"], "no MODEL given"),
    "bad model": (["no-such-model", "--data", "pairs", *PLAIN], "known names: big-lama, lama-demo"),
    "metric": (["opencv-ns", "--data", "pairs", "--metrics", "SSIM,MS-SSIM"], "metric 'MS-SSIM' is unknown"),
    "mask set": (["opencv-ns", "--data", "pairs", "--masks", "wide"], "mask set 'wide' is unknown"),
    "seed of pairs": (["opencv-ns", "--data", "pairs", "--seed", "0"], "--seed is for test sets that are made"),
    "written into the data": (["--data", "pairs", "--write", "pairs/set"], "--write pairs/set: is or lies in pairs"),
    "results that are there": (["opencv-ns", "--data", "pairs", "-o", "done"], "done/metrics.tsv: exists already"),
    "a set that is there": (["--data", "empty", "--write", "pairs"], "pairs: exists already and would be replaced"),
    "backbone": (["opencv-ns", "--data", "pairs", "--backbone", "vgg17=x"], "'vgg17=x' is not NAME=FILE"),
    "backbone file": (["opencv-ns", "--data", "pairs", "--backbone", "vgg16=x.pth"], "x.pth"),
    "output": (["opencv-ns", "--data", "pairs", "-o", "pairs/0.png"], "results cannot be written"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(evaluate, pairs, capsys, case):
    arguments, message = REFUSED[case]
    for name in ("empty", "done"):
        Path(name).mkdir()
    Path("done/metrics.tsv").write_text("mine")
    assert evaluate(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert [path.read_text() for path in Path().rglob("metrics.*")] == ["mine"]


@pytest.mark.parametrize(
    ("option", "value"),
    [("--sizes", "0"), ("--sizes", "256,0"), ("--sizes", "256,256"), ("--sizes", "256x"), ("--seed", "-1")],
)
def test_numbers_that_make_no_sense(evaluate, pairs, capsys, option, value):
    with pytest.raises(SystemExit) as caught:
        evaluate("opencv-ns", "--data", pairs, f"{option}={value}")
    assert caught.value.code == 2 and f"argument {option}: " in capsys.readouterr().err
