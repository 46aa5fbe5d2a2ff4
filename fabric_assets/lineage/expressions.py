"""Gives the value of Python expressions, as far as the source says it."""

import ast
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from fabric_assets.lineage.assignments import assign
from fabric_assets.lineage.calls import attribute, call
from fabric_assets.lineage.classes import printed
from fabric_assets.lineage.collection_calls import as_set
from fabric_assets.lineage.columns import Column
from fabric_assets.lineage.comprehensions import comprehension, dict_comprehension
from fabric_assets.lineage.interpreter import Interpreter
from fabric_assets.lineage.objects import make_entry, operated_object
from fabric_assets.lineage.operations import compared, described, element, operated, sliced
from fabric_assets.lineage.plain import put, text_of
from fabric_assets.lineage.possibilities import map_options, one_of, options_of, without_empty
from fabric_assets.lineage.spark_calls import SESSION_NAMES
from fabric_assets.lineage.strings import format_value
from fabric_assets.lineage.surroundings import Surroundings
from fabric_assets.lineage.values import (
    Const,
    Items,
    Lib,
    Mapping,
    Text,
    Unknown,
    concatenate,
    unwrapped,
)
from fabric_assets.lineage.work import spend

_PREDEFINED = {
    "spark": "spark",
    "sqlContext": "spark",
    "sc": "spark.sparkContext",
    "notebookutils": "notebookutils",
    "mssparkutils": "notebookutils",
    "DeltaTable": "delta.tables.DeltaTable",  # imported by a notebook that is not here
}


def evaluate(interpreter: Interpreter, node: ast.expr) -> Any:
    """The value of an expression."""
    handler = _EXPRESSIONS.get(type(node))
    return handler(interpreter, node) if handler is not None else Unknown(described(node))


def _constant(_: Interpreter, node: ast.Constant) -> Any:
    return Const(node.value)


def _name(interpreter: Interpreter, node: ast.Name) -> Any:
    value = interpreter.lookup(node.id)
    if value is not None:
        if isinstance(value, Unknown) and node.id in SESSION_NAMES:
            return Lib("spark")
        if isinstance(value, Unknown) and value.reason == Unknown().reason:
            return Unknown(described(node))
        return value
    if node.id in _PREDEFINED:
        return Lib(_PREDEFINED[node.id])
    return Lib(f"builtins.{node.id}")


def _joined(interpreter: Interpreter, node: ast.JoinedStr) -> Any:
    values = [interpreter.evaluate(part) for part in node.values]
    return map_options(
        lambda *parts: concatenate(text_of(part) for part in parts), values, interpreter.session.branches
    )


def _formatted(interpreter: Interpreter, node: ast.FormattedValue) -> Any:
    given = interpreter.evaluate(node.value)
    value = printed(interpreter, given, as_source=node.conversion == ord("r"))
    conversion = node.conversion if value is given else -1
    spec = interpreter.evaluate(node.format_spec) if node.format_spec is not None else Const("")

    def formatted(option: Any, how: Any) -> Any:
        option = unwrapped(option)
        if isinstance(option, Const) and isinstance(how, Const):
            return format_value(option, str(how.value), conversion)
        text = text_of(option)
        if not isinstance(how, Const):
            text = Text((how if isinstance(how, Unknown) else Unknown(),))
        if isinstance(text, Text) and text.parts == (Unknown(),):
            return Text((Unknown(described(node.value)),))
        return text

    return map_options(formatted, [value, spec], interpreter.session.branches)


def _binary(interpreter: Interpreter, node: ast.BinOp) -> Any:
    left = interpreter.evaluate(node.left)
    right = interpreter.evaluate(node.right)
    own = operated_object(interpreter, node, left, right)
    if own is not None:
        return own
    return map_options(lambda a, b: operated(node, a, b), [left, right], interpreter.session.branches)


def _unary(interpreter: Interpreter, node: ast.UnaryOp) -> Any:
    value = interpreter.evaluate(node.operand)
    if isinstance(node.op, ast.Not):
        decision = interpreter.decided(value)
        if decision is not None:
            return Const(not decision)
        if isinstance(value, Const):
            return Const(not value.value, value.overridable)
        return Unknown(described(node))
    if isinstance(value, Column):
        return Column.of(value)
    if isinstance(value, Const) and isinstance(value.value, int) and isinstance(node.op, ast.Invert):
        return Const(~value.value, value.overridable)
    if isinstance(value, Const) and isinstance(value.value, int | float):
        sign = {ast.USub: -1, ast.UAdd: 1}.get(type(node.op))
        return Const(value.value * sign, value.overridable) if sign else Unknown(described(node))
    return Unknown(described(node))


