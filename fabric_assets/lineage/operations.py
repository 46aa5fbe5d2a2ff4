"""Operators, comparisons and subscripts on values that are known in part."""

import ast
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from fabric_assets.lineage.classes import compared_members
from fabric_assets.lineage.collection_calls import equal, set_operated
from fabric_assets.lineage.columns import Column, column_named
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.plain import NO_KEY, as_key, find_entry, from_python, text_of, to_python
from fabric_assets.lineage.possibilities import one_of
from fabric_assets.lineage.regular_expressions import Match
from fabric_assets.lineage.strings import format_percent, may_be
from fabric_assets.lineage.values import (
    MAX_ITEMS,
    MAX_TEXT,
    Bound,
    ClassValue,
    Const,
    Function,
    Instance,
    Items,
    Mapping,
    Text,
    Unknown,
    concatenate,
    is_overridable,
    unwrapped,
)
from fabric_assets.lineage.work import spend

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_MAX_BITS = 2_048


_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@lru_cache(maxsize=4096)
def described(node: ast.expr) -> str:
    """How a reason names an expression."""
    text = " ".join(ast.unparse(node).split())
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`, which is only known when the notebook runs"


def operated(node: ast.BinOp, left: Any, right: Any) -> Any:
    """The value of a binary operation on two values."""
    left, right = unwrapped(left), unwrapped(right)
    if isinstance(left, Column) or isinstance(right, Column):
        return Column.of(left, right)
    if isinstance(left, Frame) or isinstance(right, Frame):
        return Frame.union([value for value in (left, right) if isinstance(value, Frame)]).opaque()
    is_text = [
        isinstance(v, Text) or (isinstance(v, Const) and isinstance(v.value, str)) for v in (left, right)
    ]
    if isinstance(node.op, ast.Mod) and is_text[0]:
        return format_percent(left, right)
    if isinstance(node.op, ast.Add) and any(is_text):
        if all(is_text) or any(isinstance(v, Unknown) for v in (left, right)):
            return concatenate(_with_reason(v, n) for v, n in ((left, node.left), (right, node.right)))
        return Unknown(described(node))
    if isinstance(node.op, ast.Div) and is_text[0] and (is_text[1] or isinstance(right, Unknown)):
        return concatenate([text_of(left), Const("/"), _with_reason(right, node.right)])  # pathlib
    if isinstance(node.op, ast.Add) and isinstance(left, Items) and isinstance(right, Items):
        joined = Items(list(left.items), left.complete, left.kind)
        joined.add(right.items, right.complete)
        return joined
    if isinstance(node.op, ast.Add) and (isinstance(left, Items) or isinstance(right, Items)):
        known = left if isinstance(left, Items) else right
        return Items(list(known.items), complete=False)
    if isinstance(left, Items) and isinstance(right, Items):
        return set_operated(node.op, left, right) or Unknown(described(node))
    if isinstance(node.op, ast.BitOr) and isinstance(left, Mapping) and isinstance(right, Mapping):
        united = Mapping(dict(left.entries), left.complete)
        united.add(right.entries, right.complete)
        return united
    if isinstance(node.op, ast.Mult) and (isinstance(left, Items) or isinstance(right, Items)):
        return _repeated(node, *((left, right) if isinstance(left, Items) else (right, left)))
    if isinstance(left, Const) and isinstance(right, Const):
        return _computed(node, left, right)
    return Unknown(described(node))


def _repeated(node: ast.BinOp, owner: Items, times: Any) -> Any:
    """The items so many times."""
    if not isinstance(times, Const) or not isinstance(times.value, int):
        return Unknown(described(node))
    count = max(times.value, 0)
    # Of more than this nothing is known but the first ones.
    most = MAX_ITEMS // max(len(owner.items), 1) + 1
    is_empty = not owner.items and owner.complete
    items = owner.items * min(count, most)
    return Items(items, count == 0 or is_empty or (owner.complete and count <= most), owner.kind)


def _with_reason(value: Any, node: ast.expr) -> Const | Text:
    if isinstance(value, Unknown) and value.reason == Unknown().reason:
        return Text((Unknown(described(node)),))
    return text_of(value)


def _computed(node: ast.BinOp, left: Const, right: Const) -> Any:
    function = _OPERATORS.get(type(node.op))
    a, b = left.value, right.value
    is_big = any(isinstance(v, int) and v.bit_length() > _MAX_BITS for v in (a, b))
    if function is None or is_big or (isinstance(node.op, ast.Mult) and _repeats(a, b) > MAX_TEXT):
        return Unknown(described(node))
    try:
        return from_python(function(a, b), left.overridable or right.overridable)
    except (TypeError, ValueError, ArithmeticError):
        return Unknown(described(node))


def _repeats(a: Any, b: Any) -> int:
    if isinstance(a, int) and isinstance(b, int):
        return 0
    sizes = [len(v) if isinstance(v, str | bytes) else abs(v) if isinstance(v, int) else 1 for v in (a, b)]
    return int(sizes[0] * sizes[1])


def compared(node: ast.Compare, how: ast.cmpop, left: Any, right: Any) -> Any:
    """The value of a comparison of two values."""
    unknown = Unknown(described(node))
    are_equal = (
        compared_members(left, right) if isinstance(how, ast.Is | ast.IsNot | ast.Eq | ast.NotEq) else None
    )
    if are_equal is not None:
        return Const(are_equal != isinstance(how, ast.IsNot | ast.NotEq))
    left, right = unwrapped(left), unwrapped(right)
    if isinstance(how, ast.Is | ast.IsNot | ast.Eq | ast.NotEq):
        negated = isinstance(how, ast.IsNot | ast.NotEq)
        for one, other in ((left, right), (right, left)):
            if isinstance(other, Const) and other.value is None:
                if isinstance(one, Const):
                    return Const((one.value is None) != negated, one.overridable)
                return unknown if isinstance(one, Unknown | Bound) else Const(negated)
    overridable = is_overridable(left) or is_overridable(right)
    if isinstance(left, Const) and isinstance(right, Const) and type(how) in _COMPARISONS:
        try:
            return Const(bool(_COMPARISONS[type(how)](left.value, right.value)), overridable)
        except TypeError:
            return unknown
    if isinstance(how, ast.Eq | ast.NotEq):
        known = equal(left, right)
        return unknown if known is None else Const(known != isinstance(how, ast.NotEq), overridable)
    if isinstance(left, Items) and isinstance(right, Items) and type(how) in _COMPARISONS:
        try:
            return Const(bool(_COMPARISONS[type(how)](to_python(left), to_python(right))), overridable)
        except (TypeError, ValueError, RecursionError):
            return unknown
    if isinstance(how, ast.In | ast.NotIn) and isinstance(left, Const):
        found = _contains(right, left)
        if found is not None:
            return Const(found != isinstance(how, ast.NotIn), overridable)
    return unknown


def _contains(container: Any, wanted: Const) -> bool | None:
    value = wanted.value
    if isinstance(container, Const) and isinstance(container.value, str) and isinstance(value, str):
        return value in container.value
    if isinstance(container, Mapping):
        if find_entry(container, wanted) is not NO_KEY:
            return True
        return False if container.complete else None
    if isinstance(container, Items):
        spend(len(container.items) >> 4)
        found = [equal(item, wanted) for item in container.items]
        return True if True in found else False if container.complete and None not in found else None
    return None


def deleted_slice(node: ast.Subscript, owner: Items, limits: Sequence[Any]) -> Items:
    """What ``del owner[a:b:c]`` leaves."""
    places = [Const(position) for position in range(len(owner.items))]
    gone = sliced(node, Items(places), tuple(limits))
    from_start = all(isinstance(limit, Const) and (limit.value or 0) >= 0 for limit in limits)
    if not isinstance(gone, Items) or not gone.complete or not (owner.complete or from_start):
        return Items(list(owner.items), complete=False, kind=owner.kind)
    taken = {place.value for place in gone.items}
    kept = [item for position, item in enumerate(owner.items) if position not in taken]
    return Items(kept, owner.complete, owner.kind)


def sliced(node: ast.Subscript, owner: Any, limits: tuple[Any, ...]) -> Any:
    """The value of ``owner[a:b:c]``."""
    if not all(isinstance(limit, Const) and isinstance(limit.value, int | None) for limit in limits):
        return (
            Items(list(owner.items), complete=False) if isinstance(owner, Items) else Unknown(described(node))
        )
    part = slice(*(limit.value for limit in limits))
    try:
        if isinstance(owner, Items) and owner.complete:
            return Items(owner.items[part], kind=owner.kind)
        if isinstance(owner, Const) and isinstance(owner.value, str):
            return Const(owner.value[part], owner.overridable)
    except ValueError:
        pass
    return Unknown(described(node)) if not isinstance(owner, Frame) else owner


def element(node: ast.Subscript, owner: Any, key: Any) -> Any:
    """The value of ``owner[key]``."""
    if isinstance(owner, Frame):
        if isinstance(key, Const) and isinstance(key.value, str):
            return column_named(owner, key.value)
        names = (
            [k.value for k in key.items if isinstance(k, Const) and isinstance(k.value, str)]
            if isinstance(key, Items)
            else []
        )
        if names and isinstance(key, Items) and key.complete:
            return Frame(owner.tables, tuple((name, owner.column(name)) for name in names), closed=True)
        return owner
    if isinstance(owner, Match):
        return owner.group(key)
    if isinstance(owner, ClassValue) and not owner.is_enumeration:
        return owner  # `Loader[str]`
    if isinstance(owner, ClassValue) and isinstance(key, Const):
        return owner.members.get(str(key.value), Unknown(described(node)))
    if isinstance(owner, Mapping) and as_key(key) is not NO_KEY:
        found = find_entry(owner, key)
        return owner.entries[found] if found is not NO_KEY else Unknown(described(node))
    if isinstance(key, Const):
        if isinstance(owner, Items) and isinstance(key.value, int):
            if owner.complete and -len(owner.items) <= key.value < len(owner.items):
                return owner.items[key.value]
        elif isinstance(owner, Const) and isinstance(owner.value, str) and isinstance(key.value, int):
            if -len(owner.value) <= key.value < len(owner.value):
                return Const(owner.value[key.value], owner.overridable)
        elif isinstance(owner, Instance):
            return _field(node, owner, key.value)
        return Unknown(described(node))
    return _any_element(node, owner, key)


def _field(node: ast.Subscript, owner: Instance, key: Any) -> Any:
    """A field of an object, by its name or its position in a named tuple."""
    if isinstance(key, int) and owner.cls is not None and owner.cls.kind == "tuple":
        if not -len(owner.cls.fields.names) <= key < len(owner.cls.fields.names):
            return Unknown(described(node))
        key = owner.cls.fields.names[key]
    found = owner.attributes.get(key)
    if found is None and owner.cls is not None:
        found = owner.cls.lookup(str(key))
    return Unknown(described(node)) if found is None else found


def _any_element(node: ast.Subscript, owner: Any, key: Any) -> Any:
    """The element under a key that is not known: any of them, if all are known."""
    values = (
        list(owner.entries.values())
        if isinstance(owner, Mapping)
        else owner.items
        if isinstance(owner, Items)
        else []
    )
    if isinstance(owner, Mapping) and isinstance(key, Text):
        named = {name: value for name, value in owner.entries.items() if isinstance(name, str)}
        calls = [v for name, v in named.items() if isinstance(v, Function) and may_be(key, name)]
        if calls:
            return one_of([(frozenset(), value) for value in calls])
    if values and owner.complete and all(isinstance(v, Function | Mapping | Frame) for v in values):
        return one_of([(frozenset(), value) for value in values])
    return Unknown(described(node))
