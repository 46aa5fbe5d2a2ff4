"""The expression language of data pipelines: ``@pipeline().parameters.x``, ``@concat('a', item())``, ``text @{...}``.

Source: Data Factory's documentation of expressions and functions. Only what ``FUNCTIONS`` has is known here.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Resolver = Callable[[str, list[Any]], Any]
"""Gives the value of a function that needs the pipeline run, such as ``activity('A')``."""

SCOPED_FUNCTIONS = ("activity", "item", "pipeline", "variables")
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[().,\[\]?]))"
)
_CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "null": None}


class ExpressionError(Exception):
    """An expression that cannot be evaluated; the message says why."""


def evaluate(value: Any, resolve: Resolver) -> Any:
    """A value of a definition with all its expressions evaluated, in objects and lists too.

    Args:
        value: any JSON; texts that begin with ``@`` or contain ``@{...}``, and ``{"value", "type": "Expression"}``.
        resolve: gives the values of ``pipeline()``, ``variables('x')``, ``activity('x')`` and ``item()``.

    Raises:
        ExpressionError: with the expression and the reason.
    """
    if isinstance(value, dict):
        if value.get("type") == "Expression" and set(value) <= {"value", "type", "content"}:
            return evaluate(value.get("value", value.get("content")), resolve)
        return {name: evaluate(entry, resolve) for name, entry in value.items()}
    if isinstance(value, list):
        return [evaluate(entry, resolve) for entry in value]
    return _text(value, resolve) if isinstance(value, str) else value


def _text(text: str, resolve: Resolver) -> Any:
    if text.startswith("@@"):
        return text[1:]
    if text.startswith("@") and not text.startswith("@{"):
        return _Parser(text[1:], resolve).whole()
    return _interpolated(text, resolve)


def _interpolated(text: str, resolve: Resolver) -> Any:
    """A text with ``@{...}`` in it; ``@@{`` stands for itself."""
    parts, position = [], 0
    while (found := text.find("@{", position)) >= 0:
        if text[found - 1 : found] == "@":
            parts.append(text[position:found] + "{")
            position = found + 2
            continue
        end = _closing_brace(text, found + 2)
        inner = _Parser(text[found + 2 : end], resolve).whole()
        parts += [text[position:found], as_text(inner)]
        position = end + 1
    return "".join([*parts, text[position:]])


def _closing_brace(text: str, start: int) -> int:
    quoted = False
    for index in range(start, len(text)):
        if text[index] == "'":
            quoted = not quoted
        elif text[index] == "}" and not quoted:
            return index
    raise ExpressionError(f"'{text}': a closing brace is missing.")


def as_text(value: Any) -> str:
    """A value as ``string()`` and interpolation write it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _Parser:
    """Evaluates one expression while it reads it."""

    def __init__(self, source: str, resolve: Resolver) -> None:
        self._source = source
        self._resolve = resolve
        self._tokens = self._tokenized()
        self._position = 0

    def whole(self) -> Any:
        """The value of all of it."""
        value = self._value()
        if self._position < len(self._tokens):
            raise self._error(f"'{self._peek()}' is not expected")
        return value

    def _tokenized(self) -> list[tuple[str, str]]:
        tokens, position = [], 0
        while self._source[position:].strip():
            found = _TOKEN.match(self._source, position)
            if found is None or found.lastgroup is None:
                raise self._error(f"'{self._source[position:].strip()[:20]}' is not understood")
            tokens.append((found.lastgroup, found[found.lastgroup]))
            position = found.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._position][1] if self._position < len(self._tokens) else ""

    def _take(self, expected: str | None = None) -> tuple[str, str]:
        if self._position >= len(self._tokens):
            raise self._error("it ends too early")
        token = self._tokens[self._position]
        if expected is not None and token[1] != expected:
            raise self._error(f"'{expected}' is expected, not '{token[1]}'")
        self._position += 1
        return token

    def _value(self) -> Any:
        kind, text = self._take()
        if kind == "text":
            value: Any = text[1:-1].replace("''", "'")
        elif kind == "number":
            value = float(text) if "." in text else int(text)
        elif kind == "name" and self._peek() == "(":
            value = self._call(text)
        elif kind == "name" and text.casefold() in _CONSTANTS:
            value = _CONSTANTS[text.casefold()]
        else:
            raise self._error(f"'{text}' is not understood")
        return self._members(value)

    def _call(self, name: str) -> Any:
        self._take("(")
        arguments: list[Any] = []
        while self._peek() != ")":
            if arguments:
                self._take(",")
            arguments.append(self._value())
        self._take(")")
        if name.casefold() in SCOPED_FUNCTIONS:
            return self._resolve(name.casefold(), arguments)
        function = FUNCTIONS.get(name.casefold())
        if function is None:
            raise self._error(f"the local Fabric does not know the function '{name}'")
        try:
            return function(*arguments)
        except (TypeError, ValueError, LookupError, ArithmeticError) as error:
            raise self._error(f"{name}() cannot take {json.dumps(arguments, default=str)[1:-1]}") from error

    def _members(self, value: Any) -> Any:
        while self._peek() in (".", "[", "?"):
            optional = self._peek() == "?"
            if optional:
                self._take()
            if self._take()[1] == "[":
                key = self._value()
                self._take("]")
            else:
                key = self._take()[1]
            if optional and value is None:
                continue
            value = self._member(value, key, optional=optional)
        return value

    def _member(self, value: Any, key: Any, *, optional: bool) -> Any:
        if isinstance(value, list) and isinstance(key, int) and -1 < key < len(value):
            return value[key]
        if isinstance(value, dict):
            by_case = {name.casefold(): name for name in value}
            if str(key).casefold() in by_case:
                return value[by_case[str(key).casefold()]]
        if optional:
            return None
        there = f"; there are {', '.join(map(str, value))}" if isinstance(value, dict) and value else ""
        raise self._error(f"'{key}' does not exist{there}")

    def _error(self, reason: str) -> ExpressionError:
        return ExpressionError(f"The expression '@{self._source}' cannot be evaluated: {reason}.")


def _equals(left: Any, right: Any) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _boolean(value: Any) -> bool:
    if isinstance(value, str) and value.casefold() in ("true", "false", "1", "0"):
        return value.casefold() in ("true", "1")
    if not isinstance(value, bool | int):
        raise TypeError
    return bool(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _contains(collection: Any, value: Any) -> bool:
    return str(value) in collection if isinstance(collection, str) else value in collection


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": lambda left, right: left + right,
    "and": lambda *values: all(_truth(value) for value in values),
    "bool": _boolean,
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "concat": lambda *values: "".join(as_text(value) for value in values),
    "contains": _contains,
    "createarray": lambda *values: list(values),
    "empty": lambda value: value is None or len(value) == 0,
    "equals": _equals,
    "float": float,
    "greater": lambda left, right: left > right,
    "greaterorequals": lambda left, right: left >= right,
    "if": lambda condition, when_true, when_false: when_true if _truth(condition) else when_false,
    "int": lambda value: int(value),
    "json": json.loads,
    "length": len,
    "less": lambda left, right: left < right,
    "lessorequals": lambda left, right: left <= right,
    "mul": lambda left, right: left * right,
    "not": lambda value: not _truth(value),
    "or": lambda *values: any(_truth(value) for value in values),
    "replace": lambda text, old, new: text.replace(old, new),
    "split": lambda text, separator: text.split(separator),
    "string": as_text,
    "sub": lambda left, right: left - right,
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
}
"""By their names without case."""