def _boolean(interpreter: Interpreter, node: ast.BoolOp) -> Any:
    """``and`` and ``or``: the first operand that decides; operands that may be the result are its options."""
    stops_at = isinstance(node.op, ast.Or)
    options: list[Any] = []
    doubtful: Any = None
    for position, operand in enumerate(node.values):
        with interpreter.in_doubt(doubtful) if doubtful is not None else nullcontext():
            value = interpreter.evaluate(operand)
        decision = interpreter.decided(value)
        if decision is None:
            doubtful = value
        last = position == len(node.values) - 1
        if decision is stops_at and isinstance(value, Const) and isinstance(value.value, bool):
            return value  # whatever those before it are
        if decision is stops_at or last:
            options.append(value)
            break
        if decision is None:
            options.append(value)
    if len(options) == 1:
        return options[0]
    if any(isinstance(option, Column) for option in options):
        return Column.of(*options)
    known = [option for option in options if not isinstance(option, Unknown)]
    if len(known) < len(options):
        return Unknown(described(node))
    return one_of(
        [(frozenset(), option) for option in options if not _is_falsy(option, stops_at)]
        or [(frozenset(), options[-1])]
    )


def _is_falsy(value: Any, is_or: bool) -> bool:
    return is_or and isinstance(value, Const) and not value.value


def _compare(interpreter: Interpreter, node: ast.Compare) -> Any:
    left = interpreter.evaluate(node.left)
    rights = [interpreter.evaluate(comparator) for comparator in node.comparators]
    if isinstance(left, Column) or any(isinstance(right, Column) for right in rights):
        return Column.of(left, *rights)
    result: Any = Const(True)
    for how, right in zip(node.ops, rights, strict=True):
        result = map_options(
            lambda a, b, how=how: _compared(interpreter, node, how, a, b),
            [left, right],
            interpreter.session.branches,
        )
        decision = interpreter.decided(result)
        if decision is False:
            return result
        if decision is None:
            return result if len(rights) == 1 else Unknown(described(node))
        left = right
    return result


def _compared(interpreter: Interpreter, node: ast.Compare, how: ast.cmpop, left: Any, right: Any) -> Any:
    own = interpreter.special(right, "__contains__", left) if isinstance(how, ast.In | ast.NotIn) else None
    if own is None:
        return compared(node, how, left, right)
    decision = interpreter.decided(own)
    return Unknown(described(node)) if decision is None else Const(decision == isinstance(how, ast.In))


def _conditional(interpreter: Interpreter, node: ast.IfExp) -> Any:
    decision = interpreter.decided(interpreter.evaluate(node.test))
    if decision is not None:
        return interpreter.evaluate(node.body if decision else node.orelse)
    number = interpreter.branching(node.test)
    session = interpreter.session
    taken = session.branches
    if number in taken:
        return interpreter.evaluate(node.orelse if taken[number] else node.body)
    options = []
    for position, expression in enumerate((node.body, node.orelse)):
        session.branches = {**taken, number: position}
        try:
            options.append((frozenset({(number, position)}), interpreter.evaluate(expression)))
        finally:
            session.branches = taken
    tested = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
    gives_it = any(isinstance(n, ast.Name) and n.id in tested for n in (node.body, node.orelse))
    return without_empty(one_of(options)) if gives_it else one_of(options)


def _items(interpreter: Interpreter, node: ast.List | ast.Tuple | ast.Set) -> Any:
    items: list[Any] = []
    complete = True
    for entry in node.elts:
        if isinstance(entry, ast.Starred):
            more, whole = interpreter.iterate(interpreter.evaluate(entry.value))
            items += more
            complete = complete and whole
        else:
            items.append(interpreter.evaluate(entry))
    if isinstance(node, ast.Set):
        return as_set(items, complete)
    return Items(items, complete, "tuple" if isinstance(node, ast.Tuple) else "list")


