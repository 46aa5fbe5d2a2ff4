"""Decorators of functions and classes, as far as notebooks define them or they make tables."""

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.interpreter import Interpreter
from fabric_assets.lineage.possibilities import options_of
from fabric_assets.lineage.storage import write_table
from fabric_assets.lineage.values import ClassValue, Const, Decorated, Function, Instance, Partial


def decorated(interpreter: Interpreter, function: Function, decorators: Sequence[ast.expr]) -> Any:
    """The function as its decorators leave it.

    Those of libraries count as leaving it as it is; those of the notebook are called, as they may keep it somewhere.
    """
    value: Any = function
    for decorator in reversed(decorators):
        if _last_name(decorator) == "materialized_lake_view":
            _make_lake_view(interpreter, function, decorator)
        for applied in _own(interpreter, decorator):
            result = interpreter.invoke(applied, [value])
            if isinstance(result, Function | Partial | Instance) and result is not value:
                value = Decorated(result, original=function)
    return value


def decorate_class(interpreter: Interpreter, cls: ClassValue, decorators: Sequence[ast.expr]) -> None:
    """Call the decorators of a class that the notebook defines, as they may keep it somewhere."""
    for decorator in reversed(decorators):
        for applied in _own(interpreter, decorator):
            interpreter.invoke(applied, [cls])


def _own(interpreter: Interpreter, decorator: ast.expr) -> Iterator[Any]:
    """The decorator if the notebook defines it."""
    root = decorator
    while isinstance(root, ast.Attribute | ast.Call):
        root = root.func if isinstance(root, ast.Call) else root.value
    known = interpreter.lookup(root.id) if isinstance(root, ast.Name) else None
    if isinstance(known, Function | Partial | ClassValue | Instance):
        for _, option in options_of(interpreter.evaluate(decorator)):
            if isinstance(option, Function | Partial | ClassValue | Instance):
                yield option


def _last_name(decorator: ast.expr) -> str:
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _make_lake_view(interpreter: Interpreter, function: Function, decorator: ast.expr) -> None:
    """``@fmlv.materialized_lake_view(name=...)``: the view is made of what the function returns."""
    name: Any = Const(function.name)
    if isinstance(decorator, ast.Call):
        named = [keyword.value for keyword in decorator.keywords if keyword.arg == "name"] or decorator.args
        name = interpreter.evaluate(named[0]) if named else name
    result = interpreter.invoke(function, [])
    frame = result if isinstance(result, Frame) else Frame()
    write_table(interpreter, name, "materialized_lake_view", frame, replaces=True)
