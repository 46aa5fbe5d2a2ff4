"""Statements that need more than right names: those about tables' folders, and those the embedded Spark lacks."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fabric_assets.local.engine.kernel import spark_maintenance
from fabric_assets.local.engine.kernel.spark_names import Namespace, TableName, TableNames
from fabric_assets.local.engine.kernel.spark_paths import is_safe_name
from fabric_assets.local.engine.kernel.spark_sql import SqlStatement
from fabric_assets.local.engine.kernel.sql_text import quoted, string_literal, string_value
from fabric_assets.local.engine.kernel.unsupported import NotSupportedLocallyError
from fabric_assets.local.lakehouse import nearest

NOTHING = "SELECT 'done' AS result WHERE false"
"""What Spark executes when the work is done already."""

_DATABASE_WORDS = ("DATABASE", "SCHEMA", "NAMESPACE")


class Catalog(Protocol):
    """What these statements need of the Spark session's catalog."""

    names: TableNames

    def execute(self, sql: str) -> None:
        """Execute a statement."""

    def set_conf(self, settings: dict[str, str]) -> None:
        """Set Spark settings."""

    def register(self, table: TableName) -> None:
        """Make a table known to Spark, or let Spark forget it if it is gone."""

    def register_namespace(self, namespace: Namespace) -> None:
        """Make a lakehouse or schema known to Spark."""

    def register_all(self, namespace: Namespace | None) -> None:
        """Make all tables of a namespace known to Spark."""

    def create_from_query(self, sql: str, table: TableName, folder: Path) -> None:
        """Execute a statement that makes a table of a query."""

    def local_path(self, path: str, creates: bool = False) -> str:
        """Where a path of Fabric lies, as Spark can handle it."""

    def overwrite(self, table: TableName, query: str, partition_columns: list[str]) -> None:
        """Replace a table by the result of a query."""


def prepared(sql: str, catalog: Catalog) -> str:
    """Do what the statement asks for beside Spark, and return the statement that Spark is to execute."""
    statement = SqlStatement.parse(sql)
    while len(statement) and statement.token(len(statement) - 1).text == ";":
        statement.replace(len(statement) - 1, 1, "")
        statement.significant.pop()
    handler = _HANDLERS.get(statement.word(0))
    return (handler(statement, catalog) if handler else None) or statement.text()


def _use(statement: SqlStatement, catalog: Catalog) -> str | None:
    if statement.word(1) == "CATALOG":
        return None
    place = 2 if statement.word(1) in _DATABASE_WORDS and len(statement) > 2 else 1
    namespace = _known_namespace(statement.chain(place), catalog)
    catalog.names.use(namespace)
    catalog.register_namespace(namespace)
    return f"USE DATABASE {namespace.sql}"


def _set(statement: SqlStatement, catalog: Catalog) -> str | None:
    if statement.words(3)[1:] == ["TIME", "ZONE"] and statement.token(3).kind == "string":
        name, value = "spark.sql.session.timeZone", string_value(statement.token(3).text)
    else:
        name, is_assignment, value = statement.text().strip()[3:].partition("=")
        name, value = name.strip(), value.strip()
        if not is_assignment or not name.replace(".", "").replace("_", "").replace("-", "").isalnum():
            return None
    catalog.set_conf({name: value})
    return f"SELECT {string_literal(name)} AS key, {string_literal(value)} AS value"


def _drop(statement: SqlStatement, catalog: Catalog) -> str | None:
    what = statement.word(1)
    place = 4 if statement.words(4)[2:] == ["IF", "EXISTS"] else 2
    chain = statement.chain(place)
    if what in _DATABASE_WORDS:
        namespace = _known_namespace(chain, catalog)
        if len(namespace.parts) == 1 or namespace.folder.name == "Tables":
            raise NotSupportedLocallyError(
                f"lakehouse '{chain[-1]}' cannot be dropped with SQL; delete its folder instead"
            )
        if any(namespace.folder.iterdir()) and statement.word(len(statement) - 1) != "CASCADE":
            raise NotSupportedLocallyError(
                f"schema '{chain[-1]}' is not empty; add CASCADE to drop its tables too"
            )
        shutil.rmtree(namespace.folder)
        return NOTHING
    if what == "VIEW" and chain:
        catalog.names.views.discard(chain[-1].lower())
    if what == "TABLE" and chain:
        table = catalog.names.table(chain)
        if table and table.exists:
            catalog.register(table)
            shutil.rmtree(table.folder)
            catalog.execute(f"DROP TABLE IF EXISTS {table.sql}")
            catalog.register(catalog.names.table(chain) or table)
            catalog.names.created.discard(table.sql)
            return NOTHING
    return None


