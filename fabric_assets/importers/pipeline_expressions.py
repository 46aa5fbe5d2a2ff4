"""Works out the expressions of pipelines, such as ``@concat('a', pipeline().parameters.x)``, as far as possible."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<mark>\?\.|\?\[|[().,\[\]]))"
)
_MAX_DEPTH = 40
_MAX_SIZE = 100_000
_EXIT_VALUE_PATHS = ("output.result.exitvalue", "exitvalue()", "output.status.output.result.exitvalue")


class NotDecidedError(Exception):
    """An expression whose value the file alone does not tell; the message says why."""


@dataclass(frozen=True)
class ActivityValue:
    """Something of an activity's output: its name and the path, in lower case."""

    activity: str
    path: str = ""

    @property
    def is_exit_value(self) -> bool:
        """Whether it is the exit value of a notebook."""
        return self.path in _EXIT_VALUE_PATHS


@dataclass
class ExpressionContext:
    """What expressions can refer to.

    Attributes:
        pipeline: name of the pipeline.
        parameters: parameters that have a value.
        variables: variables that nothing sets, with their values.
        items: the item of the ``ForEach`` around; ``[]`` if there is none or it is not known.
        used: parameters that were read.
        activities: activities that were read.
    """

    pipeline: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    activities: list[str] = field(default_factory=list)


def is_expression(value: Any) -> bool:
    """Whether a value has to be worked out."""
    if isinstance(value, dict):
        return str(value.get("type", "")).lower() == "expression" and "value" in value
    return isinstance(value, str) and ("@{" in value or (value.startswith("@")))


def source_of(value: Any) -> str:
    """The expression as text, for messages, cut."""
    text = value["value"] if isinstance(value, dict) and "value" in value else value
    text = text if isinstance(text, str) else json.dumps(text, default=str)[:200]
    return text if len(text) <= 120 else text[:119] + "…"


def work_out(value: Any, context: ExpressionContext) -> Any:
    """The value of a text, or of ``{"value": ..., "type": "Expression"}``; an ``ActivityValue`` for an exit value.

    Args:
        value: what stands in the file.
        context: what it can refer to; the parameters and activities that it reads are noted there.

    Raises:
        NotDecidedError: the file alone does not tell.
    """
    if isinstance(value, dict) and is_expression(value):
        value = value["value"]
    if not isinstance(value, str):
        return value
    if value.startswith("@@"):
        return value[1:]
    if value.startswith("@") and not value.startswith("@{"):
        return _Parser(value[1:], context).whole()
    if "@{" not in value:
        return value
    return _interpolated(value, context)


def _interpolated(text: str, context: ExpressionContext) -> Any:
    parts: list[str] = []
    position = 0
    while (start := text.find("@{", position)) >= 0:
        if start > 0 and text[start - 1] == "@":  # @@{ is a literal @{
            parts.append(text[position : start - 1] + "@{")
            position = start + 2
            continue
        parser = _Parser(text[start + 2 :], context)
        inner = parser.expression()
        end = parser.end_of_braces()
        if isinstance(inner, ActivityValue):
            if start == 0 and start + 2 + end == len(text):
                return inner
            raise NotDecidedError("it puts an exit value into a text, which only the notebook itself can do")
        parts += [text[position:start], _as_text(inner)]
        position = start + 2 + end
    parts.append(text[position:])
    return "".join(parts)


