"""Tables that line up, TSV with four decimals, JSON with every digit; written whole."""

import json
from pathlib import Path

import pytest

from lama_deploy.errors import DataError
from lama_deploy.evaluation import report
from lama_deploy.evaluation.protocol import Block, Row, Value

BLOCKS = [
    Block(
        model="a-long-name",
        size="256",
        rows=(
            Row("total", 3, {"SSIM": Value(0.987654, 0.01), "FID": Value(1.5), "KID-EffLite0": Value(0.00012345)}),
            Row("0-10%", 1, {"SSIM": Value(0.5, 0.0)}),
            Row("10-20%", 0, {}),
        ),
        scores={"ssim_fid100_f1": 0.98123456},
    ),
    Block(model="b", size="512", rows=(Row("total", 3, {"SSIM": Value(0.25, 0.125)}),), scores={}),
]


def test_tsv() -> None:
    header, *rows = [line.split("\t") for line in report.tsv(BLOCKS).splitlines()]
    names = ["SSIM mean", "SSIM std", "FID mean", "KID-EffLite0 mean", "ssim_fid100_f1"]
    assert header == ["model", "size", "hole", "pairs", *names]
    assert rows == [
        ["a-long-name", "256", "total", "3", "0.9877", "0.0100", "1.5000", "0.000123", "0.9812"],
        ["a-long-name", "256", "0-10%", "1", "0.5000", "0.0000", "", "", ""],
        ["a-long-name", "256", "10-20%", "0", "", "", "", "", ""],
        ["b", "512", "total", "3", "0.2500", "0.1250", "", "", ""],
    ]


def test_table() -> None:
    lines = report.table(BLOCKS).splitlines()
    assert len(lines) == 4  # empty bins are left out
    ends = [
        line.rindex(text) + len(text) for line, text in zip(lines, ["SSIM", "0.9877", "0.5000", "0.2500"], strict=True)
    ]
    assert lines[0].startswith("model        size") and len({*ends}) == 1


def test_written_files(tmp_path: Path) -> None:
    report.write(tmp_path / "out", BLOCKS, {"device": "cpu"})
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["metrics.json", "metrics.tsv"]
    assert (tmp_path / "out" / "metrics.tsv").read_text() == report.tsv(BLOCKS)
    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert record["device"] == "cpu" and {"created", "hardware", "versions"} <= record.keys()
    assert "torch" in record["versions"] and record["hardware"]["cores"] >= 1
    first = record["results"][0]
    assert first["rows"][0]["values"]["KID-EffLite0"] == {"mean": 0.00012345, "std": None}
    assert first["scores"] == {"ssim_fid100_f1": 0.98123456}


def test_failed_writes_leave_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report.write(tmp_path, BLOCKS, {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(DataError, match="No space left on device"):
        report.write(tmp_path, BLOCKS[:1], {})
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="results cannot be written"):
        report.require_folder(tmp_path / "file" / "below")
