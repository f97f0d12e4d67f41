"""What runs beside something else begins after what came before it, and is joined before it is used.

No GPU is needed for the order: streams here only write down what they are asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from lama_deploy.model.fused import beside as module
from lama_deploy.model.fused.beside import beside, second_stream

X = torch.ones(1, 2, 3, 3)


class Stream:
    def __init__(self, name: str, told: list[str]) -> None:
        self.name, self._told = name, told

    def wait_stream(self, other: "Stream") -> None:
        self._told.append(f"{self.name} waits for {other.name}")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens on two streams, the first of which is the current one."""
    told: list[str] = []
    current = [Stream("first", told)]

    @contextmanager
    def entered(stream: Stream) -> Iterator[None]:
        current.append(stream)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "current_stream", lambda *_: current[-1])
    monkeypatch.setattr(torch.cuda, "stream", entered)
    monkeypatch.setattr(module, "_leaves_room", lambda x: x.shape[2] < 4)
    return told


def doubled(told: list[str], x: Tensor) -> Tensor:
    told.append(f"computed on {torch.cuda.current_stream().name}")
    return 2 * x


def test_begun_after_the_first_stream_and_joined_before_use(told: list[str]) -> None:
    with second_stream(Stream("second", told)):
        result = beside(lambda x: doubled(told, x), X)
        assert told == ["second waits for first", "computed on second"]
        assert torch.equal(result(), 2 * X)
    assert told[2:] == ["first waits for second"]


def test_computed_when_asked_for_where_it_would_fill_the_gpu(told: list[str]) -> None:
    with second_stream(Stream("second", told)):
        result = beside(lambda x: doubled(told, x), torch.ones(1, 2, 5, 3))
    assert told == [] and result().sum() == 60
    assert told == ["computed on first"]


def test_no_second_stream_outside_of_its_block(told: list[str]) -> None:
    with pytest.raises(ZeroDivisionError), second_stream(Stream("second", told)):
        raise ZeroDivisionError
    beside(lambda x: doubled(told, x), X)()
    assert told == ["computed on first"]
