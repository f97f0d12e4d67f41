"""Every family once, and a runner that would see it if one failed, hung, crashed or touched what is not its own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import tests.hostile.__main__ as command
from tests.hostile import family, runner


@pytest.mark.parametrize("name", family.names())
@pytest.mark.parametrize("part", ["first", pytest.param("rest", marks=pytest.mark.slow)])
def test_nothing_hostile_gets_in(
    name: str, part: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """First what somebody thought of, and a quarter of what is drawn."""
    tried = family.family(name)
    crafted = len(getattr(tried, "CRAFTED", ()))
    some = crafted + (tried.COUNT - crafted) // 4
    start, stop = (0, some) if part == "first" else (some, tried.COUNT)
    report = runner.run(name, tmp_path, start, stop)
    record_property("hostile", str(report))  # which is printed at the end
    assert not report.failures, "\n".join(report.failures[:20])
    assert report.counts["taken"] + report.counts["refused"] == stop - start


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


def commands() -> list[list[str]]:
    """What the page on security tells to type."""
    page = (runner.ROOT / "SECURITY.md").read_text()
    lines = re.findall(r"^python -m tests\.hostile(.*)$", page, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def test_the_command_goes_on_with_other_cases(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    ran: list[tuple[str, int, int]] = []

    def run(name: str, folder: Path, start: int, stop: int) -> runner.Report:
        ran.append((name, start, stop))
        return runner.Report(name, failures=["a hole"] if name == "yaml" and start == 100_000 else [])

    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(command, "time", SimpleNamespace(monotonic=iter(range(0, 20_000, 2000)).__next__))
    once, long, more = (command.main(arguments) for arguments in commands())
    assert (once, long, more) == (0, 1, 0)
    counts = {name: family.family(name).COUNT for name in family.names()}
    assert ran[: len(counts)] == [(name, 0, count) for name, count in counts.items()]
    rounds = {start for name, start, _ in ran if name == "yaml" and start}
    assert rounds == {100_000, 100_000 + max(counts.values())}
    assert ran[-1] == ("checkpoints", 0, 20_000)
    assert "a hole" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        command.main(["nothing"])
