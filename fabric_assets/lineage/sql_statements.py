"""SQL statements: which tables each kind reads and writes, what views it makes."""

import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.errors import SqlglotError

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.session import Session
from fabric_assets.lineage.sql_query import QueryReader
from fabric_assets.lineage.sql_tables import SqlContext, SqlTables
from fabric_assets.lineage.sql_targets import (
    UnclearTargetError,
    alone,
    changed_relation,
    changed_table,
    ctes_of,
    merged_columns,
    relations_in,
)
from fabric_assets.lineage.sql_variables import Variables
from fabric_assets.lineage.tables import Table, UnresolvedNameError
from fabric_assets.lineage.values import Const

_SYSTEM_PROCEDURE = re.compile(
    r"(?:\[?(?:sys|master)\]?\.)|(?:\[?dbo\]?\.)?\[?sp_(?:executesql|help|who|spaceused|columns|tables|describe_|getapplock|"
    r"releaseapplock|set_session_context|recompile|refresh|addrole|droprole|show|get_|lock|configure)",
    re.IGNORECASE,
)
_IMMEDIATE = re.compile(r"EXECUTE\s+IMMEDIATE\s+'((?:[^']|'')*)'", re.IGNORECASE)


class StatementRunner:
    """Notes what the statements of one text read and write.

    Args:
        session: takes the notes.
        context: dialect and names around the text.
        variables: the variables of the script.
        run_text: runs the text of a dynamic statement.
    """

    def __init__(
        self,
        session: Session,
        context: SqlContext,
        variables: Variables,
        run_text: Callable[[Any], object],
    ) -> None:
        self._run_text = run_text
        self._session = session
        self._context = context
        self._variables = variables
        self._tables = SqlTables(session, context)
        self._query = QueryReader(self._tables.read, implicit_recursion=context.dialect == "tsql")

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
            self._tables.create(into.this, frame, temporary=bool(into.args.get("temporary")), replaces=True)
        if isinstance(node, exp.Select) and self._context.dialect == "tsql":
            self._variables.assign(node.expressions, from_rows=bool(node.args.get("from_")))
        return frame

    def write_named(self, name: str) -> None:
        """Note that the table of that name is written."""
        self._tables.write(self._named(name))

    def _named(self, name: str) -> exp.Table | None:
        try:
            return exp.to_table(name, dialect=self._context.dialect)
        except SqlglotError:
            self._session.gap(f"{name!r} is not a name of a table")
            return None

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
            frame = self._tables.read(clone.this) if isinstance(clone.this, exp.Table) else Frame()
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
        self._tables.create(target, frame, temporary=temporary, replaces=replaces)

    def _from_path(self, properties: list[exp.Expr]) -> Frame:
        for entry in properties:
            for literal in entry.find_all(exp.Literal):
                if literal.is_string and "/" in literal.name:
                    found = self._tables.at_path(literal.name)
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
        self._tables.write(target, frame, replaces=replaces)

    def _multitable_inserts(self, node: exp.MultitableInserts) -> None:
        source, common = node.args.get("source"), node.args.get("with_")
        if source is not None:
            self._query.frame(source, self._query.with_ctes(node, {}))
        for entry in node.expressions:
            insert = entry.this if isinstance(entry, exp.ConditionalInsert) else entry
            if common is not None:
                insert = insert.copy()
                insert.set("with_", common.copy())
            self.run(insert)

    def _merge(self, node: exp.Merge) -> None:
        ctes = self._query.with_ctes(node, {})
        using = node.args.get("using")
        source = self._query.frame(using, ctes)
        self._query.nested(node.args.get("on"), ctes)
        self._query.nested(node.args.get("whens"), ctes)
        frame = merged_columns(node, using, source)
        self._change(node.this, node, frame)

    def _update(self, node: exp.Update) -> None:
        clause = node.args.get("from_")
        relations = relations_in(clause.this) if clause is not None else []
        relations += relations_in(node.this)[1:] if isinstance(node.this, exp.Table) else []
        set_columns = [entry.this for entry in node.expressions]
        self._changed(node, node.this, relations, set_columns)

    def _delete(self, node: exp.Delete) -> None:
        target = node.this if isinstance(node.this, exp.Expr) else None
        relations: list[exp.Expr] = list(node.args.get("using") or ())
        named = node.args.get("tables") or ()
        if named:  # DELETE t FROM ...
            relations += relations_in(target)
            target = named[0]
        else:
            relations += relations_in(target)[1:]
        self._changed(node, target, relations, [])

    def _changed(
        self,
        node: exp.Update | exp.Delete,
        target: exp.Expr | None,
        relations: list[exp.Expr],
        set_columns: list[exp.Expr],
    ) -> None:
        """An UPDATE or DELETE: its target may be an alias of one of its relations."""
        ctes = self._query.with_ctes(node, {})
        changed = changed_relation(target, relations)
        for relation in relations:
            if relation is not changed or not isinstance(relation, exp.Table):
                self._query.frame(alone(relation), ctes)
        for entry in node.expressions if isinstance(node, exp.Update) else ():
            self._query.nested(entry, ctes)
        self._query.nested(node.args.get("where"), ctes)
        self._change(changed if changed is not None else target, node, columns=set_columns)

    def _change(
        self,
        target: exp.Expr | None,
        node: exp.Expr,
        frame: Frame | None = None,
        columns: Iterable[exp.Expr] = (),
    ) -> None:
        """Note that the table behind the target is written."""
        if target is None:
            return
        try:
            table = changed_table(target, ctes_of(node), columns)
        except UnclearTargetError:
            self._session.gap(f"which of several tables {target.alias_or_name!r} changes is not known")
            return
        self._tables.write(table, frame)

    def _truncate(self, node: exp.TruncateTable) -> None:
        for table in node.expressions:
            self._tables.write(table, replaces=True)

    def _copy(self, node: exp.Copy) -> None:
        if node.args.get("kind"):
            self._tables.write(node.this)
            return
        self._query.frame(node.this, {})
        for file in node.args.get("files") or ():
            found = self._tables.at_path(file.name) if "/" in file.name else None
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
                self._tables.write(action.this, self._tables.read(node.this))
                self._tables.drop(node.this)

    def _drop(self, node: exp.Drop) -> None:
        if str(node.args.get("kind") or "").upper() in ("TABLE", "VIEW"):
            for table in [node.this, *(node.args.get("tables") or ())]:
                self._tables.drop(table)

    def _attach(self, node: exp.Attach) -> None:
        """DuckDB's ``ATTACH 'path' AS name (TYPE delta)``: the name is the table."""
        source = node.this.this if isinstance(node.this, exp.Alias) else node.this
        path = source.name if isinstance(source, exp.Literal) else ""
        found = self._tables.at_path(path) if "/" in path else None
        if found is not None:
            name = node.this.alias or path.rstrip("/").rpartition("/")[2]
            self._session.views[name.lower()] = (
                found if isinstance(found, Frame) else self._session.read(found)
            )

    def _declare(self, node: exp.Declare) -> None:
        for query in node.find_all(exp.Subquery):
            self._query.frame(query, {})
        self._variables.declare(node)

    def _execute(self, node: exp.Expr) -> None:
        if isinstance(node, exp.ExecuteSql):
            texts = [e.expression if isinstance(e, exp.EQ) else e for e in node.expressions[:1]]
            if texts:
                self._run_text(self._variables.value(texts[0]))
            return
        name = node.this.sql(dialect="tsql") if isinstance(node.this, exp.Expr) else str(node.this)
        if name.lower().endswith("sp_rename"):
            self._rename([self._variables.value(argument) for argument in node.expressions])
            return
        table = self.routine_table(name)
        routine = self._session.routine(table) if table is not None else None
        if table is not None and routine is not None:
            positional, named = self._arguments(node.expressions)
            self._session.follow(self._session, table, routine, routine.arguments(positional, named))
        elif not _SYSTEM_PROCEDURE.match(name):
            self._session.gap(
                f"what the stored procedure {name} does is not known here; declare it in `writers`"
            )

    def routine_table(self, name: str) -> Table | None:
        """The identity of a procedure or function: that of a table of the same name."""
        try:
            return self._session.resolver.tsql_table(name, self._context.database, self._context.is_warehouse)
        except UnresolvedNameError:
            return None

    def _arguments(self, expressions: list[exp.Expr]) -> tuple[list[Any], dict[str, Any]]:
        """The values of a call's arguments, by position and by name."""
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for expression in expressions:
            given = expression.this if isinstance(expression, exp.Alias) else expression
            if isinstance(given, exp.EQ) and isinstance(given.this, exp.Parameter):
                named[f"@{given.this.name.lower()}"] = self._variables.value(given.expression)
            else:
                positional.append(self._variables.value(given))
        return positional, named

    def _rename(self, arguments: list[Any]) -> None:
        """T-SQL's ``sp_rename 'schema.table', 'new name'``."""
        texts = [str(a.value) for a in arguments if isinstance(a, Const)]
        if len(texts) != len(arguments) or len(texts) < 2:
            self._session.gap("what sp_rename renames is only known when the notebook runs")
        elif len(texts) == 2 or texts[2].upper() == "OBJECT":
            source = self._named(texts[0])
            if source is None:
                return
            target = source.copy()
            target.set("this", exp.to_identifier(texts[1]))
            self._tables.write(target, self._tables.read(source))
            self._tables.drop(source)

    def _command(self, node: exp.Command) -> None:
        word = str(node.this).upper()
        rest = node.expression
        text = f"{word} {rest.name if isinstance(rest, exp.Expr) else rest or ''}".strip()
        immediate = _IMMEDIATE.match(text)
        if immediate:
            self._run_text(Const(immediate[1].replace("''", "'")))
        elif word in ("EXEC", "EXECUTE", "CALL"):
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
        exp.Attach: _attach,
        exp.Declare: _declare,
        exp.Execute: _execute,
        exp.ExecuteSql: _execute,
    }
