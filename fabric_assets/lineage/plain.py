"""Plain Python values as abstract values, and those that are keys of dictionaries."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from fabric_assets.lineage.values import (
    MAX_ITEMS,
    MAX_TEXT,
    VERY_LONG,
    ClassValue,
    Const,
    Function,
    Instance,
    Items,
    Mapping,
    Text,
    Unknown,
    is_empty_parameter,
    unwrapped,
)
from fabric_assets.lineage.work import spend

_MAX_UNKNOWN_KEYS = 50
_MAX_CHARACTERS = 5_000
_MAX_PARTS = 50_000  # of a value of which all is needed

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
    known = key if isinstance(key, Instance | ClassValue | Function) else as_key(key)
    if known is not NO_KEY:
        mapping.add({known: value})
        return
    mapping.complete = False
    spend(len(mapping.entries) >> 4)
    held = sum(isinstance(entry, UnknownKey) for entry in mapping.entries)
    if held < _MAX_UNKNOWN_KEYS and not any(entry is value for entry in mapping.entries.values()):
        mapping.add({UnknownKey(key): value})


def from_key(key: Any) -> Any:
    """The value of a key of a dictionary."""
    if isinstance(key, UnknownKey):
        return key.value
    return key if isinstance(key, Instance | ClassValue | Function) else Const(key)


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
    """The abstract value of a plain Python value; the records of a list are taken as they are, together."""
    if isinstance(value, dict):
        spend(len(value) >> 3)
        entries = islice(value.items(), MAX_ITEMS)
        made = {key: from_python(item, overridable) for key, item in entries}
        return Mapping(made, complete=len(value) <= MAX_ITEMS)
    if isinstance(value, list | tuple | set | frozenset):
        spend(len(value) >> 3)
        ordered = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        items = [
            from_python(item, overridable and not isinstance(item, dict))
            for item in islice(ordered, MAX_ITEMS)
        ]
        return Items(items, len(value) <= MAX_ITEMS, type(value).__name__.removeprefix("frozen"))
    if isinstance(value, str | bytes) and len(value) > MAX_TEXT:
        return Unknown(VERY_LONG)
    return Const(value, overridable)


def to_python(value: Any) -> Any:
    """The plain Python value.

    Raises:
        ValueError: a part of it is not known, or it is very large.
    """
    parts = _Parts()
    try:
        return _to_python(value, parts)
    except RecursionError as error:  # a collection that holds itself, for one
        raise ValueError("nested too deeply") from error
    finally:
        spend(1 + (parts.count >> 3))


class _Parts:
    """Counts the parts of a value: one that holds another many times is much larger than it looks."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, count: int) -> None:
        self.count += count
        if self.count > _MAX_PARTS:
            raise ValueError("very large")


def _to_python(value: Any, parts: _Parts) -> Any:
    value = unwrapped(value)
    if isinstance(value, Const):
        parts.add(1 + (len(value.value) >> 6 if isinstance(value.value, str | bytes) else 0))
        return value.value
    parts.add(1)
    if isinstance(value, Items) and value.complete:
        items = [_to_python(item, parts) for item in value.items]
        if value.kind == "set":
            try:
                return set(items)
            except TypeError as error:
                raise ValueError("not a constant") from error
        return tuple(items) if value.kind == "tuple" else items
    if isinstance(value, Mapping) and value.complete:
        return {_to_python(from_key(k), parts): _to_python(v, parts) for k, v in value.entries.items()}
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
    if isinstance(value, Const | Items | Mapping):
        try:
            if isinstance(value, Items) and value.kind == "set" and len(value.items) > 1:
                return Text((Unknown(),))  # sets have no order
            text = str(to_python(value))
        except ValueError:
            return Text((Unknown(),))
        is_overridable = isinstance(value, Const) and value.overridable
        return Const(text, is_overridable) if len(text) <= MAX_TEXT else Text((Unknown(VERY_LONG),))
    return Text((value if isinstance(value, Unknown) else Unknown(),))


def items_of(value: Any) -> tuple[list[Any], bool]:
    """The items of a value that can be gone through, and whether there are no more."""
    if isinstance(value, Items):
        return list(value.items), value.complete
    if isinstance(value, Mapping):
        return [from_key(key) for key in value.entries], value.complete
    if isinstance(value, ClassValue) and value.is_enumeration:
        return list(value.members.values()), True
    if isinstance(value, Instance) and value.cls is not None and value.cls.kind == "tuple":
        fields = [value.attributes.get(name, value.cls.lookup(name)) for name in value.cls.fields.names]
        return [Unknown() if part is None else part for part in fields], True
    if isinstance(value, Const) and isinstance(value.value, str):
        return [Const(c) for c in value.value[:_MAX_CHARACTERS]], len(value.value) <= _MAX_CHARACTERS
    return [], False
