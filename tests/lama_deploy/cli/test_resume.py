"""lama-inpaint goes on where it was killed, by its list; results are named and encoded as they were asked for."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy.jobs.manifest import NAME
from tests.lama_deploy.cli.inpaint_files import IMAGES, MASKS, files, pixels, save, save_folders

LIST = Path("out") / NAME


def lines() -> list[str]:
    """The results that the list names, one for each line."""
    return [json.loads(line)["result"] for line in LIST.read_text().splitlines()]


def test_a_folder_goes_on_by_its_list(inpaint, wanted, capsys):
    save_folders()
    Path("images/1.png").rename("later.png")
    assert inpaint("images", "masks", "-o", "out", "--resume") == 0
    capsys.readouterr()
    Path("later.png").rename("images/1.png")
    assert inpaint("images", "masks", "-o", "out", "--resume", "--report", "r.json") == 0
    assert capsys.readouterr().out == "1 of 1 written to out, 2 were there already\n"
    pictures = json.loads(Path("r.json").read_text())["pictures"]
    assert [picture["state"] for picture in pictures] == ["there", "written", "there"]
    assert pictures[0]["why"] == f"done by an earlier call, says {NAME}"
    assert sorted(lines()) == ["0.png", "1.png", "2.png"] and files("out") == [NAME, *sorted(lines())]
    np.testing.assert_array_equal(pixels("out/1.png"), wanted[1])
    assert inpaint("images", "masks", "-o", "out", "--resume") == 0
    assert capsys.readouterr().out == "all 3 results are there already in out\n"


def test_what_has_changed_is_made_again(inpaint, wanted, capsys):
    save_folders()
    assert inpaint("images", "masks", "-o", "out", "--resume") == 0
    save("images/1.png", IMAGES[0])
    save("masks/1.png", MASKS[0])
    capsys.readouterr()
    assert inpaint("images", "masks", "-o", "out", "--resume") == 0
    captured = capsys.readouterr()
    assert captured.out == "1 of 1 written to out, 2 were there already\n"
    assert captured.err.startswith("note: 1 results are made again: ")
    np.testing.assert_array_equal(pixels("out/1.png"), wanted[0])
    assert inpaint("images", "masks", "-o", "out", "--resume", "--invert") == 0
    assert capsys.readouterr().out == "3 of 3 written to out\n"


def test_what_is_not_ours_stays(inpaint, capsys):
    save_folders()
    save("out/1.png", IMAGES[0])
    assert inpaint("images", "masks", "-o", "out", "--resume") == 2
    assert (
        "error: out/1.png: exists already and would be replaced; --resume did not write it" in capsys.readouterr().err
    )
    np.testing.assert_array_equal(pixels("out/1.png"), IMAGES[0])
    assert inpaint("images/0.png", "masks/0.png", "-o", "r.png", "--resume") == 2
    assert "error: --resume is for folders" in capsys.readouterr().err


def test_a_killed_call_goes_on_exactly(inpaint, bundles, wanted):
    """Nothing is lost or done twice."""
    for index in range(200):
        save(f"images/{index}.png", IMAGES[index % 3])
        save(f"masks/{index}.png", MASKS[index % 3] * 255)
    command = [sys.executable, "-m", "lama_deploy.cli.inpaint", "images", "masks", "-o", "out", "--resume"]
    process = subprocess.Popen(
        [*command, "--threads", "1", "--model", str(bundles["uint8"])], stdout=subprocess.DEVNULL
    )
    while process.poll() is None and not (LIST.exists() and LIST.read_bytes().count(b"\n") > 20):
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -9 and len(list(Path("out").glob("*.png"))) < 200
    assert inpaint("images", "masks", "-o", "out", "--resume") == 0
    there = {f"{index}.png" for index in range(200)}
    assert {path.name for path in Path("out").iterdir()} == there | {NAME}  # nothing half written either
    named = lines()
    assert set(named) == there
    assert len(named) - len(there) <= 8  # lines of a kill between a line and its name, at most one for each writer
    for index in range(200):
        np.testing.assert_array_equal(pixels(f"out/{index}.png"), wanted[index % 3])


def test_names_and_quality(inpaint, capsys):
    save_folders()
    assert inpaint("images", "masks", "-o", "out", "--suffix", "_filled", "--format", "jpg", "--quality", "30") == 0
    assert files("out") == ["0_filled.jpg", "1_filled.jpg", "2_filled.jpg"]
    assert "recompresses the known pixels too" in capsys.readouterr().err
    assert inpaint("images", "masks", "-o", "fine", "--format", "jpg") == 0
    assert Path("fine/0.jpg").stat().st_size > 1.5 * Path("out/0_filled.jpg").stat().st_size
    assert inpaint("images", "masks", "-o", "webp", "--format", "webp", "--quality", "30") == 0
    assert "WebP with a quality recompresses the known pixels" in capsys.readouterr().err
    assert (pixels("webp/0.webp") != IMAGES[0])[MASKS[0] == 0].any()
    assert inpaint("images/0.png", "images/1.png", "--mask", "masks", "-o", ".", "--suffix", "_new") == 0
    assert Path("0_new.png").exists()


@pytest.mark.parametrize("level", ["0", "9"])
def test_compression(inpaint, wanted, level):
    save_folders(1)
    assert inpaint("images", "masks", "-o", "out", "--compression", level) == 0
    np.testing.assert_array_equal(pixels("out/0.png"), wanted[0])
    assert (Path("out/0.png").stat().st_size > wanted[0].size) == (level == "0")


REFUSED = {
    "quality of PNG": (["--quality", "50"], "--quality is for JPEG and WebP, and no result is one"),
    "suffix of one": (["-o", "r.png", "--suffix", "_x"], "r.png: its own name says all, so leave --suffix out"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(inpaint, capsys, case):
    save_folders(1)
    arguments, message = REFUSED[case]
    assert inpaint("images/0.png", "masks/0.png", "-o", "r.png", *arguments, model="never opened") == 2
    assert f"error: {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--suffix", "a/b"], ["--quality", "0"], ["--compression", "10"], ["--resume", "--overwrite"]]
)
def test_what_no_option_takes(inpaint, capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        inpaint("images", "masks", "-o", "out", *arguments)
    assert caught.value.code == 2 and capsys.readouterr().err.count("\n") == 1


def test_the_report_tells_times(inpaint):
    save_folders()
    assert inpaint("images", "masks", "-o", "out", "--report", "r.json") == 0
    record = json.loads(Path("r.json").read_text())
    assert list(record["seconds"]) == ["whole", "read", "infer", "write"] and min(record["seconds"].values()) > 0
    assert record["pictures_per_second"] > 0
    with Image.open("out/0.png") as image:
        assert image.format == "PNG"
