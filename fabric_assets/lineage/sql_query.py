"""Follows a query through CTEs, subqueries and joins to its tables and to the sources of its columns."""

from collections.abc import Callable, Iterator

from sqlglot import exp

from fabric_assets.lineage.frames import NO_SOURCES, Frame, Sources

Resolve = Callable[[exp.Table], Frame]


class QueryReader:
    """Reads queries of one statement.

    Args:
        resolve: gives the dataframe behind a table name that is no CTE, and notes that it is read.
        implicit_recursion: a CTE may name itself without ``RECURSIVE`` (T-SQL).
    """

    def __init__(self, resolve: Resolve, implicit_recursion: bool = False) -> None:
        self._resolve = resolve
        self._implicit_recursion = implicit_recursion

    def frame(self, node: exp.Expr | None, ctes: dict[str, Frame]) -> Frame:
        """What a query, table or subquery gives."""
        if node is None:
            return Frame(closed=True)
        if isinstance(node, exp.Table):
            return self._table(node, ctes)
        if isinstance(node, exp.Select):
            return self._select(node, self.with_ctes(node, ctes))
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, ctes)
        if isinstance(node, exp.Subquery):
            inner = self.frame(node.this, self.with_ctes(node, ctes))
            return self._aliased(self._with_joins(inner, node, ctes), node)
        if isinstance(node, exp.Paren):
            return self.frame(node.this, ctes)
        if isinstance(node, exp.Values):
            self.nested(node, ctes)
            return self._aliased(Frame(), node)
        self.nested(node, ctes)
        return self._aliased(Frame(), node)

    def with_ctes(self, node: exp.Expr, ctes: dict[str, Frame]) -> dict[str, Frame]:
        """The CTEs that are visible in a statement."""
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        ctes = dict(ctes)
        recursive = bool(clause.args.get("recursive")) or self._implicit_recursion
        for cte in clause.expressions:
            name = cte.alias.lower()
            visible = {**ctes, name: Frame(closed=True)} if recursive and _names_itself(cte, name) else ctes
            ctes[name] = self._aliased(self.frame(cte.this, visible), cte)
        return ctes

    def nested(self, node: exp.Expr | None, ctes: dict[str, Frame]) -> None:
        """Read all queries inside an expression."""
        for query in _queries(node):
            self.frame(query, ctes)

    def _set_operation(self, node: exp.SetOperation, ctes: dict[str, Frame]) -> Frame:
        # Long chains of UNION ALL are nested to the left; a loop spares the recursion.
        branches: list[exp.Expr] = []
        current: exp.Expr = node
        while isinstance(current, exp.SetOperation):
            ctes = self.with_ctes(current, ctes)
            branches.append(current.expression)
            self.nested(current.args.get("order"), ctes)
            current = current.this
        branches.append(current)
        frames = [self.frame(branch, ctes) for branch in reversed(branches)]
        first = frames[0]
        if not first.closed or any(not f.closed or len(f.columns) != len(first.columns) for f in frames):
            return Frame.union(frames)
        columns = []
        for position, (name, _) in enumerate(first.columns):
            sources: Sources = NO_SOURCES
            for frame in frames:
                more = frame.columns[position][1]
                sources = None if sources is None or more is None else sources | more
            columns.append((name, sources))
        return Frame(Frame.union(frames).tables, tuple(columns), closed=True)

    def _table(self, node: exp.Table, ctes: dict[str, Frame]) -> Frame:
        name = node.name.lower()
        is_cte = not node.args.get("db") and isinstance(node.this, exp.Identifier) and name in ctes
        frame = ctes[name] if is_cte else self._resolve(node)
        if not isinstance(node.this, exp.Identifier):
            self.nested(node.this, ctes)
        if node.args.get("pivots"):
            frame = frame.opaque()
        return self._with_joins(frame, node, ctes)

    def _with_joins(self, frame: Frame, node: exp.Expr, ctes: dict[str, Frame]) -> Frame:
        joins = [self.frame(join.this, ctes) for join in node.args.get("joins") or ()]
        for lateral in node.args.get("laterals") or ():
            self.nested(lateral, ctes)
        return Frame.union([frame, *joins]) if joins else frame

    def _aliased(self, frame: Frame, node: exp.Expr) -> Frame:
        alias = node.args.get("alias")
        names = (
            [column.name for column in alias.args.get("columns") or ()]
            if isinstance(alias, exp.TableAlias)
            else []
        )
        if not names:
            return frame
        if frame.closed and len(names) == len(frame.columns):
            sources = [s for _, s in frame.columns]
        elif frame.tables:
            sources = [None] * len(names)
        else:
            sources = [NO_SOURCES] * len(names)
        return Frame(frame.tables, tuple(zip(names, sources, strict=True)), closed=True)

    def _select(self, node: exp.Select, ctes: dict[str, Frame]) -> Frame:
        sources: dict[str, Frame] = {}
        clause = node.args.get("from_")
        relations = [clause.this] if clause is not None else []
        relations += [join.this for join in node.args.get("joins") or ()]
        relations += list(node.args.get("laterals") or ())
        for position, relation in enumerate(relations):
            frame = self._relation(relation, ctes, sources)
            sources[(relation.alias_or_name or f"#{position}").lower()] = frame
            for join in relation.args.get("joins") or ():  # FROM (a JOIN b) keeps their own names
                if isinstance(join.this, exp.Table) and join.this.alias_or_name.lower() not in sources:
                    sources[join.this.alias_or_name.lower()] = frame
        for join in node.args.get("joins") or ():
            self.nested(join.args.get("on"), ctes)
        for key in ("where", "group", "having", "qualify", "order", "distinct", "limit"):
            self.nested(node.args.get(key), ctes)
        for projection in node.expressions:
            self.nested(projection, ctes)
        return _projected(node, sources)

    def _relation(self, node: exp.Expr, ctes: dict[str, Frame], sources: dict[str, Frame]) -> Frame:
        if isinstance(node, exp.Lateral):
            if isinstance(node.this, exp.Dot) and isinstance(node.this.expression, exp.Anonymous):
                return self._aliased(self._resolve(_called_table(node.this)), node)  # APPLY dbo.function(...)
            self.nested(node, ctes)
            alias = node.args.get("alias")
            names = [column.name for column in alias.args.get("columns") or ()] if alias else []
            found = column_sources(node.this, sources, {}) if node.args.get("view") else None
            return Frame(columns=tuple((name, found) for name in names), closed=bool(names))
        return self.frame(node, ctes)


