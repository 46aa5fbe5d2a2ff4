"""SQL that notebooks run on connections: DuckDB, Fabric's own, ODBC to a warehouse."""

import re
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.arguments import argument, text_value
from fabric_assets.lineage.frame_calls import frames_in
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.possibilities import options_of
from fabric_assets.lineage.sql import run_sql
from fabric_assets.lineage.sql_tables import SqlContext
from fabric_assets.lineage.storage import read_path
from fabric_assets.lineage.tables import UnresolvedNameError
from fabric_assets.lineage.values import Const, DeltaTableValue, SqlConnection, Text, Unknown, reason_of
from fabric_assets.lineage.words import words

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_CONNECTIONS = words("""
    sql query execute from_query sql_query read_sql cursor executemany exec_driver_sql
""")
_SAME_CONNECTION = words("""
    __enter__ cursor begin connect raw_connection commit install_extension load_extension close
""")
_CONNECTORS = (
    "pyodbc.connect",
    "mssql_python.connect",
    "sqlalchemy.create_engine",
    "sqlalchemy.engine.create_engine",
)
_DATABASE = re.compile(r"(?:database|initial catalog)\s*=\s*\{?([^;{}&?+]+)", re.IGNORECASE)
_ADDRESS = re.compile(r"\w+\+\w+://[^/?]*fabric\.microsoft\.com[^/?]*/([^/?]+)", re.IGNORECASE)
_SERVER = "fabric.microsoft.com"


def odbc_connection(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> SqlConnection | None:
    """The connection to a warehouse or SQL database of Fabric, ``None`` if it is none or to something else."""
    if name not in _CONNECTORS:
        return None
    texts = []
    for value in [*arguments, *keywords.values()]:
        for _, option in options_of(value):
            parts = option.parts if isinstance(option, Text) else (getattr(option, "value", ""),)
            texts.append("".join(part if isinstance(part, str) else "?" for part in parts))
    given = keywords.get("database")
    text = ";".join(texts)
    match = _DATABASE.search(text) or _ADDRESS.search(text)
    database = str(given.value) if isinstance(given, Const) else match[1].strip() if match else ""
    stores = {item.name.lower(): item.is_warehouse for item in interpreter.session.resolver.catalog.items}
    if not database or "?" in database or (_SERVER not in text and not stores.get(database.lower())):
        return None
    return SqlConnection("tsql", database, stores.get(database.lower()))


def queried(interpreter: "Interpreter", arguments: list[Any], keywords: dict[str, Any]) -> Frame:
    """What ``pandas.read_sql(query, connection)`` reads: tables of ours if it is a connection to a warehouse."""
    values = [*arguments, *keywords.values()]
    connections = [v for value in values for _, v in options_of(value) if isinstance(v, SqlConnection)]
    texts = [v for v in values if isinstance(v, Const | Text)]
    if not connections or not texts:
        return Frame()
    query = next((keywords[key] for key in ("sql", "query") if key in keywords), texts[0])
    result = connection_method(interpreter, connections[0], "query", [query], {})
    return result if isinstance(result, Frame) else Frame()


def written(
    interpreter: "Interpreter", frame: Frame, arguments: list[Any], keywords: dict[str, Any]
) -> Unknown:
    """Note what ``df.to_sql(name, connection, schema=...)`` writes if it is a connection to a warehouse."""
    session = interpreter.session
    values = [option for value in [*arguments, *keywords.values()] for _, option in options_of(value)]
    connection = next((value for value in values if isinstance(value, SqlConnection)), None)
    if connection is None or connection.dialect != "tsql":
        return Unknown()
    names = argument(arguments, keywords, 0, "name", "table_name")
    schemas = keywords.get("schema", arguments[2] if len(arguments) > 2 else None)
    schema = text_value(schemas)
    for _, name in options_of(names):
        if not isinstance(name, Const):
            session.gap(f"to_sql: the table name depends on {reason_of(name)}")
            continue
        try:
            full = f"{schema}.{name.value}" if schema else str(name.value)
            with session.resolver.inside(connection.workspace):
                table = session.resolver.tsql_table(full, connection.database, connection.is_warehouse)
        except UnresolvedNameError as error:
            session.gap(f"to_sql: {error}")
            continue
        session.write(table, frame, replaces=text_value(keywords.get("if_exists")) == "replace")
    return Unknown()


def duckdb_call(interpreter: "Interpreter", last: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """The value of a call of a function of DuckDB."""
    if last == "connect":
        return SqlConnection("duckdb")
    return connection_method(interpreter, SqlConnection("duckdb"), last, arguments, keywords)


def connection_method(
    interpreter: "Interpreter",
    owner: SqlConnection,
    name: str,
    arguments: list[Any],
    keywords: dict[str, Any],
) -> Any:
    """The value of a method call on a DuckDB connection or on one to a SQL endpoint."""
    session = interpreter.session
    first = arguments[0] if arguments else keywords.get("query", Unknown())
    if name in _CONNECTIONS:
        if not arguments and "query" not in keywords:
            return owner
        frames: tuple[tuple[str, Frame], ...] = ()
        if owner.dialect == "duckdb":
            frames = tuple((key, value) for key, value in _visible_frames(interpreter))
        context = SqlContext(owner.dialect, owner.database, owner.is_warehouse, frames)
        if owner.dialect == "duckdb":
            return run_sql(session, first, context)
        with session.resolver.inside(owner.workspace):
            return run_sql(session, first, context)
    if name == "register" and len(arguments) > 1:
        frames_given = frames_in(arguments[1])
        if isinstance(first, Const) and frames_given:
            session.views[str(first.value).lower()] = frames_given[0]
        return owner
    if name in ("read_parquet", "delta_scan", "read_csv", "from_parquet"):
        return read_path(interpreter, first, name, quiet=name != "delta_scan")
    if name in ("table", "view") and isinstance(first, Const):
        return session.views_named(str(first.value)) or Frame()
    if name in _SAME_CONNECTION:
        return owner
    return Frame()


def _visible_frames(interpreter: "Interpreter") -> list[tuple[str, Frame]]:
    found: dict[str, Frame] = {}
    scope = interpreter.scope
    while scope is not None:
        for name, value in scope.names.items():
            if name in found:
                continue
            frames = [option for _, option in options_of(value) if isinstance(option, Frame)]
            if frames:
                found[name] = Frame.union(frames)
            elif isinstance(value, DeltaTableValue):
                found[name] = (
                    Frame.union([Frame.of(table) for table in value.targets]) if value.targets else Frame()
                )
        scope = scope.outer  # type: ignore[assignment]
    return list(found.items())
