"""Spark's readers and writers: which tables they read and write."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.arguments import argument, text_value
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.storage import read_path, read_table, write_path, write_table
from fabric_assets.lineage.values import Const, Reader, TableWriter, Text, Unknown, Writer
from fabric_assets.lineage.warehouse_connector import synapsesql, with_option
from fabric_assets.lineage.words import words

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter


def reader_method(
    interpreter: "Interpreter", reader: Reader, name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a method call on ``spark.read``."""
    first = argument(arguments, keywords, 0, "path", "paths", "tableName", "source")
    if name == "format":
        return replace(reader, format=text_value(first).lower() or "unknown")
    if name == "option" and len(arguments) > 1:
        if text_value(first).lower() == "path":
            return replace(reader, path=arguments[1])
        return with_option(reader, *arguments[:2])
    if name == "options":
        return replace(reader, path=keywords.get("path", reader.path))
    if name == "schema":
        return reader
    if name == "table":
        return read_table(interpreter, first, "spark.read.table")
    if name == "load":
        kind = (
            text_value(keywords.get("format", arguments[1] if len(arguments) > 1 else None)).lower()
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
        return synapsesql(interpreter, reader, first)
    if name in ("parquet", "csv", "json", "text", "orc", "xml", "textFile"):
        frames = [
            read_path(interpreter, path, f"spark.read.{name}", quiet=not _mentions_tables(path))
            for path in arguments or [first]
        ]
        return Frame.union(frames)
    if name in ("jdbc", "excel"):
        return Frame()
    return reader


def writer_method(
    interpreter: "Interpreter", writer: Writer, name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a method call on ``df.write`` or ``df.writeStream``."""
    first = argument(arguments, keywords, 0, "path", "name", "tableName", "source", "saveMode")
    mode = text_value(keywords.get("mode", keywords.get("saveMode"))).lower() or writer.mode
    if name == "format":
        return replace(writer, format=text_value(first).lower() or "unknown")
    if name in ("mode", "outputMode"):
        return replace(writer, mode=text_value(first).lower())
    if name in ("option", "options"):
        return _with_option(writer, arguments, keywords)
    if name in ("saveAsTable", "toTable") or (name == "table" and writer.streaming):
        path = keywords.get("path", writer.path)
        write_table(interpreter, first, f"df.write.{name}", writer.frame, replaces=mode == "overwrite")
        if path is not None and isinstance(first, Unknown):
            write_path(interpreter, path, f"df.write.{name}", writer.frame, replaces=mode == "overwrite")
        return Unknown()
    if name == "insertInto":
        overwrites = argument(arguments, keywords, 1, "overwrite")
        replaces = isinstance(overwrites, Const) and overwrites.value is True
        write_table(interpreter, first, "df.write.insertInto", writer.frame.opaque(), replaces=replaces)
        return Unknown()
    if name in ("save", "start", "delta"):
        path = writer.path if isinstance(first, Unknown) and writer.path is not None else first
        kind = "delta" if name == "delta" else text_value(keywords.get("format")).lower() or writer.format
        is_file = kind in _FILE_FORMATS or (name == "start" and not arguments and writer.path is None)
        quiet = (is_file and not _mentions_tables(path)) or kind not in ("", "delta")
        write_path(
            interpreter, path, f"df.write.{name}", writer.frame, replaces=mode == "overwrite", quiet=quiet
        )
        return Unknown()
    if name == "foreachBatch" and arguments:
        interpreter.invoke(first, [writer.frame, Unknown("the number of the batch")])
        return writer
    if name in ("parquet", "csv", "json", "orc", "text", "xml"):
        quiet = not _mentions_tables(first)
        write_path(
            interpreter, first, f"df.write.{name}", writer.frame, replaces=mode == "overwrite", quiet=quiet
        )
        return Unknown()
    if name == "synapsesql":
        synapsesql(interpreter, writer, first)
        return Unknown()
    return Unknown() if name == "jdbc" else writer


def _with_option(writer: Writer, arguments: list[Any], keywords: dict[str, Any]) -> Writer:
    path, mode = keywords.get("path", writer.path), writer.mode
    if len(arguments) > 1:
        option = text_value(arguments[0]).lower()
        if option == "path":
            path = arguments[1]
        elif option in ("replacewhere", "partitionoverwritemode"):
            mode = "overwrite a part"
    if {"replaceWhere", "partitionOverwriteMode"} & set(keywords):
        mode = "overwrite a part"
    writer = with_option(writer, *arguments[:2]) if len(arguments) > 1 else writer
    return replace(writer, mode=mode, path=path)


def table_writer_method(
    interpreter: "Interpreter", writer: TableWriter, name: str, arguments: list[Any]
) -> Any:
    """The value of a method call on ``df.writeTo(name)``."""
    if name in ("create", "replace", "createOrReplace", "append", "overwrite", "overwritePartitions"):
        replaces = name in ("create", "replace", "createOrReplace")
        write_table(interpreter, writer.name, f"df.writeTo().{name}", writer.frame, replaces=replaces)
        return Unknown()
    return writer


# Formats whose files are no tables; a path that is not known is no gap then.
_FILE_FORMATS = words("""
    csv json text xml orc avro excel com.crealytics.spark.excel binaryfile image jdbc parquet eventhubs
    kafka cloudfiles rate mongodb cosmos.oltp sqlserver com.microsoft.sqlserver.jdbc.spark kusto
    com.microsoft.kusto.spark.synapse.datasource dynamodb snowflake bigquery
""")


def _mentions_tables(value: Any) -> bool:
    parts = value.parts if isinstance(value, Text) else ()
    return any(isinstance(part, str) and "tables/" in part.lower() for part in parts)
