"""What calls of data libraries and of Fabric's own utilities read, write and run."""

from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.arguments import argument, text_value
from fabric_assets.lineage.columns import library_column
from fabric_assets.lineage.frame_calls import FRAME_SIGNS, frame_method, frames_in
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.local_rows import frame_of_rows
from fabric_assets.lineage.notebook_calls import run_multiple, run_one
from fabric_assets.lineage.plain import text_of
from fabric_assets.lineage.possibilities import map_options, options_of
from fabric_assets.lineage.spark_calls import delta_call, delta_method
from fabric_assets.lineage.spark_io import writer_method
from fabric_assets.lineage.sql_connections import connection_method, duckdb_call, odbc_connection, queried
from fabric_assets.lineage.standard_library import call_standard_library, run_submitted
from fabric_assets.lineage.storage import drop_path, read_path, read_table, write_path, write_target
from fabric_assets.lineage.values import (
    Const,
    DeltaTableValue,
    Function,
    Lib,
    Mapping,
    Never,
    Partial,
    SqlConnection,
    Text,
    Unknown,
    Writer,
    concatenate,
    default_lakehouse,
    this_workspace,
)
from fabric_assets.lineage.words import words

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_SPARK_DELTA = ("delta.tables.DeltaTable", "delta.DeltaTable")
_RS_DELTA = ("deltalake.DeltaTable", "deltalake.table.DeltaTable")
_WRITE_DELTA = ("deltalake.write_deltalake", "deltalake.writer.write_deltalake", "deltalake.write_deltalake")
_EXPRESSIONS = ("pyspark.sql.functions.", "polars.", "pyspark.sql.connect.functions.")
_SOURCES = (
    "source",
    "path",
    "table_uri",
    "filepath_or_buffer",
    "table",
    "io",
    "uri",
    "root",
    "paths",
    "table_path",
)
_SOURCE_NAMES = ("from", "file", "path", "source", "dir", "mountPoint")
_DELTA_READERS = ("delta", "deltalake")
TABLE_WRITES = words("saveAsTable insertInto toTable")
_MADE_OF_DATA = words("""
    from_arrow from_dataframe from_dict from_dicts from_numpy from_pandas from_records from_repr json_normalize
""")


