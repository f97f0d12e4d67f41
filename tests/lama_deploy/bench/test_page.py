"""The page of a record: well-formed, escaped, of one file; the table beside it."""

import json
from xml.etree import ElementTree

import pytest

from lama_deploy.bench.candidates import Candidate
from lama_deploy.bench.compare import Row, Schedule
from lama_deploy.bench.page import bench_page
from lama_deploy.bench.record import Record, bench_record, bench_table, milliseconds
from lama_deploy.bench.timing import speedup
from lama_deploy.proof.hole_errors import HoleErrors
from lama_deploy.proof.tolerance import tolerance_of
from lama_deploy.runtime.backend import Capabilities

EVIL = "<img src=\"http://a.b/c\" onerror='x'>&amp;"


class Backend:
    name, device, capabilities = EVIL, "cpu", Capabilities()


@pytest.fixture
def record() -> Record:
    """Of a baseline, one twice as fast under a name that is an attack, and a failure."""
    models = [
        Candidate(name, Backend(), "fp32", {"source": EVIL, "sha256": "0" * 64}, tolerance_of("fp32"), facts=facts)
        for name, facts in [
            ("base", {}),
            (EVIL, {"target": EVIL, "sha256": {EVIL: "f" * 64}}),
            ("engine", {"profiles": [{"min": [8, 8], "opt": [8, 16], "max": [16, 16]}]}),
        ]
    ]
    base, own = (0.4, 0.2, 0.3, 9.0), (0.2, 0.1, 0.15, 4.5)
    off = HoleErrors(9, 1e-6, 1e-7, 2e-7, (0.0, 0.0, 0.0), 0.0, 1.0)
    limits = tolerance_of("fp32").photograph.limits(None)
    rows = [
        Row("8x8", "base", None, 1.0, off, limits, True, base, speedup(base, base), 0.48),
        Row("8x8", EVIL, None, 0.5, off, limits, False, own, speedup(base, own)),
        Row("8x8", "engine", f"it says {EVIL}"),
    ]
    machine = {"cpu": EVIL, "cores": 2, "system": "s", "versions": {"numpy": "2"}, "gpus": []}
    machine["gpus"] = [{"name": EVIL, "driver": "1", "memory": "8 MiB"}]
    return bench_record(models, rows, Schedule(9, 5), left_out=[f"gone: {EVIL}"], threads=None, machine=machine)


def test_page_is_well_formed_escaped_and_whole(record: Record) -> None:
    page = bench_page(record)
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    names = {element.tag for element in root.iter()}
    assert not names & {"img", "script", "link", "iframe", "object"}
    assert not any(name in element.attrib for element in root.iter() for name in ("src", "href", "onerror"))
    assert "url(" not in page and "@import" not in page and EVIL not in page
    texts = list(root.itertext())
    assert texts.count(EVIL) >= 3 and any(f"gone: {EVIL}" in text for text in texts)


def test_page_shows_every_round_and_every_failure(record: Record) -> None:
    root = ElementTree.fromstring(bench_page(record).removeprefix("<!DOCTYPE html>"))
    first, _ = root.iter("tbody")
    rows = list(first)
    assert [len(list(row.iter("circle"))) for row in rows] == [4, 4, 0]
    assert [cell.text for cell in rows[1]][-1] == "2.00 (2.00 to 2.00)"
    assert rows[2][-1].text == f"it says {EVIL}"
    columns = [sum(int(cell.get("colspan", 1)) for cell in row) for row in rows]
    head = next(root.iter("thead"))
    assert columns == [len(head[0])] * 3
    ends = [float(circle.attrib["cx"]) for circle in rows[0].iter("circle")]
    assert max(ends) <= float(next(rows[0].iter("svg")).attrib["width"])


@pytest.mark.parametrize(
    ("share", "line"),
    [
        (0.48, "Other programs took 48% of the processors meanwhile: measure on an idle machine."),
        (0.04, "Other programs took 4% of the processors meanwhile."),
        (None, None),
    ],
)
def test_page_says_what_others_took(record: Record, share: float | None, line: str | None) -> None:
    record["rows"][0]["others"] = share
    page = bench_page(record)
    assert line in page if line else "Other programs" not in page


def test_record_survives_json(record: Record) -> None:
    again = json.loads(json.dumps(record, allow_nan=False))
    assert bench_page(again) == bench_page(record) and bench_table(again) == bench_table(record)


def test_table(record: Record) -> None:
    header, base, own, engine = bench_table(record).splitlines()
    assert header.startswith("size  model") and base.endswith("1 (baseline)")
    assert own.split()[-10:] == ["500", "100", "175", "3210", "4", "1.0e-06", "2.00", "(2.00", "to", "2.00)"]
    assert engine.split()[-12:-5] == ["-"] * 7 and engine.endswith(f" it says {EVIL}")


@pytest.mark.parametrize(("seconds", "text"), [(None, "-"), (0.0012345, "1.23"), (0.01234, "12.3"), (12.3456, "12346")])
def test_milliseconds(seconds: float | None, text: str) -> None:
    assert milliseconds(seconds) == text
