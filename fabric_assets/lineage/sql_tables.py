"""Finds the tables behind the names in SQL statements, and notes what is read and written."""

import re
from dataclasses import dataclass

from sqlglot import exp

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.session import Session
from fabric_assets.lineage.tables import NotATable, Table, UnresolvedNameError
from fabric_assets.lineage.values import Const, Text
from fabric_assets.lineage.words import words

_LOCATION_TABLES = words("delta_scan read_parquet readparquet parquet_scan read_delta iceberg_scan")
_SYSTEM_SCHEMAS = words("sys information_schema queryinsights")
_FILE_FORMATS = words("csv json text orc parquet binaryfile avro")


@dataclass(frozen=True)
class SqlContext:
    """How the text of one cell or call is to be read.

    Attributes:
        dialect: of sqlglot: ``spark``, ``tsql`` or ``duckdb``.
        database: lakehouse or warehouse that a T-SQL cell names.
        is_warehouse: whether ``database`` is a warehouse.
        frames: dataframes that the text names (DuckDB's replacement scans, ``{df}`` of ``spark.sql``).
        parameters: values of Spark's parameter markers (``:name``), by name in lower case.
    """

    dialect: str = "spark"
    database: str = ""
    is_warehouse: bool | None = None
    frames: tuple[tuple[str, Frame], ...] = ()
    parameters: tuple[tuple[str, Const | Text], ...] = ()


class SqlTables:
    """The tables of one text's statements.

    Args:
        session: takes the notes.
        context: dialect and names around the text.
    """

    def __init__(self, session: Session, context: SqlContext) -> None:
        self._session = session
        self._context = context
        self._frames = {name.lower(): frame for name, frame in context.frames}

    def read(self, node: exp.Table) -> Frame:
        """Note that the table is read; what is known of it as a dataframe."""
        try:
            found = self._find(node)
        except (NotATable, UnresolvedNameError) as error:
            if not isinstance(error, NotATable) and not self._session.mute_reads:
                self._session.gap(str(error))
            return Frame()
        if found is None:
            return Frame()
        return found if isinstance(found, Frame) else self._session.read(found)

    def write(self, node: exp.Expr | None, frame: Frame | None = None, *, replaces: bool = False) -> None:
        """Note that the table is written, from the dataframe."""
        table = self._target(node)
        if table is not None:
            self._session.write(table, frame, replaces=replaces)

    def drop(self, node: exp.Expr | None) -> None:
        """Note that the table is dropped; a temporary view is forgotten."""
        table = self._target(node)
        if table is not None:
            self._session.drop(table)
        elif isinstance(node, exp.Table) and not node.args.get("db"):
            self._session.views.pop(_part(node.this).lower(), None)

    def create(self, node: exp.Table, frame: Frame, *, temporary: bool, replaces: bool) -> None:
        """Note that a table or view is made of the dataframe."""
        views, name = self._session.views, _part(node.this).lower()
        if temporary or self._context.dialect == "duckdb" or name.startswith("#"):
            views[name] = frame
            return
        if not node.args.get("db"):
            views.pop(name, None)
        self.write(node, frame, replaces=replaces)

    def at_path(self, path: str) -> Table | Frame | None:
        """The table below a path, ``None`` if it is no path of a table."""
        found = self._session.tables_named(Const(path), what="SQL", is_path=True)
        return found[0] if found else None

    def _target(self, node: exp.Expr | None) -> Table | None:
        if isinstance(node, exp.Schema):
            node = node.this
        if not isinstance(node, exp.Table):
            return None
        try:
            found = self._find(node)
        except (NotATable, UnresolvedNameError) as error:
            if not isinstance(error, NotATable):
                self._session.gap(str(error))
            return None
        return found if isinstance(found, Table) else None

    def _name(self, node: exp.Table) -> str:
        parts = [_part(part) for part in node.parts]
        return ".".join(f"`{part}`" if not re.fullmatch(r"[\w$#@]+", part) else part for part in parts)

    def _find(self, node: exp.Table) -> Table | Frame | None:
        """The table behind the name, a dataframe for a view, ``None`` for what is no table of a lakehouse."""
        session = self._session
        if isinstance(node.this, exp.Func):
            is_own = self._context.dialect == "tsql" and isinstance(node.this, exp.Anonymous) and node.db
            return self._own_function(node) if is_own else self._function(node.this)
        if isinstance(node.this, exp.Placeholder):
            raise UnresolvedNameError(f"the table name depends on {{{node.name}}}, which nothing fills here")
        name = self._name(node)
        unquoted = name.strip("`").lower()
        if unquoted in self._frames and not node.args.get("db"):
            return self._frames[unquoted]
        view = session.views_named(name)
        if view is not None:
            return view
        if self._context.dialect == "duckdb":
            attached = session.views_named(node.parts[0].name) if len(node.parts) > 1 else None
            return self.at_path(node.name) if "/" in node.name else attached
        table = self._table_named(node, name)
        if not isinstance(table, Table):
            return table
        hole = session.holes.reason(f"{table.workspace} {table}")
        if hole:
            raise UnresolvedNameError(f"the table name {session.readable(name)} depends on {hole}")
        return table

    def _table_named(self, node: exp.Table, name: str) -> Table | Frame | None:
        context, resolver = self._context, self._session.resolver
        if context.dialect == "tsql":
            if name.startswith(("#", "@")):
                return None
            if len(node.parts) > 1 and node.parts[-2].name.lower() in _SYSTEM_SCHEMAS:
                return None
            return resolver.tsql_table(name, context.database, context.is_warehouse)
        database = node.db.lower() if node.args.get("db") else ""
        if database == "information_schema":
            return None
        if "/" in name and database in _FILE_FORMATS:
            return self.at_path(node.name)
        return resolver.table(name)

    def _own_function(self, node: exp.Table) -> Frame | None:
        """A table function of the warehouse: it needs its schema in T-SQL."""
        session, name = self._session, self._name(node)
        if node.db.lower() == "sys":
            return None
        context = self._context
        table = session.resolver.tsql_table(name, context.database, context.is_warehouse)
        routine = session.routine(table)
        if routine is None:
            raise UnresolvedNameError(f"what the function {name} reads is not known here")
        return session.follow(session, table, routine, routine.arguments([], {}))

    def _function(self, node: exp.Expr) -> Table | Frame | None:
        is_known = isinstance(node, exp.Func) and not isinstance(node, exp.Anonymous)
        name = (type(node).__name__ if is_known else node.name).lower()
        literals = [literal.name for literal in node.find_all(exp.Literal) if literal.is_string]
        if not literals:
            return None
        if name in _LOCATION_TABLES or "openrowset" in name:
            return self.at_path(literals[0])
        return self._session.resolver.table(literals[0]) if name == "table_changes" else None


def _part(node: exp.Expr) -> str:
    """A part of a name; T-SQL's temporary tables and variables keep their ``#`` and ``@``."""
    if isinstance(node, exp.Parameter):
        return f"@{node.name}"
    return f"#{node.name}" if node.args.get("temporary") else node.name
