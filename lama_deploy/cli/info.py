"""lama-deploy info: what is this model, and what is proven of it?"""

from __future__ import annotations

import argparse
import json
import sys

from lama_deploy.cli.common import command, command_parser
from lama_deploy.reports.about import about, about_lines


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-deploy info",
        "Tell what a model is: generator, parameters, source, precision, sizes and proof. Needs neither torch nor an "
        "engine, runs nothing, and checks that a bundle's files are those that its bundle.json names.",
    )
    p.add_argument("model", metavar="BUNDLE|CHECKPOINT|NAME", help="A bundle, a checkpoint or a name of weights.")
    p.add_argument("--json", action="store_true", help="Print it as JSON.")
    return p


@command("torch")
def main() -> int:
    args = parser().parse_args()
    facts = about(args.model)
    print(json.dumps(facts, indent=1) if args.json else "\n".join(about_lines(facts)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
