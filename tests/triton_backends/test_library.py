"""libtriton_lama.so shows Triton its six functions and nobody anything else, and asks for Triton's alone."""

from __future__ import annotations

import re
from pathlib import Path

from tests.kernel_build import ROOT, run


def symbols(library: Path, *options: str) -> set[str]:
    lines = run("nm", "--dynamic", "--format=posix", *options, str(library)).splitlines()
    return {line.split()[0].split("@")[0] for line in lines}


def test_what_it_shows(library: Path) -> None:
    exports = re.findall(r"TRITONBACKEND_\w+", (ROOT / "cpp" / "triton" / "exports.map").read_text())
    assert symbols(library, "--defined-only") == set(exports) and len(exports) == 6


def test_what_it_asks_for(library: Path) -> None:
    """All that it names of Triton is declared, and used."""
    header = (ROOT / "cpp" / "triton" / "triton_abi.h").read_text()
    declared = set(re.findall(r"\b(TRITON(?:SERVER|BACKEND)_\w+)\(", header))
    asked = {name for name in symbols(library, "--undefined-only") if name.startswith("TRITON")}
    assert asked == declared - symbols(library, "--defined-only")
