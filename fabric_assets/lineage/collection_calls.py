"""Methods of lists, sets and dictionaries."""

from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.possibilities import one_of, options_of
from fabric_assets.lineage.values import (
    NO_KEY,
    Const,
    Function,
    Items,
    Mapping,
    Unknown,
    as_key,
    find_entry,
    from_key,
)

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter


def collection_method(
    interpreter: "Interpreter",
    owner: Items | Mapping,
    name: str,
    arguments: list[Any],
    keywords: dict[str, Any],
) -> Any:
    """The value of a call of a method of a list or dictionary."""
    if isinstance(owner, Mapping):
        return _mapping_method(owner, name, arguments, keywords)
    first = arguments[0] if arguments else Unknown()
    if name in ("append", "add", "appendleft", "put"):
        if len(owner.items) < 5000:
            owner.items.append(first)
        return Const(None)
    if name in ("extend", "update"):
        items, complete = interpreter.iterate(first)
        owner.items.extend(items[:5000])
        owner.complete = owner.complete and complete
        return Const(None)
    if name == "insert" and len(arguments) == 2:
        position = first.value if isinstance(first, Const) and isinstance(first.value, int) else 0
        owner.items.insert(position, arguments[1])
        return Const(None)
    if name == "copy":
        return Items(list(owner.items), owner.complete, owner.kind)
    if (
        name in ("pop", "popleft", "get")
        and owner.items
        and owner.complete
        and not interpreter.session.branches
    ):
        return owner.items.pop(0 if name != "pop" or _is_zero(first, arguments) else -1)
    if name in ("sort", "remove", "clear", "discard"):
        if name in ("remove", "discard"):
            owner.items = [item for item in owner.items if not _equal(item, first)]
        elif name == "clear":
            owner.items = []
        return Const(None)
    if name == "reverse":
        owner.items.reverse()
        return Const(None)
    if name in ("union", "intersection", "difference", "symmetric_difference"):
        return _set_operation(interpreter, owner, name, arguments)
    return Unknown()


def _set_operation(interpreter: "Interpreter", owner: Items, name: str, arguments: list[Any]) -> Any:
    others, complete = interpreter.iterate(arguments[0]) if arguments else ([], True)
    if name == "union":
        return Items([*owner.items, *others], owner.complete and complete)
    if not complete or name == "symmetric_difference":
        return Items(list(owner.items), complete=False)
    keep = name == "intersection"
    return Items([i for i in owner.items if any(_equal(i, o) for o in others) == keep], owner.complete)


def _is_zero(value: Any, arguments: list[Any]) -> bool:
    return bool(arguments) and isinstance(value, Const) and value.value == 0


def _equal(left: Any, right: Any) -> bool:
    return isinstance(left, Const) and isinstance(right, Const) and bool(left.value == right.value)


def _mapping_method(owner: Mapping, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if name == "items":
        return Items(
            [Items([from_key(k), v], kind="tuple") for k, v in owner.entries.items()], owner.complete
        )
    if name == "keys":
        return Items([from_key(key) for key in owner.entries], owner.complete)
    if name == "values":
        return Items(list(owner.entries.values()), owner.complete)
    if name in ("copy", "asDict"):
        return Mapping(dict(owner.entries), owner.complete)
    if name == "update":
        for value in arguments:
            if isinstance(value, Mapping):
                owner.entries.update(value.entries)
                owner.complete = owner.complete and value.complete
            else:
                owner.complete = False
        owner.entries.update(keywords)
        return Const(None)
    if name in ("get", "pop", "setdefault") and arguments:
        return _entry(owner, arguments, stores=name == "setdefault")
    return Unknown()


def _entry(owner: Mapping, arguments: list[Any], *, stores: bool) -> Any:
    default = arguments[1] if len(arguments) > 1 else Const(None)
    options = []
    for guard, key in options_of(arguments[0]):
        found = find_entry(owner, key)
        if as_key(key) is NO_KEY:
            values = list(owner.entries.values())
            if values and owner.complete and all(isinstance(v, Function | Mapping | Frame) for v in values):
                options += [(guard, value) for value in values]
            else:
                options.append((guard, Unknown()))
        elif found is not NO_KEY:
            options.append((guard, owner.entries[found]))
        else:
            options.append((guard, default if owner.complete else Unknown()))
            if stores:
                owner.entries[as_key(key)] = default
    return one_of(options)
