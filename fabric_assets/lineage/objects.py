"""What Python does with an object through its special methods: ``x[key]``, ``x / y``, ``for ... in x``."""

import ast
from dataclasses import replace
from typing import Any

from fabric_assets.lineage.classes import member
from fabric_assets.lineage.interpreter import Interpreter
from fabric_assets.lineage.plain import NO_KEY, as_key
from fabric_assets.lineage.possibilities import map_options, options_of
from fabric_assets.lineage.values import Const, Instance, Items, Mapping

_OPERATORS: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv",
    ast.Mod: "mod", ast.BitOr: "or", ast.BitAnd: "and", ast.RShift: "rshift", ast.LShift: "lshift",
    ast.MatMult: "matmul",
}  # fmt: skip


def operated_object(interpreter: Interpreter, node: ast.BinOp, left: Any, right: Any) -> Any | None:
    """The value of a binary operation of which one side is an object that has a method for it."""
    name = _OPERATORS.get(type(node.op))
    if name is None:
        return None
    for owner, other, method in ((left, right, f"__{name}__"), (right, left, f"__r{name}__")):
        if any(isinstance(option, Instance) for _, option in options_of(owner)):
            found = map_options(
                lambda one, method=method, other=other: interpreter.special(one, method, other),
                [owner],
                interpreter.session.branches,
            )
            if found is not None:
                return found
    return None


def make_entry(interpreter: Interpreter, owner: Any, key: Any) -> None:
    """Give a ``defaultdict`` the entry that is asked for."""
    for _, option in options_of(owner):
        if not isinstance(option, Mapping) or option.factory is None:
            continue
        for _, one in options_of(key):
            known = as_key(one)
            if known is not NO_KEY and known not in option.entries:
                option.add({known: interpreter.invoke(option.factory, [])})


def attribute_of(interpreter: Interpreter, owner: Any, name: str) -> Any | None:
    """The attribute of an object or class of the notebook, ``None`` if it is not known."""
    found = member(interpreter, owner, name)
    return interpreter.special(owner, "__getattr__", Const(name)) if found is None else found


def duplicate(value: Any, is_deep: bool, seen: dict[int, Any] | None = None) -> Any:
    """What ``copy.copy`` makes of a value, or ``copy.deepcopy``.

    Args:
        value: the value.
        is_deep: its parts are copied, too.
        seen: copies by the ids of what they are copies of.
    """
    if not isinstance(value, Items | Mapping | Instance) or _is_member(value):
        return value
    seen = {} if seen is None else seen
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, Items):
        items = replace(value, items=list(value.items))
        seen[id(value)] = items
        if is_deep:
            items.items = [duplicate(item, True, seen) for item in items.items]
        return items
    made: Any = replace(value)
    seen[id(value)] = made
    parts = value.entries if isinstance(value, Mapping) else value.attributes
    copies = {key: duplicate(part, True, seen) if is_deep else part for key, part in parts.items()}
    if isinstance(made, Mapping):
        made.entries = copies
    else:
        made.attributes = copies
    return made


def _is_member(value: Any) -> bool:
    return isinstance(value, Instance) and value.cls is not None and value.cls.is_enumeration
