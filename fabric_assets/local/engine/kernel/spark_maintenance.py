"""Care of Delta tables that the embedded Spark lacks, done by the deltalake library; each answers with a query."""

import json
from datetime import UTC, datetime
from typing import Any

from fabric_assets.local.engine.kernel.spark_names import TableName
from fabric_assets.local.engine.kernel.sql_text import quoted, string_literal

_SQL_TYPES = {"integer": "INT", "long": "BIGINT", "short": "SMALLINT", "byte": "TINYINT"}


def history(table: TableName) -> str:
    """``DESCRIBE HISTORY``."""
    rows = [
        {
            "version": int(entry.get("version", 0)),
            "timestamp": _time(entry.get("timestamp")),
            "operation": str(entry.get("operation", "")),
            "operationParameters": _texts(entry.get("operationParameters")),
            "operationMetrics": _texts(entry.get("operationMetrics")),
            "engineInfo": str(entry.get("engineInfo", "")),
        }
        for entry in _delta(table).history()
    ]
    return _query(rows)


def detail(table: TableName) -> str:
    """``DESCRIBE DETAIL``."""
    delta = _delta(table)
    metadata, protocol = delta.metadata(), delta.protocol()
    files = [table.folder / str(path) for path in _file_names(delta)]
    row = {
        "format": "delta",
        "id": str(metadata.id),
        "name": table.sql,
        "location": str(table.folder),
        "createdAt": _time(metadata.created_time),
        "partitionColumns": list(metadata.partition_columns),
        "numFiles": len(files),
        "sizeInBytes": sum(path.stat().st_size for path in files if path.exists()),
        "properties": _texts(metadata.configuration),
        "minReaderVersion": int(protocol.min_reader_version),
        "minWriterVersion": int(protocol.min_writer_version),
    }
    return _query([row])


def optimize(table: TableName, zorder_columns: list[str]) -> str:
    """``OPTIMIZE``, with ``ZORDER BY`` if columns are given."""
    optimizer = _delta(table).optimize
    metrics = optimizer.z_order(zorder_columns) if zorder_columns else optimizer.compact()
    return _query([{"path": str(table.folder), "metrics": json.dumps(metrics, default=str)}])


def vacuum(table: TableName, retention_hours: float | None, *, dry_run: bool) -> str:
    """``VACUUM``: with fewer hours than the table keeps by itself, as Delta Lake refuses without a setting."""
    hours = None if retention_hours is None else int(retention_hours)
    files = _delta(table).vacuum(hours, dry_run=dry_run, enforce_retention_duration=hours is None)
    return _query([{"path": name} for name in files] if dry_run else [{"path": str(table.folder)}])


def aligned_columns(table: TableName, given: list[str]) -> str:
    """All columns of a table as expressions of the given ones, nulls for the others; empty if that cannot be said."""
    by_lower = {name.lower(): name for name in given}
    expressions = []
    for column in json.loads(_delta(table).schema().to_json())["fields"]:
        name, kind = column["name"], column["type"]
        sql_type = _SQL_TYPES.get(kind, kind) if isinstance(kind, str) else None
        value = quoted(by_lower.pop(name.lower())) if name.lower() in by_lower else "NULL"
        if sql_type is None and value == "NULL":
            return ""
        expressions.append(
            f"CAST({value} AS {sql_type}) AS {quoted(name)}" if sql_type else f"{value} AS {quoted(name)}"
        )
    return "" if by_lower else ", ".join(expressions)


def _delta(table: TableName) -> Any:
    from deltalake import DeltaTable

    return DeltaTable(str(table.folder))


def _file_names(delta: Any) -> list[str]:
    from urllib.parse import unquote, urlparse

    return [unquote(urlparse(uri).path) if "://" in uri else uri for uri in delta.file_uris()]


def _time(milliseconds: Any) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if isinstance(milliseconds, int | float) else None


def _texts(values: Any) -> dict[str, str]:
    entries = values.items() if isinstance(values, dict) else ()
    return {
        str(key): value if isinstance(value, str) else json.dumps(value, default=str)
        for key, value in entries
    }


def _query(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "SELECT '' AS path WHERE false"
    return "\nUNION ALL ".join(
        "SELECT " + ", ".join(f"{_literal(value)} AS {quoted(name)}" for name, value in row.items())
        for row in rows
    )


def _literal(value: Any) -> str:
    if value is None:
        return "CAST(NULL AS TIMESTAMP)"
    if isinstance(value, datetime):
        return f"timestamp_millis({round(value.timestamp() * 1000)})"
    if isinstance(value, int):
        return f"CAST({value} AS BIGINT)"
    if isinstance(value, dict):
        entries = ", ".join(f"{string_literal(key)}, {string_literal(text)}" for key, text in value.items())
        return f"map({entries})" if entries else "CAST(NULL AS MAP<STRING, STRING>)"
    if isinstance(value, list):
        return f"CAST(array({', '.join(map(string_literal, value))}) AS ARRAY<STRING>)"
    return string_literal(str(value))
