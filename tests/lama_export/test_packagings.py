"""Folders made of bundles: what is wrong is said before the work, nothing that was asked for is dropped."""

from pathlib import Path

import pytest

from lama_deploy.cli.verbosity import usual_verbosity
from lama_deploy.errors import LamaDeployError
from lama_export.cli import parser
from lama_export.packagings import check_packaging, new_folder

FROM = ["--from", "bundle"]
WEIGHTS = ["--weights", "lama-demo"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "onnx", *FROM], "--from is for --to web, triton; --to onnx exports --weights"),
        (["--to", "web", *FROM, "--fp16"], "--fp16 is of an export, and --from takes a bundle as it is"),
        (["--to", "web", *FROM, "--size", "64x64"], "--size is of an export"),
        (["--to", "triton", *FROM, "--no-memory"], "--no-memory is of an export"),
        (["--to", "triton", *FROM, "--profile", "64:128:256"], "--profile is of an export"),
        (["--to", "triton", *FROM, "--assume", "a=b"], "--assume is of an export"),
        (["--to", "onnx", *WEIGHTS, "--instances", "2"], "--instances is for --to triton; leave it out with --to onnx"),
        (["--to", "triton", *FROM, "--runtime", "x"], "--runtime is for --to web"),
        (["--to", "triton", *WEIGHTS, "--model-name", "../x"], r"--model-name is \.\./x"),
        (["--to", "triton", *WEIGHTS, "--triton-backend", "tensorrt_plan"], "tensorrt_plan takes bundles for trt"),
        (["--to", "triton", *WEIGHTS, "--triton-library", "/nowhere.so"], "/nowhere.so: cannot be read"),
        (["--to", "web", *WEIGHTS, "--runtime", "/nowhere"], "/nowhere: .* is missing"),
    ],
)
def test_what_is_wrong_is_said_before_an_export(words: list[str], said: str) -> None:
    of_command = parser()
    with pytest.raises(LamaDeployError, match=said):
        check_packaging(of_command.parse_args(words), of_command)


def test_what_goes_with_a_bundle() -> None:
    of_command = parser()
    for words in (
        ["--to", "web", "--out", "x", "-v"],
        ["--to", "triton", "--instances", "2", "--max-batch", "4", "-q"],
    ):
        with usual_verbosity():  # -v and -q are of the process
            check_packaging(of_command.parse_args([*words, *FROM]), of_command)


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with new_folder(tmp_path / name) as building:
            (building / "file").touch()
        assert [path.name for path in (tmp_path / name).iterdir()] == ["file"]
    with pytest.raises(LamaDeployError, match="is there already"), new_folder(tmp_path / "new"):
        raise AssertionError
    with pytest.raises(RuntimeError), new_folder(tmp_path / "failed") as building:
        raise RuntimeError(building.name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "new"]
