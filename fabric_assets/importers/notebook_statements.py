"""Statements of a notebook of which it is not known whether, or how often, they run: loops, errors, thread pools."""

import ast
from collections.abc import Callable
from typing import Any

from fabric_assets.importers.notebook_functions import is_harmless_decorator
from fabric_assets.importers.notebook_values import Maybe, Pool, Undecided, gap_of
from fabric_assets.importers.notebook_ways import Ways
from fabric_assets.lineage.assignments import assign
from fabric_assets.lineage.interpreter import Flow
from fabric_assets.lineage.statements import STATEMENTS as CERTAIN
from fabric_assets.lineage.values import ClassValue, Function, Instance, Items, Partial


def _for(interpreter: Ways, node: ast.For) -> Flow:
    iterable = interpreter.evaluate(node.iter)
    # The loop sees what its body changes in the list.
    values = iterable if isinstance(iterable, Items) else Items(*interpreter.iterate(iterable))
    position = 0

    def once(item: Any) -> Flow:
        assign(interpreter, node.target, item)
        return interpreter.round(node.body)

    while position < len(values.items):
        item = values.items[position]
        position += 1
        interpreter.spend(1)
        if isinstance(item, Maybe):
            gap, value = interpreter.undecided(node, item.reason), item.value
            flow = interpreter.either(gap, [lambda value=value: once(value), lambda: Flow.NEXT])  # type: ignore[misc]
        else:
            flow = once(item)
        if flow is Flow.BREAK:
            interpreter.ends_in_doubt(lambda: once(interpreter.element(iterable)))
            return Flow.NEXT
        if flow is not Flow.NEXT:
            return flow
    if not values.complete:
        gap = gap_of(interpreter.element(iterable), interpreter.where(node.iter))
        reason = f"it comes from a loop over values that are not in the notebook: {gap.reason}"
        with interpreter.often(Undecided(reason, where=gap.where)):
            once(interpreter.element(iterable))
    return interpreter.run(node.orelse)


def _while(interpreter: Ways, node: ast.While) -> Flow:
    while True:
        interpreter.spend(1)
        value = interpreter.evaluate(node.test)
        known = interpreter.decided(value)
        if known is False:
            return interpreter.run(node.orelse)
        if known is None:
            gap = gap_of(value, interpreter.where(node.test))
            reason = f"it comes from a loop that ends under a condition that is not known: {gap.reason}"
            with interpreter.often(Undecided(reason, where=gap.where)):
                interpreter.round(node.body)
            return interpreter.run(node.orelse)
        flow = interpreter.round(node.body)
        if flow is Flow.BREAK:
            interpreter.ends_in_doubt(lambda: interpreter.round(node.body))
            return Flow.NEXT
        if flow is not Flow.NEXT:
            return flow


def _with(interpreter: Ways, node: ast.With | ast.AsyncWith) -> Flow:
    flow = CERTAIN[ast.With](interpreter, node)
    named = [part for item in node.items for part in (item.context_expr, item.optional_vars)]
    for pool in [interpreter.lookup(part.id) for part in named if isinstance(part, ast.Name)]:
        if isinstance(pool, Pool) and pool.calls:
            interpreter.calls.frontier = list(pool.calls)
    return flow


def _try(interpreter: Ways, node: ast.Try) -> Flow:
    started = list(interpreter.calls.frontier)
    flow = interpreter.run(node.body)
    if flow is Flow.RAISE and len(node.handlers) == 1:
        flow = _handler(interpreter, node.handlers[0])
    else:
        for handler in node.handlers:
            gap = interpreter.undecided(handler, "it depends on whether something fails")
            left = interpreter.either(
                gap,
                [lambda: Flow.NEXT, lambda handler=handler: _handler(interpreter, handler)],  # type: ignore[misc]
                keep_first=interpreter.calls.frontier != started,  # what follows a call follows its success
            )
            flow = left if flow is Flow.NEXT or (flow is Flow.RAISE and left is Flow.NEXT) else flow
    if flow is Flow.NEXT:
        flow = interpreter.run(node.orelse)
    final = interpreter.run(node.finalbody)
    return final if final is not Flow.NEXT else flow


def _handler(interpreter: Ways, handler: ast.ExceptHandler) -> Flow:
    if handler.name:
        interpreter.bind(handler.name, interpreter.undecided(handler, "it is an error"))
    return interpreter.run(handler.body)


def _function(interpreter: Ways, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Flow:
    for decorator in node.decorator_list:
        root: ast.expr = decorator
        while isinstance(root, ast.Attribute | ast.Call):
            root = root.func if isinstance(root, ast.Call) else root.value
        known = interpreter.lookup(root.id) if isinstance(root, ast.Name) else None
        is_own = isinstance(known, Function | ClassValue | Partial | Instance)
        if not is_own and not is_harmless_decorator(decorator):
            gap = interpreter.undecided(node, f"the function {node.name} is decorated")
            interpreter.calls.not_worked_out(node, gap)
            interpreter.bind(node.name, gap)
            return Flow.NEXT
    return CERTAIN[ast.FunctionDef](interpreter, node)


STATEMENTS: dict[type, Callable[[Any, Any], Flow]] = {
    **CERTAIN,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
}
