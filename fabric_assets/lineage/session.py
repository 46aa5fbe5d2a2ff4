"""What is noted while one notebook is analyzed: accesses, calls, gaps, temporary views."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fabric_assets.lineage.config import LineageConfig
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.possibilities import compatible, options_of
from fabric_assets.lineage.results import Access, Unresolved
from fabric_assets.lineage.sql_routines import Routine, Routines
from fabric_assets.lineage.sql_text import Holes
from fabric_assets.lineage.tables import (
    Catalog,
    NameResolver,
    NotATable,
    Table,
    UnresolvedNameError,
    split_name,
)
from fabric_assets.lineage.values import Const, Text, Unknown, reason_of, unwrapped
from fabric_assets.lineage.work import use_meter

MAX_STEPS = 150_000
MAX_SQL_CHARACTERS = 1_500_000


class BudgetExceededError(Exception):
    """The notebook takes too much work; what was found so far counts."""


@dataclass
class Session:
    """The notes of one notebook's analysis.

    Attributes:
        resolver: resolves names and paths.
        config: writers and look-ups that are declared.
        cell: number of the current cell; ``line``: the current line; ``inside``: functions that are followed.
        views: temporary views by name (lower case).
        mounts: what ``fs.mount`` mounted, by mount point.
        routines: procedures, functions and views of the workspace's warehouses.
        follow: notes what a call of one of them, or a read of a view, does.
        created: those that the notebook itself creates, by name.
        followed: those that are being followed.
        seen_through: dataframes of the views that were read.
        settings: Spark settings that the notebook sets.
        added_methods: what the notebook adds to classes of libraries, by (class, name).
        defaults: default values of widgets, by name.
        branches: the branches that are being followed.
        max_steps: how much work is done.
        notes: how often something was noted.
    """

    resolver: NameResolver
    config: LineageConfig
    routines: Routines
    follow: Callable[["Session", Table, Routine, dict[str, Any]], Frame]
    accesses: dict[tuple[Table, str, bool], Access] = field(default_factory=dict)
    calls: dict[str, None] = field(default_factory=dict)
    includes: dict[str, None] = field(default_factory=dict)
    gaps: dict[Unresolved, None] = field(default_factory=dict)
    column_lineage: dict[Table, dict[str, frozenset[tuple[Table, str]] | None]] = field(default_factory=dict)
    views: dict[str, Frame] = field(default_factory=dict)
    holes: Holes = field(default_factory=Holes)
    mounts: dict[str, object] = field(default_factory=dict)
    created: dict[Table, Routine] = field(default_factory=dict)
    followed: list[Table] = field(default_factory=list)
    seen_through: dict[Table, Frame] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    added_methods: dict[tuple[str, str], object] = field(default_factory=dict)
    defaults: dict[str, object] = field(default_factory=dict)
    branches: dict[int, int] = field(default_factory=dict)
    cell: int = 0
    line: int = 0
    inside: list[str] = field(default_factory=list)
    mute_reads: int = 0
    notes: int = 0
    steps: int = 0
    max_steps: int = MAX_STEPS
    sql_characters: int = 0
    sql_depth: int = 0

    def step(self, count: int = 1) -> None:
        """Count units of work; what ``spend`` counts from now on is of this notebook as well.

        Raises:
            BudgetExceededError: it was the last one.
        """
        use_meter(self)
        self.steps += count
        if self.steps > self.max_steps:
            raise BudgetExceededError(f"the analysis was stopped after {self.max_steps:,} steps")

    def gap(self, reason: str) -> None:
        """Note that something cannot be decided here."""
        self.notes += 1
        if self.inside:
            reason = f"in {self.inside[-1]}: {reason}"
        self.gaps.setdefault(Unresolved(self.cell, self.line, reason))

    def call(self, notebook: str) -> None:
        """Note that a notebook is run; its folder is left out, as names are unique in a workspace."""
        self.notes += 1
        self.calls.setdefault(notebook.strip().rpartition("/")[2])

    def read(self, table: Table) -> Frame:
        """Note that the table is read."""
        self._need_lakehouse(table)
        self.accesses.setdefault((table, "read", False), Access(table, "read", self.cell, self.line))
        view = self.routines.find(table)
        if view is None or view.kind != "view" or table in self.followed:
            return Frame.of(table)
        if table not in self.seen_through:
            self.seen_through[table] = self.follow(self, table, view, {})
        return self.seen_through[table]

    def routine(self, table: Table) -> Routine | None:
        """The procedure or function of that name."""
        return self.created.get(table) or self.routines.find(table)

    def write(self, table: Table, frame: Frame | None = None, *, replaces: bool = False) -> None:
        """Note that the table is written, from the dataframe."""
        self._need_lakehouse(table)
        access = Access(table, "write", self.cell, self.line, replaces)
        self.accesses.setdefault((table, "write", replaces), access)
        if frame is None:
            return
        columns = self.column_lineage.setdefault(table, {})
        for name, sources in frame.columns:
            key = name.lower()
            known = columns.get(key, frozenset())
            columns[key] = None if known is None or sources is None else known | sources

    def drop(self, table: Table) -> None:
        """Note that the table is dropped."""
        self._need_lakehouse(table)
        self.accesses.setdefault((table, "drop", False), Access(table, "drop", self.cell, self.line))

    def set(self, name: str, value: object) -> None:
        """Note a Spark setting; where it may not be made, its value is not known."""
        self.settings[name] = Unknown(f"the Spark setting {name!r}") if self.branches else value

    def _need_lakehouse(self, table: Table) -> None:
        self.notes += 1
        if not table.lakehouse:
            self.gap(
                f"the notebook has no default lakehouse, so it is not known which table {table.name!r} is; attach one, "
                "name it with the table, or set `default_lakehouse` in the configuration"
            )

    def use(self, name: str) -> None:
        """Make a lakehouse, or a schema of it, current, as ``USE`` does."""
        parts = split_name(name)
        if parts and parts[0].lower() == "spark_catalog":
            parts = parts[1:]
        if not parts:
            return
        resolver, catalog = self.resolver, self.resolver.catalog
        last = parts[-1].lower()
        has_schemas = catalog.has_schemas(resolver.default_workspace, resolver.default_lakehouse)
        if len(parts) > 1:
            resolver.default_lakehouse, resolver.current_schema = parts[-2].lower(), last
        elif last == "dbo" or (has_schemas and last not in catalog.lakehouse_names):
            resolver.current_schema = last
        else:
            resolver.default_lakehouse, resolver.current_schema = last, ""

    def views_named(self, name: str) -> Frame | None:
        """The temporary view of that name."""
        key = name.strip().strip("`").lower().removeprefix("global_temp.")
        return self.views.get(key)

    def tables_named(
        self, value: object, *, what: str, is_path: bool = False, quiet: bool = False
    ) -> list[Table | Frame]:
        """The tables that a name or path stands for, views as their dataframes.

        Args:
            value: abstract value of the name or path.
            what: what it is used for, for the reason of a gap: ``spark.table``.
            is_path: it is a path; paths outside ``Tables`` give nothing.
            quiet: do not report what cannot be decided.
        """
        found: list[Table | Frame] = []
        for guard, option in options_of(value):
            if not compatible(guard, self.branches.items()):
                continue
            try:
                found += self._table_of(option, is_path=is_path)
            except UnresolvedNameError as error:
                if not quiet:
                    self.gap(f"{what}: {error}")
        return found

    def _table_of(self, option: object, *, is_path: bool) -> list[Table | Frame]:
        kind = "path" if is_path else "table name"
        option = unwrapped(option)
        if isinstance(option, Frame):
            return [option]
        if isinstance(option, Const) and isinstance(option.value, str):
            text = option.value
        elif isinstance(option, Text):
            text = next(self.holes.renderings(option))
        else:
            raise UnresolvedNameError(f"the {kind} depends on {reason_of(option)}")
        try:
            if is_path:
                table = self.resolver.path(text)
            else:
                view = self.views_named(text)
                if view is not None:
                    return [view]
                table = self.resolver.table(text)
        except NotATable:
            return self._outside_tables(text)
        except UnresolvedNameError as error:
            hole = self.holes.reason(text)
            raise UnresolvedNameError(
                f"the {kind} depends on {hole}" if hole else f"{text!r}: {error}"
            ) from error
        hole = self.holes.reason(f"{table.workspace} {table}")
        if hole:
            raise UnresolvedNameError(f"the {kind} {self.readable(text)} depends on {hole}")
        return [table]

    def _outside_tables(self, text: str) -> list[Table | Frame]:
        hole = self.holes.reason(text)
        start = text.lower().lstrip("./")
        if hole and not start.startswith(("files/", "lakehouse/default/files")) and "/files/" not in start:
            raise UnresolvedNameError(f"the path {self.readable(text)} depends on {hole}")
        return []

    def readable(self, text: str) -> str:
        """The text with ``{...}`` for what is not known, shortened."""
        shown = " ".join(self.holes.hidden(text).split())
        return repr(shown if len(shown) <= 80 else shown[:77] + "...")

    def read_all(self, found: Iterable[Table | Frame]) -> Frame:
        """Note that all of these are read."""
        return Frame.union([entry if isinstance(entry, Frame) else self.read(entry) for entry in found])


def session_without_tables(max_steps: int) -> Session:
    """A session for those who follow a notebook and do not ask for its tables."""
    return Session(
        NameResolver(Catalog()), LineageConfig(), Routines(), lambda *_: Frame(), max_steps=max_steps
    )
