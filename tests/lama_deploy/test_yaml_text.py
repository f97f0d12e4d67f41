"""YAML: plain values as PyYAML reads them, and one line for everything that is none, is too much or does not parse."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lama_deploy.errors import ConfigError
from lama_deploy.yaml_text import parse_yaml, read_yaml

PLAIN = [
    "",
    "a: [1, 2.5, true, null, text, 'quoted', 0x10, 1_000, 1.0e-3, .inf, yes]",
    "a: &x {b: 1}\nc: *x\nd: [*x, *x]",
    "base: &b {x: 1, y: 2}\nc: {<<: *b, y: 3}",
    "a: |\n  two\n  lines\n? key\n: value\n",
    "'1': a\n1: b\n",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_values_are_as_ever(text: str) -> None:
    assert parse_yaml(text) == yaml.safe_load(text)
    assert parse_yaml(b"\xef\xbb\xbf" + text.encode()) == yaml.safe_load(text)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**100), 2**100) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_what_pyyaml_writes_is_read(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert repr(parse_yaml(text)) == repr(yaml.safe_load(text))


def test_dates_stay_text() -> None:
    assert parse_yaml("a: 2026-01-01") == {"a": "2026-01-01"}


REFUSED = {
    "a: &a [*a]": "an alias in it stands for what contains it",
    "a: 1\nb: 2\na: 3": "line 3: a stands there twice",
    "a: !!python/name:os.system ''": "line 1: the tag tag:yaml.org,2002:python/name:os.system is not read",
    "a: " + "9" * 101: "line 1: a number of 101 digits, of at most 100",
    "a: !!int x": "not of the type that its tag says",
    'a: !!int ""': "not of the type that its tag says",
    "a: !!bool x": "not of the type that its tag says",
    "[" * 31: "nested deeper than 30 levels",
    "x" * 100_001: "longer than 100,000 bytes",
    "[" + "1," * 5_000 + "]": "more than 5,000 values",
    "a: *b": "line 1: found undefined alias 'b'",
    "a: \x07": "character 4: special characters are not allowed",
    "? [1]\n: 2": "unhashable",
    "a\n---\nb": "another document",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"^{tmp_path}/c.yaml: no readable YAML ") as caught:
        read_yaml(tmp_path / "c.yaml")
    assert REFUSED[text] in str(caught.value)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500


@pytest.mark.parametrize("levels", [5, 40])
def test_aliases_are_counted_as_what_they_stand_for(levels: int) -> None:
    lines = ["a0: &a0 x"] + [
        f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}]" for i in range(1, levels)
    ]
    if levels == 5:
        assert parse_yaml("\n".join(lines)) == yaml.safe_load("\n".join(lines))
    else:
        with pytest.raises(ConfigError, match="more than 5,000 values"):
            parse_yaml("\n".join(lines))


def test_other_encodings_are_named(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes("a: ä".encode("latin-1"))
    with pytest.raises(ConfigError, match="it is not UTF-8 at byte 3"):
        read_yaml(tmp_path / "c.yaml")


def test_nothing_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(ConfigError, match="no readable YAML"):
            read_yaml(path)
