"""What a message quotes from outside is one line, short, and costs little whatever it holds."""

from __future__ import annotations

from typing import Any

import pytest

from lama_deploy.errors import brief, quoted

BOMB: Any = "x"
for _ in range(60):
    BOMB = [BOMB] * 9  # 9 to the power of 60 elements, were it written out
LOOP: list[Any] = []
LOOP.append(LOOP)


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("cat.png", "cat.png"),
        ("Käse 猫.png", "Käse 猫.png"),
        ("a\nb\x1b[31m\r\t\u2028", r"a\nb\x1b[31m\r\t\u2028"),
        ("caf\udce9.png", r"caf\udce9.png"),
        (b"caf\xe9\n", r"caf\udce9\n"),
        (ValueError("two\n  lines"), "two lines"),
        (KeyError(), "KeyError"),
        (ValueError(ValueError("inner")), "inner"),
        (FileNotFoundError(2, "No such file", "a.png"), "[Errno 2] No such file: 'a.png'"),
        (KeyError("a\nkey"), "a key"),
        (12, "12"),
        (None, "None"),
        ({"a": 1}, "{'a': 1}"),
        (Unprintable(), "<Unprintable instance"),
        (LOOP, "[[[[...]]]]"),
    ],
)
def test_one_line(value: Any, shown: str) -> None:
    assert brief(value).startswith(shown)
    assert brief(value).isprintable()


class Keys(dict):
    """As unpicklers and YAML readers make them."""


LARGE: list[Any] = [
    "x" * 10**7,
    b"\n" * 10**7,
    BOMB,
    10**5000,
    list(range(10**6)),
    {"k" * 999: BOMB},
    KeyError(BOMB),
    Keys(k=BOMB),
]


@pytest.mark.parametrize("value", LARGE, ids=range(len(LARGE)))
@pytest.mark.parametrize("limit", [20, 200])
def test_short(value: Any, limit: int) -> None:
    assert 0 < len(brief(value, limit)) <= limit


def test_quoted_tells_text_from_numbers() -> None:
    assert (quoted("1"), quoted(1), quoted(["1"]), quoted(b"\n")) == ("'1'", "1", "['1']", "'\\n'")