def _create(statement: SqlStatement, catalog: Catalog) -> str | None:
    place = 3 if statement.words(3)[1:] == ["OR", "REPLACE"] else 1
    if statement.word(place) in _DATABASE_WORDS:
        return _create_schema(statement, catalog, place + 1)
    if statement.word(place) == "EXTERNAL":
        place += 1
    if statement.word(place) != "TABLE":
        return None
    is_replace = statement.word(place - 1) == "REPLACE"
    place += 4 if statement.words(place + 4)[place + 1 :] == ["IF", "NOT", "EXISTS"] else 1
    chain = statement.chain(place)
    table = catalog.names.table(chain) if chain else None
    if table is None:
        return None
    if not table.exists and not is_safe_name(table.name):
        raise NotSupportedLocallyError(
            f"table '{chain[-1]}' cannot be created: the embedded Spark writes only tables whose names are made of "
            "the letters a to z, digits and '_'"
        )
    definition = _Definition.parse(statement, place + 2 * len(chain) - 1, catalog)
    if definition.query and (is_replace or not table.exists):
        if is_replace and table.exists and not definition.location:
            catalog.register(table)
            catalog.overwrite(table, definition.query, definition.partition_columns)
        else:
            catalog.create_from_query(statement.text(), table, definition.location or table.folder)
        return NOTHING
    return None


@dataclass
class _Definition:
    """What stands behind the name in ``CREATE TABLE name``."""

    query: str = ""
    location: Path | None = None
    partition_columns: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, statement: SqlStatement, place: int, catalog: Catalog) -> "_Definition":
        """Read it from this place on."""
        definition, depth = cls(), 0
        for at in range(place, len(statement)):
            token, before = statement.token(at), statement.word(at - 1)
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0 and statement.word(at) == "AS":
                rest = statement.tokens[statement.significant[at] + 1 :]
                definition.query = "".join(each.text for each in rest)
                break
            if depth == 1 and token.is_name and _follows_partitioned_by(statement, at):
                definition.partition_columns.append(token.name)
            if before == "LOCATION" and token.kind == "string":
                definition.location = Path(catalog.local_path(string_value(token.text), True))
        return definition


def _follows_partitioned_by(statement: SqlStatement, place: int) -> bool:
    while statement.token(place).text != "(":
        place -= 1
    return statement.words(place)[-2:] == ["PARTITIONED", "BY"]


def _create_schema(statement: SqlStatement, catalog: Catalog, place: int) -> str:
    if_not_exists = statement.word(place) == "IF"
    chain = statement.chain(place + 3 if if_not_exists else place)
    namespace = catalog.names.namespace(chain)
    if namespace is None:
        current = catalog.names.current if len(chain) == 1 else catalog.names.namespace(chain[:-1])
        if current is None or current.folder.name == "Tables":
            raise NotSupportedLocallyError(
                f"'{'.'.join(chain)}' cannot be created with SQL: in Fabric a database is a lakehouse, or a schema of "
                "a lakehouse with schemas. Create the lakehouse as an item of the workspace"
            )
        folder = current.folder.parent / chain[-1].lower()
        folder.mkdir(parents=True, exist_ok=True)
        catalog.register_namespace(Namespace((*current.parts[:-1], chain[-1].lower()), folder))
    elif not if_not_exists:
        raise NotSupportedLocallyError(
            f"schema '{'.'.join(chain)}' exists already; write CREATE SCHEMA IF NOT EXISTS"
        )
    return NOTHING


def _insert(statement: SqlStatement, catalog: Catalog) -> str | None:
    """``INSERT INTO t (columns) ...``: the embedded Spark wants all columns of the table, in its order and types."""
    place = 3 if statement.word(2) == "TABLE" else 2
    chain = statement.chain(place)
    table = catalog.names.table(chain) if chain and statement.word(1) in ("INTO", "OVERWRITE") else None
    place += 2 * len(chain) - 1
    if (
        table is None
        or not table.exists
        or statement.token(place).text != "("
        or statement.word(place + 1) == "SELECT"
    ):
        return None
    columns: list[str] = []
    while statement.token(place).text != ")" and place < len(statement):
        place += 1
        if statement.token(place).is_name:
            columns.append(statement.token(place).name)
    query = "".join(
        token.text for token in statement.tokens[statement.significant[min(place, len(statement) - 1)] + 1 :]
    )
    values = spark_maintenance.aligned_columns(table, columns)
    if not values:
        return None
    names = ", ".join(map(quoted, columns))
    return f"INSERT {statement.word(1)} {table.sql} SELECT {values} FROM ({query}) AS given({names})"  # noqa: S608


