"""Tables as text."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def aligned(rows: Sequence[Sequence[str]], left: Collection[int] = ()) -> str:
    """Columns side by side, to the right but for those whose numbers are in `left`."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = enumerate(zip(row, widths, strict=True))
        padded = [cell.ljust(width) if column in left else cell.rjust(width) for column, (cell, width) in cells]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def megabytes(count: int) -> str:
    """A file's size in words."""
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"
