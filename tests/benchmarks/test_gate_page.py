"""The gate's page is the one that its records make, which have every defect, form and generator that there is."""

from benchmarks.quality.gate.page import page
from benchmarks.quality.gate.run import PAGE, latest
from benchmarks.quality.gate.variants import FORMS
from benchmarks.quality.gate.verdicts import PASSED, REFUSED
from lama_deploy.variants import VARIANTS
from tests.defects import defects


def test_the_page_is_made_from_the_latest_record() -> None:
    record, variants = latest()
    assert PAGE.read_text() == page(record, variants), "run python -m benchmarks.quality.gate.run --page"
    none, *rows = record["defects"]
    assert [row["defect"] for row in rows] == list(defects(VARIANTS["lama-demo"]))
    assert set(none["after"].values()) == {PASSED}
    assert all(set(row["after"].values()) <= {PASSED, REFUSED} for row in rows)
    for row in rows:
        assert all(verdict == REFUSED for name, verdict in row["after"].items() if name[:4] in ("fp32", "fp16")), row


def test_every_right_artefact_of_every_generator_passes() -> None:
    variants = latest()[1]["variants"]
    assert set(variants) == set(VARIANTS)
    for name, rows in variants.items():
        asked = {form for form, options in FORMS.items() if "spectral" not in options or VARIANTS[name].kind == "ffc"}
        assert set(rows) == asked
        assert all(row["passed"] for row in rows.values()), name
