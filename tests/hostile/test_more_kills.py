"""The rest of the kills: of whole trainings and exports, which take seconds each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile import runner
from tests.hostile.families import kills


@pytest.mark.slow
def test_trainings_and_exports_are_killed_too(tmp_path: Path) -> None:
    report = runner.run("kills", tmp_path, kills.COUNT, 24)
    print(report)
    assert not report.failures, "\n".join(report.failures)
    assert report.counts["taken"] == 24 - kills.COUNT
