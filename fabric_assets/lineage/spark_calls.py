"""What calls on a Spark session, its dataframes, readers, writers and Delta tables read and write."""

import re
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.arguments import argument, text_value
from fabric_assets.lineage.frame_calls import TO_FRAME
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.local_rows import frame_of_rows
from fabric_assets.lineage.plain import text_of
from fabric_assets.lineage.possibilities import options_of
from fabric_assets.lineage.sql import run_sql
from fabric_assets.lineage.sql_tables import SqlContext
from fabric_assets.lineage.storage import read_table, write_path, write_table
from fabric_assets.lineage.strings import text_method
from fabric_assets.lineage.tables import Table
from fabric_assets.lineage.values import (
    Bound,
    Const,
    DeltaBuilder,
    DeltaTableValue,
    Instance,
    Lib,
    Mapping,
    Reader,
    Text,
    Unknown,
    Writer,
    default_lakehouse,
    this_workspace,
)
from fabric_assets.lineage.widgets import passed
from fabric_assets.lineage.words import words

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_ACTIONS_OF_TABLE = words("""
    update delete merge restore restoreToVersion restoreToTimestamp upgradeTableProtocol
""")


SESSION_NAMES = words("spark spark_session sparkSession _spark")
_SESSION_CALL = re.compile(r"\.(?:spark|spark_session|sparkSession)\.(table|sql|createDataFrame)")


def session_method(name: str) -> str:
    """The method of a Spark session that a notebook takes from a module of its own, empty if it is none."""
    match = _SESSION_CALL.search(name)
    return match[1] if match and match.end() == len(name) else ""


def lib_attribute(owner: Lib, name: str) -> Any:
    """The attribute of something of a library."""
    full = f"{owner.name}.{name}"
    if name in ("read", "readStream") and owner.name.rpartition(".")[2] in SESSION_NAMES:
        return Reader()
    if owner.name == "pyspark.sql.SparkSession" and name == "builder":
        return Lib("pyspark.sql.SparkSession.builder")
    return Lib(full)


def unknown_attribute(owner: Any, name: str) -> Any:
    """The attribute of a value of which nothing is known: some names say what it must be."""
    if name in ("write", "writeStream"):
        return Writer(Frame(), streaming=name == "writeStream")
    if name in SESSION_NAMES:
        return Lib("spark")
    return Bound(owner, name)


