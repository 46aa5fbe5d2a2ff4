"""Finds the table that a statement changes by an alias, a CTE or a subquery of T-SQL, and the columns that it sets."""

from collections.abc import Iterable, Mapping

from sqlglot import exp

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.tables import Table

_MAX_DEPTH = 20

Queries = Mapping[str, exp.Expr]


class UnclearTargetError(Exception):
    """A statement changes a CTE or subquery of several tables, and does not say which of them."""


def ctes_of(node: exp.Expr) -> dict[str, exp.Expr]:
    """The queries of the statement's CTEs, by their names in lower case."""
    clause = node.args.get("with_")
    return {cte.alias.lower(): cte.this for cte in clause.expressions} if clause is not None else {}


def alone(relation: exp.Expr) -> exp.Expr:
    """The relation without those that are joined to it."""
    if not relation.args.get("joins"):
        return relation
    return type(relation)(**{key: value for key, value in relation.args.items() if key != "joins"})


def relations_in(relation: exp.Expr | None) -> list[exp.Expr]:
    """A relation of a FROM clause and those that are joined to it."""
    if relation is None:
        return []
    return [relation, *(join.this for join in relation.args.get("joins") or ())]


def changed_relation(target: exp.Expr | None, relations: Iterable[exp.Expr]) -> exp.Expr | None:
    """The one of the relations that the name of the target stands for."""
    if not isinstance(target, exp.Table):
        return None
    for relation in relations:
        if relation.alias:
            if relation.alias.lower() == target.name.lower() and not target.args.get("db"):
                return relation
        elif isinstance(relation, exp.Table):
            ends = zip(reversed(_parts(relation)), reversed(_parts(target)), strict=False)
            if all(one == other for one, other in ends):
                return relation
    return None


def changed_table(relation: exp.Expr, ctes: Queries, columns: Iterable[exp.Expr] = ()) -> exp.Expr:
    """The table behind the relation that a statement changes.

    Args:
        relation: table, CTE or subquery.
        ctes: see ``ctes_of``.
        columns: the columns that an UPDATE sets.

    Raises:
        UnclearTargetError: several tables are behind it.
    """
    names = frozenset(column.name.lower() for column in columns if isinstance(column, exp.Column))
    return _behind(relation, ctes, names, 0)


def _behind(relation: exp.Expr, ctes: Queries, columns: frozenset[str], depth: int) -> exp.Expr:
    if isinstance(relation, exp.Table):
        query = None if relation.args.get("db") else ctes.get(relation.name.lower())
        if query is None:
            names = {key: part for key, part in relation.args.items() if key in ("this", "db", "catalog")}
            return exp.Table(**names)
    else:
        query = relation
    while isinstance(query, exp.Subquery | exp.Paren):
        query = query.this
    if depth > _MAX_DEPTH or not isinstance(query, exp.Select):
        raise UnclearTargetError
    clause = query.args.get("from_")
    relations = relations_in(clause.this) if clause is not None else []
    relations += [join.this for join in query.args.get("joins") or ()]
    if len(relations) == 1:
        return _behind(relations[0], ctes, columns, depth + 1)
    owner = _owner(query, columns)
    for candidate in relations:
        if owner and candidate.alias_or_name.lower() == owner:
            return _behind(candidate, ctes, columns, depth + 1)
    raise UnclearTargetError


def _owner(query: exp.Select, columns: frozenset[str]) -> str:
    """The relation whose columns a query passes on under these names, empty if that is not plain."""
    owners = {
        (entry.this if isinstance(entry, exp.Alias) else entry).text("table").lower()
        for entry in query.expressions
        if entry.alias_or_name.lower() in columns
    }
    return owners.pop() if len(owners) == 1 else ""


def merged_columns(node: exp.Merge, using: exp.Expr | None, source: Frame) -> Frame:
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


def _parts(table: exp.Table) -> list[str]:
    return [part.name.lower() for part in table.parts]
