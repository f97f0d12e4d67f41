"""docs/engines.md and the row of the README's table, made from the record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.engines.forms import FORMS
from tests.engines.table import ENGINES, Engine
from tests.engines.verdicts import ABSENT, BUILT, RIGHT, WRONG

ROOT = Path(__file__).parents[2]
PAGE, README = ROOT / "docs" / "engines.md", ROOT / "README.md"
ROW = "| engines that others wrote |"  # how the README's begins
INTRO = """# Engines
What `lama-export --to onnx` writes, in engines and tools that others wrote. Made by `make engines`, which installs each
in an environment of its own; `python -m tests.engines --only NAME` tries one again.

{counts}

A form is one file for every size, but for the last ones, which are made for one. **right**: what eager PyTorch computes
in float64, inside of holes within one level of a byte or 1e-4 of a float, outside of them to the bit. refuses: an error
in place of a result, in the engine's own words below. **WRONG**, another result, must not exist, and makes the command
fail. WebGPU is tried in Chromium with SwiftShader in place of a GPU, which is slow, so at 37x50 and in a batch of two
24x40 only. Not tried: WebNN, and what needs a GPU or a phone; TensorRT-RTX is asked to build an engine, which it does
without a GPU.

| form | `lama-export --weights lama-demo --to onnx` with |
|---|---|
{commands}
"""


def page(record: dict[str, Any]) -> str:
    rows = record["engines"]
    commands = [f"| {form.title} | {form.command and f'`{form.command}`'} |" for form in FORMS.values()]
    return "\n".join(
        [
            INTRO.format(counts=_counts(rows), commands="\n".join(commands)),
            f"## Engines\n\n{_table(rows, 'engine')}\n",
            f"## Tools that change a file\n\nWhat they make runs in ONNX Runtime 1.32.\n\n{_table(rows, 'tool')}\n",
            f"## In their own words\n\n{_words(rows)}\n",
            _method(record),
        ]
    )


def readme_row(record: dict[str, Any]) -> str:
    rows = record["engines"]
    dynamic, sized, built = _right_dynamic(rows), _right_sized(rows), _built(rows)
    more = [title for title in sized if title not in dynamic]
    text = f"right in {', '.join(dynamic)} with one file for any size"
    text += f"; with a file for one size also in {', '.join(more)}" if more else ""
    text += f"; an engine is built of it by {', '.join(built)}" if built else ""
    return f"{ROW} `--to onnx`, or with `--size HxW` | [tried at odd sizes, in batches and large]" + (
        f"(docs/engines.md): {text} |"
    )


def with_row(readme: str, record: dict[str, Any]) -> str:
    return re.sub(rf"^{re.escape(ROW)}.*$", lambda _: readme_row(record), readme, flags=re.MULTILINE)


def failures(record: dict[str, Any]) -> list[str]:
    """A line for each file that loads and computes something else, and for what has to be right and is not."""
    lines = []
    for engine in _known(record["engines"]):
        row = record["engines"][engine.name]
        for form, cases in row["forms"].items():
            asked = (BUILT if engine.builds_only else RIGHT) if form in engine.right else None
            for name, case in cases.items():
                if case["verdict"] == WRONG or (asked and case["verdict"] != asked):
                    lines.append(f"{engine.name}, {form}, {name}: {case['verdict']}: {case['detail']}")
    return lines


def _known(rows: Mapping[str, Any], kind: str | None = None) -> list[Engine]:
    return [engine for engine in ENGINES if engine.name in rows and kind in (None, engine.kind)]


def _counts(rows: Mapping[str, Any]) -> str:
    dynamic, sized = _right_dynamic(rows), _right_sized(rows)
    either = [*dynamic, *(title for title in sized if title not in dynamic)]
    return (
        f"**{len(either)} engines are right: {len(dynamic)} with one and the same file at every size that was tried, "
        f"and {len(either) - len(dynamic)} more with a file for one size.**"
    )


def _right_dynamic(rows: Mapping[str, Any]) -> list[str]:
    return _right_in(rows, ("bytes", "floats"))


def _right_sized(rows: Mapping[str, Any]) -> list[str]:
    return _right_in(rows, ("fixed", "fixed-floats", "fixed-basic"))


def _right_in(rows: Mapping[str, Any], forms: Iterable[str]) -> list[str]:
    """Titles of the engines that are right in one of the forms, at every size."""
    return [
        engine.title
        for engine in _known(rows, "engine")
        if any(_all(rows[engine.name]["forms"].get(form, {}), RIGHT) for form in forms)
    ]


def _built(rows: Mapping[str, Any]) -> list[str]:
    found = [one for one in _known(rows, "engine") if _all(rows[one.name]["forms"].get("bytes", {}), BUILT)]
    return [one.title.removesuffix(" (build)") for one in found]


def _all(cases: Mapping[str, Any], verdict: str) -> bool:
    return bool(cases) and all(case["verdict"] == verdict for case in cases.values())


def _table(rows: Mapping[str, Any], kind: str) -> str:
    head = ["", *(form.title for form in FORMS.values())]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for engine in _known(rows, kind):
        row = rows[engine.name]
        cells = [ABSENT if row["not_installed"] else _cell(row["forms"].get(form, {})) for form in FORMS]
        lines.append(f"| {engine.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(cases: Mapping[str, Any]) -> str:
    """One word where all sizes have it, else which have which."""
    if not cases:
        return "not tried"
    verdicts: dict[str, list[str]] = {}
    for name, case in cases.items():
        verdicts.setdefault(case["verdict"], []).append(name)
    if len(verdicts) == 1:
        return _marked(next(iter(verdicts)))
    return "; ".join(f"{_marked(verdict)} at {', '.join(names)}" for verdict, names in verdicts.items())


def _marked(verdict: str) -> str:
    return f"**{verdict}**" if verdict in (RIGHT, WRONG) else verdict


def _words(rows: Mapping[str, Any]) -> str:
    """Each engine's lines, with the forms that make it say them."""
    lines = []
    for engine in _known(rows):
        row = rows[engine.name]
        said = [(row["not_installed"], ABSENT)] if row["not_installed"] else []
        for form, cases in row["forms"].items():
            said += [(case["detail"], FORMS[form].title) for case in cases.values() if case["detail"] and form in FORMS]
        for line, forms in groupby(sorted(dict.fromkeys(said)), key=lambda pair: pair[0]):
            lines.append(f"- {engine.title} ({'; '.join(form for _, form in forms)}): `{line.replace('`', chr(39))}`")
    return "\n".join(lines)


def _method(record: dict[str, Any]) -> str:
    machine = record["machine"]
    versions: dict[str, str] = {}
    for row in record["engines"].values():
        versions |= {f"{name} {version}": "" for name, version in row["versions"].items()}
    return (
        f"{record['date']}; {machine['cpu']}, {machine['cores']} cores; {machine['system']}; lama-deploy "
        f"{record['package']}; {', '.join(sorted(versions))}. Method: {record['method']}.\n"
    )
