"""What is known about a dataframe: the tables it comes from and the sources of its columns."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fabric_assets.lineage.tables import Table

Sources = frozenset[tuple[Table, str]] | None
"""The (table, column) pairs that a column is made of; ``None``: not plain."""

NO_SOURCES: frozenset[tuple[Table, str]] = frozenset()


@dataclass(frozen=True)
class Frame:
    """A dataframe, view or query result.

    Attributes:
        tables: tables that it comes from.
        columns: columns that are known by name (as written), with their sources.
        base: the table whose other columns pass through unchanged, if it is exactly one.
        closed: there are no columns beyond ``columns``.
        alias: name given with ``alias()``.
        inputs: the dataframes that it is joined of.
        rows: abstract value of its rows if it is made of literals.
    """

    tables: frozenset[Table] = frozenset()
    columns: tuple[tuple[str, Sources], ...] = ()
    base: Table | None = None
    closed: bool = False
    alias: str = ""
    inputs: tuple["Frame", ...] = field(default=(), compare=False, repr=False)
    rows: object = field(default=None, compare=False, repr=False)

    @staticmethod
    def of(table: Table) -> "Frame":
        """The whole table."""
        return Frame(frozenset({table}), base=table)

    @staticmethod
    def union(frames: Iterable["Frame"]) -> "Frame":
        """What is known if the dataframe is made of all of these in some way."""
        frames = list(frames)
        if len(frames) == 1:
            return frames[0]
        tables: frozenset[Table] = frozenset().union(*(frame.tables for frame in frames))
        columns: dict[str, Sources] = {}
        for frame in frames:
            for name, sources in frame.columns:
                if name not in columns:
                    columns[name] = sources
                else:
                    known = columns[name]
                    columns[name] = None if known is None or sources is None else known | sources
        closed = bool(frames) and all(frame.closed for frame in frames)
        return Frame(tables, tuple(columns.items()), closed=closed, inputs=tuple(frames[:20]))

    def column(self, name: str) -> Sources:
        """The sources of a column, ``None`` if they are not plain."""
        wanted = name.lower()
        for known, sources in self.columns:
            if known.lower() == wanted:
                return sources
        if self.closed:
            return None
        if self.base is not None:
            return frozenset({(self.base, wanted)})
        candidates = [frame for frame in self.inputs if not frame.closed or frame.has(wanted)]
        return candidates[0].column(name) if len(candidates) == 1 else None

    def has(self, name: str) -> bool:
        """Whether a column of that name is known."""
        return any(known.lower() == name.lower() for known, _ in self.columns)

    def with_column(self, name: str, sources: Sources) -> "Frame":
        """The dataframe with one column added or replaced."""
        rest = tuple((known, s) for known, s in self.columns if known.lower() != name.lower())
        return Frame(self.tables, (*rest, (name, sources)), self.base, self.closed, self.alias, self.inputs)

    def opaque(self, *others: "Frame") -> "Frame":
        """The same tables, but nothing known about the columns."""
        return Frame(self.tables.union(*(frame.tables for frame in others)))
