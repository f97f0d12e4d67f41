"""A parity record as the table that commands print."""

from __future__ import annotations

from lama_deploy.proof.parity import Case, ParityRecord

HEADER = ("size", "max error", "mean error", "allowed", "PSNR dB", "SSIM", "")


def parity_table(record: ParityRecord) -> str:
    """One row a case; errors are absolute, in [0, 1]."""
    rows = [HEADER, *(_row(case) for case in record.cases)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _row(case: Case) -> tuple[str, ...]:
    return (
        case.size,
        f"{case.max_error:.1e}",
        f"{case.mean_error:.1e}",
        f"{case.allowed:.1e}",
        "identical" if case.psnr is None else f"{case.psnr:.1f}",
        "-" if case.ssim is None else f"{case.ssim:.5f}",
        "pass" if case.passed else "FAIL",
    )
