"""The page and the README's row are those that the record makes, which has no wrong result."""

from tests.engines.forms import FORMS
from tests.engines.page import PAGE, README, failures, page, readme_row
from tests.engines.record import latest
from tests.engines.table import ALL, ENGINES
from tests.engines.verdicts import WRONG


def test_the_page_and_the_readmes_row_are_made_from_the_record() -> None:
    again = "run python -m tests.engines --page"
    assert PAGE.read_text() == page(latest()), again
    assert readme_row(latest()) in README.read_text().splitlines(), again


def test_every_engine_was_tried_in_every_form() -> None:
    rows = latest()["engines"]
    assert list(rows) == [engine.name for engine in ENGINES]
    for engine in ENGINES:
        row = rows[engine.name]
        assert row["not_installed"] or set(row["forms"]) == set(engine.tried), engine.name
    assert set(ALL) == set(FORMS)


def test_nothing_loads_and_computes_something_else_and_what_has_to_be_right_is() -> None:
    assert failures(latest()) == []


def test_a_wrong_result_and_a_missing_right_one_are_failures() -> None:
    def record(name: str, verdict: str) -> dict:  # type: ignore[type-arg]
        case = {"verdict": verdict, "detail": "off", "error": 1.0}
        return {"engines": {name: {"not_installed": "", "forms": {"bytes": {"1x1": case}}}}}

    assert failures(record("opencv-4", WRONG)) == ["opencv-4, bytes, 1x1: WRONG: off"]
    assert failures(record("ort-1.32", "refuses")) == ["ort-1.32, bytes, 1x1: refuses: off"]
    assert failures(record("opencv-4", "refuses")) == []
