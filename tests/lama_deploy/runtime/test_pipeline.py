"""Reading, inference and writing at the same time: in order, lazily, bounded, each item's error its own."""

import threading
import time
from collections.abc import Sequence

import pytest

from lama_deploy.errors import DeviceMemoryError
from lama_deploy.runtime import pipeline
from lama_deploy.runtime.pipeline import Hold, Passed, Pipeline, Work

PIXELS = 1000


def nothing_held(item: int, hold: Hold) -> int:
    hold(PIXELS)
    return item


def doubled(pictures: Sequence[int]) -> list[int]:
    return [2 * one for one in pictures]


def negative(item: int, picture: int, filled: int) -> int:
    return -filled


def work(read=nothing_held, infer=doubled, write=negative) -> Work:
    return Work(read, infer, write)


def results(passed: Sequence[Passed]) -> list:
    return [one.result if one.error is None else type(one.error) for one in passed]


def test_order_is_kept_however_long_each_takes():
    def read(item: int, hold: Hold) -> int:
        time.sleep((item * 7 % 5) / 500)
        return item

    ended: list[int] = []
    run = Pipeline(work(read), workers=2, ahead=8, ended=lambda passed: ended.append(passed.item)).run(range(40))
    passed = list(run)
    assert results(passed) == [-2 * item for item in range(40)]
    assert sorted(ended) == list(range(40))
    assert all(list(one.seconds) == ["read", "infer", "write"] for one in passed)


@pytest.mark.parametrize("stage", ["read", "infer", "write"])
@pytest.mark.parametrize("error", [ValueError, MemoryError, DeviceMemoryError, SystemExit])
def test_an_error_is_its_items_own(stage, error):
    """Of inference also where it comes of a whole batch."""

    def check(*items: int) -> None:
        if 3 in items:
            raise error("three")

    def read(item: int, hold: Hold) -> int:
        check(item if stage == "read" else 0)
        return item

    def infer(pictures: Sequence[int]) -> list[int]:
        check(*(pictures if stage == "infer" else ()))
        return doubled(pictures)

    def write(item: int, picture: int, filled: int) -> int:
        check(item if stage == "write" else 0)
        return -filled

    passed = list(Pipeline(work(read, infer, write)).run(range(6)))
    assert results(passed) == [0, -2, -4, error, -8, -10]


def test_errors_of_memory_in_a_batch_are_tried_alone():
    def infer(pictures: Sequence[int]) -> list:
        return [DeviceMemoryError("full")] * len(pictures) if len(pictures) > 1 else doubled(pictures)

    started = threading.Event()

    def read(item: int, hold: Hold) -> int:
        started.wait(0.05)  # so that several are ready together
        return item

    assert results(list(Pipeline(work(read, infer)).run(range(9)))) == [-2 * item for item in range(9)]


def test_no_more_is_asked_for_than_ahead():
    asked: list[int] = []

    def items():
        for item in range(100):
            asked.append(item)
            yield item

    run = Pipeline(work(), ahead=5).run(items())
    for seen in range(1, 20):
        next(run)
        assert len(asked) <= seen + 5
    run.close()
    assert len(asked) < 30


def test_what_the_items_raise_comes_in_its_place():
    def items():
        yield 1
        yield 2
        raise KeyError("of the caller")

    run = Pipeline(work()).run(items())
    assert results([next(run), next(run)]) == [-2, -4]
    with pytest.raises(KeyError, match="of the caller"):
        next(run)


def test_pixels_in_flight_are_bounded(monkeypatch):
    monkeypatch.setattr(pipeline, "PIXELS_HELD", 3 * PIXELS)
    lock, now, most = threading.Lock(), 0, 0

    def read(item: int, hold: Hold) -> int:
        nonlocal now, most
        hold(PIXELS)
        with lock:
            now += 1
            most = max(most, now)
        return item

    def write(item: int, picture: int, filled: int) -> int:
        nonlocal now
        time.sleep(0.002)
        with lock:
            now -= 1
        return -filled

    assert len(list(Pipeline(work(read, doubled, write)).run(range(50)))) == 50
    assert 1 <= most <= 3
    monkeypatch.setattr(pipeline, "PIXELS_HELD", PIXELS // 2)  # one alone may have more
    most = 0
    assert len(list(Pipeline(work(read, doubled, write)).run(range(5)))) == 5
    assert most == 1


def test_a_run_that_is_left_ends_what_is_computed_and_drops_what_is_read(monkeypatch):
    monkeypatch.setattr(pipeline, "PIXELS_HELD", 3 * PIXELS)  # readers wait for room meanwhile
    others = {*threading.enumerate()}
    computing, go_on = threading.Event(), threading.Event()
    ended: list[Passed] = []

    def infer(pictures: Sequence[int]) -> list[int]:
        computing.set()
        go_on.wait(10)
        return doubled(pictures)

    run = Pipeline(work(nothing_held, infer), ended=ended.append).run(range(50))
    asking = threading.Thread(target=lambda: [None for _ in zip(range(1), run, strict=False)])
    asking.start()
    assert computing.wait(10)
    go_on.set()
    asking.join()
    run.close()
    count = len(ended)
    assert 1 <= count < 50 and all(one.error is None for one in ended)
    time.sleep(0.05)
    assert len(ended) == count and not {*threading.enumerate()} - others
