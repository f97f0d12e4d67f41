"""What can be asked of the ONNX file's form and size, and what cannot, from the command line."""

from __future__ import annotations

import pytest

from lama_deploy.errors import ConfigError
from lama_deploy.proof.subjects import PHOTOGRAPHS, Size
from lama_export.cli import _options, parser
from lama_export.options import ExportOptions


def asked(*arguments: str) -> ExportOptions:
    return _options(parser().parse_args(["--weights", "lama-demo", *arguments]))


def test_what_is_asked_for_is_what_is_written() -> None:
    options = asked("--to", "onnx", "--size", "96x64", "--batch", "2", "--opset", "17", "--basic", "--io", "float")
    assert (options.size, options.batch, options.graph_opset, options.basic, options.io) == (
        (96, 64),
        2,
        17,
        True,
        "float",
    )
    assert options.fixed_size == Size(96, 64, 2) and options.chosen_decoder == "whole"
    assert {str(one).split(" ")[0] for one in options.compared} == {"96x64x2"}


def test_what_is_not_asked_for() -> None:
    options = asked("--to", "onnx")
    assert (options.io, options.onnx_spectral, options.chosen_decoder, options.graph_opset) == (
        "uint8",
        "inline",
        "hole",
        13,
    )
    assert options.fixed_size is None and set(PHOTOGRAPHS) < set(options.compared)
    assert asked("--to", "trt").onnx_spectral == "function"
    assert asked("--to", "trt", "--int8").graph_opset == 19
    assert asked("--to", "onnx", "--spectral", "dft").graph_opset == 17
    for target in ("litert", "coreml", "ncnn"):
        assert asked("--to", target).fixed_size == Size(512, 512)
    assert asked("--to", "mnn").fixed_size is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--to openvino --size 64x64", "--size is for --to onnx, mnn, litert, coreml, ncnn; --to openvino takes none"),
        ("--to trt --size 64x64", "give an engine one size with --profile"),
        ("--to onnx --batch 2", "give --size with it"),
        ("--to onnx --size 64x64 --batch 1:1:4", "batch '1:1:4' is not a number of pictures, such as 2"),
        ("--to onnx --size 64x64 --batch 0", "batch '0' is not a number of pictures"),
        ("--to onnx --size 64x64 --spectral function", "goes with --spectral inline or dft"),
        ("--to onnx --size 64x64 --decoder hole", "nothing in it depends on the mask"),
        ("--to onnx --opset 12", "--opset 12 cannot be written: this file needs 13 or newer"),
        ("--to onnx --opset 16 --spectral dft", "this file needs 17 or newer"),
        ("--to trt --opset 18 --int8", "this file needs 19 or newer"),
        ("--to onnx --opset 999", "knows up to"),
        ("--to openvino --opset 13", "--opset and --basic are for ONNX files; leave them out with --to openvino"),
        ("--to litert --basic", "leave them out with --to litert"),
        ("--to mnn --spectral inline", "--to mnn leaves no choice"),
        ("--to ncnn --io uint8", "--io uint8 is not for --to ncnn"),
        ("--to coreml --batch 2", "--batch is not for --to coreml"),
        ("--to litert --bf16", "--bf16 is not for --to litert"),
    ],
)
def test_what_cannot_be_asked_for(arguments: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        asked(*arguments.split())
    assert message in str(caught.value)


@pytest.mark.parametrize("size", ["64", "0x64", "64x64x2", "axb", "-1x5", "99999x99999"])
def test_sizes_that_are_none(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        asked("--to", "onnx", "--size", size)
    assert caught.value.code == 2 and "--size" in capsys.readouterr().err
