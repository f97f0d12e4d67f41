"""Which pictures an engine is asked for, and what is said where it cannot be tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.environments import NotInstalledError, prepare
from tests.engines.forms import FORMS, Case
from tests.engines.table import ENGINES, TINY, Engine
from tests.engines.trying import asked_of

BY_NAME = {engine.name: engine for engine in ENGINES}


@pytest.mark.parametrize(
    ("name", "form", "expected"),
    [
        ("ort-1.32", "bytes", FORMS["bytes"].cases),
        ("reference", "bytes", FORMS["bytes"].cases[:2]),  # the third is the large one
        ("ort-webgpu", "bytes", TINY),
        ("ort-webgpu", "fixed", TINY),
    ],
)
def test_slow_engines_are_not_asked_for_what_takes_them_minutes(
    name: str, form: str, expected: tuple[Case, ...]
) -> None:
    assert asked_of(BY_NAME[name], form) == expected


def test_a_machine_without_the_program_that_an_engine_needs_says_so(tmp_path: Path) -> None:
    engine = Engine("browser", "browser", (), "ort_webgpu.mjs", program="no-such-browser")
    with pytest.raises(NotInstalledError, match="no-such-browser is not on this machine"):
        prepare(engine, tmp_path)
