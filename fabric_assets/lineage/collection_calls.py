"""Methods of lists, sets and dictionaries."""

import ast
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.plain import NO_KEY, as_key, find_entry, from_key, put, to_python
from fabric_assets.lineage.possibilities import one_of, options_of
from fabric_assets.lineage.values import NO_GUARD, Const, Function, Items, Mapping, Unknown, unwrapped
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
        _added(owner, [first], True)
        return Const(None)
    if name in ("extend", "update"):
        _added(owner, *interpreter.iterate(first))
        return Const(None)
    if name == "insert" and len(arguments) == 2:
        position = first.value if isinstance(first, Const) and isinstance(first.value, int) else None
        owner.items.insert(position or 0, arguments[1])
        owner.complete = owner.complete and (position is not None or interpreter.guesses)
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
        return _popped(interpreter, owner, name, arguments)
    if name in ("pop", "popleft", "get") and owner.items and owner.complete:
        return one_of([(NO_GUARD, item) for item in owner.items])  # in a loop of unknown length: any of them
    if name in ("remove", "discard"):
        spend(len(owner.items) >> 4)
        found = [equal(item, first) for item in owner.items]
        if True in found:
            del owner.items[found.index(True)]
        owner.complete = owner.complete and (interpreter.guesses or None not in found)
        return Const(None)
    if name == "clear":
        if not interpreter.session.branches:
            owner.items = []
            owner.complete = True
        return Const(None)
    if name == "sort":
        ordered = in_order(interpreter, owner.items, keywords)
        if ordered is not None:
            owner.items = ordered
        elif not interpreter.guesses:
            owner.items = [Unknown() for _ in owner.items]
        return Const(None)
    if name in ("index", "count") and len(arguments) == 1 and owner.complete:
        found = [equal(item, first) for item in owner.items]
        if None in found or (name == "index" and True not in found):
            return Unknown()
        return Const(found.index(True) if name == "index" else found.count(True))
    if name == "reverse":
        owner.items.reverse()
        return Const(None)
    if name in ("union", "intersection", "difference", "symmetric_difference"):
        return _set_operation(interpreter, owner, name, arguments)
    return Unknown()


def _added(owner: Items, items: list[Any], complete: bool) -> None:
    owner.add(items, complete)
    if owner.kind == "set":
        owner.items = as_set(owner.items).items


def _popped(interpreter: "Interpreter", owner: Items, name: str, arguments: list[Any]) -> Any:
    if name != "pop":
        return owner.items.pop(0)
    position = arguments[0] if arguments else Const(-1)
    if not isinstance(position, Const) or type(position.value) is not int:
        if interpreter.guesses:
            return owner.items.pop()
        owner.complete = False
        return Unknown()
    if not -len(owner.items) <= position.value < len(owner.items):
        return Unknown()
    return owner.items.pop(position.value)


def in_order(interpreter: "Interpreter", items: list[Any], keywords: dict[str, Any]) -> list[Any] | None:
    """The items as ``sorted`` gives them, ``None`` if their order is not known.

    Args:
        interpreter: calls the function that is the key.
        items: what is sorted.
        keywords: ``key`` and ``reverse``.
    """
    key, backwards = keywords.get("key"), keywords.get("reverse", Const(False))
    try:
        function = None if isinstance(key, Const) else key
        values = items if function is None else [interpreter.invoke(function, [item]) for item in items]
        keys = [to_python(value) for value in values]
        order = sorted(range(len(items)), key=keys.__getitem__, reverse=bool(to_python(backwards)))
    except (ValueError, TypeError, RecursionError):
        return None
    return [items[position] for position in order]


def as_set(items: list[Any], complete: bool = True) -> Items:
    """The set of these items, in the order in which they came."""
    kept: dict[Any, Any] = {}
    for item in items:
        try:
            key = as_key(item)
            key = ("constant", to_python(item) if key is NO_KEY else key)
            kept.setdefault(key, item)
        except (ValueError, TypeError):
            kept[id(item)] = item
    return Items(list(kept.values()), complete, "set")


def _set_operation(interpreter: "Interpreter", owner: Items, name: str, arguments: list[Any]) -> Any:
    others, complete = interpreter.iterate(arguments[0]) if arguments else ([], True)
    return _combined(owner, Items(others, complete), name)


def set_operated(operator: ast.operator, left: Items, right: Items) -> Items | None:
    """The value of ``left | right`` and the like of sets, ``None`` for other operators."""
    name = _SET_OPERATORS.get(type(operator))
    return _combined(left, right, name) if name else None


def _combined(left: Items, right: Items, name: str) -> Items:
    if name == "union":
        return as_set([*left.items, *right.items], left.complete and right.complete)
    is_known = not any(isinstance(item, Unknown) for item in (*left.items, *right.items))
    if not right.complete:
        return Items(list(left.items), complete=False, kind="set")

    spend(len(left.items) * len(right.items) >> 4)

    def only(items: list[Any], others: list[Any], keep: bool) -> list[Any]:
        return [item for item in items if any(equal(item, other) for other in others) == keep]

    found = only(left.items, right.items, name == "intersection")
    if name == "symmetric_difference":
        found += only(right.items, left.items, False)
    return Items(found, left.complete and is_known, "set")


def equal(left: Any, right: Any) -> bool | None:
    """Whether two values are equal, ``None`` if that is not known."""
    left, right = unwrapped(left), unwrapped(right)
    if isinstance(left, Const) and isinstance(right, Const):
        return bool(left.value == right.value)
    if left is right and isinstance(left, Items | Mapping):
        return True
    plain = Const | Items | Mapping
    if not isinstance(left, plain) or not isinstance(right, plain):
        return None
    try:
        return bool(to_python(left) == to_python(right))
    except (ValueError, RecursionError):
        return None


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
            added = entries_of(interpreter, value)
            owner.add(added.entries, added.complete)
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
        owner.complete = True
        return Const(None)
    if name == "popitem" and is_certain and owner.entries and owner.complete:
        last, value = owner.entries.popitem()
        return Items([from_key(last), value], kind="tuple")
    return Unknown()


def entries_of(interpreter: "Interpreter", value: Any) -> Mapping:
    """The entries that ``dict(value)`` has."""
    if isinstance(value, Mapping):
        return Mapping(dict(value.entries), value.complete)
    pairs, complete = interpreter.iterate(value)
    made = Mapping({}, complete)
    for pair in pairs:
        if isinstance(pair, Items) and len(pair.items) == 2:
            put(made, *pair.items)
        else:
            made.complete = False
    return made


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
