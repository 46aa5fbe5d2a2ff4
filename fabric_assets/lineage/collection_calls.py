"""Methods of lists, sets and dictionaries."""

import ast
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.plain import NO_KEY, as_key, find_entry, from_key, put
from fabric_assets.lineage.possibilities import one_of, options_of
from fabric_assets.lineage.values import NO_GUARD, Const, Function, Items, Mapping, Unknown
from fabric_assets.lineage.work import spend

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter


_SET_OPERATORS: dict[type, str] = {
    ast.Sub: "difference", ast.BitAnd: "intersection", ast.BitOr: "union", ast.BitXor: "symmetric_difference",
}  # fmt: skip


def collection_method(
    interpreter: "Interpreter",
    owner: Items | Mapping,
    name: str,
    arguments: list[Any],
    keywords: dict[str, Any],
) -> Any:
    """The value of a call of a method of a list or dictionary."""
    if isinstance(owner, Mapping):
        return _mapping_method(interpreter, owner, name, arguments, keywords)
    first = arguments[0] if arguments else Unknown()
    if name == "appendleft":
        owner.items.insert(0, first)
        owner.shorten()
        return Const(None)
    if name in ("append", "add", "put"):
        owner.add([first])
        return Const(None)
    if name in ("extend", "update"):
        owner.add(*interpreter.iterate(first))
        return Const(None)
    if name == "insert" and len(arguments) == 2:
        position = first.value if isinstance(first, Const) and isinstance(first.value, int) else 0
        owner.items.insert(position, arguments[1])
        owner.shorten()
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
    if name in ("pop", "popleft", "get") and owner.items and owner.complete:
        return one_of([(NO_GUARD, item) for item in owner.items])  # in a loop of unknown length: any of them
    if name in ("sort", "remove", "clear", "discard"):
        if name in ("remove", "discard"):
            spend(len(owner.items) >> 4)
            owner.items = [item for item in owner.items if not _equal(item, first)]
        elif name == "clear" and not interpreter.session.branches:
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
    return _combined(owner, Items(others, complete), name)


def set_operated(operator: ast.operator, left: Items, right: Items) -> Items | None:
    """The value of ``left | right`` and the like of sets, ``None`` for other operators."""
    name = _SET_OPERATORS.get(type(operator))
    return _combined(left, right, name) if name else None


def _combined(left: Items, right: Items, name: str) -> Items:
    if name == "union":
        united = Items(list(left.items), left.complete)
        united.add(right.items, right.complete)
        return united
    if not right.complete:
        return Items(list(left.items), complete=False)

    spend(len(left.items) * len(right.items) >> 4)

    def only(items: list[Any], others: list[Any], keep: bool) -> list[Any]:
        return [item for item in items if any(_equal(item, other) for other in others) == keep]

    found = only(left.items, right.items, name == "intersection")
    if name == "symmetric_difference":
        found += only(right.items, left.items, False)
    return Items(found, left.complete)


def _is_zero(value: Any, arguments: list[Any]) -> bool:
    return bool(arguments) and isinstance(value, Const) and value.value == 0


def _equal(left: Any, right: Any) -> bool:
    return isinstance(left, Const) and isinstance(right, Const) and bool(left.value == right.value)


def _mapping_method(
    interpreter: "Interpreter", owner: Mapping, name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    if name == "items":
        spend(len(owner.entries) >> 2)
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
                owner.add(value.entries, value.complete)
            else:
                owner.complete = False
        owner.add(keywords)
        return Const(None)
    is_certain = not interpreter.session.branches
    if name in ("get", "pop", "setdefault") and arguments:
        value = _entry(owner, arguments, stores=name == "setdefault")
        if name == "pop" and is_certain:
            owner.entries.pop(find_entry(owner, arguments[0]), None)
        return value
    if name == "clear" and is_certain:
        owner.entries.clear()
        return Const(None)
    return Unknown()


def _entry(owner: Mapping, arguments: list[Any], *, stores: bool) -> Any:
    default = arguments[1] if len(arguments) > 1 else Const(None)
    options = []
    for guard, key in options_of(arguments[0]):
        found = find_entry(owner, key)
        if as_key(key) is NO_KEY:
            if stores:
                put(owner, key, default)
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
                put(owner, key, default)
    return one_of(options)
