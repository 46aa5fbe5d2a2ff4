"""Methods and formats of texts whose parts may be unknown."""

import re
import string
from collections.abc import Callable, Sequence
from typing import Any

from fabric_assets.lineage.paths import path_method
from fabric_assets.lineage.plain import from_python, text_of, to_python
from fabric_assets.lineage.sql_text import split_statements
from fabric_assets.lineage.values import (
    MAX_TEXT,
    VERY_LONG,
    Const,
    Items,
    Mapping,
    Text,
    Unknown,
    concatenate,
    is_empty_parameter,
)
from fabric_assets.lineage.words import words
from fabric_assets.lineage.work import spend

_CONVERSIONS: dict[int, Callable[[Any], Any]] = {ord("s"): str, ord("r"): repr, ord("a"): ascii}
_PERCENT = re.compile(r"%(?:\((?P<name>[^)]*)\))?(?P<spec>[#0\- +]*\d*(?:\.\d+)?)(?P<type>[sdrifgxoeEXGc%])")
_PIECEWISE = ("lower", "upper", "casefold", "replace", "swapcase")
_METHODS = words("""
    capitalize casefold count endswith find format index isdigit isalpha isupper islower isidentifier
    lower lstrip partition removeprefix removesuffix replace rfind rindex rpartition rsplit rstrip split
    splitlines startswith strip swapcase title upper zfill isalnum encode ljust rjust center
""")


def format_value(value: Const, spec: str, conversion: int) -> Const | Unknown:
    """A constant as ``{value!r:spec}`` gives it."""
    if is_empty_parameter(value):
        return Unknown("a parameter whose value here is empty")
    if re.search(r"\d{4}", spec):
        return Unknown(VERY_LONG)
    try:
        content = _CONVERSIONS.get(conversion, lambda x: x)(value.value)
        return Const(format(content, spec), value.overridable)
    except (TypeError, ValueError):
        return Unknown()


def format_percent(template: Const | Text, values: Any) -> Any:
    """The result of ``template % values``."""
    entries: list[Any] = (
        list(values.items) if isinstance(values, Items) and values.kind == "tuple" else [values]
    )
    parts: list[Const | Text] = []
    position = 0
    pieces: Sequence[str | Unknown] = template.parts if isinstance(template, Text) else (str(template.value),)
    for piece in pieces:
        if isinstance(piece, Unknown):
            parts.append(Text((piece,)))
            continue
        end = 0
        for match in _PERCENT.finditer(piece):
            spend(1)
            parts.append(Const(piece[end : match.start()]))
            end = match.end()
            if match["type"] == "%":
                parts.append(Const("%"))
                continue
            value: Any = Unknown()
            if match["name"] is not None:
                if isinstance(values, Mapping):
                    value = values.entries.get(match["name"], Unknown())
            elif position < len(entries):
                value = entries[position]
                position += 1
            is_plain = isinstance(value, Const) and not is_empty_parameter(value)
            if (match["spec"] or match["type"] != "s") and is_plain:
                if re.search(r"\d{4}", match["spec"]):
                    return Unknown(VERY_LONG)
                try:
                    value = Const(("%" + match["spec"] + match["type"]) % value.value, value.overridable)
                except (TypeError, ValueError):
                    value = Unknown()
            parts.append(text_of(value))
        parts.append(Const(piece[end:]))
    overridable = isinstance(template, Const) and template.overridable
    return concatenate([*parts, Const("", overridable)])


def may_be(pattern: Text, name: str) -> bool:
    """Whether a text of which only parts are known may be this name."""
    parts = (re.escape(part) if isinstance(part, str) else ".*" for part in pattern.parts)
    return re.fullmatch("".join(parts), name, re.DOTALL) is not None


