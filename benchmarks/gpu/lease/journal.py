"""A plugin of pytest (`-p benchmarks.gpu.lease.journal --journal FILE`): a line of JSON for each test as it ends.

pytest's own report comes at the end, which a run that is stopped never reaches.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

MOST_WORDS = 3000  # characters of a failure, the last ones


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--journal", type=Path, help="file to add a line of JSON to for each test")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--journal")
    if file and not hasattr(config, "workerinput"):  # xdist's workers report to the process that has none
        config.pluginmanager.register(Journal(file))


class Journal:
    def __init__(self, file: Path) -> None:
        self._file = file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        row = {"test": report.nodeid, "outcome": report.outcome, "seconds": round(report.duration, 2)}
        row |= {} if report.passed else {"why": _why(report)}
        line = json.dumps(row).encode() + b"\n"
        target = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(target, line)  # in one call, so that no line is ever half there
        os.close(target)


def _why(report: pytest.TestReport) -> str:
    where = report.longrepr
    return where[2] if isinstance(where, tuple) else report.longreprtext[-MOST_WORDS:]
