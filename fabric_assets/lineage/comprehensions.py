"""Comprehensions and generator expressions: their loops, their tests, what they make."""

import ast
from collections.abc import Callable
from typing import Any

from fabric_assets.lineage.assignments import assign
from fabric_assets.lineage.collection_calls import as_set
from fabric_assets.lineage.interpreter import Interpreter
from fabric_assets.lineage.plain import put
from fabric_assets.lineage.values import Const, Items, Mapping, Scope


def comprehension(interpreter: Interpreter, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Any:
    """The value of ``[... for ...]``, ``{... for ...}`` or ``(... for ...)``."""
    items: list[Any] = []

    def add(test: Any) -> None:
        item = interpreter.evaluate(node.elt)
        items.append(item if test is None else interpreter.perhaps(item, test))

    complete = _comprehended(interpreter, node.generators, add)
    return as_set(items, complete) if isinstance(node, ast.SetComp) else Items(items, complete)


def dict_comprehension(interpreter: Interpreter, node: ast.DictComp) -> Any:
    """The value of ``{...: ... for ...}``."""
    made = Mapping({})

    def add(test: Any) -> None:
        key, value = interpreter.evaluate(node.key), interpreter.evaluate(node.value)
        if test is None or interpreter.guesses:
            put(made, key, value)
        else:
            made.complete = False

    complete = _comprehended(interpreter, node.generators, add)
    made.complete = made.complete and complete
    return made


def _comprehended(
    interpreter: Interpreter, generators: list[ast.comprehension], add: Callable[[Any], None]
) -> bool:
    former = interpreter.enter(Scope({}, interpreter.scope))
    try:
        return _generate(interpreter, generators, add)
    finally:
        interpreter.enter(former)


def _generate(
    interpreter: Interpreter,
    generators: list[ast.comprehension],
    add: Callable[[Any], None],
    undecided: Any = None,
) -> bool:
    """Follow the loops of a comprehension; whether all is known that it has.

    Args:
        interpreter: evaluates.
        generators: the loops.
        add: takes the element, and the test that does not decide about it (``None``: it is there).
        undecided: such a test of a loop around these.
    """
    if not generators:
        add(undecided)
        return True
    first, rest = generators[0], generators[1:]
    iterable = interpreter.evaluate(first.iter)
    items, whole = interpreter.iterate(iterable)
    complete = whole
    has_unknown = not complete and not (items and interpreter.guesses)
    notes = interpreter.session.notes
    for item in items[: interpreter.max_items]:
        value, doubtful = interpreter.item_of(item)
        assign(interpreter, first.target, value)
        tests = [interpreter.evaluate(test) for test in first.ifs]
        decisions = [_is_kept(interpreter, test) for test in tests]
        if doubtful is not None:
            tests, decisions = [*tests, doubtful], [*decisions, None]
        if False in decisions:
            continue
        if None in decisions:
            test = tests[decisions.index(None)]
            with interpreter.in_doubt(test):
                known = _generate(interpreter, rest, add, test)
            complete = complete and known and not interpreter.guesses
        else:
            complete = _generate(interpreter, rest, add, undecided) and complete
    if items:
        interpreter.report_rest(notes, len(items), whole)
    if has_unknown:  # what the element does is seen, but nothing is known of the item
        with interpreter.in_doubt(iterable):
            assign(interpreter, first.target, interpreter.element(iterable))
            for test in first.ifs:
                interpreter.evaluate(test)
            _generate(interpreter, rest, add, iterable)
    return complete and len(items) <= interpreter.max_items


def _is_kept(interpreter: Interpreter, test: Any) -> bool | None:
    """Whether a filter keeps an item: one that is a text of a parameter if it is not empty here."""
    if isinstance(test, Const) and test.overridable and (isinstance(test.value, str) or test.value):
        return bool(test.value)
    return interpreter.decided(test)
