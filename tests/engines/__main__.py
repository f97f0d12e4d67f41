"""Every engine x form x size, with verdicts: `python -m tests.engines [--only NAME ...] [--forms NAME ...] [--page]`.

Makes the record in benchmarks/results, docs/engines.md and the README's row. Ends with 1 where an engine does not run
what it has to, or loads a file and computes something else.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import page as benchmarks_page
from tests.engines.forms import FORMS
from tests.engines.page import PAGE, README, failures, page, with_row
from tests.engines.record import latest, merged, save
from tests.engines.table import ENGINES
from tests.engines.trying import make_trial, try_engine

BUILD = Path(__file__).parents[2] / "build" / "engines"
NAMES = [engine.name for engine in ENGINES]


def main(arguments: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m tests.engines", description=__doc__.splitlines()[0])
    p.add_argument("--only", nargs="+", metavar="NAME", choices=NAMES, default=NAMES, help=", ".join(NAMES))
    p.add_argument("--forms", nargs="+", metavar="NAME", choices=FORMS, default=list(FORMS), help=", ".join(FORMS))
    p.add_argument("--build", type=Path, default=BUILD, help="where environments and files are made and kept")
    p.add_argument("--page", action="store_true", help="only make the page again, from the record")
    args = p.parse_args(arguments)
    if not args.page:
        _try(args.only, args.forms, args.build.resolve())
    record = latest()
    PAGE.write_text(page(record))
    README.write_text(with_row(README.read_text(), record))
    benchmarks_page.main()
    failed = failures(record)
    print(*failed, sep="\n")
    return 1 if failed else 0


def _try(names: list[str], forms: list[str], build: Path) -> None:
    """The record is written after every engine, so that a run that is cut short leaves what it found."""
    trial, found = make_trial(forms, build), {}
    everything = (names, forms) == (NAMES, list(FORMS))
    for engine in ENGINES:
        if engine.name in names:
            found[engine.name] = try_engine(engine, trial, build)
            save(merged({} if everything else latest()["engines"], found))
            print(f"{engine.name}: {_in_words(found[engine.name])}", flush=True)


def _in_words(found: dict[str, Any]) -> str:
    if found["not_installed"]:
        return f"not installed: {found['not_installed']}"
    forms = []
    for form, cases in found["forms"].items():
        counts = Counter(case["verdict"] for case in cases.values())
        forms.append(f"{form} {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}")
    return "; ".join(forms)


if __name__ == "__main__":
    sys.exit(main())