def _dictionary(interpreter: Interpreter, node: ast.Dict) -> Any:
    made = Mapping({})
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        value = interpreter.evaluate(value_node)
        if key_node is None:
            for _, option in options_of(value):
                if isinstance(option, Mapping):
                    made.add(option.entries, option.complete)
                else:
                    made.complete = False
            continue
        for _, key in options_of(interpreter.evaluate(key_node)):
            put(made, key, value)
    return made


def _attribute(interpreter: Interpreter, node: ast.Attribute) -> Any:
    owner = interpreter.evaluate(node.value)
    value = map_options(lambda o: attribute(interpreter, o, node.attr), [owner], interpreter.session.branches)
    if isinstance(value, Unknown) and value.reason == Unknown().reason:
        return Unknown(described(node))
    return value


def _call(interpreter: Interpreter, node: ast.Call) -> Any:
    function = interpreter.evaluate(node.func)
    arguments: list[Any] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            items, whole = interpreter.iterate(interpreter.evaluate(argument.value))
            arguments += items if whole or items else [Unknown(described(argument.value))]
            spend(len(arguments) >> 6)
        else:
            arguments.append(interpreter.evaluate(argument))
    keywords: dict[str, Any] = {}
    for keyword in node.keywords:
        value = interpreter.evaluate(keyword.value)
        if keyword.arg is not None:
            keywords[keyword.arg] = value
            continue
        for _, option in options_of(value):
            if isinstance(option, Mapping):
                keywords.update({str(key): entry for key, entry in option.entries.items()})
    if not interpreter.pinned:
        interpreter.session.line = interpreter.first_line + node.lineno - 1
    result = call(interpreter, function, arguments, keywords, node)
    if isinstance(result, Unknown) and result.reason == Unknown().reason:
        return Unknown(described(node))
    return result


def slice_limits(interpreter: Interpreter, node: ast.Slice) -> list[Any]:
    """The values of ``a:b:c``."""
    parts = (node.lower, node.upper, node.step)
    return [interpreter.evaluate(part) if part is not None else Const(None) for part in parts]


def _subscript(interpreter: Interpreter, node: ast.Subscript) -> Any:
    owner = interpreter.evaluate(node.value)
    if isinstance(owner, Items) and not owner.complete and not interpreter.guesses:
        return Unknown(described(node))  # there may be more in front
    if isinstance(node.slice, ast.Slice):
        bounds = slice_limits(interpreter, node.slice)
        return map_options(
            lambda o, *limits: sliced(node, o, limits), [owner, *bounds], interpreter.session.branches
        )
    key = interpreter.evaluate(node.slice)
    make_entry(interpreter, owner, key)

    def one(container: Any, position: Any) -> Any:
        own = interpreter.special(container, "__getitem__", position)
        return element(node, container, position) if own is None else own

    return map_options(one, [owner, key], interpreter.session.branches)


def _lambda(interpreter: Interpreter, node: ast.Lambda) -> Any:
    return interpreter.make_function(node, "a lambda")


def _named(interpreter: Interpreter, node: ast.NamedExpr) -> Any:
    value = interpreter.evaluate(node.value)
    assign(interpreter, node.target, value)
    return value


def _inner(interpreter: Interpreter, node: ast.Await | ast.Starred) -> Any:
    return interpreter.evaluate(node.value)


def _yield(interpreter: Interpreter, node: ast.Yield) -> Any:
    value = interpreter.evaluate(node.value) if node.value is not None else Const(None)
    if not interpreter.yielded:
        interpreter.at_yield = Surroundings.of(interpreter.session)
    interpreter.yielded.append(value)
    interpreter.yielded_all &= interpreter.session.branches == interpreter.yield_branches
    return Unknown(described(node))


def _yield_from(interpreter: Interpreter, node: ast.YieldFrom) -> Any:
    items, complete = interpreter.iterate(interpreter.evaluate(node.value))
    interpreter.yielded += items
    interpreter.yielded_all &= complete and interpreter.session.branches == interpreter.yield_branches
    return Unknown(described(node))


_EXPRESSIONS: dict[type, Callable[[Interpreter, Any], Any]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.JoinedStr: _joined,
    ast.FormattedValue: _formatted,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.IfExp: _conditional,
    ast.List: _items,
    ast.Tuple: _items,
    ast.Set: _items,
    ast.Dict: _dictionary,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.ListComp: comprehension,
    ast.SetComp: comprehension,
    ast.GeneratorExp: comprehension,
    ast.DictComp: dict_comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
    ast.Await: _inner,
    ast.Starred: _inner,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
}
