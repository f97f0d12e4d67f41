"""Records as the tables and lines that commands print."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from lama_deploy.proof.parity import TOGETHER, Case, ParityRecord
from lama_deploy.proof.tolerance import decibel_text
from lama_deploy.reports.text import aligned

HEADER = ("", "max error", "allowed", "mean error", "allowed", "PSNR dB", "least", "SSIM", "other bytes", "")
HIDDEN = (
    "results are bytes: where one is not the reference's, the errors are the least that explain it, which is none "
    "between bytes one level apart; other bytes says how many there are"
)


def parity_table(record: ParityRecord) -> str:
    """One row a case; errors inside holes are absolute, in [0, 1]. A case that fails has its reasons below.

    Where results are bytes and some differ, a line says what the errors leave out.
    """
    reasons = [f"{case.subject}: {'; '.join(case.broken)}" for case in record.cases if not case.passed]
    hidden = [HIDDEN] if any(case.in_bytes and case.differing for case in record.cases) else []
    return "\n".join([aligned([HEADER, *map(_row, record.cases)], left=(0,)), *hidden, *reasons])


def _row(case: Case) -> tuple[str, ...]:
    return (
        case.subject,
        f"{case.found.largest:.1e}",
        f"{case.limits.largest:.1e}",
        f"{case.found.mean:.1e}",
        f"{case.limits.mean:.1e}",
        "no error" if case.differing and not case.found.rms else decibel_text(case.found.rms),
        decibel_text(case.limits.rms),
        "-" if case.ssim is None else f"{case.ssim:.5f}",
        f"{case.differing:.2%}" if case.differing >= 1e-4 or not case.differing else "below 0.01%",
        "pass" if case.passed else "FAIL",
    )


def ranges_summary(ranges: Mapping[str, Any]) -> str:
    """A bundle's `ranges` in two lines: the tightest value, and what arithmetic alone can promise."""
    values = ranges["values"]
    name = min(values, key=lambda value: values[value]["headroom"] or math.inf)
    bounds = [value["bound"] for value in values.values()]
    bound = "beyond float64" if None in bounds else f"{max(bounds):.0e}"
    scales = [value["scale"] for value in values.values()]
    return (
        f"fp16 range: {len(values)} values scaled by {min(scales):g} to {max(scales):g}; least headroom "
        f"{values[name]['headroom']:.0f}x at {name} (spectra at {ranges['spectra_at']} px), measured on "
        f"{ranges['calibration']['images']} images\nworst case by norms at {ranges['bound_at']} px, over every picture "
        f"there is: {bound}, against a limit of {ranges['limit']:.0f}"
    )


def quantisation_summary(quantisation: Mapping[str, Any]) -> str:
    """A bundle's `quantisation` in a line."""
    if "weights" in quantisation:
        return (
            f"weights are stored in {quantisation['weights']}, and everything is computed in "
            f"{quantisation['computed']}; a program that asks its engine for less has not been proven here"
        )
    left_out = ", ".join(quantisation["left_out"]) or "nothing"
    return (
        f"int8: {quantisation['psnr']:.1f} dB inside the holes of the calibration pictures against "
        f"{quantisation.get('against', 'float32')}; left out: "
        f"{left_out} (with them {quantisation['psnr_of_all']:.1f} dB), and all spectral transforms"
    )


def _run_or_not(record: Mapping[str, Any]) -> str:
    if not record["executed"]:
        return "the engine itself has not been run; what is proven above is the model.onnx that it was built from"
    cases = [case for case in record["parity"]["cases"] if case["subject"] != TOGETHER]
    worst = max(cases, key=lambda case: case["found"]["largest"])
    return (
        f"the engine itself was run on {len(cases)} pictures at sizes of its profiles, and passed: max error "
        f"{worst['found']['largest']:.1e} at {worst['subject']}"
    )


def _why_inline(record: Mapping[str, Any]) -> str:
    reason = record.get("no_plugin")
    return f"without our plugin: {reason}" if reason else "as asked for"


def _by_plugin(plugin: Mapping[str, str]) -> str:
    kind = "plugin in Python over" if plugin.get("kind") == "python" else "plugin"
    return f"by the {kind} {plugin['name']}"


def _unchecked(record: Mapping[str, Any]) -> str:
    """checked is "partly" where some products could be judged, False where none could."""
    judged = record.get("judged", {})
    if record.get("profiling") == "none":
        return "with --profiling none the engine tells of no layers, so the precision that they compute in is unchecked"
    if record["checked"] == "partly":
        return f"the precision of {judged['right']} of {judged['of']} products was checked; bundle.json has the doubts"
    return "the engine told of no layers that this version understands, so their precision is unchecked"


def _layers(counts: Mapping[str, int]) -> str:
    """By kind, the most frequent first; "" where the engine tells of none."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in list(counts.items())[:4])
    return f"{sum(counts.values())} layers ({kinds}), " if counts else ""


def _memory(record: Mapping[str, Any]) -> Iterator[str]:
    """Of each profile's largest shape, where the builder told; a smaller one takes less."""
    parts = [
        f"{size / 2**20:.0f} MiB at {high}x{wide}"
        for (high, wide), size in zip(
            (one["max"] for one in record["profiles"]), record["activation_bytes"], strict=False
        )
    ]
    if parts:
        count = record["batch"]["max"]  # every profile's
        yield f"scratch memory of a run{f' of {count} pictures' if count > 1 else ''}, at most: {', '.join(parts)}"


def engine_summary(record: Mapping[str, Any]) -> str:
    """A bundle's `engine` in a few lines, what has not been done included."""
    spectral = {
        "plugin": record["plugin"] and _by_plugin(record["plugin"]),
        "inline": f"written out as matrix products ({_why_inline(record)})",
        "dft": "by TensorRT's own DFT operator, in float32",
        "none": "this generator has none",
    }[record["spectral"]]
    lines = [
        f"engine: {record['module']} {record['version']}, profiles: {len(record['profiles'])}, "
        f"{_layers(record['layers'])}built in {record['build_seconds']:.0f} s",
        *_memory(record),
        f"Fourier units: {spectral}",
        _run_or_not(record),
    ]
    sums = record.get("float32_sums", {})
    if sums.get("products"):
        lines.insert(-1, f"products with DFT matrices that sum in float32: {sums['granted']} of {sums['products']}")
    if record["checked"] is not True:
        lines.append(_unchecked(record))
    return "\n".join(lines)
