"""compute-sanitizer sees no access out of bounds and no race in any kernel, at sizes that fill no tile."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SNIPPET = """
import torch
from lama_deploy.native.op import spectral_conv
for h, w in ((16, 17), (31, 8)):
    for memory_format in (torch.contiguous_format, torch.channels_last):
        for backend, dtype in (("cufft", torch.float32), ("cufft", torch.float16), ("tensor_core", torch.float16)):
            x = torch.randn(2, 8, h, w).to("cuda", dtype, memory_format=memory_format)
            weight, bias = torch.randn(16, 16).to(x), torch.randn(16).to(x)
            y = spectral_conv(x, weight, bias, residual=x, backend=backend)
            assert torch.isfinite(y).all()
print("ran")
"""


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.parametrize("tool", ["memcheck", "racecheck"])
def test_the_sanitizer_has_nothing_to_say(tool: str) -> None:
    sanitizer = shutil.which("compute-sanitizer") or shutil.which("/usr/local/cuda/bin/compute-sanitizer")
    if not sanitizer:
        pytest.skip("compute-sanitizer is not installed")
    # Without the caching allocator every tensor ends where its allocation ends.
    environment = {**os.environ, "PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    command = [sanitizer, "--tool", tool, "--error-exitcode", "9", sys.executable, "-c", SNIPPET]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and "ran" in result.stdout, result.stdout[-4000:] + result.stderr[-2000:]
