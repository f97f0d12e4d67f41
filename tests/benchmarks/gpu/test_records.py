"""From measured rows to shares, crossovers, targets and the page; the rows here are made up."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import page
from benchmarks.gpu.generator.child import checked
from benchmarks.gpu.generator.counts import generator_flops
from benchmarks.gpu.generator.derived import eager_error, limits_of, with_ratios
from benchmarks.gpu.generator.derived import targets as generator_targets
from benchmarks.gpu.names import CUFFT, MODEL, TENSOR_CORE
from benchmarks.gpu.spectral.counts import Unit, folded_flops, kernel_tiles, least_bytes, mixing_flops
from benchmarks.gpu.spectral.derived import crossover, targets, with_shares
from lama_deploy.proof.hole_errors import HoleErrors
from lama_deploy.proof.tolerance import tolerance_of
from lama_deploy.variants import GeneratorConfig

Row = dict[str, Any]
CEILINGS = {
    "bytes_per_s": 1e12,
    "float16_flops_per_s": 1e14,
    "bfloat16_flops_per_s": 1e14,
    "float32_flops_per_s": 1e13,
}
MACHINE = {
    "cpu": "a processor",
    "cpu_family_model": "1/2",
    "cores": 4,
    "extensions": [],
    "system": "a system",
    "versions": {"torch": "0"},
    "gpu": {
        "name": "a GPU",
        "compute_capability": 90,
        "multiprocessors": 3,
        "l2_bytes": 2**20,
        "memory_gib": 8.0,
        "driver": "1",
    },
}


def row(candidate: str, side: int, microseconds: float, launch: str = "graph", **other: object) -> Row:
    case = {"batch": 1, "height": side, "width": side, "dtype": "float16", "layout": "NHWC", "cache": "warm"}
    times = {f"{name}_us": microseconds for name in ("median", "min", "max")}
    return {**case, "candidate": candidate, "launch": launch, "error": 0.0, **times, **other}


def both(side: int, tensor_core: float, cufft: float, **other: object) -> list[Row]:
    return [row(TENSOR_CORE, side, tensor_core, **other), row(CUFFT, side, cufft, **other)]


def test_crossover_is_the_last_side_before_the_first_defeat() -> None:
    wins = both(32, 1, 2) + both(64, 2, 4)
    assert crossover(wins) == 64
    assert crossover(wins + both(128, 5, 4) + both(256, 1, 2)) == 64
    assert crossover(wins + both(64, 5, 4, dtype="bfloat16")) == 32
    assert crossover(both(32, 2, 1)) == 0


def test_crossover_needs_both_kernels_as_graphs_in_the_cache() -> None:
    assert crossover([row(TENSOR_CORE, 32, 1)]) is None
    assert crossover(both(32, 1, 2, cache="cold")) is None
    assert crossover(both(32, 1, 2, launch="calls")) is None
    assert crossover([*both(32, 1, 2), {**row(TENSOR_CORE, 64, 1), "failed": "no"}]) == 32


def test_shares_of_the_ceilings() -> None:
    unit, tiles = Unit(192, 64, 64), kernel_tiles()
    found = with_shares(row(TENSOR_CORE, 64, 100.0), 192, tiles, CEILINGS)
    flops = mixing_flops(unit) + folded_flops(unit)
    assert found["flops"] == flops <= found["padded_flops"]
    assert found["share_of_peak"] == pytest.approx(flops / 100e-6 / 1e14)
    assert found["share_of_bandwidth"] == pytest.approx(least_bytes(unit, "float16") / 100e-6 / 1e12)
    assert found["floor_us"] == pytest.approx(1e6 * flops / 1e14, abs=1e-3)
    assert with_shares(row(MODEL, 64, 100.0), 192, tiles, CEILINGS)["flops"] < flops
    failed = {"candidate": MODEL, "failed": "no"}
    assert with_shares(failed, 192, tiles, CEILINGS) == failed


def test_targets_of_the_unit() -> None:
    rows = [
        row(MODEL, 64, 100.0, "calls", cache="cold"),
        row(TENSOR_CORE, 64, 25.0, "calls", cache="cold"),
        *both(64, 5.0, 20.0, cache="cold"),
    ]
    assert [target["measured"] for target in targets(rows)] == [4.0, 20.0, 4.0]
    assert [target["measured"] for target in targets(rows[:1])] == [None] * 3


def generator_rows() -> list[Row]:
    times = {
        ("eager fp32", 512, 1): 60_000,
        ("eager fp32", 2048, 1): 900_000,
        ("torch.compile fp16", 512, 1): 20_000,
        ("torch.compile bf16", 512, 1): 15_000,
        ("ours fp16", 512, 1): 5_000,
        ("ours fp16", 2048, 1): 100_000,
    }
    return [
        {"candidate": c, "size": s, "batch": b, "median_us": us, "peak_gib": 1.5} for (c, s, b), us in times.items()
    ]


def test_ratios_and_targets_of_the_generator() -> None:
    config = GeneratorConfig(width=8, blocks=1)
    rows = with_ratios([*generator_rows(), {"candidate": "ours bf16", "failed": "no"}], config, CEILINGS)
    own = rows[4]
    assert own["times_eager"] == 12.0
    assert own["share_of_half_peak"] == pytest.approx(generator_flops(config, 512, 512) / 5e-3 / 1e14)
    assert rows[0]["share_of_half_peak"] is None and rows[-1] == {"candidate": "ours bf16", "failed": "no"}
    eager, compiled, large, share, batch = (target["measured"] for target in generator_targets(rows))
    assert (eager, compiled, large, batch) == (12.0, 3.0, 9.0, None)
    assert share == pytest.approx(rows[5]["share_of_half_peak"])


def test_what_eager_is_off_by_is_the_measure_of_others() -> None:
    error = HoleErrors(9, 1e-4, 1e-5, 2e-5, (0.0, 0.0, 0.0), 0.0, 1.0)
    eager = {**generator_rows()[0], "error": error.to_dict()}
    assert eager_error([eager]) == error.to_dict()
    assert limits_of("ours fp32", error.to_dict()) == tolerance_of("fp32").drawn.limits(error)
    assert eager_error([{"candidate": "eager fp32", "failed": "no"}]) is None
    assert limits_of("ours fp16", None) == tolerance_of("fp16").drawn.limits(None)
    assert limits_of("eager fp32", error.to_dict()) == tolerance_of("fp32", "dft").drawn.limits(None)


def test_eager_that_rounds_more_than_usual_keeps_its_time() -> None:
    """Without it there is nothing to compare with."""
    rough = HoleErrors(9, 1e-2, 1e-4, 2e-4, (0.0, 0.0, 0.0), 0.0, 1.0)
    found = checked("eager fp32", rough, None)
    assert found["error"] == rough.to_dict() and found["note"].startswith("off by more than usual: max error ")
    for candidate, error in (("ours fp32", rough), ("eager fp32", replace(rough, mean=float("nan")))):
        with pytest.raises(ArithmeticError, match="wrong: "):
            checked(candidate, error, None)


def write(folder: Path, name: str, **content: object) -> None:
    record = {"what": name, "date": "2000-01-01", "method": "none", "machine": MACHINE, **content}
    (folder / f"{name}.json").write_text(json.dumps(record))


def test_the_page_shows_gpu_records_in_their_place(tmp_path: Path) -> None:
    units = [row(MODEL, 64, 100.0, "calls", cache="cold"), *both(64, 5.0, 20.0, cache="cold")]
    rows = [with_shares(one, 192, kernel_tiles(), CEILINGS) for one in units]
    rows.append({"batch": 1, "height": 64, "width": 64, "candidate": CUFFT, "failed": "KernelError: no library"})
    write(tmp_path, "unit", spectral={"ceilings": CEILINGS, "rows": rows, "targets": list(targets(rows))})
    networks = with_ratios(generator_rows(), GeneratorConfig(width=8, blocks=1), CEILINGS)
    made = {"ceilings": CEILINGS, "rows": networks, "targets": list(generator_targets(networks))}
    write(tmp_path, "network", generator=made)
    text = page.page("others: <!-- results -->\nGPU: <!-- gpu -->", tmp_path)
    assert text.startswith("others: \nGPU: ### network") and "### unit" in text and page.NO_GPU not in text
    assert "| 64x64 | 1 | float16 |" in text and "KernelError: no library" in text
    assert "a GPU (compute capability 9.0, 3 multiprocessors, 1 MiB of L2, 8 GiB, driver 1)" in text
    assert "| ours fp16 | 512 | 1 | 5.00 | **12.00** | 1.50 |" in text
    assert "| 512x512, times eager fp32 | at least 6 | 12.00 |" in text


def test_without_a_record_the_page_says_so() -> None:
    root = Path(page.__file__).parent
    measured = any("gpu" in json.loads(file.read_text())["machine"] for file in (root / "results").glob("*.json"))
    text = page.page((root / "notes.md").read_text(), root / "results")
    assert (page.NO_GPU in text) is not measured
    assert text == (root / "README.md").read_text(), "run python -m benchmarks.page"
