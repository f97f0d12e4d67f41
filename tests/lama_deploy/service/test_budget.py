"""The bound of decoded pixels: in order, no longer than a request may wait, and given back exactly once."""

import threading
from time import monotonic

import pytest

from lama_deploy.service.budget import Budget, NoLongerWantedError
from tests.lama_deploy.service.conftest import SECONDS, until


def test_one_alone_may_have_more_than_there_is() -> None:
    budget = Budget(10)
    share = budget.share(monotonic() + SECONDS)
    share.take(100)
    assert budget.held == 100
    share.close()
    assert budget.held == 0


def test_a_large_one_is_not_passed_by_small_ones() -> None:
    budget, order = Budget(10), list[str]()
    first, large, small = (budget.share(monotonic() + SECONDS) for _ in range(3))
    first.take(5)

    def take(name: str, share: object, pixels: int) -> None:
        share.take(pixels)  # type: ignore[attr-defined]
        order.append(name)
        share.close()  # type: ignore[attr-defined]

    waiting = [threading.Thread(target=take, args=("large", large, 10))]
    waiting[0].start()
    until(lambda: len(budget._line) == 1)
    waiting.append(threading.Thread(target=take, args=("small", small, 1)))
    waiting[1].start()
    until(lambda: len(budget._line) == 2)
    assert order == []
    first.close()
    for thread in waiting:
        thread.join(SECONDS)
    assert order == ["large", "small"]
    assert budget.held == 0


def test_who_is_gone_or_late_waits_no_longer() -> None:
    budget = Budget(10)
    held = budget.share(monotonic() + SECONDS)
    held.take(10)
    with pytest.raises(NoLongerWantedError):
        budget.share(monotonic() + 0.05).take(1)
    gone = budget.share(monotonic() + SECONDS)
    threading.Timer(0.05, gone.close).start()
    with pytest.raises(NoLongerWantedError):
        gone.take(1)
    assert budget.held == 10


def test_it_is_held_until_the_last_thread_has_ended() -> None:
    budget = Budget(10)
    share = budget.share(monotonic() + SECONDS)
    share.take(3)
    share.used()
    share.close()
    assert budget.held == 3
    share.left()
    assert budget.held == 0
