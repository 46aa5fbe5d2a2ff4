"""SQL statements: which tables each kind reads and writes, what views it makes."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot import exp

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.session import Session
from fabric_assets.lineage.sql_query import QueryReader
from fabric_assets.lineage.tables import NotATable, Table, UnresolvedNameError
from fabric_assets.lineage.values import Const

_LOCATION_TABLES = ("delta_scan", "read_parquet", "parquet_scan", "read_delta", "iceberg_scan")


_READERS = ("read_csv", "read_csv_auto", "read_json", "read_files", "openrowset", "opendatasource")


@dataclass(frozen=True)
class SqlContext:
    """How the text of one cell or call is to be read.

    Attributes:
        dialect: of sqlglot: ``spark``, ``tsql`` or ``duckdb``.
        database: lakehouse or warehouse that a T-SQL cell names.
        is_warehouse: whether ``database`` is a warehouse.
        frames: dataframes that the text names (DuckDB's replacement scans, ``{df}`` of ``spark.sql``).
    """

    dialect: str = "spark"
    database: str = ""
    is_warehouse: bool | None = None
    frames: tuple[tuple[str, Frame], ...] = ()


class StatementRunner:
    """Notes what the statements of one text read and write.

    Args:
        session: takes the notes.
        context: dialect and names around the text.
        run_text: runs the text of a dynamic statement.
    """

    def __init__(self, session: Session, context: SqlContext, run_text: Callable[[str], object]) -> None:
        self._run_text = run_text
        self._session = session
        self._context = context
        self._frames = {name.lower(): frame for name, frame in context.frames}
        self._query = QueryReader(self._read, implicit_recursion=context.dialect == "tsql")

    def run_all(self, nodes: Iterable[exp.Expr | None]) -> Frame:
        """Run statements one after the other; the result of the last query."""
        frame = Frame()
        for node in nodes:
            if node is not None:
                frame = self.run(node)
        return frame

    def run(self, node: exp.Expr) -> Frame:
        """Run one statement; the result if it is a query."""
        self._session.step()
        if isinstance(node, exp.Query):
            return self._select(node)
        handler = self._handlers.get(type(node))
        if handler is not None:
            handler(self, node)
        elif isinstance(node, exp.Command):
            self._command(node)
        elif isinstance(node, exp.Condition | exp.Alias):
            self._session.gap("a text that is run as SQL is no statement")
        else:
            for child in node.iter_expressions():
                if type(child) in self._handlers or isinstance(child, exp.Query):
                    self.run(child)
                else:
                    self._nested_statements(child)
        return Frame()

    def _nested_statements(self, node: exp.Expr) -> None:
        if isinstance(node, exp.Table):
            return
        for child in node.iter_expressions():
            if type(child) in self._handlers or isinstance(child, exp.Query):
                self.run(child)
            else:
                self._nested_statements(child)

    def _select(self, node: exp.Query) -> Frame:
        frame = self._query.frame(node, {})
        into = node.args.get("into")
        if into is not None and isinstance(into.this, exp.Table):
            self._create(into.this, frame, temporary=bool(into.args.get("temporary")), replaces=True)
        return frame

    # -- names

    def _name(self, node: exp.Table) -> str:
        if isinstance(node.this, exp.Anonymous) and node.this.name.upper() == "IDENTIFIER":
            argument = node.this.expressions[0] if node.this.expressions else None
            if isinstance(argument, exp.Literal):
                return argument.name
            raise UnresolvedNameError("IDENTIFIER() of a value that is only known when the notebook runs")
        parts = [part.name for part in node.parts]
        return ".".join(f"`{part}`" if not re.fullmatch(r"[\w$#@]+", part) else part for part in parts)

    def _table(self, node: exp.Table) -> Table | Frame | None:
        """The table behind the name, a dataframe for a view, ``None`` for what is no table of a lakehouse."""
        context, session = self._context, self._session
        if isinstance(node.this, exp.Func) and node.this.name.upper() != "IDENTIFIER":
            return self._function(node.this)
        name = self._name(node)
        unquoted = name.strip("`").lower()
        if unquoted in self._frames and not node.args.get("db"):
            return self._frames[unquoted]
        view = session.views_named(name)
        if view is not None:
            return view
        if context.dialect == "duckdb":
            return self._path(node.name) if "/" in node.name else None
        if context.dialect == "tsql":
            if unquoted.startswith(("#", "@")):
                return None
            if len(node.parts) > 1 and node.parts[-2].name.lower() in ("sys", "information_schema"):
                return None
            table = session.resolver.tsql_table(name, context.database, context.is_warehouse)
        else:
            if node.args.get("db") and node.db.lower() == "information_schema":
                return None
            if "/" in name and node.db.lower() in (
                "csv",
                "json",
                "text",
                "orc",
                "parquet",
                "binaryfile",
                "avro",
            ):
                return self._path(node.name)
            table = session.resolver.table(name)
        hole = session.holes.reason(f"{table.workspace} {table}")
        if hole:
            raise UnresolvedNameError(f"the table name {session.readable(name)} depends on {hole}")
        return table

    def _path(self, path: str) -> Table | Frame | None:
        found = self._session.tables_named(Const(path), what="SQL", is_path=True)
        return found[0] if found else None

    def _function(self, node: exp.Expr) -> Table | Frame | None:
        is_known = isinstance(node, exp.Func) and not isinstance(node, exp.Anonymous)
        name = (type(node).__name__ if is_known else node.name).lower()
        literals = [literal.name for literal in node.find_all(exp.Literal) if literal.is_string]
        if name in _LOCATION_TABLES or name == "readparquet":
            if literals:
                return self._path(literals[0])
        elif name == "table_changes" and literals:
            return self._session.resolver.table(literals[0])
        elif "openrowset" in name and literals:
            return self._path(literals[0])
        return None

    def _read(self, node: exp.Table) -> Frame:
        try:
            found = self._table(node)
        except (NotATable, UnresolvedNameError) as error:
            if not isinstance(error, NotATable) and not self._session.mute_reads:
                self._session.gap(str(error))
            return Frame()
        if found is None:
            return Frame()
        return found if isinstance(found, Frame) else self._session.read(found)

    def write_named(self, name: str, frame: Frame | None = None) -> None:
        """Note that the table of that name is written."""
        self._write(exp.to_table(name, dialect=self._context.dialect), frame)

    def _write(self, node: exp.Expr | None, frame: Frame | None = None, *, replaces: bool = False) -> None:
        if isinstance(node, exp.Schema):
            node = node.this
        if not isinstance(node, exp.Table):
            return
        try:
            found = self._table(node)
        except (NotATable, UnresolvedNameError) as error:
            if not isinstance(error, NotATable):
                self._session.gap(str(error))
            return
        if isinstance(found, Table):
            self._session.write(found, frame, replaces=replaces)

    def _create(self, node: exp.Table, frame: Frame, *, temporary: bool, replaces: bool) -> None:
        is_local = self._context.dialect == "duckdb" or node.name.startswith("#")
        if temporary or is_local:
            self._session.views[node.name.lower()] = frame
        else:
            self._session.views.pop(node.name.lower(), None) if not node.args.get("db") else None
            self._write(node, frame, replaces=replaces)

    # -- statements

    def _create_statement(self, node: exp.Create) -> None:
        kind = (node.args.get("kind") or "").upper()
        if kind not in ("TABLE", "VIEW"):
            return
        target = node.this.this if isinstance(node.this, exp.Schema) else node.this
        if not isinstance(target, exp.Table):
            return
        ctes = self._query.with_ctes(node, {})
        properties = node.args.get("properties")
        listed = list(properties.expressions) if properties is not None else []
        temporary = any(isinstance(entry, exp.TemporaryProperty) for entry in listed)
        clone = node.args.get("clone")
        if clone is not None:
            frame = self._read(clone.this) if isinstance(clone.this, exp.Table) else Frame()
        elif node.expression is not None:
            frame = self._query.frame(node.expression, ctes)
        else:
            frame = self._from_path(listed) if temporary else Frame()
        names = node.this.expressions if isinstance(node.this, exp.Schema) else []
        if names and frame.closed and len(names) == len(frame.columns) and kind == "VIEW":
            columns = tuple((n.name, s) for n, (_, s) in zip(names, frame.columns, strict=True))
            frame = Frame(frame.tables, columns, closed=True)
        replaces = not node.args.get("exists") and (
            node.expression is not None or bool(node.args.get("replace"))
        )
        self._create(target, frame, temporary=temporary, replaces=replaces)

    def _from_path(self, properties: list[exp.Expr]) -> Frame:
        for entry in properties:
            for literal in entry.find_all(exp.Literal):
                if literal.is_string and "/" in literal.name:
                    found = self._path(literal.name)
                    if found is not None:
                        return found if isinstance(found, Frame) else self._session.read(found)
        return Frame()

    def _insert(self, node: exp.Insert) -> None:
        ctes = self._query.with_ctes(node, {})
        self._query.nested(node.args.get("where"), ctes)
        frame = self._query.frame(node.expression, ctes) if node.expression is not None else Frame()
        target = node.this
        if isinstance(target, exp.Schema) and frame.closed and len(target.expressions) == len(frame.columns):
            pairs = zip(target.expressions, frame.columns, strict=True)
            frame = Frame(frame.tables, tuple((n.name, s) for n, (_, s) in pairs), closed=True)
        elif not isinstance(target, exp.Schema) and not node.args.get("by_name"):
            frame = frame.opaque()  # the columns go by position, and those of the table are not known here
        partition = isinstance(target, exp.Table) and target.args.get("partition")
        replaces = bool(node.args.get("overwrite")) and not partition and not node.args.get("where")
        self._write(target, frame, replaces=replaces)

    def _multitable_inserts(self, node: exp.MultitableInserts) -> None:
        source = node.args.get("source")
        if source is not None:
            self._query.frame(source, {})
        for entry in node.expressions:
            self.run(entry.this if isinstance(entry, exp.ConditionalInsert) else entry)

    def _merge(self, node: exp.Merge) -> None:
        ctes = self._query.with_ctes(node, {})
        using = node.args.get("using")
        source = self._query.frame(using, ctes)
        self._query.nested(node.args.get("on"), ctes)
        self._query.nested(node.args.get("whens"), ctes)
        frame = _merged_columns(node, using, source)
        self._write(node.this, frame)

    def _update(self, node: exp.Update) -> None:
        ctes = self._query.with_ctes(node, {})
        target = node.this
        clause = node.args.get("from_")
        relations: list[exp.Expr] = []
        if clause is not None:
            relations = [clause.this, *(j.this for j in clause.this.args.get("joins") or ())]
        if isinstance(target, exp.Table):
            relations += [join.this for join in target.args.get("joins") or ()]
        target = self._target_and_reads(target, relations, ctes)
        for entry in node.expressions:
            self._query.nested(entry, ctes)
        self._query.nested(node.args.get("where"), ctes)
        self._write(target)

    def _delete(self, node: exp.Delete) -> None:
        ctes = self._query.with_ctes(node, {})
        relations: list[exp.Expr] = list(node.args.get("using") or ())
        target = node.this
        named = node.args.get("tables") or ()
        if isinstance(target, exp.Table):
            joins = [join.this for join in target.args.get("joins") or ()]
            if named:
                relations += [target, *joins]
                target = named[0]
            else:
                relations += joins
        target = self._target_and_reads(target, relations, ctes)
        self._query.nested(node.args.get("where"), ctes)
        self._write(target)

    def _target_and_reads(
        self, target: exp.Expr | None, relations: list[exp.Expr], ctes: dict[str, Frame]
    ) -> exp.Expr | None:
        """The table behind an alias of T-SQL's ``UPDATE t ... FROM table AS t``; the other relations are read."""
        wanted = target.name.lower() if isinstance(target, exp.Table) and not target.args.get("db") else ""
        found = target
        for relation in relations:
            is_target = (
                isinstance(relation, exp.Table)
                and wanted
                and (
                    relation.alias.lower() == wanted
                    or (not relation.alias and relation.name.lower() == wanted)
                )
            )
            if is_target and relation is not target:
                found = exp.Table(
                    **{k: v for k, v in relation.args.items() if k in ("this", "db", "catalog")}
                )
            elif isinstance(relation, exp.Table):
                bare = exp.Table(**{k: v for k, v in relation.args.items() if k != "joins"})
                self._query.frame(bare, ctes)
            else:
                self._query.frame(relation, ctes)
        return found

    def _truncate(self, node: exp.TruncateTable) -> None:
        for table in node.expressions:
            self._write(table, replaces=True)

    def _copy(self, node: exp.Copy) -> None:
        if node.args.get("kind"):
            self._write(node.this)
            return
        self._query.frame(node.this, {})
        for file in node.args.get("files") or ():
            found = self._path(file.name) if "/" in file.name else None
            if isinstance(found, Table):
                self._session.write(found)

    def _cache(self, node: exp.Cache) -> None:
        if node.expression is not None and isinstance(node.this, exp.Table):
            self._session.views[node.this.name.lower()] = self._query.frame(node.expression, {})

    def _use(self, node: exp.Use) -> None:
        name = node.this.sql(dialect="spark").replace("`", "") if node.this is not None else ""
        kind = str(node.args.get("kind") or "").upper()
        if name and kind != "ROLE" and not self._session.holes.reason(name):
            self._session.use(name)
        elif name:
            self._session.gap(f"USE depends on {self._session.holes.reason(name)}")

    def _alter(self, node: exp.Alter) -> None:
        for action in node.args.get("actions") or ():
            if isinstance(action, exp.AlterRename) and isinstance(node.this, exp.Table):
                self._write(action.this, self._read(node.this))

    def _drop(self, node: exp.Drop) -> None:
        names = [node.this, *(node.args.get("tables") or ())]
        for table in names:
            if isinstance(table, exp.Table) and not table.args.get("db"):
                self._session.views.pop(table.name.lower(), None)

    def _execute(self, node: exp.Expr) -> None:
        literal = next(
            (entry for entry in node.expressions if isinstance(entry, exp.National | exp.Literal)), None
        )
        if isinstance(node, exp.ExecuteSql) and literal is not None and literal is node.expressions[0]:
            self._run_text(literal.name)
            return
        name = node.this.sql(dialect="tsql") if isinstance(node.this, exp.Expr) else str(node.this)
        if name.lower().lstrip("[").startswith(("sp_", "sys.")) and "executesql" not in name.lower():
            return
        self._session.gap(f"what the stored procedure {name} does is not known here; declare it in `writers`")

    def _command(self, node: exp.Command) -> None:
        word = str(node.this).upper()
        text = f"{word} {node.expression if isinstance(node.expression, str) else ''}".strip()
        if word in ("EXEC", "EXECUTE", "CALL"):
            self._session.gap(f"what {self._session.readable(text)} does is not known here")
        elif word in (
            "CREATE",
            "INSERT",
            "MERGE",
            "UPDATE",
            "DELETE",
            "COPY",
            "SELECT",
            "WITH",
            "IF",
            "WHILE",
        ):
            self._session.gap(f"the SQL statement {self._session.readable(text)} cannot be read")

    _handlers: ClassVar[dict[type, Callable[["StatementRunner", Any], None]]] = {
        exp.Create: _create_statement,
        exp.Insert: _insert,
        exp.MultitableInserts: _multitable_inserts,
        exp.Merge: _merge,
        exp.Update: _update,
        exp.Delete: _delete,
        exp.TruncateTable: _truncate,
        exp.Copy: _copy,
        exp.Cache: _cache,
        exp.Use: _use,
        exp.Alter: _alter,
        exp.Drop: _drop,
        exp.Execute: _execute,
        exp.ExecuteSql: _execute,
    }


def _merged_columns(node: exp.Merge, using: exp.Expr | None, source: Frame) -> Frame:
    """The columns that MERGE sets to plain columns of its source."""
    columns: dict[str, frozenset[tuple[Table, str]] | None] = {}
    whens = node.args.get("whens")
    alias = using.alias_or_name.lower() if using is not None else ""
    pairs: list[tuple[str, exp.Expr]] = []
    for when in whens.expressions if whens is not None else ():
        then = when.args.get("then")
        if isinstance(then, exp.Update):
            pairs += [(e.this.name, e.expression) for e in then.expressions if isinstance(e, exp.EQ)]
        elif (
            isinstance(then, exp.Insert)
            and isinstance(then.this, exp.Tuple)
            and isinstance(then.expression, exp.Tuple)
        ):
            pairs += [
                (n.name, v) for n, v in zip(then.this.expressions, then.expression.expressions, strict=False)
            ]
        elif isinstance(then, exp.Insert | exp.Star | exp.Var):
            pairs += []
    for name, value in pairs:
        if isinstance(value, exp.Column) and value.table.lower() in ("", alias):
            found = source.column(value.name)
            known = columns.get(name.lower(), frozenset())
            columns[name.lower()] = None if known is None or found is None else known | found
    return Frame(source.tables, tuple(columns.items()))
