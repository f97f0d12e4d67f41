"""The line of JSON that each test leaves as it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
TESTS = """
import pytest
def test_right(): pass
def test_wrong(): assert 1 == 2, "two is not one"
def test_left(): pytest.skip("not today")
@pytest.fixture
def broken(): raise OSError("no fixture")
def test_never(broken): pass
"""


@pytest.mark.parametrize("processes", [(), ("-n", "1")], ids=["alone", "with xdist"])
def test_every_test_is_one_line(tmp_path: Path, processes: tuple[str, ...]) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    journal = tmp_path / "tests.jsonl"
    plugin = ("-p", "benchmarks.gpu.lease.journal", "--journal", str(journal))
    options = ("-q", "-p", "no:cacheprovider", "-p", "xdist", *plugin, *processes)
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, check=False)
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    found = {row["test"].partition("::")[2]: (row["outcome"], row.get("why", "")) for row in rows}
    assert len(rows) == 4 and found["test_right"] == ("passed", "")
    assert found["test_wrong"][0] == "failed" and "two is not one" in found["test_wrong"][1]
    assert found["test_left"][0] == "skipped" and "not today" in found["test_left"][1]
    assert found["test_never"][0] == "failed" and "no fixture" in found["test_never"][1]
