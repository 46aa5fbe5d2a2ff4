"""Column expressions of PySpark and Polars, as far as their lineage is plain."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from fabric_assets.lineage.frames import NO_SOURCES, Frame, Sources
from fabric_assets.lineage.possibilities import options_of
from fabric_assets.lineage.values import Const, Items, Unknown
from fabric_assets.lineage.work import spend


@dataclass(frozen=True)
class Column:
    """A column expression.

    Attributes:
        name: name of the result, ``None`` if it has none that is plain.
        used: columns that it is made of (``alias.column`` or ``column``), ``None`` if that is not plain.
        known: sources that are known already, of ``df.column``.
        star: all columns.
    """

    name: str | None = None
    used: frozenset[str] | None = frozenset()
    known: frozenset = NO_SOURCES
    star: bool = False

    @staticmethod
    def of(*parts: Any, name: str | None = None) -> "Column":
        """The expression that is made of these parts."""
        used: frozenset[str] | None = frozenset()
        known: frozenset = NO_SOURCES
        for part in _flat(parts):
            if isinstance(part, Column):
                used = None if used is None or part.used is None or part.star else used | part.used
                known |= part.known
            elif not isinstance(part, Const):
                used = None
        return Column(name, used, known)

    def renamed(self, name: str | None) -> "Column":
        """The same expression under another name."""
        return Column(name, self.used, self.known)

    def sources(self, frame: Frame) -> Sources:
        """Its sources if it is computed on the dataframe."""
        if self.used is None:
            return None
        found = self.known
        for name in self.used:
            qualifier, _, column = name.rpartition(".")
            owner = _by_alias(frame, qualifier) if qualifier else frame
            sources = owner.column(column) if owner is not None else None
            if sources is None:
                return None
            found |= sources
        return found


def _flat(parts: Iterable[Any], seen: set[int] | None = None) -> Iterable[Any]:
    """The parts, those of a list in place of it; a list that comes again adds nothing."""
    seen = set() if seen is None else seen
    for part in parts:
        for _, option in options_of(part):
            if not isinstance(option, Items):
                yield option
            elif id(option) not in seen:
                seen.add(id(option))
                spend(len(option.items) >> 3)
                yield from _flat(option.items, seen)


def _by_alias(frame: Frame, alias: str, depth: int = 0) -> Frame | None:
    if frame.alias.lower() == alias.lower():
        return frame
    if depth < 5:
        spend(len(frame.inputs))
        for entry in frame.inputs:
            found = _by_alias(entry, alias, depth + 1)
            if found is not None:
                return found
    return None


def column_named(frame: Frame, name: str) -> Column:
    """The column ``df[name]``."""
    sources = frame.column(name)
    if sources is None:
        return Column(name, None)
    return Column(name, frozenset(), sources)


def column(value: Any) -> Column:
    """The column that an argument of ``select`` stands for: a name or an expression."""
    if isinstance(value, Column):
        return value
    if isinstance(value, Const) and isinstance(value.value, str):
        if value.value == "*" or value.value.endswith(".*"):
            return Column(star=True)
        return Column(value.value.rpartition(".")[2], frozenset({value.value}))
    return Column(None, None)


def expression(text: Any) -> Column:
    """The column of a SQL expression (``selectExpr``, ``F.expr``)."""
    if not (isinstance(text, Const) and isinstance(text.value, str)):
        return Column(None, None)
    if text.value.strip() == "*":
        return Column(star=True)
    return _parsed_expression(text.value)


@lru_cache(maxsize=2048)
def _parsed_expression(text: str) -> Column:
    try:
        node = sqlglot.parse_one(text, read="spark")
    except (SqlglotError, RecursionError):
        return Column(None, None)
    if any(True for _ in node.find_all(exp.Query, exp.Star)):
        return Column(None, None)
    names = frozenset(f"{c.table}.{c.name}" if c.table else c.name for c in node.find_all(exp.Column))
    return Column(node.alias_or_name or None, names)


def selected(frame: Frame, columns: Iterable[Any], named: dict[str, Any], *, adds: bool = False) -> Frame:
    """The dataframe after ``select`` (or ``with_columns``) of these columns.

    Args:
        frame: the dataframe before.
        columns: the arguments, lists flattened.
        named: keyword arguments (Polars).
        adds: the columns are added to those that are there.
    """
    result: list[tuple[str, Sources]] = []
    closed = not adds or frame.closed
    passing = adds
    for value in _flat(columns):
        entry = column(value)
        if entry.star:
            passing = True
            closed = closed and frame.closed
        elif entry.name is None:
            closed = False
        else:
            result.append((entry.name, entry.sources(frame)))
    result += [(name, column(value).sources(frame)) for name, value in named.items()]
    if not passing:
        return Frame(frame.tables, tuple(result), closed=closed, alias=frame.alias)
    out = Frame(frame.tables, frame.columns, frame.base, closed, frame.alias, frame.inputs)
    for name, sources in result:
        out = out.with_column(name, sources)
    return out


def library_column(name: str, arguments: list[Any], keywords: dict[str, Any]) -> Column:
    """The column that a function of ``pyspark.sql.functions`` or ``polars`` gives."""
    if name in ("col", "column") and len(arguments) == 1:
        return column(arguments[0])
    if name == "lit":
        return Column(None, frozenset() if not arguments or isinstance(arguments[0], Const) else None)
    if name == "expr" and arguments:
        return expression(arguments[0])
    parts = [*arguments, *keywords.values()]
    if any(isinstance(part, Unknown | Frame) for part in _flat(parts)):
        return Column(None, None)
    # A text may be a column's name or a literal: only expressions of columns are plain.
    texts = [part for part in _flat(parts) if isinstance(part, Const) and isinstance(part.value, str)]
    columns = [part for part in _flat(parts) if isinstance(part, Column)]
    if texts and not columns and name not in ("when", "current_date", "to_date", "date_format"):
        return Column.of(*(column(text) for text in texts[:1])) if len(texts) == 1 else Column(None, None)
    return Column.of(*columns)
