"""The gate's page is the one that its record makes, and the record is of the defects that there are."""

import json

from benchmarks.cpu.runtimes import RESULTS
from benchmarks.quality.gate.page import page
from benchmarks.quality.gate.run import PAGE
from benchmarks.quality.gate.verdicts import PASSED, REFUSED
from lama_deploy.variants import VARIANTS
from tests.defects import defects


def test_the_page_is_made_from_the_latest_record() -> None:
    record = json.loads(max(RESULTS.glob("*-gate.json")).read_text())
    assert PAGE.read_text() == page(record), "run python -m benchmarks.quality.gate.run --page"
    none, *rows = record["defects"]
    assert [row["defect"] for row in rows] == list(defects(VARIANTS["lama-demo"]))
    assert set(none["after"].values()) == {PASSED}
    assert all(set(row["after"].values()) <= {PASSED, REFUSED} for row in rows)
    for row in rows:
        assert all(verdict == REFUSED for name, verdict in row["after"].items() if name[:4] in ("fp32", "fp16")), row
