"""Compile liblama_spectral by hand, for one or more GPU architectures.

python -m lama_deploy.cli.build_kernels --architectures "80;90"
"""

from __future__ import annotations

import argparse
import sys

from lama_deploy.cli.common import command, command_parser
from lama_deploy.native.build import LIBRARY, LIBRARY_VARIABLE, built, visible_architectures


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "python -m lama_deploy.cli.build_kernels",
        "Compile liblama_spectral into the cache and print its path; the TensorRT plugin is beside it. "
        f"One for a single architecture is found by itself, one for several where ${LIBRARY_VARIABLE} names it.",
    )
    p.add_argument(
        "--architectures",
        metavar="N[;N]",
        help='Compile for these GPU architectures, such as "90" or "80;90" (default: those of this machine).',
    )
    return p


@command("torch")
def main() -> int:
    """Print the path of the library, compiled if need be."""
    architectures = parser().parse_args().architectures
    print(built(LIBRARY, architectures or visible_architectures()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
