"""What calls on a Spark session, its dataframes, readers, writers and Delta tables read and write."""

from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.columns import Column, column, column_named, expression, selected
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.python_calls import run_callback
from fabric_assets.lineage.sql import SqlContext, run_sql
from fabric_assets.lineage.tables import HOME_TOKEN, Table
from fabric_assets.lineage.values import (
    Bound,
    Const,
    DeltaBuilder,
    DeltaTableValue,
    Instance,
    Items,
    Lib,
    Mapping,
    Reader,
    TableWriter,
    Text,
    Unknown,
    Writer,
    options_of,
)

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

# Formats whose files are no tables; a path that is not known is no gap then.
_FILE_FORMATS = frozenset(
    "csv json text xml orc avro excel com.crealytics.spark.excel binaryfile image jdbc parquet eventhubs kafka cloudfiles "
    "rate mongodb cosmos.oltp sqlserver com.microsoft.sqlserver.jdbc.spark kusto "
    "com.microsoft.kusto.spark.synapse.datasource dynamodb snowflake bigquery".split()
)
_VIEW_METHODS = frozenset(
    "createOrReplaceTempView createTempView createGlobalTempView createOrReplaceGlobalTempView registerTempTable".split()
)
_SAME_FRAME = frozenset(
    "filter where distinct dropDuplicates drop_duplicates orderBy sort limit cache persist unpersist repartition coalesce "
    "hint checkpoint localCheckpoint sample dropna fillna na replace observe withWatermark sortWithinPartitions "
    "repartitionByRange tail head collect lazy unique drop_nulls fill_null fill_nan clone rechunk shuffle to_arrow "
    "collect_async slice copy reset_index query drop_duplicates sort_values".split()
)
_TO_FRAME = frozenset(
    "toPandas to_pandas toDF to_pyarrow_table to_pyarrow_dataset to_polars pl arrow df fetchdf".split()
)
_ACTIONS_OF_TABLE = frozenset(
    "update delete merge restore restoreToVersion restoreToTimestamp upgradeTableProtocol".split()
)
_FRAME_SIGNS = frozenset(
    {"write", "writeStream", "writeTo", "toPandas", "withColumn", "withColumnRenamed", "write_delta"}
    | _VIEW_METHODS
)


def lib_attribute(owner: Lib, name: str) -> Any:
    """The attribute of something of a library."""
    full = f"{owner.name}.{name}"
    if full in ("spark.read", "spark.readStream"):
        return Reader()
    if owner.name == "pyspark.sql.SparkSession" and name == "builder":
        return Lib("pyspark.sql.SparkSession.builder")
    return Lib(full)


def frame_attribute(frame: Frame, name: str) -> Any:
    """The attribute of a dataframe."""
    if name in ("write", "writeStream"):
        return Writer(frame, streaming=name == "writeStream")
    if name in ("sparkSession", "sql_ctx"):
        return Lib("spark")
    if name == "columns":
        return Items([Const(known) for known, _ in frame.columns], complete=frame.closed)
    if name in ("na", "stat", "rdd"):
        return frame
    return Bound(frame, name)


def unknown_attribute(owner: Any, name: str) -> Any:
    """The attribute of a value of which nothing is known: some names say what it must be."""
    if name in ("write", "writeStream"):
        return Writer(Frame(), streaming=name == "writeStream")
    if name in ("spark", "sparkSession", "_spark", "spark_session"):
        return Lib("spark")
    return Bound(owner, name)


