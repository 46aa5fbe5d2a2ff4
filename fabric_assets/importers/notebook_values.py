"""What the values of an orchestrating notebook can be, beside those that lineage knows."""

import ast
from dataclasses import dataclass
from typing import Any

from fabric_assets.lineage.plain import from_key
from fabric_assets.lineage.values import (
    Const,
    Function,
    Items,
    Lib,
    Mapping,
    OneOf,
    Partial,
    Text,
    Unknown,
    unwrapped,
)

LATER = "known only when the notebook runs"


@dataclass(frozen=True)
class Undecided(Unknown):
    """A value that the source alone does not tell.

    Attributes:
        where: the place where it was lost.
    """

    where: str = ""


@dataclass(frozen=True)
class Maybe(Unknown):
    """An element of a list that is there only under a condition that the source alone does not tell (``reason``)."""

    value: Any = None


@dataclass(frozen=True)
class ExitValue(Unknown):
    """What a call of a notebook returned.

    Attributes:
        call: number of the call.
        activity: the activity, if the call was a ``runMultiple``.
    """

    reason: str = "it is made of what a notebook returns"
    call: int = 0
    activity: str | None = None


@dataclass(eq=False)
class Pool:
    """A thread pool: what it is given runs side by side.

    Attributes:
        frontier: numbers of the calls that its first ones follow.
        calls: numbers of the calls that it makes.
        max_workers: its size, if that is known.
    """

    frontier: list[int]
    calls: list[int]
    max_workers: int | None = None


def notebook_function(value: Any) -> str | None:
    """``run`` or ``runMultiple`` ... if the value is a function of ``notebookutils.notebook``."""
    parts = value.name.split(".") if isinstance(value, Lib) else []
    if len(parts) >= 3 and parts[0] in ("notebookutils", "mssparkutils") and parts[-2] == "notebook":
        return str(parts[-1])
    return None


def parts_of(value: Any) -> list[Any]:
    """The items of a list, or the values of a dictionary."""
    if isinstance(value, Mapping):
        return list(value.entries.values())
    return value.items if isinstance(value, Items) else []


def size_of(value: Any) -> int:
    """How much work a value makes, without what is within its parts."""
    if isinstance(value, Const):
        return len(value.value) // 100 if isinstance(value.value, str) else 0
    return (
        len(value.items)
        if isinstance(value, Items)
        else len(value.entries)
        if isinstance(value, Mapping)
        else 0
    )


def gap_of(value: Any, where: str) -> Undecided:
    """Why a value is not known."""
    if isinstance(value, Undecided):
        return value
    if isinstance(value, OneOf):
        gaps = [option for _, option in value.options if isinstance(option, Unknown)]
        return gap_of(gaps[0], where) if gaps else Undecided("it is one of several values", where=where)
    if isinstance(value, Text):
        return gap_of(next(part for part in value.parts if isinstance(part, Unknown)), where)
    if isinstance(value, Unknown):
        return Undecided(value.reason, where=where)
    if isinstance(value, Lib):
        return Undecided(f"{value.name.removeprefix('builtins.')} is not in the notebook", where=where)
    if isinstance(value, Function | Partial):
        return Undecided("it is a function", where=where)
    return Undecided(f"it is {LATER}", where=where)


class Plain:
    """Makes plain Python of values; what is not known is an ``Undecided``, ``Maybe`` or ``ExitValue`` in it.

    Args:
        where: the place for what has none.
        reasons: why more may be in a collection.
    """

    def __init__(self, where: str, reasons: dict[Any, Undecided]) -> None:
        self._where = where
        self._reasons = reasons
        self._made: dict[int, Any] = {}

    def of(self, value: Any) -> Any:
        """The plain value."""
        value = unwrapped(value)
        if isinstance(value, Const):
            return value.value
        if isinstance(value, Maybe):
            return Maybe(value.reason, value=self.of(value.value))
        if isinstance(value, ExitValue):
            return value
        if not isinstance(value, Items | Mapping):
            return gap_of(value, self._where)
        if id(value) in self._made:
            return self._made[id(value)]
        made: Any = [] if isinstance(value, Items) else {}
        self._made[id(value)] = made
        more = None
        if not value.complete:
            more = self._reasons.get(value) or Undecided(f"all of it is {LATER}", where=self._where)
        if isinstance(value, Mapping):
            made.update({self._key(key): self._entry(entry) for key, entry in value.entries.items()})
            if more is not None:
                made[more] = more
            return made
        made += [self.of(item) for item in value.items]
        if more is not None:
            made.append(more)
        if value.kind == "list":
            return made
        return tuple(made) if value.kind == "tuple" else _as_set(made)

    def _entry(self, value: Any) -> Any:
        return Undecided(value.reason, where=self._where) if isinstance(value, Maybe) else self.of(value)

    def _key(self, key: Any) -> Any:
        key = self.of(from_key(key))
        return (
            key if isinstance(key, Undecided | str | int | float | bool | bytes | tuple | None) else str(key)
        )


def _as_set(items: list[Any]) -> Any:
    try:
        return set(items)
    except TypeError:
        return items


def source(node: ast.AST, limit: int = 80) -> str:
    """The source of a node for messages, cut."""
    try:
        text = " ".join(ast.unparse(node).split())
    except RecursionError:
        return "an expression"
    return text if len(text) <= limit else text[: limit - 1] + "…"
