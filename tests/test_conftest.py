"""What tests may not do to each other."""

import time

import pytest


def test_no_clock_of_the_whole_process_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for target in ((time, "monotonic"), ("lama_deploy.training.report.time.monotonic",)):
        with pytest.raises(AssertionError, match="in the module under test"):
            monkeypatch.setattr(*target, lambda: 0.0)
    assert time.monotonic() > 0
