"""What the interpreter knows about a value: a constant, a text with holes, one of several, a dataframe, ..."""

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from fabric_assets.lineage.class_fields import NO_FIELDS, Fields
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.tables import DEFAULT_LAKEHOUSE, HOME, THIS_WORKSPACE, Table

MAX_TEXT = 200_000
"""Longer texts (characters) count as unknown."""

VERY_LONG = "a very long text"

MAX_PIECES = 1_000
"""So do texts of more known and unknown parts than these."""

MAX_ITEMS = 10_000
"""Of a larger collection only the first items or entries are known."""

Guard = frozenset[tuple[int, int]]
"""(branching, branch taken): the branches in which a value holds. Values of different branches never meet."""

NO_GUARD: Guard = frozenset()


@dataclass(frozen=True)
class Unknown:
    """A value that is only known when the notebook runs; ``reason`` completes 'it depends on ...'.

    Attributes:
        stands_for: in a path or name it can be resolved nevertheless: the notebook's own workspace or lakehouse.
    """

    reason: str = "a value that is only known when the notebook runs"
    stands_for: str = ""


def this_workspace() -> Unknown:
    """The name or id of the notebook's own workspace."""
    return Unknown("the workspace in which the notebook runs", THIS_WORKSPACE)


def default_lakehouse() -> Unknown:
    """The name or id of the notebook's default lakehouse."""
    return Unknown("the default lakehouse with which the notebook runs", DEFAULT_LAKEHOUSE)


@dataclass(frozen=True)
class Never:
    """The value of a call that does not return (``notebook.exit``)."""


@dataclass(frozen=True)
class Const:
    """A constant. ``overridable``: it comes from the parameters cell, another value may be passed."""

    value: Any
    overridable: bool = False


@dataclass(frozen=True)
class Text:
    """A text of which only parts are known."""

    parts: tuple[str | Unknown, ...]


@dataclass(frozen=True)
class OneOf:
    """One of several values, each with the branches in which it holds."""

    options: tuple[tuple[Guard, Any], ...]


@dataclass(eq=False)
class Items:
    """A list, tuple or set (``kind``); ``complete``: there are no more items than these.

    It never grows beyond ``MAX_ITEMS``.
    """

    items: list[Any]
    complete: bool = True
    kind: str = "list"

    def __post_init__(self) -> None:
        self.shorten()

    def shorten(self) -> None:
        """Forget the items for which there is no room."""
        if len(self.items) > MAX_ITEMS:
            self.items = self.items[:MAX_ITEMS]
            self.complete = False

    def add(self, items: Sequence[Any], complete: bool = True) -> None:
        """Append items as far as there is room; ``complete``: there are no more."""
        room = MAX_ITEMS - len(self.items)
        self.complete = self.complete and complete and len(items) <= room
        self.items.extend(items[:room])


@dataclass(eq=False)
class Mapping:
    """A dictionary; ``complete``: there are no more entries than these. It never grows beyond ``MAX_ITEMS``.

    Attributes:
        entries: values by key: a plain value, or a member of an enumeration.
        is_record: it is an object of a library whose entries are attributes as well.
        factory: makes the entries that are asked for and not there (``defaultdict``).
    """

    entries: dict[Any, Any]
    complete: bool = True
    is_record: bool = False
    factory: Any = None

    def __post_init__(self) -> None:
        if len(self.entries) > MAX_ITEMS:
            self.entries = dict(islice(self.entries.items(), MAX_ITEMS))
            self.complete = False

    def add(self, entries: dict[Any, Any], complete: bool = True) -> None:
        """Store entries as far as there is room; ``complete``: there are no more."""
        self.complete = self.complete and complete
        for key, value in list(entries.items()):
            if key in self.entries or len(self.entries) < MAX_ITEMS:
                self.entries[key] = value
            else:
                self.complete = False


@dataclass(frozen=True)
class Lib:
    """Something of a library, by its dotted name: ``polars``, ``spark``, ``delta.tables.DeltaTable``."""

    name: str


@dataclass(frozen=True)
class Bound:
    """An attribute of a value that is not looked into until it is called."""

    owner: Any
    name: str