def session_call(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a call on the Spark session: ``sql``, ``table``, ``catalog.tableExists``, ..."""
    session = interpreter.session
    first = argument(arguments, keywords, 0, "tableName", "sqlQuery", "dbName", "viewName")
    if name == "sql":
        return _sql(interpreter, first, arguments, keywords)
    if name == "table":
        return read_table(interpreter, first, "spark.table")
    if name in ("createDataFrame", "range", "emptyDataFrame"):
        given = [v for value in arguments[:1] for _, v in options_of(value) if isinstance(v, Frame)]
        frame = Frame.union(given) if given else Frame()
        schema = argument(arguments, keywords, 1, "schema")
        return frame_of_rows(frame, argument(arguments, keywords, 0, "data"), schema)
    if name in ("newSession", "getActiveSession", "builder.getOrCreate"):
        return Lib("spark")
    if name == "conf.set" and len(arguments) > 1 and text_value(arguments[0]):
        session.set(text_value(arguments[0]), arguments[1])
        return Unknown()
    if name == "conf.get":
        default = passed(argument(arguments, keywords, 1, "default"))
        return _setting(interpreter, argument(arguments, keywords, 0, "key"), default)
    if name == "catalog.setCurrentDatabase":
        if isinstance(first, Const):
            session.use(str(first.value))
        return Unknown()
    if name in ("catalog.createTable", "catalog.createExternalTable"):
        write_table(interpreter, first, "spark.catalog.createTable", Frame())
        return Unknown()
    if name == "catalog.dropTempView" and isinstance(first, Const):
        session.views.pop(str(first.value).lower(), None)
    return Unknown()


def _sql(interpreter: "Interpreter", text: Any, arguments: list[Any], keywords: dict[str, Any]) -> Frame:
    """``spark.sql(text, args, **kwargs)``: parameter markers are values, ``{name}`` are dataframes or values."""
    given = keywords.get("args", arguments[1] if len(arguments) > 1 else None)
    markers = given.entries if isinstance(given, Mapping) else {}
    parameters = tuple((str(key).lower(), text_of(value)) for key, value in markers.items())
    fields = {key: value for key, value in keywords.items() if key not in ("args", "sqlQuery")}
    frames = [(key, v) for key, value in fields.items() for _, v in options_of(value) if isinstance(v, Frame)]
    if fields and isinstance(text, Const | Text):
        text = _with_fields(text, fields)
    return run_sql(interpreter.session, text, SqlContext(frames=tuple(frames), parameters=parameters))


def _with_fields(text: Const | Text, fields: dict[str, Any]) -> Any:
    """The text with ``{df}`` as plain names and other fields as literals."""
    for name, value in fields.items():
        new: Const | Text = Const(name)
        if not any(isinstance(option, Frame) for _, option in options_of(value)):
            is_number = isinstance(value, Const) and not isinstance(value.value, str)
            new = text_of(value) if is_number or not isinstance(value, Const) else Const(f"'{value.value}'")
        text = text_method(text, "replace", [Const("{" + name + "}"), new], {})
    return text


def _setting(interpreter: "Interpreter", name: Any, otherwise: Any) -> Any:
    default = interpreter.session.resolver.default_lakehouse
    lakehouse = Const(default, overridable=True) if default else default_lakehouse()
    known: dict[str, Any] = {
        "trident.workspace.id": this_workspace(),
        "trident.workspace.name": this_workspace(),
        "trident.lakehouse.name": lakehouse,
        "trident.lakehouse.id": lakehouse,
    }
    if not isinstance(name, Const):
        return Unknown()
    return known.get(str(name.value), interpreter.session.settings.get(str(name.value), otherwise))


def delta_call(interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """The value of ``DeltaTable.<name>(...)`` of Spark."""
    session = interpreter.session
    values = [value for value in arguments if not (isinstance(value, Lib) and value.name.startswith("spark"))]
    if name in ("forName", "forPath"):
        names = {**keywords}
        value = names.get("tableOrViewName", names.get("path", names.get("tableName")))
        if value is None:
            # Without a session as first argument the name comes first.
            value = (
                arguments[1]
                if len(arguments) > 1 and values and values[0] is not arguments[0]
                else (values or [Unknown()])[0]
            )
            if (
                len(arguments) > 1
                and not text_value(value)
                and isinstance(arguments[0], Unknown | Bound | Lib)
            ):
                value = arguments[1]
        found = session.tables_named(value, what=f"DeltaTable.{name}", is_path=name == "forPath")
        return DeltaTableValue(tuple(entry for entry in found if isinstance(entry, Table)))
    if name in ("create", "createIfNotExists", "createOrReplace", "replace"):
        return DeltaBuilder(replaces="eplace" in name)
    if name == "convertToDelta" and values:
        table = re.fullmatch(r"parquet\.`(.+)`", text_value(values[0]))
        path = Const(table[1]) if table else values[0]
        write_path(interpreter, path, "DeltaTable.convertToDelta", Frame(), quiet=True)
    return Unknown()


def builder_method(interpreter: "Interpreter", builder: DeltaBuilder, name: str, arguments: list[Any]) -> Any:
    """The value of a method call on ``DeltaTable.create(spark)``."""
    if name == "tableName" and arguments:
        write_table(interpreter, arguments[0], "DeltaTable builder", Frame(), replaces=builder.replaces)
    elif name == "location" and arguments:
        write_path(interpreter, arguments[0], "DeltaTable builder", Frame(), replaces=builder.replaces)
    elif name == "execute":
        return DeltaTableValue(())
    return builder


def delta_method(
    interpreter: "Interpreter",
    value: DeltaTableValue,
    name: str,
    arguments: list[Any],
    keywords: dict[str, Any],
) -> Any:
    """The value of a method call on a Delta table or on what its methods return (``merge(...).whenMatched...``)."""
    session = interpreter.session
    if name in _ACTIONS_OF_TABLE:
        source = keywords.get("source", arguments[0] if arguments else None)
        frame = source if isinstance(source, Frame) and name == "merge" else Frame()
        for table in value.targets:
            session.write(table, frame.opaque())
        return DeltaTableValue(()) if name == "merge" else Unknown()
    if name in ("clone", "cloneAtVersion", "cloneAtTimestamp"):
        position = 0 if name == "clone" else 1
        target = argument(arguments, keywords, position, "target")
        write = write_path if "/" in text_value(target) else write_table
        write(interpreter, target, f"DeltaTable.{name}", session.read_all(value.targets), replaces=True)
        return DeltaTableValue(())
    if name in TO_FRAME:
        return session.read_all(value.targets) if value.targets else Frame()
    if name in ("alias", "as_"):
        return value
    if name in (
        "history",
        "detail",
        "optimize",
        "vacuum",
        "schema",
        "version",
        "metadata",
        "files",
        "generate",
    ):
        return Instance({}) if name == "optimize" else Unknown()
    return DeltaTableValue(())
