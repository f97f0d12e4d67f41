"""The opcodes that take values from the stack of a pickle, each as what it does there.

What an object is given (attributes, items) is kept for containers and TorchScript's modules, and dropped for others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lama_deploy.checkpoints.pickle_machine import Machine, Stack
from lama_deploy.checkpoints.pickle_names import (
    CALLABLE,
    FIRST,
    ORDERED_DICT,
    REBUILD_TENSOR,
    is_inert,
    is_storage,
    made_by_class,
    resolve,
    tensor_of,
)
from lama_deploy.checkpoints.pickle_values import INERT, DamagedPickleError, Inert, Name, ScriptModule, StorageRef
from lama_deploy.errors import brief

Operation = Callable[[Machine, Any], None]


def _mark(machine: Machine, _: Any) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _pop(machine: Machine, _: Any) -> None:
    if machine.stack or not machine.below:
        machine.pop()
    else:
        machine.since_mark()


def _pop_mark(machine: Machine, _: Any) -> None:
    machine.since_mark()


def _put(machine: Machine, index: Any) -> None:
    machine.memo[len(machine.memo) if index is None else index] = machine.top()


def _get(machine: Machine, index: int) -> None:
    if index not in machine.memo:
        raise DamagedPickleError(f"it recalls value {brief(index)}, which it has not stored")
    machine.stack.append(machine.memo[index])


def _tuple_of(count: int) -> Operation:
    def run(machine: Machine, _: Any) -> None:
        machine.stack.append(tuple([machine.pop() for _ in range(count)][::-1]))

    return run


def _pushed(make: Callable[[], Any]) -> Operation:
    return lambda machine, _: machine.stack.append(make())


def _gathered(make: Callable[[Stack], Any]) -> Operation:
    def run(machine: Machine, _: Any) -> None:
        gathered = make(machine.since_mark())
        machine.stack.append(gathered)  # to the stack below, which the mark gave back

    return run


def _extend(machine: Machine, items: Stack) -> None:
    target = machine.top()
    if type(target) is list:
        target.extend(items)
    elif type(target) is not Inert:
        raise DamagedPickleError(f"it appends to {_kind(target)}")


def _update(machine: Machine, items: Stack) -> None:
    """Only text is kept as a key: weights have names, and nothing of an attacker's choice is hashed."""
    target = machine.top()
    if len(items) % 2:
        raise DamagedPickleError("it sets a key without a value")
    if type(target) is dict:
        target.update((key, value) for key, value in zip(items[::2], items[1::2], strict=True) if type(key) is str)
    elif type(target) is not Inert:
        raise DamagedPickleError(f"it sets an item of {_kind(target)}")


def _dictionary(machine: Machine, items: Stack) -> None:
    machine.stack.append({})
    _update(machine, items)


def _append(machine: Machine, _: Any) -> None:
    item = machine.pop()
    _extend(machine, [item])


def _set_item(machine: Machine, _: Any) -> None:
    value, key = machine.pop(), machine.pop()
    _update(machine, [key, value])


def _add_items(machine: Machine, _: Any) -> None:
    machine.since_mark()
    if type(machine.top()) is not Inert:  # a set is one
        raise DamagedPickleError(f"it adds to {_kind(machine.top())}")


