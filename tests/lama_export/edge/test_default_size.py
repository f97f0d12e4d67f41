"""Targets whose files take one size: a person who chose none is told which, and one who did is not."""

from pathlib import Path

import pytest

from lama_export import ExportOptions, options
from lama_export.targets import PACKAGES, WRITERS, ExportJob
from tests.lama_export.edge.networks import seeded


@pytest.mark.parametrize("target", list(options.OF_ONE_SIZE))
def test_the_size_that_nobody_chose_is_said(
    target: options.Target, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in PACKAGES[target]:
        pytest.importorskip(package, reason=f"{package} is not installed")
    monkeypatch.setattr(options, "OF_ONE_SIZE", {target: (32, 40)})
    checkpoint = seeded("fourier", tmp_path)
    for size, said in ((None, True), ((32, 40), False)):
        caplog.clear()
        job = ExportJob(checkpoint.config, checkpoint.state_dict, ExportOptions(target=target, size=size), iter)
        suffix = {"litert": ".tflite", "coreml": ".mlpackage", "ncnn": ".param"}[target]
        WRITERS[target](job, tmp_path / f"{said}{suffix}")
        assert ("the file takes pictures of 32x40, for which others are cut or padded" in caplog.text) == said
