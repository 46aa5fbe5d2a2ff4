"""Plain Python values as abstract values, and those that are keys of dictionaries."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from fabric_assets.lineage.values import (
    Const,
    Instance,
    Items,
    Mapping,
    Text,
    Unknown,
    is_empty_parameter,
    unwrapped,
)

_MAX_UNKNOWN_KEYS = 50
_MAX_PARTS = 100_000  # of a value of which all is needed

NO_KEY = object()
"""No key of a dictionary that is known."""


def as_key(value: Any) -> Any:
    """The key of a dictionary that a value is, ``NO_KEY`` if it is not known."""
    if isinstance(value, Const) and isinstance(
        value.value, str | int | float | bool | bytes | tuple | type(None)
    ):
        return value.value
    if isinstance(value, Instance) and value.cls is not None and value.cls.is_enumeration:
        return value
    return NO_KEY


@dataclass(eq=False)
class UnknownKey:
    """A key of which is only known that it is one: its value counts where all values of the dictionary do."""

    value: Any


def put(mapping: Mapping, key: Any, value: Any) -> None:
    """Store a value in a dictionary, also under a key that is not known."""
    known = as_key(key)
    if known is not NO_KEY:
        mapping.entries[known] = value
        return
    mapping.complete = False
    held = sum(isinstance(entry, UnknownKey) for entry in mapping.entries)
    if held < _MAX_UNKNOWN_KEYS and not any(entry is value for entry in mapping.entries.values()):
        mapping.entries[UnknownKey(key)] = value


def from_key(key: Any) -> Any:
    """The value of a key of a dictionary."""
    if isinstance(key, UnknownKey):
        return key.value
    return key if isinstance(key, Instance) else Const(key)


def find_entry(mapping: Mapping, value: Any) -> Any:
    """The key of the dictionary that a value is, ``NO_KEY`` if there is none."""
    for candidate in (value, unwrapped(value)):
        key = as_key(candidate)
        try:
            if key is not NO_KEY and key in mapping.entries:
                return key
        except TypeError:
            continue
    return NO_KEY


def from_python(value: Any, overridable: bool = False) -> Any:
    """The abstract value of a plain Python value."""
    if isinstance(value, dict):
        return Mapping({key: from_python(item, overridable) for key, item in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        ordered = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        items = [from_python(item, overridable) for item in ordered]
        return Items(items, kind=type(value).__name__.removeprefix("frozen"))
    return Const(value, overridable)


def to_python(value: Any) -> Any:
    """The plain Python value.

    Raises:
        ValueError: a part of it is not known, or it is very large.
    """
    return _to_python(value, count(1))


def _to_python(value: Any, parts: Iterator[int]) -> Any:
    value = unwrapped(value)
    if isinstance(value, Const):
        return value.value
    if next(parts) > _MAX_PARTS:
        raise ValueError("very large")
    if isinstance(value, Items) and value.complete:
        items = [_to_python(item, parts) for item in value.items]
        if value.kind == "set":
            try:
                return set(items)
            except TypeError as error:
                raise ValueError("not a constant") from error
        return tuple(items) if value.kind == "tuple" else items
    if isinstance(value, Mapping) and value.complete:
        return {_to_python(from_key(key), parts): _to_python(v, parts) for key, v in value.entries.items()}
    raise ValueError("not a constant")


def text_of(value: Any) -> Const | Text:
    """The value as part of a text, as ``str()`` would give it."""
    value = unwrapped(value)
    if isinstance(value, Text):
        return value
    if isinstance(value, Const):
        if is_empty_parameter(value):
            return Text((Unknown("a parameter whose value here is empty"),))
        if isinstance(value.value, str):
            return value
        return Const(str(value.value), value.overridable)
    if isinstance(value, Items | Mapping):
        try:
            has_order = not isinstance(value, Items) or value.kind != "set" or len(value.items) < 2
            return Const(str(to_python(value))) if has_order else Text((Unknown(),))
        except ValueError:
            return Text((Unknown(),))
    return Text((value if isinstance(value, Unknown) else Unknown(),))
