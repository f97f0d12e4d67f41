"""Turns, budgets and ratios, on a clock that only the calls move."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from lama_deploy.bench.timing import LEAST_ROUNDS, WARM_UP, Speedup, Summary, balanced_orders, interleaved, speedup


class FakeClock:
    """Seconds, moved by the calls that it makes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.now

    def call(self, name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            self.calls.append(name)
            self.now += seconds

        return run


@pytest.mark.parametrize("count", range(1, 8))
def test_each_stands_everywhere_and_follows_each_other_equally_often(count: int) -> None:
    names = "abcdefg"[:count]
    orders = balanced_orders(names)
    assert all(sorted(order) == list(names) for order in orders)
    places = Counter(pair for order in orders for pair in enumerate(order))
    followers = Counter(pair for order in orders for pair in pairwise(order))
    assert len(places) == count**2 and len(set(places.values())) == 1
    assert len(followers) == count * (count - 1) and len(set(followers.values())) <= 1


def test_all_run_once_in_a_round_and_the_first_rounds_are_not_timed() -> None:
    clock = FakeClock()
    seconds = interleaved({"a": clock.call("a", 3), "b": clock.call("b", 1)}, rounds=7, budget=1000, clock=clock)
    assert seconds == {"a": [3.0] * 7, "b": [1.0] * 7}
    rounds = [clock.calls[start : start + 2] for start in range(0, len(clock.calls), 2)]
    assert len(rounds) == 7 + WARM_UP and all(sorted(one) == ["a", "b"] for one in rounds)
    assert rounds[0] != rounds[1] and Counter(map(tuple, rounds[:8])) == {("a", "b"): 4, ("b", "a"): 4}


@pytest.mark.parametrize(("budget", "rounds"), [(20, 10), (21, 11), (0.1, LEAST_ROUNDS), (1000, 30)])
def test_the_budget_ends_the_rounds(budget: float, rounds: int) -> None:
    """Two calls of 3 and 1 seconds have twice the budget together."""
    clock = FakeClock()
    calls = {"a": clock.call("a", 3), "b": clock.call("b", 1)}
    assert len(interleaved(calls, rounds=30, budget=budget, clock=clock)["a"]) == rounds


def test_fewer_rounds_than_the_least_can_be_asked_for() -> None:
    clock = FakeClock()
    assert interleaved({"a": clock.call("a", 1)}, rounds=2, budget=0.1, clock=clock) == {"a": [1.0, 1.0]}


def test_what_slows_a_whole_round_leaves_the_ratio_alone() -> None:
    busy = [1.0, 4.0, 2.0, 9.0, 1.5]
    assert speedup([6 * share for share in busy], [2 * share for share in busy]) == Speedup(3.0, 3.0, 3.0)


def test_the_interval_is_wide_where_rounds_disagree() -> None:
    found = speedup([2.0] * 9, [1.0, 1.1, 0.9, 2.0, 0.5, 1.0, 1.2, 0.8, 1.0])
    assert found.ratio == 2.0 and 1.0 <= found.low < 2.0 < found.high <= 4.0
    assert speedup([2.0] * 9, [1.0] * 9) == Speedup(2.0, 2.0, 2.0)


def test_summary() -> None:
    assert Summary.of([4.0, 1.0, 2.0, 3.0, 11.0]) == Summary(5, 1.0, 3.0, pytest.approx(8.2))
