"""The ctypes binding, on the library that runs the CUDA kernels on the CPU: addresses are those of NumPy arrays."""

import gc
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from lama_deploy.errors import KernelError
from lama_deploy.native.library import Description, SpectralLibrary
from lama_deploy.spectral import spectral_conv_reference

UNIT = Description(2, 8, 5, 6)


@pytest.fixture(scope="module")
def library(emulated_library: Path) -> SpectralLibrary:
    return SpectralLibrary(emulated_library)


def aligned(shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    """Memory as a device gives it: aligned to 256 bytes, and full of NaN."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.full(size + 256, 255, np.uint8)
    start = -memory.ctypes.data % 256
    return memory[start : start + size].view(dtype).reshape(shape)


def unit_inputs(d: Description) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    c2 = 2 * d.channels
    shapes = ((d.batch, d.channels, d.height, d.width), (c2, c2), (c2,))
    inputs = tuple(aligned(shape) for shape in shapes)
    for array in inputs:
        array[...] = random.standard_normal(array.shape)
    return inputs


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_range_needs_what_its_neediest_member_needs(library: SpectralLibrary, dtype: str) -> None:
    smallest, largest = Description(1, 8, 3, 60, dtype), Description(2, 8, 9, 70, dtype)
    enough = library.workspace_size_range(smallest, largest)
    sizes = [
        library.workspace_size(replace(smallest, batch=n, height=h, width=w))
        for n, h, w in product(range(1, 3), range(3, 10), range(60, 71))
    ]
    assert 0 < min(sizes) < max(sizes) <= enough


def test_a_range_beyond_the_dense_transforms_counts_those_inside(library: SpectralLibrary) -> None:
    smallest, largest = Description(1, 8, 4, 1086, "float16"), Description(1, 8, 4, 1087, "float16")
    enough = library.workspace_size_range(smallest, largest)
    assert enough >= max(library.workspace_size(smallest), library.workspace_size(largest))


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (replace(UNIT, batch=0), "batch is 0"),
        (replace(UNIT, width=-3), "width is -3"),
        (replace(UNIT, height=2**32 + 1), "height is 4294967297"),
        (replace(UNIT, batch=2**15, height=2**15), "2\\^31 elements"),
        (replace(UNIT, dtype="float64"), "dtype is 'float64'; choose from float32"),
        (replace(UNIT, layout="nchwc"), "layout is 'nchwc'; choose from nchw, nhwc"),
        (replace(UNIT, backend="torch"), "backend is 'torch'; choose from auto"),
        (replace(UNIT, backend="tensor_core"), "float32"),
        (Description(1, 3, 4, 4, "float16", backend="tensor_core"), "3 channels"),
    ],
)
def test_what_no_plan_takes_is_one_line(library: SpectralLibrary, description: Description, words: str) -> None:
    for function in (library.workspace_size, library.plan):
        with pytest.raises(KernelError, match=words) as error:
            function(description)
        assert "\n" not in str(error.value)


def test_auto_becomes_what_the_device_can_do(library: SpectralLibrary) -> None:
    half = Description(1, 8, 64, 64, "float16")
    assert library.resolve(half, 90) == "tensor_core"
    assert library.resolve(half, 75) == "cufft"
    assert library.resolve(replace(half, dtype="float32"), 90) == "cufft"
    with pytest.raises(KernelError, match=r"7\.5"):
        library.resolve(replace(half, backend="tensor_core"), 75)


@pytest.mark.parametrize(("h", "w"), [(1, 1), (2, 3), (7, 10), (13, 9), (1, 8), (8, 1)])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("with_residual", [False, True])
def test_reference_is_the_definition(
    library: SpectralLibrary, h: int, w: int, layout: str, with_residual: bool
) -> None:
    random = np.random.default_rng((h, w))
    x, residual = random.standard_normal((2, 2, 3, h, w))
    weight, bias = random.standard_normal((6, 6)), random.standard_normal(6)
    expected = spectral_conv_reference(x, weight, bias) + with_residual * residual
    to_memory, back = ((0, 2, 3, 1), (0, 3, 1, 2)) if layout == "nhwc" else ((0, 1, 2, 3), (0, 1, 2, 3))
    added = residual.transpose(to_memory) if with_residual else None
    y = library.reference(Description(2, 3, h, w, layout=layout), x.transpose(to_memory), weight, bias, added)
    np.testing.assert_allclose(y.transpose(back), expected, atol=1e-11)


@pytest.mark.parametrize("wrong", ["x", "weight", "bias", "residual"])
def test_arrays_of_a_wrong_length_are_not_read(library: SpectralLibrary, wrong: str) -> None:
    x, weight, bias = unit_inputs(UNIT)
    arrays = {"x": x, "weight": weight, "bias": bias, "residual": x}
    arrays[wrong] = arrays[wrong][:-1]
    with pytest.raises(KernelError, match=f"{wrong} is of shape"):
        library.reference(UNIT, **arrays)


@pytest.mark.parametrize("with_residual", [False, True])
def test_a_plan_computes_the_unit(library: SpectralLibrary, with_residual: bool) -> None:
    x, weight, bias = unit_inputs(UNIT)
    y, residual = aligned(x.shape), aligned(x.shape)
    residual[...] = x[::-1]
    with library.plan(UNIT) as plan:
        assert plan.backend == "auto"
        plan.prepare()
        assert plan.backend == "cufft"
        workspace = aligned((plan.workspace_bytes,), np.uint8)
        addresses = [array.ctypes.data for array in (x, weight, bias, y)]
        where = {"workspace": workspace.ctypes.data, "workspace_bytes": workspace.size}
        plan.run(*addresses, **where, residual=residual.ctypes.data if with_residual else 0)
    expected = spectral_conv_reference(x, weight, bias) + with_residual * residual
    np.testing.assert_allclose(y, expected, atol=2e-5 * np.abs(expected).max())


def test_a_run_is_refused_before_it_writes(library: SpectralLibrary) -> None:
    x, weight, bias = unit_inputs(UNIT)
    y = aligned(x.shape)
    with library.plan(UNIT) as plan:
        workspace = aligned((plan.workspace_bytes,), np.uint8)
        addresses = [array.ctypes.data for array in (x, weight, bias, y)]
        where = {"workspace": workspace.ctypes.data, "workspace_bytes": workspace.size}
        with pytest.raises(KernelError, match="not prepared"):
            plan.run(*addresses, **where)
        plan.prepare()
        with pytest.raises(KernelError, match="workspace"):
            plan.run(*addresses, **{**where, "workspace_bytes": workspace.size - 1})
        with pytest.raises(KernelError, match="bias is NULL"):
            plan.run(*addresses[:2], 0, addresses[3], **where)
        with pytest.raises(KernelError, match="x is not aligned"):
            plan.run(addresses[0] + 4, *addresses[1:], **where)
    assert np.isnan(y).all()


def test_a_closed_plan_says_so(library: SpectralLibrary) -> None:
    plan = library.plan(UNIT)
    plan.close()
    plan.close()
    for use in (plan.prepare, lambda: plan.backend, lambda: plan.run(0, 0, 0, 0, workspace=0, workspace_bytes=0)):
        with pytest.raises(KernelError, match="closed"):
            use()


def test_a_forgotten_plan_is_destroyed_once(emulated_library: Path) -> None:
    library = SpectralLibrary(emulated_library)
    destroyed = []
    library._functions["spectral_destroy"] = destroyed.append
    with library.plan(UNIT) as plan:
        plan.close()
    del plan
    forgotten = library.plan(UNIT)
    del forgotten
    gc.collect()
    assert len(destroyed) == 2


def test_a_file_that_is_no_such_library_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    with pytest.raises(KernelError, match=r"text\.so cannot be loaded"):
        SpectralLibrary(tmp_path / "text.so")
    with pytest.raises(KernelError, match="is no liblama_spectral"):
        SpectralLibrary("libc.so.6")


def test_another_abi_version_is_refused(emulated_library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lama_deploy.native.library.ABI_VERSION", 3)
    with pytest.raises(KernelError, match="has ABI version 2, this lama_deploy needs 3"):
        SpectralLibrary(emulated_library)


def test_the_binding_needs_no_torch() -> None:
    code = "import lama_deploy.native.library, lama_deploy.native.build, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
