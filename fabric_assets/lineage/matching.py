"""``match`` statements: which patterns a value has, and the names that they bind."""

import ast
from collections.abc import Callable, Sequence
from typing import Any

from fabric_assets.lineage.classes import compared_members, member
from fabric_assets.lineage.inheritance import method_order
from fabric_assets.lineage.interpreter import Flow, Interpreter
from fabric_assets.lineage.plain import NO_KEY, find_entry
from fabric_assets.lineage.values import (
    ClassValue,
    Const,
    Instance,
    Items,
    Lib,
    Mapping,
    OneOf,
    Text,
    Unknown,
    unwrapped,
)

_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (float,), "bool": (bool,), "list": (list,), "tuple": (tuple,),
    "dict": (dict,),
}  # fmt: skip


def match_statement(interpreter: Interpreter, node: ast.Match) -> Flow:
    """Follow the cases that may hold, up to the first that surely does."""
    subject = interpreter.evaluate(node.subject)
    bodies: list[Callable[[], Flow]] = []
    for case in node.cases:
        holds = _holds(interpreter, case, subject)
        if holds is False:
            continue
        if holds and not bodies:
            return interpreter.run(case.body)
        bodies.append(lambda case=case: _case(interpreter, case, subject))  # type: ignore[misc]
        if holds:
            break
    else:
        bodies.append(lambda: Flow.NEXT)
    return interpreter.branch(bodies)


def _holds(interpreter: Interpreter, case: ast.match_case, subject: Any) -> bool | None:
    holds = _matches(interpreter, case.pattern, subject)
    if holds is False or case.guard is None:
        return holds
    guard = interpreter.decided(interpreter.evaluate(case.guard))
    return False if guard is False else holds and guard


def _case(interpreter: Interpreter, case: ast.match_case, subject: Any) -> Flow:
    _matches(interpreter, case.pattern, subject)
    return interpreter.run(case.body)


def _matches(interpreter: Interpreter, pattern: ast.pattern, subject: Any) -> bool | None:
    """Whether the value has the pattern, ``None`` if that is not known; its names are bound."""
    if isinstance(pattern, ast.MatchAs):
        found = True if pattern.pattern is None else _matches(interpreter, pattern.pattern, subject)
        if pattern.name:
            interpreter.bind(pattern.name, subject)
        return found
    if isinstance(pattern, ast.MatchOr):
        return _any_of(interpreter, pattern.patterns, subject)
    if isinstance(subject, Unknown | OneOf):
        return _unknown(interpreter, pattern)
    if isinstance(pattern, ast.MatchValue):
        return _equal(interpreter.evaluate(pattern.value), subject)
    if isinstance(pattern, ast.MatchSingleton):
        return _equal(Const(pattern.value), subject)
    if isinstance(pattern, ast.MatchSequence):
        return _sequence(interpreter, pattern.patterns, subject)
    if isinstance(pattern, ast.MatchMapping):
        return _mapping(interpreter, pattern, subject)
    if isinstance(pattern, ast.MatchClass):
        return _class(interpreter, pattern, subject)
    return _unknown(interpreter, pattern)


def _unknown(interpreter: Interpreter, pattern: ast.pattern) -> bool | None:
    """Bind the names of a pattern of which it is not known whether it holds, ``None``."""
    for node in ast.walk(pattern):
        name = node.rest if isinstance(node, ast.MatchMapping) else getattr(node, "name", None)
        if name:
            interpreter.bind(name, Unknown(f"`{name}` of a `case`"))
    return None


def _any_of(interpreter: Interpreter, patterns: Sequence[ast.pattern], subject: Any) -> bool | None:
    results = []
    for pattern in patterns:
        results.append(_matches(interpreter, pattern, subject))
        if results[-1]:
            return True
    return None if None in results else False


def _all_of(results: Sequence[bool | None]) -> bool | None:
    if False in results:
        return False
    return None if None in results else True


def _equal(value: Any, subject: Any) -> bool | None:
    members = compared_members(value, subject)
    if members is not None:
        return members
    value, subject = unwrapped(value), unwrapped(subject)
    if isinstance(value, Const) and isinstance(subject, Const):
        return None if subject.overridable else bool(value.value == subject.value)
    return False if isinstance(value, Const) and isinstance(subject, Items | Mapping | Instance) else None


def _sequence(interpreter: Interpreter, patterns: Sequence[ast.pattern], subject: Any) -> bool | None:
    if not isinstance(subject, Items):
        return False
    stars = [position for position, part in enumerate(patterns) if isinstance(part, ast.MatchStar)]
    items, least = subject.items, len(patterns) - len(stars)
    if not subject.complete or len(items) < least or (len(items) > least and not stars):
        for pattern in patterns:
            _unknown(interpreter, pattern)
        return False if subject.complete else None
    results: list[bool | None] = []
    for position, pattern in enumerate(patterns):
        if isinstance(pattern, ast.MatchStar):
            if pattern.name:
                interpreter.bind(pattern.name, Items(items[position : position + len(items) - least]))
            continue
        offset = position if not stars or position < stars[0] else position - len(patterns)
        results.append(_matches(interpreter, pattern, items[offset]))
    return _all_of(results)


def _mapping(interpreter: Interpreter, pattern: ast.MatchMapping, subject: Any) -> bool | None:
    if not isinstance(subject, Mapping):
        return False
    results: list[bool | None] = []
    taken = []
    for key_node, part in zip(pattern.keys, pattern.patterns, strict=True):
        key = find_entry(subject, interpreter.evaluate(key_node))
        if key is NO_KEY:
            _unknown(interpreter, part)
            results.append(False if subject.complete else None)
        else:
            taken.append(key)
            results.append(_matches(interpreter, part, subject.entries[key]))
    if pattern.rest:
        rest = {key: value for key, value in subject.entries.items() if key not in taken}
        interpreter.bind(pattern.rest, Mapping(rest, subject.complete))
    return _all_of(results)


def _class(interpreter: Interpreter, pattern: ast.MatchClass, subject: Any) -> bool | None:
    cls = interpreter.evaluate(pattern.cls)
    if isinstance(cls, Lib) and cls.name.startswith("builtins."):
        kinds = _KINDS.get(cls.name.removeprefix("builtins."), ())
        found = _is_of(subject, kinds) if kinds else None
        if found is None:
            return _unknown(interpreter, pattern)
        parts = [_matches(interpreter, part, subject) for part in pattern.patterns[:1]]
        return _all_of([found, *parts])
    if isinstance(cls, ClassValue) and isinstance(subject, Const | Text | Items | Mapping):
        return False
    if not isinstance(cls, ClassValue) or not isinstance(subject, Instance) or subject.cls is None:
        return _unknown(interpreter, pattern)
    if cls not in method_order(subject.cls):
        return False
    names = [*cls.fields.names[: len(pattern.patterns)], *pattern.kwd_attrs]
    results: list[bool | None] = []
    for name, part in zip(names, [*pattern.patterns, *pattern.kwd_patterns], strict=False):
        value = member(interpreter, subject, name)
        results.append(_matches(interpreter, part, Unknown() if value is None else value))
    return _all_of(results)


def _is_of(subject: Any, kinds: tuple[type, ...]) -> bool | None:
    if isinstance(subject, Text):
        return str in kinds
    if isinstance(subject, Const):
        return isinstance(subject.value, kinds)
    if isinstance(subject, Items):
        return (tuple if subject.kind == "tuple" else list) in kinds
    return dict in kinds if isinstance(subject, Mapping) else None