def _called_table(call: exp.Dot) -> exp.Table:
    """A call of a function with its schema as the relation that it is."""
    *owners, function = call.flatten()
    parts = dict(zip(("db", "catalog"), reversed(owners), strict=False))
    return exp.Table(this=function, **parts)


def _names_itself(cte: exp.Expr, name: str) -> bool:
    """Whether the second half of a UNION names the CTE that it defines."""
    query = cte.this
    if not isinstance(query, exp.SetOperation):
        return False
    return any(t.name.lower() == name and not t.args.get("db") for t in query.expression.find_all(exp.Table))


def _queries(node: object) -> Iterator[exp.Expr]:
    if not isinstance(node, exp.Expr):  # the parser puts truth values in some places
        return
    if isinstance(node, exp.Query):
        yield node
        return
    stack = [node]
    while stack:
        for child in stack.pop().iter_expressions():
            if isinstance(child, exp.Query | exp.Table):
                yield child
            elif not isinstance(child, exp.Column | exp.Literal | exp.Identifier):
                stack.append(child)


def _projected(node: exp.Select, sources: dict[str, Frame]) -> Frame:
    frames = list(sources.values())
    tables = Frame.union(frames).tables if frames else frozenset()
    columns: dict[str, Sources] = {}
    earlier: dict[str, Sources] = {}
    passing: list[Frame] = []
    unnamed = False
    for projection in node.expressions:
        star = _star_of(projection, sources)
        if star is not None:
            passing += star
            for frame in star:
                for name, found in frame.columns:
                    columns.setdefault(name, found)
                    earlier.setdefault(name.lower(), found)
            continue
        name = projection.alias_or_name
        if not name or name == "*":
            unnamed = True
            continue
        columns[name] = column_sources(projection, sources, earlier)
        earlier.setdefault(name.lower(), columns[name])
    base = passing[0].base if len(passing) == 1 else None
    inputs = tuple(passing) if len(passing) > 1 else passing[0].inputs if passing else ()
    closed = not unnamed and all(frame.closed for frame in passing)
    return Frame(tables, tuple(columns.items()), base, closed, inputs=inputs)


def _star_of(projection: exp.Expr, sources: dict[str, Frame]) -> list[Frame] | None:
    """The dataframes whose columns ``*`` or ``t.*`` stands for."""
    if isinstance(projection, exp.Star):
        frames = list(sources.values())
        return frames if not projection.args.get("except_") else [frame.opaque() for frame in frames]
    if isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star):
        frame = sources.get(projection.table.lower())
        return [frame if frame is not None else Frame()]
    return None


def column_sources(node: exp.Expr, sources: dict[str, Frame], earlier: dict[str, Sources]) -> Sources:
    """The columns of tables that an expression is made of, ``None`` if that is not plain.

    Args:
        node: the expression.
        sources: the relations of the FROM clause by their names.
        earlier: columns of the same SELECT that Spark lets later ones refer to, by name in lower case.
    """
    result: frozenset = NO_SOURCES
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, exp.Query | exp.Star):
            return None
        if isinstance(current, exp.Column):
            found = _column(current, sources, earlier)
            if found is None:
                return None
            result |= found
            continue
        stack.extend(current.iter_expressions())
    return result


def _column(column: exp.Column, sources: dict[str, Frame], earlier: dict[str, Sources]) -> Sources:
    if isinstance(column.this, exp.Star):
        return None
    qualifier, name = column.table.lower(), column.name
    if qualifier:
        frame = sources.get(qualifier)
        return frame.column(name) if frame is not None else None
    candidates = [frame for frame in sources.values() if not frame.closed or frame.has(name)]
    if name.lower() in earlier:
        if candidates and not any(frame.has(name) for frame in candidates):
            return None
        if not candidates:
            return earlier[name.lower()]
    if len(candidates) == 1:
        return candidates[0].column(name)
    return None
