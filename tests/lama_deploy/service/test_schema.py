"""The service against its own description: requests made from it, right and wrong, and what it says of the answers."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.lama_deploy.service.conftest import Painted, Start

schemathesis = pytest.importorskip("schemathesis", reason="pip install schemathesis")

AUTHORISED = {"Authorization": "Bearer right"}
# Bytes that a description lets pass are hardly ever a picture, and unknown queries of a GET, such as against caches,
# change nothing.
NOT_MEANT = {"post": ("positive_data_acceptance",), "get": ("negative_data_rejection",)}


def check(start: Start, examples: int) -> set[tuple[str, int]]:
    """Paths and the statuses that they were seen to answer."""
    running, seen = start(Painted(), token="right"), set[tuple[str, int]]()
    schema = schemathesis.openapi.from_url(f"{running.url}/openapi.json", headers=AUTHORISED)
    for found in schema.get_all_operations():
        operation = found.ok()
        left_out = [schemathesis.checks.CHECKS.get_one(name) for name in NOT_MEANT[operation.method]]

        def try_one(case: Any, left_out: list[Any] = left_out) -> None:
            answer = case.call(base_url=running.url, headers=AUTHORISED)
            seen.add((case.operation.path, answer.status_code))
            case.validate_response(answer, excluded_checks=left_out)

        for mode in ("POSITIVE", "NEGATIVE"):
            if mode == "POSITIVE" or operation.method == "post":  # what takes nothing cannot be asked wrongly
                strategy = operation.as_strategy(generation_mode=schemathesis.GenerationMode[mode])
                _run(try_one, strategy, examples)
    assert running.client.get("/readyz").status_code == 200
    return seen


def _run(try_one: Callable[[Any], None], strategy: Any, examples: int) -> None:
    quick = settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    quick(given(case=strategy)(lambda case: try_one(case)))()


def test_the_service_is_as_it_describes_itself(start: Start) -> None:
    seen = check(start, examples=4)
    assert {("/v1/models", 200), ("/v1/inpaint", 400), ("/api/v1/inpaint", 400)} <= seen


@pytest.mark.slow
def test_the_service_is_as_it_describes_itself_at_length(start: Start) -> None:
    check(start, examples=100)
