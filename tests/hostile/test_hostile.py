"""Every family once, and a runner that would see it if one failed, hung, crashed or touched what is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile import family, runner


@pytest.mark.parametrize("name", family.names())
def test_nothing_hostile_gets_in(name: str, tmp_path: Path) -> None:
    count = family.family(name).COUNT
    report = runner.run(name, tmp_path, 0, count)
    print(report)
    assert not report.failures, "\n".join(report.failures[:20])
    assert report.counts["taken"] + report.counts["refused"] == count


def test_what_the_runner_sees(tmp_path: Path) -> None:
    report = runner.run("_defects", tmp_path, 0, 10)
    assert dict(report.counts) == {
        "taken": 2, "refused": 1, "failed": 3, "over budget": 1, "hung": 1, "crashed": 2, "touched a user's files": 1,
    }  # fmt: skip
    assert [line.split(": ")[0] for line in report.failures] == [
        f"_defects {seed}" for seed in (2, 3, 4, 5, 6, 7, 8, 10)
    ]
    assert "AssertionError: another pixel" in report.failures[1]
    assert "new.txt, notes.txt" in report.failures[-1]