def _show(statement: SqlStatement, catalog: Catalog) -> str | None:
    if statement.word(1) in ("TABLES", "VIEWS"):
        namespace = catalog.names.current
        chain = statement.chain(3) if statement.word(2) in ("IN", "FROM") else ()
        if chain:
            namespace = _known_namespace(chain, catalog)
            statement.replace(3, len(chain), namespace.sql)
        catalog.register_all(namespace)
    elif statement.word(1) in ("DATABASES", "SCHEMAS"):
        for namespace in catalog.names.namespaces():
            catalog.register_namespace(namespace)
    return None


def _describe(statement: SqlStatement, catalog: Catalog) -> str | None:
    kind = statement.word(1)
    if kind in ("HISTORY", "DETAIL"):
        table = _known_table(statement, 2, catalog)
        describe = spark_maintenance.history if kind == "HISTORY" else spark_maintenance.detail
        return describe(table)
    if statement.chain(1) and kind not in (
        "FUNCTION",
        "CATALOG",
        "TABLE",
        "EXTENDED",
        "QUERY",
        *_DATABASE_WORDS,
    ):
        statement.replace(0, 1, "DESCRIBE TABLE")
    return None


def _optimize(statement: SqlStatement, catalog: Catalog) -> str:
    table = _known_table(statement, 1, catalog)
    columns: list[str] = []
    for place in range(len(statement)):
        if statement.words(place + 1)[place - 1 : place + 1] == ["ZORDER", "BY"]:
            columns = [
                token.name
                for at in range(place + 1, len(statement))
                if (token := statement.token(at)).is_name
            ]
    return spark_maintenance.optimize(table, columns)


def _vacuum(statement: SqlStatement, catalog: Catalog) -> str:
    table = _known_table(statement, 1, catalog)
    hours = next(
        (
            float(statement.token(at + 1).text)
            for at in range(len(statement))
            if statement.word(at) == "RETAIN"
        ),
        None,
    )
    dry_run = statement.words(len(statement))[-2:] == ["DRY", "RUN"]
    return spark_maintenance.vacuum(table, hours, dry_run=dry_run)


def _truncate(statement: SqlStatement, catalog: Catalog) -> str:
    return f"DELETE FROM {_known_table(statement, 2, catalog).sql}"  # noqa: S608 - the name is quoted


def _alter(statement: SqlStatement, catalog: Catalog) -> str | None:
    chain = statement.chain(2)
    place = 2 + 2 * len(chain) - 1
    if statement.words(place + 2)[place:] != ["RENAME", "TO"]:
        return None
    table = _known_table(statement, 2, catalog)
    target = catalog.names.table((*chain[:-1], statement.chain(place + 2)[-1]))
    if target is None or target.exists:
        raise NotSupportedLocallyError(
            f"'{statement.chain(place + 2)[-1]}' is no new name in the same lakehouse"
        )
    table.folder.rename(target.folder)
    catalog.register(catalog.names.table(chain) or table)
    return NOTHING


def _nothing(statement: SqlStatement, catalog: Catalog) -> str:
    """Hints to a cluster's caches and statistics: the embedded Spark has none to keep."""
    del statement, catalog
    return NOTHING


def _known_namespace(chain: tuple[str, ...], catalog: Catalog) -> Namespace:
    namespace = catalog.names.namespace(chain)
    if namespace is None:
        names = [".".join(known.parts) for known in catalog.names.namespaces()]
        raise NotSupportedLocallyError(
            f"lakehouse '{'.'.join(chain)}' was not found; {nearest('.'.join(chain), names)}"
        )
    return namespace


def _known_table(statement: SqlStatement, place: int, catalog: Catalog) -> TableName:
    chain = statement.chain(place)
    table = catalog.names.table(chain) if chain else None
    if table is None or not table.exists:
        known = [each.name for each in catalog.names.tables(table.namespace)] if table else []
        raise NotSupportedLocallyError(
            f"table '{'.'.join(chain)}' was not found; {nearest(chain[-1] if chain else '', known)}"
        )
    return table


_HANDLERS: dict[str, Callable[[SqlStatement, Any], str | None]] = {
    "USE": _use,
    "INSERT": _insert,
    "SET": _set,
    "DROP": _drop,
    "CREATE": _create,
    "SHOW": _show,
    "DESCRIBE": _describe,
    "DESC": _describe,
    "OPTIMIZE": _optimize,
    "VACUUM": _vacuum,
    "TRUNCATE": _truncate,
    "ALTER": _alter,
    "REFRESH": _nothing,
    "CACHE": _nothing,
    "UNCACHE": _nothing,
    "ANALYZE": _nothing,
}