@dataclass(eq=False)
class Function:
    """A function or lambda of a notebook, with the names it sees."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: "Scope"
    name: str
    defaults: dict[str, Any] = field(default_factory=dict)
    owner: "ClassValue | None" = None
    decorators: tuple[str, ...] = ()
    cell_id: int = 0


@dataclass(frozen=True)
class Partial:
    """``functools.partial`` or a method with its object: a callable with its first arguments."""

    function: Any
    arguments: tuple[Any, ...]
    keywords: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class PartialMethod(Partial):
    """``functools.partialmethod``: the object comes before its arguments."""

    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Decorated(Partial):
    """What a decorator of the notebook made of a function (``original``)."""

    arguments: tuple[Any, ...] = ()
    original: Function | None = None


@dataclass(eq=False)
class ClassValue:
    """A class of a notebook.

    Attributes:
        fields: of a dataclass or named tuple.
        kind: ``enumeration``, ``value enumeration`` (its members are texts or numbers as well), ``tuple``,
            ``dictionary``; empty for all else.
        members: of an enumeration.
        subclasses: classes that name it as a base.
        metaclass: that makes it and its subclasses, if it is one of the notebook.
    """

    name: str
    attributes: dict[str, Any]
    bases: tuple[Any, ...] = ()
    fields: Fields = NO_FIELDS
    kind: str = ""
    members: dict[str, "Instance"] = field(default_factory=dict)
    subclasses: list["ClassValue"] = field(default_factory=list)
    metaclass: "ClassValue | None" = None

    @property
    def is_enumeration(self) -> bool:
        """Its objects are those that its body names."""
        return self.kind.endswith("enumeration")

    def lookup(self, name: str, depth: int = 0) -> Any | None:
        """The attribute of the class or of its bases."""
        if name in self.attributes:
            return self.attributes[name]
        if depth < 8:
            for base in self.bases:
                found = base.lookup(name, depth + 1) if isinstance(base, ClassValue) else None
                if found is not None:
                    return found
        return None


@dataclass(eq=False)
class Instance:
    """An object with attributes: of a class of the notebook, or a record of a library (no class)."""

    attributes: dict[str, Any]
    cls: ClassValue | None = None


@dataclass(frozen=True)
class Super:
    """``super()``: the object or class, and the class after which its attributes are looked for."""

    owner: "Instance | ClassValue"
    after: ClassValue


@dataclass(frozen=True)
class FieldFactory:
    """``dataclasses.field(default_factory=function)``."""

    function: Any


@dataclass(frozen=True)
class Template:
    """A text with fields: ``string.Template`` or, with ``is_jinja``, ``jinja2.Template``."""

    text: "Const | Text"
    is_jinja: bool = False


AUTO = Unknown("the value that auto() gives")
"""The value of ``enum.auto()``."""


def unwrapped(value: Any) -> Any:
    """The text or number that a member of such an enumeration is; all else as it is."""
    if isinstance(value, Instance) and value.cls is not None and value.cls.kind == "value enumeration":
        return value.attributes["value"]
    return value


@dataclass(frozen=True)
class Reader:
    """``spark.read`` with the format and path set so far; workspace and database: of a warehouse."""

    format: str = ""
    path: Any = None
    workspace: Any = None
    database: Any = None


@dataclass(frozen=True)
class Writer:
    """``df.write`` with what was set so far."""

    frame: Frame
    format: str = ""
    mode: str = ""
    path: Any = None
    streaming: bool = False
    workspace: Any = None
    database: Any = None


@dataclass(frozen=True)
class TableWriter:
    """``df.writeTo(name)``."""

    frame: Frame
    name: Any


@dataclass(frozen=True)
class DeltaTableValue:
    """A Delta table object of Spark or delta-rs; ``targets``: the tables it may stand for."""

    targets: tuple[Table, ...]


@dataclass(frozen=True)
class DeltaBuilder:
    """``DeltaTable.create(spark)``: a table that is built step by step."""

    replaces: bool = False


@dataclass(frozen=True)
class SqlConnection:
    """A DuckDB connection or a connection to a SQL endpoint (``dialect``) of a workspace (see ``Table``)."""

    dialect: str
    database: str = ""
    is_warehouse: bool | None = None
    workspace: str = HOME


@dataclass
class Scope:
    """The names of a function call, or of the notebook."""

    names: dict[str, Any]
    outer: "Scope | None" = None
    globals_declared: set[str] = field(default_factory=set)
    nonlocals_declared: set[str] = field(default_factory=set)

    def root(self) -> "Scope":
        """The scope of the notebook."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope


def is_overridable(value: Any, depth: int = 0) -> bool:
    """Whether a parameter that is passed to the notebook would change the value."""
    if isinstance(value, Const):
        return value.overridable
    if isinstance(value, Items) and depth < 3:
        return any(is_overridable(item, depth + 1) for item in value.items[:50])
    return False


def reason_of(value: Any) -> str:
    """Why a value is not known, for a message."""
    if isinstance(value, Unknown):
        return value.reason
    if isinstance(value, Lib) and value.name.startswith("builtins."):
        return f"`{value.name.removeprefix('builtins.')}`, which is not defined here"
    return Unknown().reason


def is_empty_parameter(value: Const) -> bool:
    """Whether a parameter has no value here: which one it gets is up to those who pass it."""
    return value.overridable and (value.value is None or value.value == "")


def concatenate(values: Iterable[Const | Text]) -> Const | Text | Unknown:
    """The texts one after the other, unknown if that is very long."""
    parts: list[Unknown | list[str]] = []
    overridable = False
    characters = 0
    for value in values:
        if isinstance(value, Const):
            overridable = overridable or value.overridable
            pieces: tuple[str | Unknown, ...] = (str(value.value),)
        else:
            pieces = value.parts
        for piece in pieces:
            if isinstance(piece, Unknown):
                parts.append(piece)
            elif piece:
                characters += len(piece)
                if parts and isinstance(parts[-1], list):
                    parts[-1].append(piece)
                else:
                    parts.append([piece])
        if characters > MAX_TEXT or len(parts) > MAX_PIECES:
            return Unknown(VERY_LONG)
    joined = tuple(part if isinstance(part, Unknown) else "".join(part) for part in parts)
    if not joined or (len(joined) == 1 and isinstance(joined[0], str)):
        return Const(joined[0] if joined else "", overridable)
    return Text(joined)
