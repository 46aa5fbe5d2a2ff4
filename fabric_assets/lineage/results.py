"""What the analysis of notebooks gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fabric_assets.lineage.tables import Table

AccessKind = Literal["read", "write", "drop"]
ColumnLineage = Mapping[Table, Mapping[str, tuple[tuple[Table, str], ...]]]


@dataclass(frozen=True, order=True)
class Unresolved:
    """Something that could not be decided.

    Attributes:
        cell: number of the cell, from 1, Markdown cells counted; 0: the notebook as a whole.
        line: line of the file in Git's text format, of the cell in an ``.ipynb``.
        reason: what is not known, and what to do about it.
    """

    cell: int
    line: int
    reason: str

    def to_json(self) -> dict[str, Any]:
        """As in ``fabric-assets lineage --json``."""
        return {"cell": self.cell, "line": self.line, "reason": self.reason}


@dataclass(frozen=True)
class Access:
    """A table that a notebook reads, writes or drops, and where.

    Attributes:
        replaces: the write replaces the whole table.
    """

    table: Table
    kind: AccessKind
    cell: int
    line: int
    replaces: bool = False


@dataclass(frozen=True)
class NotebookLineage:
    """What one notebook reads, writes and calls.

    Attributes:
        name: display name; ``path``: where its source lies; ``kernel``: its kernel; ``workspace``: see ``Table``.
        accesses: each table that is read, written or dropped, at its first place, in program order.
        calls: notebooks that it runs or calls, in order (``%run``, ``run``, ``runMultiple``).
        includes: those of them that ``%run`` makes part of it, also those that they include.
        unresolved: what could not be decided.
        column_lineage: for written tables: column -> the (table, column) pairs that it is made of, where plain.
    """

    name: str
    path: str
    kernel: str
    workspace: str = ""
    accesses: tuple[Access, ...] = ()
    calls: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    column_lineage: ColumnLineage = field(default_factory=dict)

    @property
    def reads(self) -> tuple[Table, ...]:
        """Tables that are read, sorted."""
        return tuple(sorted({access.table for access in self.accesses if access.kind == "read"}))

    @property
    def writes(self) -> tuple[Table, ...]:
        """Tables that are written, sorted."""
        return tuple(sorted({access.table for access in self.accesses if access.kind == "write"}))

    @property
    def drops(self) -> tuple[Table, ...]:
        """Tables that are dropped and never written, sorted.

        They race with whoever reads or writes them, but nobody waits for them: a drop makes nothing to read.
        """
        written = set(self.writes)
        return tuple(sorted({a.table for a in self.accesses if a.kind == "drop" and a.table not in written}))

    @property
    def needs(self) -> tuple[Table, ...]:
        """Tables whose content comes from before: read, and not replaced or dropped by the notebook itself first."""
        first: dict[Table, Access] = {}
        for access in self.accesses:
            if access.kind in ("read", "drop") or access.replaces:
                first.setdefault(access.table, access)
        return tuple(sorted(table for table, access in first.items() if access.kind == "read"))

    @property
    def is_orchestrator(self) -> bool:
        """It only calls other notebooks."""
        return bool(set(self.calls) - set(self.includes)) and not self.accesses

    def to_json(self) -> dict[str, Any]:
        """As in ``fabric-assets lineage --json``; tables that are dropped count as written."""
        return {
            "name": self.name,
            "path": self.path,
            "kernel": self.kernel,
            "reads": sorted({str(table) for table in self.reads}),
            "writes": sorted({str(table) for table in (*self.writes, *self.drops)}),
            "calls": list(self.calls),
            "unresolved": [entry.to_json() for entry in self.unresolved],
        }
