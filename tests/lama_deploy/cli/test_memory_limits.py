"""In a process of 3 GB a picture that needs more is filled in windows; where it is to be taken whole, it is one line,
before it is decoded, and the others are filled.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy.process_memory import process_memory

LIMIT = 3 * 2**20  # kB, of address space
pytestmark = pytest.mark.skipif(process_memory() is None, reason="this system does not say how much memory there is")


def lama_inpaint(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lama_deploy.cli.inpaint", *arguments, "--threads", "1"]
    return subprocess.run(
        ["sh", "-c", f'ulimit -v {LIMIT}; exec "$@"', "sh", *command], capture_output=True, text=True, check=False
    )


def save(file: Path, height: int, width: int) -> None:
    """A picture, and its mask beside it."""
    pixels = np.zeros((height, width, 3), np.uint8)
    Image.fromarray(pixels).save(file)
    pixels[:20, :20] = 255
    Image.fromarray(pixels[..., 0]).save(file.with_name(f"{file.stem}_mask.png"))


@pytest.mark.slow
def test_twelve_megapixels_are_one_line(tmp_path):
    save(tmp_path / "large.png", 3000, 4000)
    save(tmp_path / "small.png", 200, 300)
    done = lama_inpaint(str(tmp_path), "-o", str(tmp_path / "out"), "--strategy", "whole")
    assert done.returncode == 3 and [path.name for path in (tmp_path / "out").iterdir()] == ["small_mask.png"]
    errors = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert len(errors) == 1
    assert re.match(r"error: .*large\.png: 4000x3000 pixels take about \d.*run it by --strategy auto", errors[0])
    done = lama_inpaint(str(tmp_path), "-o", str(tmp_path / "auto"))
    assert done.returncode == 0 and len(list((tmp_path / "auto").iterdir())) == 2, done.stderr


@pytest.mark.slow
def test_what_is_let_through_fits(tmp_path):
    """A picture well above what the estimate alone would let through without a question runs in 3 GB."""
    save(tmp_path / "large.png", 1000, 1100)
    whole = ("-o", str(tmp_path / "out"), "--strategy", "whole")
    done = lama_inpaint(str(tmp_path), *whole)
    assert done.returncode == 0, done.stderr
    (tmp_path / "large.png").unlink()
    save(tmp_path / "larger.png", 3000, 4000)
    done = lama_inpaint(str(tmp_path), *whole)
    assert done.returncode == 2 and done.stderr.count("error: ") == 1


WITHOUT_GUARD = """
from contextlib import contextmanager
from lama_deploy.runtime.memory import MemoryGuard
from lama_deploy import Inpainter
from lama_deploy.images.scenes import scene
MemoryGuard.require = lambda self, shape: None
Inpainter.load("lama-demo", backend="onnxruntime", threads=1, strategy="whole").run(*scene(3000, 4000))
"""


@pytest.mark.slow
def test_without_the_guard_the_engine_would_run_out_of_memory():
    """What is refused above is not refused in vain."""
    command = ["sh", "-c", f'ulimit -v {LIMIT}; exec "$@"', "sh", sys.executable, "-c", WITHOUT_GUARD]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and re.search("too little memory|bad_alloc|MemoryError|allocate", done.stderr)
