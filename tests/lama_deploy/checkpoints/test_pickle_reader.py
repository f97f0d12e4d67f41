"""Our reader of pickles and Python's own agree on plain values; what ours builds of all else is sealed."""

import pickle
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lama_deploy.checkpoints.pickle_names import UnknownNameError
from lama_deploy.checkpoints.pickle_reader import read_pickle
from lama_deploy.checkpoints.pickle_values import (
    INERT,
    DamagedPickleError,
    Name,
    ScriptModule,
    StorageRef,
    TensorRef,
    UnreadableTensorError,
)
from tests.hostile.families._pickles import PROTOCOL, SNIPPETS, dictionary, name, tensor

LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**300), 2**300) | st.floats(allow_nan=False) | st.text() | st.binary()
)
PLAIN = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
SEALED = (
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    tuple,
    list,
    dict,
    ScriptModule,
    StorageRef,
    TensorRef,
    Name,
    type(INERT),
)


@settings(max_examples=300, deadline=None)
@given(PLAIN, st.integers(3, pickle.HIGHEST_PROTOCOL))
def test_plain_values_are_as_python_reads_them(value: Any, protocol: int) -> None:
    assert repr(read_pickle(pickle.dumps(value, protocol))) == repr(value)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.floats(allow_nan=False))), st.integers(0, 2))
def test_older_protocols(value: dict[str, Any], protocol: int) -> None:
    assert repr(read_pickle(pickle.dumps(value, protocol))) == repr(value)
    assert read_pickle(pickle.dumps(OrderedDict(value), protocol)) == value


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(SNIPPETS), max_size=40))
def test_only_sealed_values_come_out(parts: list[bytes]) -> None:
    try:
        found = [read_pickle(PROTOCOL + b"".join(parts) + b".")]
    except (DamagedPickleError, UnknownNameError, UnreadableTensorError) as error:
        assert str(error).isprintable() and len(str(error)) < 500
        return
    for value in found:  # with what is in it, which is added behind
        assert type(value) in SEALED
        if isinstance(value, (list, tuple)) and len(found) < 1000:
            found.extend(value)
        elif isinstance(value, dict) and len(found) < 1000:
            assert all(type(key) is str for key in value)
            found.extend(value.values())


def test_sealed_values_cannot_be_changed() -> None:
    for value in (
        Name("a", "b"),
        INERT,
        StorageRef("0", "FloatStorage"),
        read_pickle(PROTOCOL + tensor("0", (1,)) + b"."),
    ):
        with pytest.raises((AttributeError, TypeError)):
            value.anything = 1
        assert not hasattr(value, "__dict__")


def test_keys_that_are_no_text_are_dropped() -> None:
    pickled = pickle.dumps({"a": 1, 2: 3, (4,): 5, None: 6, b"b": 7}, 4)
    assert read_pickle(pickled) == {"a": 1}


def test_attributes_of_a_module() -> None:
    module = read_pickle(PROTOCOL + name("__torch__.a", "B") + b")\x81" + dictionary({"training": b"\x89"}) + b"b.")
    assert isinstance(module, ScriptModule) and module.attributes == {"training": False}
