"""Tables of GPU records, for the page and for the end of a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.gpu.names import COMPILED, CUFFT, MODEL, OPERATOR, TENSOR_CORE

Row = dict[str, Any]
SPECTRAL_COLUMNS = {
    "torch.fft, model": (MODEL, "calls"),
    "torch.fft, operator": (OPERATOR, "calls"),
    "torch.compile": (COMPILED, "calls"),
    "ours, cuFFT": (CUFFT, "calls"),
    "as graph": (CUFFT, "graph"),
    "ours, tensor cores": (TENSOR_CORE, "calls"),
    "as graph ": (TENSOR_CORE, "graph"),
}
NOTHING = "-"
MOST_KERNELS, NAME_LENGTH = 15, 90  # of a profile's table; the record has all of them, whole


def spectral_table(found: Row) -> str:
    """Channels last, inputs not in the cache; targets and failures below."""
    head = ["latent", "batch", "dtype", "floor", *SPECTRAL_COLUMNS, "peak", "bandwidth"]
    rows = [row for row in found["rows"] if "failed" not in row and (row["layout"], row["cache"]) == ("NHWC", "cold")]
    cases = dict.fromkeys((row["height"], row["width"], row["batch"], row["dtype"]) for row in rows)
    body = [_spectral_line(case, rows) for case in cases]
    parts = [
        "Microseconds, channels last, inputs not in the cache; shares of the measured peak and bandwidth are the "
        "tensor-core kernel's as a graph. " + _ceilings(found["ceilings"]),
        _table(head, body),
        *target_table(found.get("targets", [])),
        *_failures(found["rows"], ("height", "width", "batch", "dtype", "layout", "candidate")),
    ]
    return "\n\n".join(parts)


def _spectral_line(case: tuple[int, int, int, str], rows: list[Row]) -> list[str]:
    height, width, batch, dtype = case
    own = [row for row in rows if (row["height"], row["width"], row["batch"], row["dtype"]) == case]
    by_launch = {(row["candidate"], row["launch"]): row for row in own}
    best = by_launch.get((TENSOR_CORE, "graph"), {})
    cells = [f"{by_launch[key]['median_us']:.1f}" if key in by_launch else NOTHING for key in SPECTRAL_COLUMNS.values()]
    shares = [f"{best[key]:.0%}" if key in best else NOTHING for key in ("share_of_peak", "share_of_bandwidth")]
    floor = min(row["floor_us"] for row in own)
    return [f"{height}x{width}", str(batch), dtype, f"{floor:.1f}", *cells, *shares]


def generator_table(found: Row) -> str:
    head = ["candidate", "size", "batch", "ms", "times eager", "peak GiB", "share of half-precision peak", "from bytes"]
    rows = [row for row in found["rows"] if "median_us" in row]
    parts = [
        "Eager is float32 without TF32. From bytes: host to host, ms. " + _ceilings(found["ceilings"]),
        _table(head, [_generator_line(row) for row in rows]),
        *target_table(found.get("targets", [])),
        *_notes(rows),
        *_failures(found["rows"], ("candidate", "size", "batch")),
    ]
    return "\n\n".join(parts)


def _notes(rows: list[Row]) -> Iterable[str]:
    notes = dict.fromkeys(f"- {row['candidate']}: {row['note']}" for row in rows if "note" in row)
    return ["Notes:\n\n" + "\n".join(notes)] if notes else []


def _generator_line(row: Row) -> list[str]:
    times, share, host = row.get("times_eager"), row.get("share_of_half_peak"), row.get("host_to_host")
    return [
        row["candidate"],
        str(row["size"]),
        str(row["batch"]),
        f"{row['median_us'] / 1000:.2f}",
        NOTHING if times is None else f"**{times:.2f}**",
        f"{row['peak_gib']:.2f}" if row.get("peak_gib") else NOTHING,
        NOTHING if share is None else f"{share:.0%}",
        NOTHING if host is None else f"{host['median_us'] / 1000:.2f}",
    ]


def profile_table(found: Row) -> str:
    """A table for each case: the kernels that take longest, and the sum of the others."""
    parts = [_kernels(row) for row in found["rows"] if "failed" not in row]
    return "\n\n".join([*parts, *_failures(found["rows"], ("size", "batch"))])


def _kernels(row: Row) -> str:
    shown, others = row["kernels"][:MOST_KERNELS], row["kernels"][MOST_KERNELS:]
    if others:
        sums = {key: sum(one[key] for one in others) for key in ("calls", "us", "share")}
        shown = [*shown, {"name": f"{len(others)} others", **sums}]
    body = [
        [f"`{one['name'][:NAME_LENGTH]}`", str(one["calls"]), f"{one['us']:.1f}", f"{one['share']:.1%}"]
        for one in shown
    ]
    head = f"{row['size']}x{row['size']}, batch {row['batch']}: {row['total_us']:.0f} us in {row['launches']} launches"
    return head + "\n\n" + _table(["kernel", "calls", "us", "share"], body)


def smoke_table(found: Row) -> str:
    """How many cases are right, the worst error of each kind of case, and what is not right."""
    rows = found["rows"]
    right, skipped = ([row for row in rows if key in row] for key in ("error", "skipped"))
    body = [
        [kind, str(len(errors)), f"{max(errors):.1e}"]
        for kind in dict.fromkeys(row["kind"] for row in right)
        for errors in [[row["error"] for row in right if row["kind"] == kind]]
    ]
    parts = [
        f"{len(right)} of {found['cases']} cases right, {len(skipped)} skipped, "
        f"{found['cases'] - len(rows)} not reached.",
        _table(["kind", "cases right", "largest error"], body),
        *_failures(rows, ("case",)),
    ]
    return "\n\n".join(parts)


def experiments_table(found: Row) -> str:
    """What each change did to the time of what it changed."""
    body = [
        [
            row["what"],
            f"{row['before_us']:.1f}",
            f"{row['after_us']:.1f}",
            f"**{row['before_us'] / row['after_us']:.2f}**",
        ]
        for row in found["rows"]
    ]
    return _table(["what: before; after", "us before", "us after", "times"], body)


def target_table(targets: list[Row]) -> Iterable[str]:
    """One table of targets and what was measured, none where there are no targets."""
    body = [
        [row["what"], f"at least {row['target']:g}", NOTHING if row["measured"] is None else f"{row['measured']:.2f}"]
        for row in targets
    ]
    return [_table(["target", "wanted", "measured"], body)] if body else []


def hardware(machine: Row) -> str:
    """One phrase: the GPU, and the computer around it."""
    gpu = machine["gpu"]
    capability = gpu["compute_capability"]
    return (
        f"{gpu['name']} (compute capability {capability // 10}.{capability % 10}, {gpu['multiprocessors']} "
        f"multiprocessors, {gpu['l2_bytes'] / 2**20:.0f} MiB of L2, {gpu['memory_gib']:g} GiB, driver {gpu['driver']}) "
        f"with {machine['cpu']}, {machine['cores']} cores"
    )


def _ceilings(found: dict[str, float]) -> str:
    rates = ", ".join(
        f"{found[key] / 1e12:.1f} TFLOP/s in {key.removesuffix('_flops_per_s')}" for key in found if "_flops" in key
    )
    return f"Ceilings measured: {found['bytes_per_s'] / 1e12:.2f} TB/s, {rates}."


def _failures(rows: list[Row], keys: tuple[str, ...]) -> Iterable[str]:
    lines = [
        f"- {' '.join(str(row[key]) for key in keys if key in row)}: {row['failed']}" for row in rows if "failed" in row
    ]
    return ["Not measured:\n\n" + "\n".join(lines)] if lines else []


def _table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


TABLES = {
    "smoke": smoke_table,
    "spectral": spectral_table,
    "generator": generator_table,
    "profile": profile_table,
    "experiments": experiments_table,
}
