"""A record of lama-bench as one HTML file that needs no other."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

from lama_deploy.bench.compare import BUSY
from lama_deploy.bench.record import HEADER, Record, cells
from lama_deploy.reports import html

NAMES, NUMBERS = slice(1, 4), slice(4, -1)  # columns; the size is the heading, and a failure takes the numbers' place
WIDTH, HEIGHT, DOT = 240, 18, 2.5  # of a strip of times, in pixels
ROOM = 1.25  # for times above the largest median


def bench_page(record: Record) -> str:
    """The whole file as text."""
    both = zip(record["rows"], cells(record), strict=True)
    sizes = "".join(_size(size, list(group)) for size, group in groupby(both, key=lambda pair: pair[0]["size"]))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width"/>'
        f"<title>lama-bench {escape(record['date'][:10])}</title><style>{html.STYLE}</style></head><body>"
        f"<h1>lama-bench</h1>{_machine(record)}{sizes}{_left_out(record)}{_candidates(record)}{_method(record)}"
        "</body></html>\n"
    )


def _machine(record: Record) -> str:
    machine = record["machine"]
    gpus = "".join(f"; {gpu['name']}, driver {gpu['driver']}, {gpu['memory']}" for gpu in machine["gpus"])
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    threads = record["plan"]["threads"] or "as many as each engine takes"
    return html.paragraph(
        f"{record['date']}. {machine['cpu']}, {machine['cores']} cores{gpus}; {machine['system']}. lama-deploy "
        f"{record['version']}, {versions}. CPU threads: {threads}."
    )


def _size(size: str, rows: Sequence[tuple[Record, Sequence[str]]]) -> str:
    names, numbers = HEADER[NAMES], HEADER[NUMBERS]
    head = [*html.cells("th", [*names, "rounds, from 0 ms"], "left"), *html.cells("th", numbers)]
    end = ROOM * max((row["summary"]["median_s"] for row, _ in rows if row["summary"]), default=1.0)
    body = []
    for row, texts in rows:
        if row["failure"]:
            found = [f'<td class="left failure" colspan="{len(numbers) + 1}">{escape(row["failure"])}</td>']
        else:
            found = [f"<td>{_strip(row, end)}</td>", *html.cells("td", texts[NUMBERS])]
        body.append([*html.cells("td", texts[NAMES], "left"), *found])
    return f"<h2>{escape(size)}</h2>{html.table(head, body)}{_others(rows[0][0]['others'])}"


def _others(share: float | None) -> str:
    if share is None:
        return ""
    line = f"Other programs took {share:.0%} of the processors meanwhile"
    return (
        html.paragraph(f"{line}.") if share <= BUSY else f'<p class="failure">{line}: measure on an idle machine.</p>'
    )


def _strip(row: Record, end: float) -> str:
    """A dot for each round, over a bar that ends at the median; what is beyond `end` seconds is at the right edge."""

    def x(seconds: float) -> str:
        return f"{min(seconds / end, 1) * (WIDTH - 2 * DOT) + DOT:.1f}"

    dots = "".join(f'<circle cx="{x(seconds)}" cy="{HEIGHT / 2}" r="{DOT}"/>' for seconds in row["seconds"])
    median = x(row["summary"]["median_s"])
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="times of all rounds">'
        f'<rect width="{median}" height="{HEIGHT}"/>{dots}'
        f'<line x1="{median}" x2="{median}" y1="0" y2="{HEIGHT}"/></svg>'
    )


def _left_out(record: Record) -> str:
    return "".join(f'<p class="failure">{escape(line)}</p>' for line in record["left_out"])


def _candidates(record: Record) -> str:
    head = html.cells("th", ("model", "target", "weights", "files by SHA-256", "profiles", "note"), "left")
    body = []
    for one in record["candidates"]:
        files = ", ".join(f"{name} {digest[:12]}" for name, digest in one.get("sha256", {}).items())
        profiles = ", ".join(_profile(profile) for profile in one.get("profiles", []))
        weights = f"{one['weights']['source']} {one['weights']['sha256'][:12]}"
        texts = (one["name"], one.get("target", "-"), weights, files or "-", profiles or "-", one["note"] or "")
        body.append(html.cells("td", texts, "left"))
    return "<h2>Models</h2>" + html.table(head, body)


def _profile(profile: dict[str, Sequence[int]]) -> str:
    return ":".join("x".join(map(str, profile[name])) for name in ("min", "opt", "max"))


def _method(record: Record) -> str:
    plan = record["plan"]
    rounds = f"{plan['least_rounds']} to {plan['rounds']} rounds, as fit into {plan['seconds']:g} s for each model."
    method = html.paragraph(f"{record['method']} At each size {rounds}")
    return f"<h2>Method</h2>{method}<h2>Not measured</h2>{html.paragraph(record['not_measured'])}"