def format_method(template: Const, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """The result of ``template.format(...)``."""
    parts: list[Const | Text] = [Const("", template.overridable)]
    automatic = 0
    try:
        spend(str(template.value).count("{") >> 1)
        fields = list(string.Formatter().parse(str(template.value)))
    except ValueError:
        return Unknown("a format that is wrong")
    for literal, name, spec, conversion in fields:
        parts.append(Const(literal))
        if name is None:
            continue
        value: Any = Unknown(f"the field {{{name}}} of a format")
        first, rest = re.match(r"([^.\[]*)(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
        if first == "":
            first, automatic = str(automatic), automatic + 1
        if first.isdigit() and int(first) < len(arguments):
            value = arguments[int(first)]
        elif first in keywords:
            value = keywords[first]
        key = re.fullmatch(r"\[(\w+)\]", rest)
        if key and isinstance(value, Mapping):
            value = value.entries.get(key[1], Unknown())
        elif rest:
            value = Unknown(f"the field {{{name}}} of a format")
        if isinstance(value, Const):
            value = format_value(value, spec or "", ord(conversion) if conversion else -1)
        parts.append(text_of(value))
    return concatenate(parts)


def join(separator: Const, items: Any) -> Any:
    """The result of ``separator.join(items)``."""
    if not isinstance(items, Items):
        return Unknown()
    parts: list[Const | Text] = []
    spend(len(items.items) >> 2)
    for position, item in enumerate(items.items):
        if position:
            parts.append(separator)
        parts.append(text_of(item))
    if not items.complete:
        parts.append(Text((Unknown("a list that is only known when the notebook runs"),)))
    return concatenate(parts)


def text_method(value: Const | Text, name: str, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """The result of a method of a text.

    Args:
        value: the text.
        name: the method.
        arguments: its arguments, each one possibility.
        keywords: its keyword arguments.
    """
    if isinstance(value, Const) and name == "join" and arguments:
        return join(value, arguments[0])
    if isinstance(value, Const) and name in ("format", "format_map"):
        if name == "format_map" and arguments and isinstance(arguments[0], Mapping):
            keywords = arguments[0].entries
        return format_method(value, [] if name == "format_map" else arguments, keywords)
    if name == "replace" and len(arguments) == 2 and not isinstance(arguments[1], Const):
        return _replaced(value, *arguments)
    if name in ("read", "getvalue") and not arguments:  # io.StringIO
        return value
    if name == "split" and isinstance(value, Text) and len(arguments) == 1:
        return _split(value, arguments[0])
    moved = path_method(value, name, arguments)
    if moved is not None:
        return moved
    if name not in _METHODS:
        return Unknown()
    try:
        plain = [to_python(argument) for argument in arguments]
        named = {key: to_python(argument) for key, argument in keywords.items()}
    except ValueError:
        return Unknown()
    if any(isinstance(argument, int) and abs(argument) > 10_000 for argument in plain):
        return Unknown()
    try:
        if isinstance(value, Const):
            if name == "replace" and _replaced_length(value.value, *plain[:2]) > MAX_TEXT:
                return Unknown(VERY_LONG)
            return from_python(getattr(value.value, name)(*plain, **named), value.overridable)
        return _on_parts(value, name, plain, named)
    except (TypeError, ValueError, LookupError, OverflowError, AttributeError):
        return Unknown()


def _replaced(value: Const | Text, old: Any, new: Any) -> Any:
    """``value.replace(old, new)`` where only part of ``new`` is known."""
    if not isinstance(old, Const) or not isinstance(old.value, str) or not old.value:
        return Unknown()
    parts: list[Const | Text] = []
    inserted = text_of(new)
    size = len(inserted.parts) if isinstance(inserted, Text) else 1
    for part in value.parts if isinstance(value, Text) else (str(value.value),):
        if isinstance(part, Unknown):
            parts.append(Text((part,)))
            continue
        first, *rest = part.split(old.value)
        spend(len(rest) * size >> 1)
        parts.append(Const(first))
        for piece in rest:
            parts += [inserted, Const(piece)]
    return concatenate(parts)


def _replaced_length(text: str, old: str, new: str) -> int:
    count = text.count(old)
    return len(text) + count * (len(new) - len(old))


def _split(value: Text, separator: Any) -> Any:
    """``value.split(separator)`` where parts are not known; the separator is taken not to be in these."""
    if not isinstance(separator, Const) or not isinstance(separator.value, str) or not separator.value:
        return Unknown()
    pieces: list[list[Const | Text]] = [[]]
    for part in value.parts:
        if isinstance(part, Unknown):
            pieces[-1].append(Text((part,)))
            continue
        first, *rest = part.split(separator.value)
        spend(1 + len(rest))
        pieces[-1].append(Const(first))
        pieces += [[Const(text)] for text in rest]
    return Items([concatenate(piece) for piece in pieces[:1000]], complete=len(pieces) <= 1000)


def split_script(text: Any) -> Any:
    """The statements of a script (``sqlparse.split``)."""
    if isinstance(text, Const) and isinstance(text.value, str):
        spend(len(text.value) >> 3)
        return Items([Const(part) for _, part in split_statements(text.value, "spark")])
    return _split(text, Const(";")) if isinstance(text, Text) else Unknown()


def _on_parts(value: Text, name: str, plain: list[Any], named: dict[str, Any]) -> Any:
    parts = list(value.parts)
    if name in _PIECEWISE:
        changed = (
            Text((p,))
            if isinstance(p, Unknown)
            else text_method(Const(p), name, [Const(v) for v in plain], {})
            for p in parts
        )
        return concatenate(text_of(part) for part in changed)
    first, last = parts[0], parts[-1]
    if name in ("strip", "lstrip", "removeprefix") and isinstance(first, str):
        parts[0] = getattr(first, "lstrip" if name == "strip" else name)(*plain)
    if name in ("strip", "rstrip", "removesuffix") and isinstance(last, str):
        parts[-1] = getattr(last, "rstrip" if name == "strip" else name)(*plain)
    if name in ("strip", "lstrip", "rstrip", "removeprefix", "removesuffix"):
        return Text(tuple(part for part in parts if part != ""))
    if (
        name == "startswith"
        and isinstance(first, str)
        and isinstance(plain[0], str)
        and len(first) >= len(plain[0])
    ):
        return Const(first.startswith(plain[0]))
    if (
        name == "endswith"
        and isinstance(last, str)
        and isinstance(plain[0], str)
        and len(last) >= len(plain[0])
    ):
        return Const(last.endswith(plain[0]))
    return Unknown()
