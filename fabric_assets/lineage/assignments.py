"""What an assignment does: to a name, an attribute, a position, a slice, or several of them."""

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.plain import items_of, put, to_python
from fabric_assets.lineage.possibilities import one_of, options_of
from fabric_assets.lineage.values import ClassValue, Const, Instance, Items, Lib, Mapping, Unknown

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter


def assign(interpreter: "Interpreter", target: ast.expr, value: Any) -> None:
    """Give the target of an assignment a value."""
    if isinstance(target, ast.Name):
        interpreter.bind(target.id, value)
    elif isinstance(target, ast.Tuple | ast.List):
        _unpack(interpreter, target.elts, value)
    elif isinstance(target, ast.Starred):
        assign(interpreter, target.value, value)
    elif isinstance(target, ast.Attribute):
        owner = interpreter.evaluate(target.value)
        for _, option in options_of(owner):
            set_attribute(interpreter, option, target.attr, value)
    elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice):
        limits = [
            Const(None) if part is None else interpreter.evaluate(part) for part in _limits(target.slice)
        ]
        for _, option in options_of(interpreter.evaluate(target.value)):
            if isinstance(option, Items):
                _store_slice(interpreter, option, limits, value)
    elif isinstance(target, ast.Subscript):
        _store(interpreter, interpreter.evaluate(target.value), interpreter.evaluate(target.slice), value)


def loaded(target: ast.expr) -> ast.expr:
    """The target of ``target += ...`` as an expression that is read."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    return target


def set_attribute(interpreter: "Interpreter", owner: Any, name: str, value: Any) -> None:
    """``owner.name = value``; what is added to a library's class is kept for its objects."""
    if isinstance(owner, Instance | ClassValue):
        owner.attributes[name] = value
    elif isinstance(owner, Lib):
        interpreter.session.added_methods[owner.name.rpartition(".")[2], name] = value


def _store(interpreter: "Interpreter", owner: Any, key: Any, value: Any) -> None:
    for _, option in options_of(owner):
        interpreter.special(option, "__setitem__", key, value)
        if isinstance(option, Mapping):
            put(option, key, value)
        elif isinstance(option, Items):
            if (
                isinstance(key, Const)
                and type(key.value) is int
                and -len(option.items) <= key.value < len(option.items)
            ):
                option.items[key.value] = value
            else:
                _lose(interpreter, option)


def _store_slice(interpreter: "Interpreter", owner: Items, limits: list[Any], value: Any) -> None:
    items, complete = interpreter.iterate(value)
    try:
        owner.items[slice(*(to_python(limit) for limit in limits))] = items
        owner.complete = owner.complete and complete
    except (ValueError, TypeError):
        _lose(interpreter, owner)


def _lose(interpreter: "Interpreter", owner: Items) -> None:
    """It is not known which item was changed."""
    owner.complete = False
    if not interpreter.guesses:
        owner.items = [Unknown() for _ in owner.items]


def _unpack(interpreter: "Interpreter", targets: Sequence[ast.expr], value: Any) -> None:
    columns: list[list[tuple[Any, Any]]] = [[] for _ in targets]
    for guard, option in options_of(value):
        for position, part in enumerate(_parts(targets, option)):
            columns[position].append((guard, part))
    for target, parts in zip(targets, columns, strict=True):
        assign(interpreter, target, one_of(parts))


def _parts(targets: Sequence[ast.expr], value: Any) -> list[Any]:
    items, complete = items_of(value)
    starred = next((i for i, target in enumerate(targets) if isinstance(target, ast.Starred)), None)
    if complete and starred is None and len(items) == len(targets):
        return items
    if complete and starred is not None and len(items) >= len(targets) - 1:
        after = len(targets) - starred - 1
        middle = items[starred : len(items) - after]
        return [*items[:starred], Items(middle), *items[len(items) - after :]]
    return [value if isinstance(value, Unknown) else Unknown() for _ in targets]


def _limits(node: ast.Slice) -> tuple[ast.expr | None, ...]:
    return node.lower, node.upper, node.step
