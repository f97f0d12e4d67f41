"""Attack with more, or with other cases: `python -m tests.hostile [NAME ...] [--seed N] [--count N] [--seconds N]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.hostile.family import family, names
from tests.hostile.runner import run


def main(arguments: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    p.add_argument("names", metavar="NAME", nargs="*", help=f"Try these families: {', '.join(names())} (default: all).")
    p.add_argument("--seed", type=int, default=0, help="Begin with this case (default: 0, where the crafted ones are).")
    p.add_argument("--count", type=int, metavar="N", help="Try N cases of each (default: as many as the suite).")
    p.add_argument("--seconds", type=float, default=0, help="Go on with further cases for so long (default: once).")
    args = p.parse_args(arguments)
    for name in args.names:
        if name not in names():
            p.error(f"unknown family {name}; known: {', '.join(names())}")
    end, seed, failed = time.monotonic() + args.seconds, args.seed, False
    while True:
        count = 0
        for name in args.names or names():
            count = args.count or family(name).COUNT
            with tempfile.TemporaryDirectory() as folder:
                report = run(name, Path(folder), seed, seed + count)
            print(report, *report.failures, sep="\n", flush=True)
            failed |= bool(report.failures)
        if time.monotonic() > end:
            return 1 if failed else 0
        seed += max(family(name).COUNT for name in names()) if args.count is None else count


if __name__ == "__main__":
    sys.exit(main())