def _global(machine: Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.stack.append(resolve(module, name))


def _stack_global(machine: Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    if type(name) is not str or type(module) is not str:
        raise DamagedPickleError("it asks for a name that is no text")
    machine.stack.append(resolve(module, name))


def _extension(machine: Machine, code: Any) -> None:
    """A name by its number in a registry of the process, which is not looked at."""
    resolve("extension", str(code))


def _persistent(machine: Machine, _: Any) -> None:
    found = machine.pop()
    if type(found) is not tuple or len(found) < 3 or type(found[0]) is not str or found[0] != "storage":
        raise DamagedPickleError(
            f"unknown persistent id {brief(found[0] if type(found) is tuple and found else found)}"
        )
    kind, key = found[1:3]
    if type(kind) is not Name or not is_storage(kind) or type(key) is not str:
        raise DamagedPickleError("unknown persistent id: a storage without a type, or without a name")
    machine.stack.append(StorageRef(key, kind.name))


def _persistent_text(machine: Machine, argument: str) -> None:
    raise DamagedPickleError(f"unknown persistent id {brief(argument)}")


def _reduce(machine: Machine, _: Any) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.stack.append(_called(machine, function, arguments))


def _called(machine: Machine, function: Any, arguments: Any) -> Any:
    if type(function) is not Name or is_storage(function) or not isinstance(arguments, (tuple, list)):
        raise DamagedPickleError(f"it calls {_kind(function)}, which is not callable")
    if function == REBUILD_TENSOR:
        return tensor_of(arguments)
    if function == ORDERED_DICT and arguments:
        return _copied(machine, arguments)
    if function in FIRST:
        return arguments[0] if arguments else INERT
    if arguments and function not in CALLABLE and not is_inert(function):
        raise DamagedPickleError(f"{brief(str(function))} takes no positional argument")
    return made_by_class(function)


def _copied(machine: Machine, arguments: Any) -> dict[str, Any]:
    """OrderedDict of a dict or of pairs: what is copied counts as steps."""
    source = arguments[0]
    if type(source) is dict:
        machine.charge(len(source))
        return dict(source)
    if type(source) not in (list, tuple):
        raise DamagedPickleError(f"it makes a dictionary of {_kind(source)}")
    machine.charge(len(source))
    if any(type(pair) not in (list, tuple) or len(pair) != 2 for pair in source):
        raise DamagedPickleError("it makes a dictionary of something that is no pairs")
    return {key: value for key, value in source if type(key) is str}


def _instance(machine: Machine, argument: str) -> None:
    arguments = machine.since_mark()
    _global(machine, argument)
    machine.stack.append(_called(machine, machine.pop(), arguments))


def _object(machine: Machine, _: Any) -> None:
    function, *arguments = machine.since_mark() or [None]
    machine.stack.append(_called(machine, function, arguments))


def _new(machine: Machine, arguments: int) -> None:
    for _ in range(arguments):
        machine.pop()
    kind = machine.pop()
    if type(kind) is not Name:
        raise DamagedPickleError(f"it makes an object of {_kind(kind)}, which is no class")
    machine.stack.append(made_by_class(kind))


def _build(machine: Machine, _: Any) -> None:
    state, target = machine.pop(), machine.top()
    if type(target) is ScriptModule:
        target.attributes = state if type(state) is dict else {}
    elif type(target) not in (dict, Inert):  # OrderedDicts carry `_metadata`
        raise DamagedPickleError(f"it sets the state of something that has none: of {_kind(target)}")


def _kind(value: Any) -> str:
    return brief(str(value)) if type(value) is Name else f"a value of type {type(value).__name__}"


OPERATIONS: Mapping[str, Operation] = {
    "NONE": _pushed(lambda: None),
    "NEWTRUE": _pushed(lambda: True),
    "NEWFALSE": _pushed(lambda: False),
    "EMPTY_TUPLE": _pushed(tuple),
    "EMPTY_LIST": _pushed(list),
    "EMPTY_DICT": _pushed(dict),
    "EMPTY_SET": _pushed(lambda: INERT),
    "FROZENSET": _gathered(lambda _: INERT),
    "TUPLE": _gathered(tuple),
    "LIST": _gathered(list),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "APPEND": _append,
    "APPENDS": lambda machine, _: _extend(machine, machine.since_mark()),
    "SETITEM": _set_item,
    "SETITEMS": lambda machine, _: _update(machine, machine.since_mark()),
    "DICT": lambda machine, _: _dictionary(machine, machine.since_mark()),
    "ADDITEMS": _add_items,
    "MARK": _mark,
    "POP": _pop,
    "POP_MARK": _pop_mark,
    "DUP": lambda machine, _: machine.stack.append(machine.top()),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _get),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _extension),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "PERSID": _persistent_text,
    "BINPERSID": _persistent,
    "REDUCE": _reduce,
    "INST": _instance,
    "OBJ": _object,
    "NEWOBJ": lambda machine, _: _new(machine, 1),
    "NEWOBJ_EX": lambda machine, _: _new(machine, 2),
    "BUILD": _build,
}
