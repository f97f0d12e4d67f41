"""Quality against resolution as SVG curves with intervals, drawn by hand: a page needs no plotting library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.claims.measure import WIDE, enlarged, scores_of
from benchmarks.claims.verdict import DECIDES, interval, quantities

Point = tuple[float, float, float, float]  # x, y, and y's interval

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 110, 34, 40  # margins; the right one holds the names
COLOURS = ("#d1495b", "#3066be", "#2a9d4e", "#8d8d8d", "#9c5fb5")
TICKS = 5
MODELS = ("fourier", "regular", "dilated", "opencv-telea")


def draw_curves(record: Mapping[str, Any], prefix: Path) -> list[dict[str, str]]:
    """Write PREFIX-growth.svg (Figure 6's shape) and PREFIX-scores.svg. Returns file and caption of each."""
    crop = record["settings"]["crop"]
    panels = {
        "growth": (f"{DECIDES} relative to the training size", growth_lines(record)),
        "scores": (f"{DECIDES}, lower is better", score_lines(record)),
    }
    prefix.parent.mkdir(parents=True, exist_ok=True)
    for name, (title, lines) in panels.items():
        label = f"side of the picture, in training sizes ({crop} px)"
        prefix.with_name(f"{prefix.name}-{name}.svg").write_text(curves(title, label, lines))
    return [
        {"file": f"{prefix.parent.name}/{prefix.name}-{name}.svg", "caption": title}
        for name, (title, _) in panels.items()
    ]


def growth_lines(record: Mapping[str, Any]) -> dict[str, list[Point]]:
    """By model: (factor, geometric mean of the scores' growth since the training size, its interval)."""
    lines: dict[str, list[Point]] = {model: [(1.0, 1.0, 1.0, 1.0)] for model in MODELS}
    for model, line in lines.items():
        for factor in record["settings"]["factors"]:
            logs = quantities(record["tests"], model, DECIDES, enlarged(factor), WIDE)
            low, high = interval(logs)
            line.append((factor, float(np.exp(logs.mean())), float(np.exp(low)), float(np.exp(high))))
    return lines


def score_lines(record: Mapping[str, Any]) -> dict[str, list[Point]]:
    """By model: (factor, mean score, its interval), on the same photographs at every size."""
    factors = record["settings"]["factors"]
    names = record["tests"][enlarged(max(factors))]["pairs"]
    lines: dict[str, list[Point]] = {}
    for model in MODELS:
        by_factor = {
            factor: scores_of(record["tests"], WIDE if factor == 1 else enlarged(factor), model, DECIDES, names)
            for factor in (1, *factors)
        }
        lines[model] = [(factor, float(values.mean()), *interval(values)) for factor, values in by_factor.items()]
    return lines


def curves(title: str, x_label: str, lines: Mapping[str, Sequence[Point]]) -> str:
    """One panel; every line has a point for each x, its interval as a bar."""
    points = [point for line in lines.values() for point in line]
    xs = sorted({x for x, *_ in points})
    low, high = min(point[2] for point in points), max(point[3] for point in points)
    plot = _Plot(xs[0], xs[-1], low, high)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-size="13">{escape(title)}</text>',
        *plot.axes(xs, x_label),
    ]
    for index, (name, line) in enumerate(lines.items()):
        parts += plot.line(name, line, COLOURS[index % len(COLOURS)], index - (len(lines) - 1) / 2)
    parts += _legend(list(lines))
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Plot:
    """From values to pixels."""

    def __init__(self, first: float, last: float, low: float, high: float) -> None:
        self.first, self.span = first, (last - first) or 1.0
        self.low, self.range = low, (high - low) or 1.0

    def x(self, value: float) -> float:
        return LEFT + 12 + (value - self.first) / self.span * (WIDTH - LEFT - RIGHT - 24)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.low) / self.range * (HEIGHT - TOP - BOTTOM)

    def axes(self, xs: Sequence[float], x_label: str) -> list[str]:
        right = WIDTH - RIGHT
        parts = [f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>']
        for x in xs:
            parts.append(f'<text x="{self.x(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>')
        for index in range(TICKS):
            value = self.low + self.range * index / (TICKS - 1)
            y = self.y(value)
            parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
        return parts

    def line(self, name: str, line: Sequence[Point], colour: str, place: float) -> list[str]:
        """place: of the line among the others, so that bars stand beside each other."""
        at = [(self.x(x) + 3 * place, self.y(y), self.y(low), self.y(high)) for x, y, low, high in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in at)
        bars = [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{colour}" stroke-opacity="0.5"/>'
            for x, _, low, high in at
        ]
        dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y, *_ in at]
        return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>', *bars, *dots]


def _legend(names: Sequence[str]) -> list[str]:
    return [
        f'<text x="{WIDTH - RIGHT + 10}" y="{TOP + 12 + 16 * index}" fill="{COLOURS[index % len(COLOURS)]}">'
        f"{escape(name)}</text>"
        for index, name in enumerate(names)
    ]
