"""No kernel spills registers, on any architecture that the library is built for."""

import pytest

from benchmarks.gpu.resources import ARCHITECTURES, Usage, parse, usages
from lama_deploy.native.build import find_nvcc

REPORT = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z3onev' for 'sm_90'
ptxas info    : Function properties for _Z3onev
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers
ptxas info    : Compiling entry function '_Z3twov' for 'sm_90'
ptxas info    : Function properties for _Z3twov
    16 bytes stack frame, 12 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 16 bytes cumulative stack size, 1024 bytes smem
"""


def test_a_report_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert list(parse(REPORT)) == [Usage("90", "_Z3onev", 40, 0, 0, 0), Usage("90", "_Z3twov", 255, 20, 16, 1024)]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_kernel_spills(architecture: str) -> None:
    nvcc = find_nvcc()
    if nvcc is None:
        pytest.skip("no CUDA compiler here: install a toolkit, or pip install -r requirements-nvcc.txt")
    found = usages(architecture, nvcc)
    assert len(found) >= 40  # half precision alone has thirty-odd
    assert [usage for usage in found if usage.spilled or usage.stack] == []
