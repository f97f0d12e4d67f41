"""Programs under a limit end with everything that they started, whoever ends them."""

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

from benchmarks.gpu.process import last_line, run_limited
from tests.benchmarks.gpu.survivors import MARK, survivors

ROOT = Path(__file__).parents[3]
STARTS_ANOTHER = "import subprocess; print('there', flush=True); subprocess.run(['sleep', '60'])"
LIMITED = (
    "import sys; from pathlib import Path; from benchmarks.gpu.process import run_limited;"
    "run_limited([sys.executable, '-c', sys.argv[2]], 60, Path(sys.argv[1]))"
)


def test_a_program_is_ended_with_its_children(tmp_path: Path) -> None:
    log, mark = tmp_path / "log", uuid.uuid4().hex
    environment = {**os.environ, MARK: mark}
    command = [sys.executable, "-c", STARTS_ANOTHER]
    assert run_limited(command, 1.0, log, environment=environment) == "stopped after 1 s"
    assert last_line(log) == "there" and survivors(mark) == []


def test_what_went_wrong_is_one_line_behind_what_stood_there(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    assert run_limited([sys.executable, "-c", "raise SystemExit('no')"], 20, log) == "exit code 1: no"
    assert run_limited([sys.executable, "-c", "raise SystemExit(3)"], 20, log) == "exit code 3: ended without a word"
    assert run_limited([sys.executable, "-c", ""], 20, log) is None
    assert log.read_text() == "before\nno\n"


def test_a_program_does_not_outlive_who_limits_it(tmp_path: Path) -> None:
    """Also two deep, where each has a session of its own."""
    mark, log, inner = uuid.uuid4().hex, tmp_path / "log", tmp_path / "inner"
    script = f"import sys; sys.argv[1:] = {[str(inner), STARTS_ANOTHER]!r}; exec({LIMITED!r})"
    environment = {**os.environ, MARK: mark, "PYTHONPATH": str(ROOT)}
    outer = subprocess.Popen([sys.executable, "-c", LIMITED, str(log), script], env=environment)
    while not (inner.exists() and inner.read_text()):
        assert outer.poll() is None, log.read_text()
        time.sleep(0.05)
    outer.kill()
    outer.wait()
    assert survivors(mark) == []
