"""Under AddressSanitizer the readers of checkpoints touch no byte that is not theirs, whatever a file says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.family import family

ROOT = Path(__file__).parents[2]
RANDOM = 150  # cases beyond the crafted ones


def sanitizer() -> str:
    """Path of the library; without gcc, or without it, the test is skipped."""
    gcc = shutil.which("gcc")
    found = subprocess.check_output([gcc, "-print-file-name=libasan.so"], text=True).strip() if gcc else ""
    if not Path(found).is_absolute():
        pytest.skip("no AddressSanitizer here: install gcc with libasan")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["checkpoints", "safetensors"])
def test_no_byte_beyond_an_array(name: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "LD_PRELOAD": sanitizer(),
        "PYTHONMALLOC": "malloc",  # each object in an allocation of its own
        "ASAN_OPTIONS": "detect_leaks=0,allocator_may_return_null=1",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "export"))),
    }
    count = len(family(name).CRAFTED) + RANDOM  # type: ignore[attr-defined]
    command = [sys.executable, "-m", "tests.hostile.child", name, str(tmp_path), "0", str(count)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    ended = [line for line in results if "result" in line]
    assert len(ended) == count and all(line["result"] in ("taken", "refused") for line in ended), ended[-1]