class _Parser:
    """Reads and computes in one go; expressions are small."""

    def __init__(self, text: str, context: ExpressionContext) -> None:
        self._text = text
        self._position = 0
        self._context = context
        self._depth = 0

    def whole(self) -> Any:
        value = self.expression()
        if self._text[self._position :].strip():
            raise NotDecidedError(f"it has something behind its end: {self._text[self._position :][:40]!r}")
        if isinstance(value, _Pipeline):
            raise NotDecidedError("pipeline() is no value")
        return value

    def end_of_braces(self) -> int:
        rest = self._text[self._position :]
        if not rest.lstrip().startswith("}"):
            raise NotDecidedError("a } is missing")
        return self._position + rest.index("}") + 1

    def expression(self) -> Any:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise NotDecidedError("it is nested too deeply")
        kind, token = self._next()
        if kind == "text":
            value: Any = token[1:-1].replace("''", "'")
        elif kind == "number":
            value = float(token) if "." in token else int(token[:400])
        elif kind == "name" and self._peek() == "(":
            value = self._function(token)
        elif kind == "name" and token.lower() in ("true", "false", "null"):
            value = {"true": True, "false": False, "null": None}[token.lower()]
        else:
            raise NotDecidedError(f"{token!r} is not understood" if token else "it ends too early")
        while self._peek() in (".", "?.", "[", "?["):
            value = self._member(value)
        self._depth -= 1
        return value

    def _member(self, value: Any) -> Any:
        _, mark = self._next()
        if mark.endswith("["):
            key = self.expression()
            self._expect("]")
        else:
            kind, key = self._next()
            if kind != "name":
                raise NotDecidedError("a name is missing behind a dot")
        if isinstance(value, _Pipeline):
            return value.member(str(key), self._context)
        if isinstance(value, ActivityValue):
            call = ""
            if self._peek() == "(":
                self._next()
                self._expect(")")
                call = "()"
            path = f"{value.path}.{key}" if value.path else str(key)
            return ActivityValue(value.activity, path.lower() + call)
        if isinstance(value, dict):
            found = {str(name).lower(): entry for name, entry in value.items()}
            if str(key).lower() in found:
                return found[str(key).lower()]
        if isinstance(value, list) and type(key) is int and -len(value) <= key < len(value):
            return value[key]
        if mark.startswith("?"):
            return None
        raise NotDecidedError(f"{key!r} is not there")

    def _function(self, name: str) -> Any:
        self._expect("(")
        args: list[Any] = []
        while self._peek() != ")":
            if args:
                self._expect(",")
            args.append(self.expression())
        self._expect(")")
        return _call(name.lower(), args, self._context)

    def _next(self) -> tuple[str, str]:
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            rest = self._text[self._position :].strip()
            if rest.startswith("}") or not rest:
                raise NotDecidedError("it ends too early")
            raise NotDecidedError(f"{rest[:20]!r} is not understood")
        self._position = match.end()
        return str(match.lastgroup), match[match.lastgroup or 0]

    def _peek(self) -> str:
        match = _TOKEN.match(self._text, self._position)
        return match["mark"] or "" if match is not None else ""

    def _expect(self, mark: str) -> None:
        if self._peek() != mark:
            rest = self._text[self._position :].strip()
            raise NotDecidedError(
                f"a {mark} is missing before {rest[:20]!r}" if rest else "it ends too early"
            )
        self._next()


class _Pipeline:
    """``pipeline()``."""

    def __init__(self, parameters: bool = False) -> None:
        self._parameters = parameters

    def member(self, name: str, context: ExpressionContext) -> Any:
        lower = name.lower()
        if self._parameters:
            known = {key.lower(): key for key in context.parameters}
            if lower not in known:
                raise NotDecidedError(f"the pipeline's parameter {name} has no default value")
            context.used.add(known[lower])
            return context.parameters[known[lower]]
        if lower == "parameters":
            return _Pipeline(parameters=True)
        if lower in ("pipeline", "pipelinename"):
            return context.pipeline
        if lower == "libraryvariables":
            raise NotDecidedError("it reads a variable library")
        raise NotDecidedError(f"pipeline().{name} is known only while a pipeline runs")