def unknown_method(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a method call on a value of which nothing is known."""
    from fabric_assets.lineage.library_calls import opaque_call

    if name in _FRAME_SIGNS:
        return frame_method(interpreter, Frame(), name, arguments, keywords)
    return opaque_call(interpreter, arguments, keywords, method=name)


# -- the session


def session_call(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a call on the Spark session: ``sql``, ``table``, ``catalog.tableExists``, ..."""
    session = interpreter.session
    first = _argument(arguments, keywords, 0, "tableName", "sqlQuery", "dbName", "viewName")
    if name == "sql":
        frames = [
            (key, v) for key, value in keywords.items() for _, v in options_of(value) if isinstance(v, Frame)
        ]
        return run_sql(
            session, _with_frames(first, [key for key, _ in frames]), SqlContext(frames=tuple(frames))
        )
    if name == "table":
        return read_table(interpreter, first, "spark.table")
    if name in ("createDataFrame", "range", "emptyDataFrame"):
        frames = [v for value in arguments[:1] for _, v in options_of(value) if isinstance(v, Frame)]
        return Frame.union(frames) if frames else Frame()
    if name in ("newSession", "getActiveSession", "builder.getOrCreate"):
        return Lib("spark")
    if name == "conf.get":
        return _setting(interpreter, first, arguments)
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


def _with_frames(text: Any, names: list[str]) -> Any:
    """The text with ``{df}`` in place of dataframes as plain names."""
    if not names or not isinstance(text, Const) or not isinstance(text.value, str):
        return text
    result = text.value
    for name in names:
        result = result.replace("{" + name + "}", name)
    return Const(result)


def _setting(interpreter: "Interpreter", name: Any, arguments: list[Any]) -> Any:
    resolver = interpreter.session.resolver
    known = {
        "trident.workspace.id": HOME_TOKEN,
        "trident.workspace.name": HOME_TOKEN,
        "trident.lakehouse.name": resolver.default_lakehouse,
        "trident.lakehouse.id": resolver.default_lakehouse,
    }
    value = known.get(str(name.value)) if isinstance(name, Const) else None
    return Const(value) if value else Unknown()


def _argument(arguments: list[Any], keywords: dict[str, Any], position: int, *names: str) -> Any:
    if position < len(arguments):
        return arguments[position]
    return next((keywords[name] for name in names if name in keywords), Unknown())


def read_table(interpreter: "Interpreter", name: Any, what: str) -> Frame:
    """Note that the table of that name is read."""
    session = interpreter.session
    found = session.tables_named(name, what=what, quiet=bool(session.mute_reads))
    return session.read_all(found) if found else Frame()


def read_path(interpreter: "Interpreter", path: Any, what: str, *, quiet: bool = False) -> Frame:
    """Note that the table below a path is read, if it is one."""
    session = interpreter.session
    quiet = quiet or bool(session.mute_reads)
    frames = []
    for _, option in options_of(path):
        for entry in option.items if isinstance(option, Items) else [option]:
            found = session.tables_named(entry, what=what, is_path=True, quiet=quiet)
            frames.append(session.read_all(found) if found else Frame())
    return Frame.union(frames) if frames else Frame()


def write_table(
    interpreter: "Interpreter", name: Any, what: str, frame: Frame, *, replaces: bool = False
) -> None:
    """Note that the table of that name is written."""
    session = interpreter.session
    for found in session.tables_named(name, what=what):
        if isinstance(found, Table):
            session.write(found, frame, replaces=replaces)


def write_path(
    interpreter: "Interpreter",
    path: Any,
    what: str,
    frame: Frame,
    *,
    replaces: bool = False,
    quiet: bool = False,
) -> None:
    """Note that the table below a path is written, if it is one."""
    session = interpreter.session
    for found in session.tables_named(path, what=what, is_path=True, quiet=quiet):
        if isinstance(found, Table):
            session.write(found, frame, replaces=replaces)


def _text(value: Any) -> str:
    return value.value if isinstance(value, Const) and isinstance(value.value, str) else ""


def _mentions_tables(value: Any) -> bool:
    parts = value.parts if isinstance(value, Text) else ()
    return any(isinstance(part, str) and "tables/" in part.lower() for part in parts)


# -- readers and writers


def reader_method(
    interpreter: "Interpreter", reader: Reader, name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a method call on ``spark.read``."""
    first = _argument(arguments, keywords, 0, "path", "paths", "tableName", "source")
    if name == "format":
        return Reader(_text(first).lower() or "unknown", reader.path)
    if name == "option":
        if _text(first).lower() == "path" and len(arguments) > 1:
            return Reader(reader.format, arguments[1])
        return reader
    if name == "options":
        return Reader(reader.format, keywords.get("path", reader.path))
    if name == "schema":
        return reader
    if name == "table":
        return read_table(interpreter, first, "spark.read.table")
    if name == "load":
        kind = (
            _text(keywords.get("format", arguments[1] if len(arguments) > 1 else None)).lower()
            or reader.format
        )
        path = reader.path if isinstance(first, Unknown) and reader.path is not None else first
        if kind == "delta" and not arguments and "path" not in keywords and reader.path is None:
            return Frame()
        if kind in _FILE_FORMATS:
            return read_path(interpreter, path, "spark.read.load", quiet=not _mentions_tables(path))
        return read_path(interpreter, path, "spark.read.load", quiet=kind not in ("", "delta"))
    if name == "delta":
        return read_path(interpreter, first, "spark.read.delta")
    if name == "synapsesql":
        return _warehouse(interpreter, first, None)
    if name in ("parquet", "csv", "json", "text", "orc", "xml", "textFile"):
        frames = [
            read_path(interpreter, path, f"spark.read.{name}", quiet=not _mentions_tables(path))
            for path in arguments or [first]
        ]
        return Frame.union(frames)
    if name in ("jdbc", "excel"):
        return Frame()
    return reader


def _warehouse(interpreter: "Interpreter", name: Any, frame: Frame | None) -> Frame:
    """``synapsesql``: a table of a warehouse or SQL endpoint, by its name of three parts."""
    session = interpreter.session
    frames = []
    for _, option in options_of(name):
        if not _text(option):
            session.gap("synapsesql: the table name is only known when the notebook runs")
            continue
        if " " in _text(option).strip():
            frames.append(run_sql(session, option, SqlContext("tsql")))
            continue
        table = session.resolver.tsql_table(_text(option))
        if frame is None:
            frames.append(session.read(table))
        else:
            session.write(table, frame)
    return Frame.union(frames) if frames else Frame()


def writer_method(
    interpreter: "Interpreter", writer: Writer, name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a method call on ``df.write`` or ``df.writeStream``."""
    first = _argument(arguments, keywords, 0, "path", "name", "tableName", "source", "saveMode")
    mode = _text(keywords.get("mode", keywords.get("saveMode"))).lower() or writer.mode
    if name == "format":
        return Writer(
            writer.frame, _text(first).lower() or "unknown", writer.mode, writer.path, writer.streaming
        )
    if name in ("mode", "outputMode"):
        return Writer(writer.frame, writer.format, _text(first).lower(), writer.path, writer.streaming)
    if name in ("option", "options"):
        return _with_option(writer, arguments, keywords)
    if name in ("saveAsTable", "toTable"):
        path = keywords.get("path", writer.path)
        write_table(interpreter, first, f"df.write.{name}", writer.frame, replaces=mode == "overwrite")
        if path is not None and isinstance(first, Unknown):
            write_path(interpreter, path, f"df.write.{name}", writer.frame, replaces=mode == "overwrite")
        return Unknown()
    if name == "insertInto":
        overwrites = _argument(arguments, keywords, 1, "overwrite")
        replaces = isinstance(overwrites, Const) and overwrites.value is True
        write_table(interpreter, first, "df.write.insertInto", writer.frame.opaque(), replaces=replaces)
        return Unknown()
    if name in ("save", "start", "delta"):
        path = writer.path if isinstance(first, Unknown) and writer.path is not None else first
        kind = "delta" if name == "delta" else _text(keywords.get("format")).lower() or writer.format
        is_file = kind in _FILE_FORMATS or (name == "start" and not arguments and writer.path is None)
        quiet = (is_file and not _mentions_tables(path)) or kind not in ("", "delta")
        write_path(
            interpreter, path, f"df.write.{name}", writer.frame, replaces=mode == "overwrite", quiet=quiet
        )
        return Unknown()
    if name == "foreachBatch" and arguments:
        run_callback(interpreter, first, [writer.frame, Unknown("the number of the batch")])
        return writer
    if name in ("parquet", "csv", "json", "orc", "text", "xml"):
        quiet = not _mentions_tables(first)
        write_path(
            interpreter, first, f"df.write.{name}", writer.frame, replaces=mode == "overwrite", quiet=quiet
        )
        return Unknown()
    if name == "synapsesql":
        _warehouse(interpreter, first, writer.frame)
        return Unknown()
    return Unknown() if name == "jdbc" else writer


def _with_option(writer: Writer, arguments: list[Any], keywords: dict[str, Any]) -> Writer:
    path, mode = keywords.get("path", writer.path), writer.mode
    if len(arguments) > 1:
        option = _text(arguments[0]).lower()
        if option == "path":
            path = arguments[1]
        elif option in ("replacewhere", "partitionoverwritemode"):
            mode = "overwrite a part"
    if {"replaceWhere", "partitionOverwriteMode"} & set(keywords):
        mode = "overwrite a part"
    return Writer(writer.frame, writer.format, mode, path, writer.streaming)


def table_writer_method(
    interpreter: "Interpreter", writer: TableWriter, name: str, arguments: list[Any]
) -> Any:
    """The value of a method call on ``df.writeTo(name)``."""
    if name in ("create", "replace", "createOrReplace", "append", "overwrite", "overwritePartitions"):
        replaces = name in ("create", "replace", "createOrReplace")
        write_table(interpreter, writer.name, f"df.writeTo().{name}", writer.frame, replaces=replaces)
        return Unknown()
    return writer


# -- dataframes


def frame_method(
    interpreter: "Interpreter", frame: Frame, name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a method call on a dataframe of Spark, pandas, Polars or DuckDB."""
    first = arguments[0] if arguments else next(iter(keywords.values()), Unknown())
    if name in _VIEW_METHODS:
        for _, option in options_of(first):
            if _text(option):
                interpreter.session.views[_text(option).lower()] = frame
        return Const(None)
    if name == "writeTo":
        return TableWriter(frame, first)
    if name in ("select", "selectExpr", "with_columns", "agg"):
        if name == "selectExpr":
            return selected(
                frame, [expression(option) for value in arguments for _, option in options_of(value)], {}
            )
        if name == "agg":
            return frame.opaque()
        return selected(frame, arguments, keywords, adds=name == "with_columns")
    if name in (
        "withColumn",
        "withColumns",
        "withColumnRenamed",
        "drop",
        "rename",
        "alias",
        "toDF",
        "assign",
    ):
        return _with_columns(frame, name, arguments, keywords)
    if name == "transform" and arguments:
        return run_callback(interpreter, first, [frame, *arguments[1:]])
    if name in (
        "foreachBatch",
        "foreachPartition",
        "foreach",
        "pipe",
        "mapInPandas",
        "applyInPandas",
        "map_batches",
    ):
        result = run_callback(
            interpreter, first, [frame if name != "foreach" else Unknown("a row"), *arguments[1:]]
        )
        return result if name == "pipe" else frame.opaque()
    if name.startswith(("to_", "write_", "sink_", "save")) and name not in _TO_FRAME | {"to_arrow"}:
        from fabric_assets.lineage.library_calls import write_target

        write_target(interpreter, name, frame, arguments, keywords)
        return frame
    others = [v for value in [*arguments, *keywords.values()] for v in _frames_in(value)]
    if name in ("union", "unionAll", "unionByName") and others:
        return Frame.union([frame, *others])
    if name in ("join", "crossJoin", "merge", "join_asof") and others:
        return Frame.union([frame, *others])
    if (
        name in ("intersect", "exceptAll", "subtract", "intersectAll")
        or name in _SAME_FRAME
        or name in _TO_FRAME
    ):
        return frame
    if name in (
        "count",
        "isEmpty",
        "is_empty",
        "show",
        "printSchema",
        "explain",
        "display",
        "first",
        "take",
        "toLocalIterator",
        "item",
    ):
        return Unknown()
    if others:
        return frame.opaque(*others)
    return frame.opaque()


def _frames_in(value: Any) -> list[Frame]:
    found: list[Frame] = []
    for _, option in options_of(value):
        if isinstance(option, Frame):
            found.append(option)
        elif isinstance(option, Items):
            found += [frame for item in option.items[:100] for frame in _frames_in(item)]
        elif isinstance(option, Mapping):
            found += [frame for item in list(option.entries.values())[:100] for frame in _frames_in(item)]
    return found


def _with_columns(frame: Frame, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Frame:
    if name == "alias" and arguments:
        return Frame(frame.tables, frame.columns, frame.base, frame.closed, _text(arguments[0]), frame.inputs)
    if name == "withColumn" and len(arguments) == 2 and _text(arguments[0]):
        value = arguments[1]
        sources = value.sources(frame) if isinstance(value, Column) else None
        return frame.with_column(_text(arguments[0]), sources)
    if name == "withColumns" and arguments and isinstance(arguments[0], Mapping) and arguments[0].complete:
        for key, value in arguments[0].entries.items():
            frame = frame.with_column(str(key), value.sources(frame) if isinstance(value, Column) else None)
        return frame
    if name == "withColumnRenamed" and len(arguments) == 2 and _text(arguments[0]) and _text(arguments[1]):
        return _renamed(frame, {_text(arguments[0]): _text(arguments[1])})
    if name == "rename":
        names = keywords.get("columns", arguments[0] if arguments else None)
        if isinstance(names, Mapping) and names.complete and all(_text(v) for v in names.entries.values()):
            return _renamed(frame, {str(key): _text(value) for key, value in names.entries.items()})
        return frame.opaque()
    if name == "drop":
        names = [_text(option) for value in arguments for _, option in options_of(value)]
        columns = tuple((known, s) for known, s in frame.columns if known not in names)
        return Frame(frame.tables, columns, frame.base, frame.closed, frame.alias, frame.inputs)
    if name == "assign":
        for key, value in keywords.items():
            frame = frame.with_column(
                key, column(value).sources(frame) if isinstance(value, Column) else None
            )
        return frame
    if name == "toDF" and not arguments:
        return frame
    return frame.opaque()


def _renamed(frame: Frame, names: dict[str, str]) -> Frame:
    for old, new in names.items():
        sources = frame.column(old)
        columns = tuple((known, s) for known, s in frame.columns if known.lower() != old.lower())
        frame = Frame(frame.tables, columns, frame.base, frame.closed, frame.alias, frame.inputs)
        frame = frame.with_column(new, sources)
    return frame


def column_method(owner: Column, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Column:
    """The value of a method call on a column expression."""
    if name in ("alias", "name") and arguments:
        return owner.renamed(_text(arguments[0]) or None)
    if name in ("cast", "astype", "desc", "asc", "strip_chars", "desc_nulls_last", "asc_nulls_first"):
        return owner
    columns = [part for part in [*arguments, *keywords.values()] if isinstance(part, Column)]
    unknown = any(isinstance(part, Unknown) for part in [*arguments, *keywords.values()])
    if unknown:
        return Column(owner.name, None)
    return Column.of(owner, *columns, name=owner.name)


def frame_column(frame: Frame, name: str) -> Column:
    """The column ``df.name``."""
    return column_named(frame, name)


# -- Delta tables


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
            if len(arguments) > 1 and not _text(value) and isinstance(arguments[0], Unknown | Bound):
                value = arguments[1]
        found = session.tables_named(value, what=f"DeltaTable.{name}", is_path=name == "forPath")
        return DeltaTableValue(tuple(entry for entry in found if isinstance(entry, Table)))
    if name in ("create", "createIfNotExists", "createOrReplace", "replace"):
        return DeltaBuilder(replaces="eplace" in name)
    if name == "convertToDelta" and values:
        write_path(interpreter, values[0], "DeltaTable.convertToDelta", Frame(), quiet=True)
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
    if name in _TO_FRAME:
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
