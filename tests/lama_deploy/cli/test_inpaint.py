"""lama-inpaint writes what it can, names what it cannot, and its exit code tells which."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy.cli.inpaint import main
from lama_deploy.jobs.outcomes import Ended
from tests.lama_deploy.cli.inpaint_files import IMAGES, MASKS, files, pixels, save, save_folders

ROTATED = 6


def test_single_file(inpaint, wanted, capsys):
    save("a.png", IMAGES[0])
    save("m.png", MASKS[0])
    assert inpaint("a.png", "m.png", "-o", "out/new/r.png") == 0
    np.testing.assert_array_equal(pixels("out/new/r.png"), wanted[0])
    assert capsys.readouterr().out == "1 of 1 written to out/new/r.png\n"


def test_single_file_into_a_folder_with_a_checkpoint(inpaint, wanted, tiny):
    save("a.png", IMAGES[0])
    save("m.png", MASKS[0])
    Path("out").mkdir()
    assert inpaint("a.png", "m.png", "-o", "out", "--backend", "torch", "--device", "cpu", model=tiny.path) == 0
    assert np.abs(pixels("out/a.png").astype(int) - wanted[0]).max() <= 1


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_fused_checkpoint(inpaint, wanted, tiny, precision):
    save("a.png", IMAGES[0])
    save("m.png", MASKS[0])
    options = ("--backend", "cuda", "--device", "cpu", "--precision", precision)
    assert inpaint("a.png", "m.png", "-o", "r.png", *options, model=tiny.path) == 0
    difference = np.abs(pixels("r.png").astype(int) - wanted[0])
    assert difference.max() <= 1 if precision == "fp32" else 0 < difference.mean() < 5


def test_precision_of_a_bundle_is_its_own(inpaint, capsys):
    save("a.png", IMAGES[0])
    save("m.png", MASKS[0])
    assert inpaint("a.png", "m.png", "-o", "r.png", "--precision", "fp16") == 2
    assert "the onnxruntime backend has no option 'precision'; allowed: " in capsys.readouterr().err


def test_alpha_and_orientation_survive(inpaint, wanted):
    tags = Image.Exif()
    tags[0x0112] = ROTATED
    alpha = IMAGES[1, :, :, 0]
    save("a.png", np.dstack([IMAGES[0], alpha]), exif=tags)
    save("m.png", np.rot90(MASKS[0] * 255, -1))  # as the picture is shown: a quarter turn clockwise
    assert inpaint("a.png", "m.png", "-o", "r.png") == 0
    np.testing.assert_array_equal(pixels("r.png"), np.dstack([wanted[0], alpha]))
    with Image.open("r.png") as image:
        assert image.getexif()[0x0112] == ROTATED


def test_folder(inpaint, wanted, capsys):
    save_folders()
    assert inpaint("images", "masks", "-o", "out") == 0
    for index in range(3):
        np.testing.assert_array_equal(pixels(f"out/{index}.png"), wanted[index])
    captured = capsys.readouterr()
    assert captured.out == "3 of 3 written to out\n" and captured.err == ""


def test_folder_with_one_mask(inpaint, wanted):
    save_folders(2)
    assert inpaint("images", "masks/1.png", "-o", "out") == 0
    assert files("out") == ["0.png", "1.png"]
    np.testing.assert_array_equal(pixels("out/1.png"), wanted[1])


def test_official_folder(inpaint, wanted):
    for index in range(2):
        save(f"in/{index}.png", IMAGES[index])
        save(f"in/{index}_mask001.png", MASKS[index] * 255)
    assert inpaint("in", "-o", "in", "--format", "jpg") == 2
    for output in ("out", "in/out", "out2"):  # what lies below is no input of the next
        assert inpaint("in", "-o", output) == 0
        assert files(output) == ["0_mask001.png", "1_mask001.png"]
    for index in range(2):
        np.testing.assert_array_equal(pixels(f"out/{index}_mask001.png"), wanted[index])


def test_one_broken_picture_does_not_stop_the_others(inpaint, wanted, capsys):
    save_folders()
    Path("images/1.png").write_bytes(Path("images/1.png").read_bytes()[:200])
    assert inpaint("images", "masks", "-o", "out") == 3
    assert files("out") == ["0.png", "2.png"]
    np.testing.assert_array_equal(pixels("out/2.png"), wanted[2])
    captured = capsys.readouterr()
    assert captured.out == "2 of 3 written to out\n"
    assert captured.err.startswith("error: images/1.png: truncated") and captured.err.count("\n") == 1


def spoil_images() -> None:
    for path in Path("images").iterdir():
        path.write_bytes(b"")


def spoil_masks() -> None:
    for path in Path("masks").iterdir():
        Image.new("L", (7, 9), 255).save(path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(spoil_images, "0.png: not a picture in any format"), (spoil_masks, "the mask is 7x9, the image 44x30")],
)
def test_all_fail(inpaint, capsys, spoil, message):
    save_folders(2)
    spoil()
    assert inpaint("images", "masks", "-o", "out") == 2
    assert not Path("out").exists()
    captured = capsys.readouterr()
    assert captured.out == "0 of 2 written to out\n"
    assert message in captured.err and captured.err.count("error: ") == 2


PAIR = ["images/0.png", "masks/0.png", "-o"]
REFUSED = {
    "suffix": ([*PAIR, "r.gif"], "r.gif: cannot write .gif; allowed: .png"),
    "no suffix": ([*PAIR, "result"], "cannot write a file without suffix"),
    "image overwritten": (
        [*PAIR, "images/0.png"],
        "is an input and would be overwritten",
    ),
    "folder overwritten": (["images", "masks", "-o", "images"], "is an input and would be overwritten"),
    "results among the images": (["images", "masks", "-o", "images/new"], "-o images/new: is or lies in images"),
    "results among the masks": (["images", "masks", "-o", "masks/new"], "-o masks/new: is or lies in masks"),
    "missing": (["none.png", "masks/0.png", "-o", "r.png"], "none.png: no such file or folder"),
    "too many pixels": (
        [*PAIR, "r.png", "--max-pixels", "1319"],
        "44x30 is more than 1,319",
    ),
    "folder is a file": ([*PAIR, "masks/0.png/r.png"], "cannot be written"),
    "backend": (
        [*PAIR, "r.png", "--backend", "torch"],
        "backend 'torch' does not run this",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(inpaint, capsys, case):
    save_folders(1)
    before = {name: Path(name).read_bytes() for name in ("images/0.png", "masks/0.png")}
    arguments, message = REFUSED[case]
    assert inpaint(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert files(".") == ["images/0.png", "masks/0.png"]
    assert {name: Path(name).read_bytes() for name in before} == before


@pytest.mark.parametrize("option", ["--threads", "--max-pixels"])
@pytest.mark.parametrize("value", ["0", "-3", "two"])
def test_counts_below_one(bundles, capsys, monkeypatch, option, value):
    monkeypatch.setattr(sys, "argv", ["lama-inpaint", "a.png", "m.png", "-o", "r.png", option, value])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert f"argument {option}: {value!r} is no integer of at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--threads", "--streams"])
@pytest.mark.parametrize("value", ["100000", "9" * 5000])
def test_more_threads_than_any_machine_has(bundles, capsys, monkeypatch, option, value):
    monkeypatch.setattr(sys, "argv", ["lama-inpaint", "a.png", "m.png", "-o", "r.png", option, value])
    with pytest.raises(SystemExit) as caught:
        main()
    (*_, line) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2 and f"argument {option}: " in line and len(line) < 400


def test_results_that_are_there_stay(inpaint, wanted, capsys):
    save_folders()
    save("out/1.png", IMAGES[0])
    assert inpaint("images", "masks", "-o", "out", model="never opened") == 2
    assert capsys.readouterr().err == (
        "error: out/1.png: exists already and would be replaced; give another -o, --skip-existing to do the others, "
        "or --overwrite\n"
    )
    assert inpaint("images", "masks", "-o", "out", "--skip-existing") == 0
    assert capsys.readouterr().out == "2 of 2 written to out, 1 were there already\n"
    np.testing.assert_array_equal(pixels("out/1.png"), IMAGES[0])
    np.testing.assert_array_equal(pixels("out/2.png"), wanted[2])
    assert inpaint("images", "masks", "-o", "out", "--skip-existing", model="never opened") == 0
    assert capsys.readouterr().out == "all 3 results are there already in out\n"
    assert inpaint("images", "masks", "-o", "out", "--overwrite") == 0
    np.testing.assert_array_equal(pixels("out/1.png"), wanted[1])


def test_several_images(inpaint, wanted, capsys):
    save_folders()
    save("masks/1_mask001.png", MASKS[1] * 255)
    Path("masks/1.png").unlink()
    save("images/9.png", IMAGES[0])
    assert inpaint("images/0.png", "images/9.png", "images/1.png", "masks", "-o", "out") == 0
    assert capsys.readouterr().err == "note: 1 images have no mask and are left out, first images/9.png\n"
    assert files("out") == ["0.png", "1.png"]
    np.testing.assert_array_equal(pixels("out/1.png"), wanted[1])
    assert inpaint("images/0.png", "images/2.png", "--mask", "masks/2.png", "-o", "one", "--format", "bmp") == 0
    assert files("one") == ["0.bmp", "2.bmp"]
    np.testing.assert_array_equal(pixels("one/2.bmp"), wanted[2])


SEVERAL = {
    "no mask": (["images/0.png", "images/1.png", "images/2.png", "-o", "out"], "give a folder of masks, or one mask"),
    "a folder": (["images", "images/1.png", "masks", "-o", "out"], "images is a folder among several images"),
    "one result": (["images/0.png", "images/1.png", "masks", "-o", "r.png"], "r.png: several images need a folder"),
    "no masks of theirs": (["masks/0.png", "masks/1.png", "images/sub", "-o", "out"], "no mask in images/sub has the"),
    "the same name twice": (["images/0.png", "masks/0.png", "masks", "-o", "out"], "two results have this name"),
    "missing": (["images/0.png", "images/9.png", "masks", "-o", "out"], "images/9.png: no such file or folder"),
    "standard input twice": (["-", "-", "-o", "r.png"], "standard input (-) holds one picture"),
    "two into standard output": (["images", "masks", "-o", "-"], "standard output (-) takes one result"),
    "picture and record": (
        ["images/0.png", "masks/0.png", "-o", "-", "--report", "-"],
        "cannot both be standard output",
    ),
    "record that is there": (["images", "masks", "-o", "out", "--report", "r.json"], "r.json: exists already"),
    "record of the run before": (
        ["images", "masks", "-o", "out", "--skip-existing", "--report", "r.json"],
        "r.json: exists already; --skip-existing keeps it, so give another --report\n",
    ),
    "a folder into a file": (["images", "masks", "-o", "r.json"], "r.json: several images need a folder"),
}


def test_an_image_that_is_given_twice_is_filled_once(inpaint, capsys):
    save_folders()
    assert inpaint("images/0.png", "images/0.png", "--mask", "masks/0.png", "-o", "out") == 0
    assert files("out") == ["0.png"] and capsys.readouterr().out == "1 of 1 written to out\n"


@pytest.mark.parametrize("case", SEVERAL)
def test_several_images_refused(inpaint, capsys, case):
    save_folders()
    Path("images/sub").mkdir()
    Path("r.json").write_text("mine")
    arguments, message = SEVERAL[case]
    assert inpaint(*arguments, model="never opened") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert not Path("out").exists() and Path("r.json").read_text() == "mine"


def test_record_of_an_interrupted_call(inpaint, capsys, monkeypatch):
    save_folders()

    def interrupted(_inpainter, jobs, *_, outcome, **__):
        outcome(jobs[0], Ended())
        raise KeyboardInterrupt

    monkeypatch.setattr("lama_deploy.cli.inpaint.run_all", interrupted)
    assert inpaint("images", "masks", "-o", "out", "--report", "r.json") == 130
    pictures = json.loads(Path("r.json").read_text())["pictures"]
    assert [picture["state"] for picture in pictures] == ["written", "left", "left"]


def test_record(inpaint, capsys):
    save_folders()
    save("images/3.png", IMAGES[0])
    save("out/0.png", IMAGES[0])
    Path("images/1.png").write_bytes(b"broken")
    assert inpaint("images", "masks", "-o", "out", "--skip-existing", "--report", "-") == 3
    record = json.loads(capsys.readouterr().out)
    pictures = record["pictures"]
    assert [picture["state"] for picture in pictures] == ["there", "failed", "written"]
    assert list(pictures[2].pop("seconds")) == ["read", "infer", "write"]
    assert pictures[2] | {"state": ""} == {
        "image": "images/2.png",
        "mask": "masks/2.png",
        "output": "out/2.png",
        "state": "",
        "why": None,
        "filled": {"strategy": "whole", "why": "the picture is small", "steps": []},
    }
    assert "images/1.png: not a picture" in pictures[1]["why"] and record["without_mask"] == ["images/3.png"]
    assert inpaint("images", "masks", "-o", "out", "--overwrite", "--report", "r.json") == 3
    assert capsys.readouterr().out == "2 of 3 written to out\n"
    assert json.loads(Path("r.json").read_text())["pictures"][0]["state"] == "written"


def test_model_that_does_not_exist(inpaint, capsys):
    save_folders(1)
    assert inpaint("images", "masks", "-o", "out", model="no-such-model") == 2
    assert "known names: big-lama, lama-demo" in capsys.readouterr().err
    assert not Path("out").exists()


def test_real_process(bundles, tmp_path, wanted, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_folders(2)
    Path("images/0.png").write_bytes(b"broken")
    script = shutil.which("lama-inpaint", path=str(Path(sys.executable).parent))
    command = [script] if script else [sys.executable, "-m", "lama_deploy.cli.inpaint"]
    done = subprocess.run(
        [*command, "images", "masks", "-o", "out", "--model", str(bundles["uint8"])], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (3, "1 of 2 written to out\n")
    assert done.stderr.startswith("error: images/0.png: not a picture in any format that is read: PNG, ")
    assert done.stderr.count("\n") == 1
    np.testing.assert_array_equal(pixels("out/1.png"), wanted[1])


def test_folder_in_streams(inpaint, openvino_bundles, wanted, capsys):
    save_folders()
    (Path("images") / "2.png").write_bytes(b"nothing")
    model = openvino_bundles["fp32"]
    assert inpaint("images", "masks", "-o", "out", "--streams", "2", "--threads", "2", model=model) == 3
    captured = capsys.readouterr()
    assert "2 of 3 written" in captured.out and "2.png" in captured.err
    for index in range(2):
        assert np.abs(pixels(f"out/{index}.png").astype(int) - wanted[index]).max() <= 1


def test_streams_of_what_has_none_are_refused(inpaint, capsys, tiny):
    save_folders()
    assert inpaint("images", "masks", "-o", "out", "--streams", "2", "--device", "cpu", model=tiny.path) == 2
    assert "the torch backend has no option 'streams'" in capsys.readouterr().err


def test_streams_of_onnx_runtime_change_no_result(inpaint, wanted):
    save_folders()
    assert inpaint("images", "masks", "-o", "out", "--streams", "2") == 0
    for index in range(3):
        np.testing.assert_array_equal(pixels(f"out/{index}.png"), wanted[index])