def call_library(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a call of something that a library has."""
    last = name.rpartition(".")[2]
    top = name.partition(".")[0]
    if top == "notebookutils":
        return _utilities(interpreter, name.partition(".")[2], arguments, keywords)
    if top == "sempy_labs" and last.startswith("Connect"):
        return _labs_connection(interpreter, last, arguments, keywords)
    if top == "sempy":
        return _sempy(interpreter, last, arguments, keywords)
    if name.startswith("pyspark.sql.SparkSession") or last == "getActiveSession":
        return (
            Lib("spark")
            if last in ("getOrCreate", "getActiveSession", "active")
            else Lib("pyspark.sql.SparkSession.builder")
        )
    for delta in _SPARK_DELTA:
        if name.startswith(delta + "."):
            return delta_call(interpreter, last, arguments, keywords)
    if name in _RS_DELTA:
        return _delta_table(interpreter, arguments, keywords)
    if name.startswith("deltalake.DeltaTable."):
        if last == "create":
            write_target(interpreter, "DeltaTable.create", Frame(), arguments, keywords)
        return Unknown()
    if name in _WRITE_DELTA:
        frames = [frame for value in [*arguments[1:], *keywords.values()] for frame in frames_in(value)]
        write_target(
            interpreter, "write_deltalake", Frame.union(frames) if frames else Frame(), arguments, keywords
        )
        return Const(None)
    if name in ("pandas.DataFrame", "polars.DataFrame", "polars.LazyFrame"):
        frames = [frame for value in [*arguments, *keywords.values()] for frame in frames_in(value)]
        names = keywords.get("columns", keywords.get("schema"))
        data = arguments[0] if arguments else keywords.get("data")
        return frame_of_rows(Frame.union(frames).opaque() if frames else Frame(), data, names)
    if name == "pyspark.sql.Row" and keywords:
        return Mapping(dict(keywords), is_record=True)
    if name == "polars.sql":
        return connection_method(interpreter, SqlConnection("duckdb"), "sql", arguments, keywords)
    if top == "duckdb":
        return duckdb_call(interpreter, last, arguments, keywords)
    if name in ("sqlalchemy.text", "sqlalchemy.sql.text") and arguments:
        return arguments[0]
    connection = odbc_connection(interpreter, name, arguments, keywords)
    if connection is not None:
        return connection
    if name == "glob.glob" and arguments:  # the files of a table
        read_path(interpreter, arguments[0], name, quiet=True)
        return Unknown()
    if name in ("shutil.rmtree", "shutil.move", "shutil.copytree") and arguments:
        return _copied(interpreter, last, arguments)
    standard = call_standard_library(interpreter, name, arguments, keywords)
    if standard is not None:
        return standard
    submitted = run_submitted(interpreter, last, arguments, keywords)
    if submitted is not None:
        return submitted
    data = _data_call(interpreter, name, last, arguments, keywords)
    if data is not None:
        return data
    if name.startswith(_EXPRESSIONS) and last[:1].islower():
        frame = _frame_made(last, arguments, keywords)
        return library_column(last, arguments, keywords) if frame is None else frame
    return opaque_call(interpreter, arguments, keywords)


def _frame_made(name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any | None:
    """The dataframe that a function of Polars or PySpark makes, ``None`` if it makes a column."""
    if name in ("broadcast", "collect_all") and arguments:
        return arguments[0]
    frames = [frame for value in [*arguments, *keywords.values()] for frame in frames_in(value)]
    if name == "concat" and frames:
        return Frame.union(frames)
    return Frame().opaque(*frames) if frames or name in _MADE_OF_DATA else None


def _data_call(
    interpreter: "Interpreter", name: str, last: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any | None:
    """A function that reads or writes files or tables by its name: ``pl.scan_delta``, ``pq.write_table``."""
    frames = [frame for value in [*arguments, *keywords.values()] for frame in frames_in(value)]
    if last.startswith(("write_", "to_", "save_", "sink_")) and frames:
        targets = [value for value in arguments if not frames_in(value)]
        write_target(interpreter, last, Frame.union(frames), targets, keywords)
        return Unknown()
    if name == "pyspark.pandas.read_table" and arguments:
        return read_table(interpreter, arguments[0], "read_table")
    if last.startswith(("read_", "scan_", "load_")) or name in ("pyarrow.dataset.dataset", "dataset.dataset"):
        source = next(
            (keywords[key] for key in _SOURCES if key in keywords), arguments[0] if arguments else None
        )
        for _, option in options_of(source):
            if isinstance(option, DeltaTableValue):
                return delta_method(interpreter, option, "to_pandas", [], {})
        if last.startswith(("read_sql", "read_database")):
            return queried(interpreter, arguments, keywords)
        if source is None or frames:
            return Frame.union(frames) if frames else Frame()
        is_delta = any(last.endswith(kind) for kind in _DELTA_READERS)
        return read_path(interpreter, source, last, quiet=not is_delta)
    return None


def unknown_method(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a method call on a value of which nothing is known."""
    if name in FRAME_SIGNS or name.startswith(("to_", "write_", "sink_")):
        return frame_method(interpreter, Frame(), name, arguments, keywords)
    if name.startswith(("read_", "scan_")) and (arguments or keywords):
        return _data_call(interpreter, name, name, arguments, keywords)
    if name in TABLE_WRITES:
        return writer_method(interpreter, Writer(Frame()), name, arguments, keywords)
    if name in ("sql", "table") and len(arguments) == 1 and isinstance(arguments[0], Const | Text):
        interpreter.session.gap(
            f"it is not known whose `{name}` this is; on Spark's session, called `spark`, it would be followed"
        )
    return opaque_call(interpreter, arguments, keywords, method=name)


def opaque_call(
    interpreter: "Interpreter", arguments: list[Any], keywords: dict[str, Any], method: str = ""
) -> Any:
    """The value of a call of which nothing is known: dataframes go through it, functions are called by it."""
    if method:
        submitted = run_submitted(interpreter, method, arguments, keywords)
        if submitted is not None:
            return submitted
    for value in [*arguments, *keywords.values()]:
        for _, option in options_of(value):
            if isinstance(option, Partial) or (
                isinstance(option, Function) and option.node not in interpreter.call_stack
            ):
                interpreter.invoke(option, [])
    frames = [frame for value in [*arguments, *keywords.values()] for frame in frames_in(value)]
    return Frame().opaque(*frames) if frames else Unknown()


def _delta_table(interpreter: "Interpreter", arguments: list[Any], keywords: dict[str, Any]) -> Any:
    source = keywords.get("table_uri", arguments[0] if arguments else Unknown())
    session = interpreter.session
    found = session.tables_named(source, what="DeltaTable", is_path=True, quiet=bool(session.mute_reads))
    return DeltaTableValue(tuple(entry for entry in found if not isinstance(entry, Frame)))


# -- notebookutils, sempy


def _utilities(interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    session = interpreter.session
    first = arguments[0] if arguments else next(iter(keywords.values()), Unknown())
    if name in ("env.getWorkspaceId", "env.getWorkspaceName"):
        return this_workspace()
    if name == "notebook.exit":
        return Never()
    if name == "notebook.run":
        return run_one(session, keywords.get("path", keywords.get("name", first)))
    if name == "notebook.runMultiple":
        return run_multiple(session, keywords.get("dag", first))
    if name.startswith("fs."):
        return _file_system(interpreter, name.removeprefix("fs."), arguments, keywords)
    if name.startswith("lakehouse.") and name.rpartition(".")[2] in ("get", "getWithProperties"):
        return _lakehouse(interpreter, arguments, keywords)
    if name == "data.connect_to_artifact":
        kind = arguments[2] if len(arguments) > 2 else keywords.get("artifact_type", Const(""))
        is_warehouse = isinstance(kind, Const) and "warehouse" in str(kind.value).lower()
        database = str(first.value) if isinstance(first, Const) else ""
        place = keywords.get("workspace", arguments[1] if len(arguments) > 1 else None)
        workspace = session.resolver.catalog.workspace(text_value(place))
        return SqlConnection("tsql", database, is_warehouse or None, workspace)
    return Unknown()


def _labs_connection(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """``ConnectWarehouse``, ``ConnectLakehouse`` and ``ConnectSQLDatabase`` of semantic link labs."""
    item = argument(arguments, keywords, 0, "warehouse", "lakehouse", "sql_database")
    place = text_value(argument(arguments, keywords, 1, "workspace"))
    if not text_value(item):
        return Unknown()
    workspace = interpreter.session.resolver.catalog.workspace(place)
    return SqlConnection("tsql", text_value(item), True if name == "ConnectWarehouse" else None, workspace)


def _file_system(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    source = keywords.get(
        "src",
        arguments[0]
        if arguments
        else next((keywords[key] for key in _SOURCE_NAMES if key in keywords), None),
    )
    target = keywords.get("dest", keywords.get("to", arguments[1] if len(arguments) > 1 else None))
    if source is None:
        return Unknown()
    if name in ("cp", "mv", "fastcp"):
        frame = read_path(interpreter, source, f"fs.{name}", quiet=True)
        if target is not None:
            write_path(interpreter, target, f"fs.{name}", frame, quiet=True)
        if name == "mv":
            drop_path(interpreter, source, "fs.mv")
    elif name == "rm":
        drop_path(interpreter, source, "fs.rm")
    elif name in ("put", "append"):
        write_path(interpreter, source, f"fs.{name}", Frame(), quiet=True)
    elif name == "head":
        read_path(interpreter, source, "fs.head", quiet=True)
    elif name == "mount":
        point = keywords.get("mountPoint", target)
        interpreter.session.mounts[text_value(point).strip("/")] = source
    elif name == "getMountPath":
        return interpreter.session.mounts.get(text_value(source).strip("/"), Unknown())
    return Unknown()


def _copied(interpreter: "Interpreter", name: str, arguments: list[Any]) -> Any:
    """``shutil``: folders of tables that are copied, moved or removed."""
    if len(arguments) > 1 and name != "rmtree":
        frame = read_path(interpreter, arguments[0], f"shutil.{name}", quiet=True)
        write_path(interpreter, arguments[1], f"shutil.{name}", frame, quiet=True)
    if name != "copytree":
        drop_path(interpreter, arguments[0], f"shutil.{name}")
    return Unknown()


def _lakehouse(interpreter: "Interpreter", arguments: list[Any], keywords: dict[str, Any]) -> Any:
    name = keywords.get("name", arguments[0] if arguments else default_lakehouse())
    workspace = keywords.get("workspaceId", arguments[1] if len(arguments) > 1 else this_workspace())

    def item(lakehouse: Any, place: Any) -> Any:
        if not isinstance(lakehouse, Const):
            lakehouse = lakehouse if isinstance(lakehouse, Unknown) else Unknown()
        parts = [
            Const("abfss://"),
            text_of(place),
            Const("@onelake.dfs.fabric.microsoft.com/"),
            text_of(lakehouse),
        ]
        root = concatenate(parts)
        tables = concatenate([*parts, Const("/Tables")])
        properties = Mapping({"abfsPath": root, "oneLakeTablesPath": tables}, complete=False, is_record=True)
        attributes = {
            "id": lakehouse,
            "displayName": lakehouse,
            "workspaceId": place,
            "properties": properties,
        }
        return Mapping(attributes, complete=False, is_record=True)

    return map_options(item, [name, workspace], interpreter.session.branches)


def runtime_context(interpreter: "Interpreter") -> Mapping:
    """What is known of ``notebookutils.runtime.context``."""
    resolver = interpreter.session.resolver
    here = this_workspace()
    lakehouse = (
        Const(resolver.default_lakehouse, overridable=True)
        if resolver.default_lakehouse
        else default_lakehouse()
    )
    place = Const(resolver.default_workspace, overridable=True) if resolver.default_workspace else here
    entries = {
        "currentWorkspaceId": here,
        "currentWorkspaceName": here,
        "defaultLakehouseName": lakehouse,
        "defaultLakehouseId": lakehouse,
        "defaultLakehouseWorkspaceId": place,
        "defaultLakehouseWorkspaceName": place,
    }
    return Mapping(entries, complete=False, is_record=True)


def _sempy(interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if name == "resolve_item_id" and arguments:
        return arguments[0]
    if name in ("get_workspace_id", "get_notebook_workspace_id"):
        return this_workspace()
    if name in ("resolve_workspace_id", "resolve_workspace_name"):
        return arguments[0] if arguments else this_workspace()
    if name == "get_lakehouse_id":
        return default_lakehouse()
    frames = [frame for value in [*arguments, *keywords.values()] for frame in frames_in(value)]
    return Frame().opaque(*frames) if frames else Frame()
