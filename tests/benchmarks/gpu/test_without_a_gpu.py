"""The GPU benchmarks run through on a CPU, and keep what they measured when something fails."""

import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.autograd import DeviceType

from benchmarks.gpu import memory
from benchmarks.gpu.generator import child, profile
from benchmarks.gpu.generator import run as generator
from benchmarks.gpu.generator.fillers import Filler
from benchmarks.gpu.names import CUFFT, MODEL, OPERATOR, TENSOR_CORE
from benchmarks.gpu.spectral import case as spectral_case
from benchmarks.gpu.spectral import run as spectral


@pytest.fixture(autouse=True)
def restored() -> Any:
    """Benchmarks set these for their own process; here it is everyone's. Small sums are faster on one thread."""
    threads, tf32 = torch.get_num_threads(), torch.backends.cudnn.allow_tf32
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = tf32


def run(module: Any, out: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[int, dict[str, Any]]:
    command = ["benchmark", "--device", "cpu", "--smoke", "--out", str(out), *options]
    monkeypatch.setattr(sys, "argv", command)
    code = module.main()
    [file] = out.iterdir()
    return code, json.loads(file.read_text())


@pytest.mark.slow
def test_spectral(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, record = run(spectral, tmp_path, monkeypatch)
    rows = record["spectral"]["rows"]
    assert code == 0 and not [row for row in rows if "failed" in row]
    assert {row["candidate"] for row in rows} == {MODEL, OPERATOR}
    cases = {(row["dtype"], row["layout"], row["cache"], row["launch"]) for row in rows}
    assert len(cases) == 3 * 2 * 2 and all(row["median_us"] > 0 for row in rows)
    assert "| 6x5 | 1 | float16 |" in capsys.readouterr().out


def test_spectral_with_the_emulated_kernels(
    emulated_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectral_case, "WARM_CALLS", 1)
    options = ("--library", str(emulated_library), "--dtypes", "float16", "--layouts", "NHWC", "NCHW")
    code, record = run(spectral, tmp_path, monkeypatch, *options)
    rows = record["spectral"]["rows"]
    assert code == 0 and not [row for row in rows if "failed" in row]
    assert {row["candidate"] for row in rows} == {MODEL, OPERATOR, CUFFT, TENSOR_CORE}
    assert all(row["share_of_peak"] > 0 for row in rows)


def test_a_wrong_candidate_has_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute_of = spectral_case.compute_of

    def wrong_operator(candidate: str, *rest: Any) -> Any:
        compute = compute_of(candidate, *rest)
        return (lambda x: compute(x) * 1.1) if candidate == OPERATOR else compute

    monkeypatch.setattr(spectral_case, "compute_of", wrong_operator)
    _, record = run(spectral, tmp_path, monkeypatch)
    rows = [row for row in record["spectral"]["rows"] if row["candidate"] == OPERATOR]
    assert rows and all("wrong" in row["failed"] and "median_us" not in row for row in rows)


def test_a_spent_budget_leaves_cases_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, record = run(spectral, tmp_path, monkeypatch, "--seconds", "0")
    assert code == 1 and record["spectral"]["rows"] == []
    assert len(record["spectral"]["left_out"]) == 6


@pytest.mark.slow
def test_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(generator, "ON_CPU", ("eager fp32", "no such candidate", "ours bf16"))
    monkeypatch.setitem(generator.LIMITS, "no such candidate", 60)  # here, not in the process that shall run it
    code, record = run(generator, tmp_path, monkeypatch)
    rows = record["generator"]["rows"]
    measured = {(row["candidate"], row["batch"]): row for row in rows if "failed" not in row}
    assert code == 0 and set(measured) == {(name, batch) for name in ("eager fp32", "ours bf16") for batch in (1, 2)}
    assert 0 < measured["ours bf16", 1]["error"]["mean"] < 1e-2
    assert measured["ours bf16", 2]["host_to_host"]["median_us"] > 0
    assert [row["candidate"] for row in rows if "failed" in row] == ["no such candidate"]
    assert "no such candidate: exit code 1" in capsys.readouterr().out


def test_generators_and_cases_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--candidates", "eager fp32", "ours fp32=1", "--cases", "32x2", "32x1")
    code, record = run(generator, tmp_path, monkeypatch, *options)
    rows = record["generator"]["rows"]
    assert code == 0 and not [row for row in rows if "failed" in row]
    found = [(row["candidate"], row["batch"]) for row in rows]
    assert found == [("eager fp32", 2), ("eager fp32", 1), ("ours fp32", 2)]


def test_a_warning_of_ours_is_a_note_beside_the_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library or a graph that cannot be had makes other times than the row's name says."""

    def measured(*_: object) -> dict[str, Any]:
        logging.getLogger("lama_deploy.native.loaded").warning("no kernel of %s", "liblama_spectral")
        return {"median_us": 1.0}

    monkeypatch.setattr(child, "measured", measured)
    conditions = child.Conditions(torch.device("cpu"), 1, 0.0, None)
    row = child._tried(Filler(lambda image, mask: image), {}, conditions, None)
    assert row == {"median_us": 1.0, "note": "no kernel of liblama_spectral"}
    assert not logging.getLogger("lama_deploy").handlers


def test_an_unknown_generator_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        run(generator, tmp_path, monkeypatch, "--candidates", "theirs")


def test_a_profile_names_what_takes_longest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, record = run(profile, tmp_path, monkeypatch, "--candidate", "ours fp32")
    first, second = record["profile"]["rows"]
    assert code == 0 and (first["batch"], second["batch"]) == (1, 2)
    times = [kernel["us"] for kernel in first["kernels"]]
    assert times == sorted(times, reverse=True) and sum(times) == pytest.approx(first["total_us"], rel=1e-3)
    assert sum(kernel["share"] for kernel in first["kernels"]) == pytest.approx(1)
    assert "32x32, batch 1: " in capsys.readouterr().out


def average(key: str, where: DeviceType, on_device: float, **other: object) -> SimpleNamespace:
    times = {"self_device_time_total": on_device, "self_cpu_time_total": 1.0}
    return SimpleNamespace(key=key, count=2, device_type=where, **times, **other)


def test_a_profile_counts_kernels_and_not_their_launches() -> None:
    averages = [
        average("cudaGraphLaunch", DeviceType.CPU, 40.0),
        average("small", DeviceType.CUDA, 10.0),
        average("large", DeviceType.CUDA, 30.0, is_user_annotation=False),
        average("a range around all", DeviceType.CUDA, 40.0, is_user_annotation=True),
    ]
    found = profile.table_of(averages, DeviceType.CUDA)
    assert [(one["name"], one["share"]) for one in found["kernels"]] == [("large", 0.75), ("small", 0.25)]
    assert (found["total_us"], found["launches"]) == (40.0, 4)
    with pytest.raises(RuntimeError, match="saw no kernel"):
        profile.table_of(averages[:1], DeviceType.CUDA)


def test_what_does_not_fit_the_memory_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.shortage(3 * memory.GIB, None) is None
    assert memory.shortage(3 * memory.GIB, 3 * memory.GIB) is None
    line = "not run: needs about 3.0 GiB of GPU memory, 1.5 are free"
    assert memory.shortage(3 * memory.GIB, 3 * memory.GIB // 2) == line
    monkeypatch.setattr(spectral, "free_bytes", lambda device: 1000)
    code, record = run(spectral, tmp_path, monkeypatch)
    assert code == 1 and all("not run: needs about " in row["failed"] for row in record["spectral"]["rows"])
