"""The rule on numbers whose verdict is known."""

import numpy as np
import pytest

from benchmarks.claims.verdict import DECIDES, Claim, Comparison, claim_verdict, claims, interval, judge

PAIRS = [f"picture{index}" for index in range(40)]
BESIDE = ("L1-hole", "SSIM", "hole correlation")


def made_test(advantage: float, spread: float, seeds: int = 1, factor: float = 1.0) -> dict:
    """A record's test: `theirs` scores lie `advantage` above `ours`, with noise of its own on each picture."""
    random = np.random.default_rng(3)
    ground = random.uniform(0.2, 0.4, (seeds, len(PAIRS)))
    difference = advantage + spread * random.standard_normal((seeds, len(PAIRS)))
    models = {"ours": factor * ground, "theirs": factor * (ground + difference)}
    scores = {name: dict.fromkeys((DECIDES, *BESIDE), rows.tolist()) for name, rows in models.items()}
    return {"pairs": PAIRS, "scores": scores}


def verdict_of(test: dict) -> str:
    return judge(Claim("key", "text", "paper", (Comparison("ours", "theirs", "wide"),)), {"wide": test})["verdict"]


@pytest.mark.parametrize(
    ("advantage", "verdict"), [(0.02, "held"), (-0.02, "not held"), (0.0, "undecided"), (0.001, "undecided")]
)
def test_the_interval_decides(advantage: float, verdict: str) -> None:
    assert verdict_of(made_test(advantage, spread=0.02)) == verdict


def test_a_mean_in_favour_is_not_enough() -> None:
    numbers = judge(
        Claim("key", "text", "paper", (Comparison("ours", "theirs", "wide"),)), {"wide": made_test(0.004, spread=0.05)}
    )["comparisons"][0][DECIDES]
    assert numbers["interval"][0] < 0 < numbers["interval"][1]
    assert numbers["verdict"] == "undecided"


def test_where_higher_is_better_the_sign_turns() -> None:
    row = judge(
        Claim("key", "text", "paper", (Comparison("ours", "theirs", "wide"),)), {"wide": made_test(0.02, spread=0.01)}
    )["comparisons"][0]
    assert (row["L1-hole"]["verdict"], row["SSIM"]["verdict"]) == ("held", "not held")
    assert row["SSIM"]["advantage"] == pytest.approx(-row["L1-hole"]["advantage"])


def test_growth_ignores_what_size_does_to_the_metric() -> None:
    base = made_test(0.02, spread=0.01)
    claim = Claim("key", "text", "paper", (Comparison("ours", "theirs", "wide x2", "wide"),))
    same = judge(claim, {"wide": base, "wide x2": made_test(0.02, spread=0.01, factor=1.7)})
    assert same["comparisons"][0][DECIDES]["advantage"] == pytest.approx(0, abs=1e-9)
    assert same["comparisons"][0][DECIDES]["better"] == pytest.approx(np.log(1.7))
    worse = judge(claim, {"wide": base, "wide x2": made_test(0.06, spread=0.01, factor=1.7)})
    assert worse["verdict"] == "held"


def test_growth_pairs_pictures_by_name() -> None:
    base, large = made_test(0.02, spread=0.01), made_test(0.02, spread=0.01)
    kept = [31, 4, 17]
    large["pairs"] = [PAIRS[index] for index in kept]
    large["scores"] = {
        model: {metric: [[row[index] for index in kept] for row in rows] for metric, rows in metrics.items()}
        for model, metrics in large["scores"].items()
    }
    claim = Claim("key", "text", "paper", (Comparison("ours", "theirs", "wide x2", "wide"),))
    numbers = judge(claim, {"wide": base, "wide x2": large})["comparisons"][0][DECIDES]
    assert numbers["better"] == numbers["worse"] == 0


def test_seeds_that_disagree_widen_the_interval() -> None:
    pictures = np.random.default_rng(0).normal(0.02, 0.01, 60)
    agreeing, disagreeing = np.stack([pictures, pictures]), np.stack([pictures + 0.05, pictures - 0.05])
    assert interval(agreeing)[0] > 0
    low, high = interval(disagreeing)
    assert low < 0 < high


@pytest.mark.parametrize(
    ("verdicts", "claim"),
    [
        (["held", "held"], "held"),
        (["held", "undecided"], "undecided"),
        (["held", "not held"], "not held"),
        (["undecided", "not held"], "not held"),
    ],
)
def test_a_claim_is_as_strong_as_its_weakest_comparison(verdicts: list, claim: str) -> None:
    assert claim_verdict(verdicts) == claim


def test_resolution_is_judged_at_the_largest_size() -> None:
    [resolution] = [claim for claim in claims((2, 3)) if claim.key == "resolution"]
    assert {(c.test, c.base) for c in resolution.comparisons} == {("wide x3", "wide")}
