"""Thousands of requests over loopback: none is lost, all answers are the same, and memory stays where it was."""

import pytest

from benchmarks.cpu.serving import form_of, serving, under_load

COUNT, EVERY = 1500, 150  # benchmarks.cpu.serving sends 5,000


@pytest.mark.slow
def test_thousands_of_small_requests() -> None:
    pytest.importorskip("onnxruntime")
    with serving("--threads", "2") as port:
        found = under_load(port, form_of(32), COUNT, EVERY, clients=8)
    assert (found["lost"], found["different"]) == (0, 0)
    early, late = found["rss_mib"][1], found["rss_mib"][-1]
    assert late < 1.05 * early, found["rss_mib"]