def _call(name: str, args: list[Any], context: ExpressionContext) -> Any:
    if name == "pipeline" and not args:
        return _Pipeline()
    if name == "activity" and len(args) == 1 and isinstance(args[0], str):
        context.activities.append(args[0])
        return ActivityValue(args[0])
    if name == "item" and not args:
        if not context.items:
            raise NotDecidedError("item() is one of the items of a ForEach that are not known")
        return context.items[-1]
    if name == "variables" and len(args) == 1:
        known = {str(key).lower(): entry for key, entry in context.variables.items()}
        if str(args[0]).lower() in known:
            return known[str(args[0]).lower()]
        raise NotDecidedError(f"the variable {args[0]} is set while the pipeline runs")
    if name == "string" and len(args) == 1 and isinstance(args[0], ActivityValue):
        return args[0]
    for value in args:
        if isinstance(value, ActivityValue):
            raise NotDecidedError(f"it computes with the output of activity {value.activity!r}")
        if isinstance(value, _Pipeline):
            raise NotDecidedError("pipeline() is no value")
    function = _FUNCTIONS.get(name)
    if function is None:
        now = name in ("utcnow", "guid", "rand", "ticks", "trigger", "workspace", "newguid") or "time" in name
        raise NotDecidedError(
            f"{name}() is known only while a pipeline runs"
            if now
            else f"the function {name}() is not worked out"
        )
    try:
        result = function(*args)
    except NotDecidedError:
        raise
    except Exception as error:
        raise NotDecidedError(f"{name}() fails: {str(error)[:80]}") from error
    if isinstance(result, str | list | dict) and len(result) > _MAX_SIZE:
        raise NotDecidedError("its value is too large")
    return result


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "True" if value else "False"
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def _equals(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str) and left != right and left.lower() == right.lower():
        raise NotDecidedError("two texts differ only in case")
    if isinstance(left, bool) != isinstance(right, bool):
        raise NotDecidedError("a truth value is compared with something else")
    return bool(left == right)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    if type(value) is int:
        return value != 0
    raise NotDecidedError(f"{value!r} is no truth value")


def _numbers(*values: Any) -> None:
    if not all(type(value) in (int, float) and abs(value) < 1e15 for value in values):
        raise NotDecidedError("it computes with something that is no number")


def _arithmetic(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compute(left: Any, right: Any) -> Any:
        _numbers(left, right)
        return function(left, right)

    return compute


def _divide(left: Any, right: Any) -> Any:
    return int(left / right) if type(left) is type(right) is int else left / right


def _choose(condition: Any, then: Any, otherwise: Any) -> Any:
    return then if _truth(condition) else otherwise


def _contains(where: Any, what: Any) -> bool:
    return str(what) in where if isinstance(where, str) else what in where


def _range(start: int, count: int) -> list[int]:
    if count > _MAX_SIZE:
        raise NotDecidedError("its value is too large")
    return list(range(start, start + count))


def _replace(text: str, old: str, new: str) -> str:
    if len(text) * (len(new) + 1) > _MAX_SIZE * 10:
        raise NotDecidedError("its value is too large")
    return text.replace(old, new)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": _arithmetic(lambda left, right: left + right),
    "and": lambda left, right: _truth(left) and _truth(right),
    "array": lambda value: value if isinstance(value, list) else [value],
    "bool": _truth,
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "concat": lambda *values: "".join(_as_text(value) for value in values),
    "contains": _contains,
    "createarray": lambda *values: list(values),
    "div": _arithmetic(_divide),
    "empty": lambda value: not value,
    "endswith": lambda text, end: text.lower().endswith(end.lower()),
    "equals": _equals,
    "first": lambda values: values[0],
    "float": float,
    "greater": _arithmetic(lambda left, right: left > right),
    "greaterorequals": _arithmetic(lambda left, right: left >= right),
    "if": _choose,
    "int": int,
    "join": lambda values, separator: separator.join(_as_text(value) for value in values),
    "json": json.loads,
    "last": lambda values: values[-1],
    "length": len,
    "less": _arithmetic(lambda left, right: left < right),
    "lessorequals": _arithmetic(lambda left, right: left <= right),
    "mod": _arithmetic(lambda left, right: left % right),
    "mul": _arithmetic(lambda left, right: left * right),
    "not": lambda value: not _truth(value),
    "or": lambda left, right: _truth(left) or _truth(right),
    "range": _range,
    "replace": _replace,
    "split": lambda text, separator: text.split(separator),
    "startswith": lambda text, start: text.lower().startswith(start.lower()),
    "string": _as_text,
    "sub": _arithmetic(lambda left, right: left - right),
    "substring": lambda text, start, length: text[start : start + length],
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
}
