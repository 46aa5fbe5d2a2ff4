"""What the Delta log of a table tells, without a look at its data."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fabric_assets.tables.commit_time import committed_at
from fabric_assets.tables.errors import TableError, TableMissingError
from fabric_assets.tables.table_location import TableLocation

if TYPE_CHECKING:
    from deltalake import DeltaTable

_SPARK_NAMES = {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint"}
_DELETION_VECTORS = "deletionVectors"
_TEXT_TYPE = "__CHAR_VARCHAR_TYPE_STRING"
_LONGEST_REASON = 400

_ESCAPE_CODES = re.compile(r"\x1b\[[0-9;]*m")
_BACKTRACE = re.compile(r"^\s*(\d+: <?\w|at )")
_REQUEST = re.compile(r"Error performing \w+ \S+ in \S+ - ")
_REFUSALS = ("401 Unauthorized", "403 Forbidden", "Permission denied")
_NEWER = re.compile(r"feature|protocol|reader version", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """A column of a table; its type as Spark SQL writes it (``bigint``, ``decimal(10,2)``, ``array<string>``)."""

    name: str
    type: str
    nullable: bool = True
    comment: str | None = None


@dataclass(frozen=True)
class TableState:
    """A table as of its latest version.

    Attributes:
        uri: the folder that it lies in.
        version: version of the Delta log.
        columns: its columns, in their order.
        row_count: rows, less the deleted ones; ``None`` if a file has no statistics.
        size_bytes: size of the data files of this version.
        files: how many there are.
        committed_at: when this version was committed, by the writer's clock; ``None`` if its commit is gone.
    """

    uri: str
    version: int
    columns: Sequence[Column]
    row_count: int | None
    size_bytes: int
    files: int
    committed_at: datetime | None


def read_table_state(location: TableLocation) -> TableState:
    """Read the Delta log of a table.

    Raises:
        TableMissingError: there is no Delta table.
        TableError: it cannot be read; the message gives the reason, but does not name the table.
    """
    table = open_table(location)
    try:
        sizes, counts = _files(table)
        return TableState(
            uri=location.uri,
            version=table.version(),
            columns=[_column(field) for field in json.loads(table.schema().to_json())["fields"]],
            row_count=_row_count(table, counts),
            size_bytes=sum(sizes),
            files=len(sizes),
            committed_at=committed_at(location, table.version()),
        )
    except Exception as error:  # deltalake raises its own errors, and OSError, ValueError, ...
        raise explained(error) from error


def open_table(location: TableLocation, version: int | None = None) -> "DeltaTable":
    """Open a table, at its latest version by default.

    Raises:
        TableMissingError: there is no Delta table.
        TableError: it cannot be read.
    """
    try:
        from deltalake import DeltaTable
    except ModuleNotFoundError as error:
        raise TableError(
            f"the package {error.name} is not installed, which reads Delta tables. "
            "Install it with: pip install 'fabric_assets[tables]'"
        ) from error
    try:
        return DeltaTable(location.uri, version=version, storage_options=dict(location.storage_options))
    except Exception as error:
        raise explained(error) from error


def has_rows(location: TableLocation, version: int) -> bool:
    """Whether the table has a row, for tables without statistics: reads until it finds one.

    Raises:
        TableError: it cannot be read.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        from deltalake import QueryBuilder

        rows = QueryBuilder().register("t", open_table(location, version)).execute("SELECT 1 FROM t LIMIT 1")
        # Through pyarrow: its reader lets other threads go on while it waits.
        return any(batch.num_rows for batch in pa.RecordBatchReader.from_stream(rows))
    except Exception as error:
        raise explained(error) from error


def explained(error: Exception) -> TableError:
    """What an error of ``deltalake`` means for people."""
    if isinstance(error, TableError):
        return error
    full = _plain(str(error))
    reason = full if len(full) <= _LONGEST_REASON else full[:_LONGEST_REASON] + "..."
    kind = type(error).__name__
    if kind == "TableNotFoundError" or "404 Not Found" in full:
        return TableMissingError(f"there is no Delta table, or a file of it is gone ({reason})")
    if any(refusal in full for refusal in _REFUSALS):
        return TableError(
            f"this identity may not read it ({reason}). It needs the permission ReadAll on the lakehouse, or the role "
            "Contributor in the workspace, and the tenant setting that lets apps outside of Fabric read OneLake."
        )
    if kind == "DeltaProtocolError" or _NEWER.search(full):
        return TableError(
            f"it needs a newer Delta reader than the one that is installed ({reason}). Upgrade the package deltalake, "
            "or drop the table feature in Fabric (ALTER TABLE ... DROP FEATURE ...)."
        )
    if "Resources exhausted" in full:
        return TableError(
            f"its rows do not fit into the memory that was allowed ({reason}). Raise `scan_memory_mb` of the check."
        )
    return TableError(f"it cannot be read ({kind}: {reason})")


def _files(table: "DeltaTable") -> tuple[list[int], list[int | None]]:
    """Sizes and numbers of rows of the data files."""
    actions = table.get_add_actions()
    sizes = [size or 0 for size in actions.column("size_bytes").to_pylist()]
    if "num_records" not in actions.schema.names:
        return sizes, [None] * len(sizes)
    return sizes, list(actions.column("num_records").to_pylist())


def _row_count(table: "DeltaTable", counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        return None
    return sum(known) - _deleted_rows(table)


def _deleted_rows(table: "DeltaTable") -> int:
    """Rows that data files hold, but deletion vectors mark as deleted: statistics count them."""
    if _DELETION_VECTORS not in (table.protocol().reader_features or ()):
        return 0
    import pyarrow as pa
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    deleted = 0
    for batch in pa.RecordBatchReader.from_stream(table.deletion_vectors()):
        kept = batch.column("selection_vector").flatten()
        deleted += len(kept) - (pc.sum(kept).as_py() or 0)
    return deleted


def _column(field: Mapping[str, Any]) -> Column:
    metadata = field.get("metadata") or {}
    comment = metadata.get("comment")
    return Column(
        name=field["name"],
        type=str(metadata.get(_TEXT_TYPE) or _type_name(field["type"])),
        nullable=bool(field.get("nullable", True)),
        comment=str(comment) if comment else None,
    )


def _type_name(data_type: Any) -> str:
    if isinstance(data_type, str):
        return _SPARK_NAMES.get(data_type, data_type)
    match data_type.get("type"):
        case "array":
            return f"array<{_type_name(data_type['elementType'])}>"
        case "map":
            return f"map<{_type_name(data_type['keyType'])},{_type_name(data_type['valueType'])}>"
        case "struct":
            fields = (f"{field['name']}:{_type_name(field['type'])}" for field in data_type["fields"])
            return f"struct<{','.join(fields)}>"
        case other:
            return str(other)


def _plain(message: str) -> str:
    """An error of ``deltalake`` in one line: without colours, addresses and the stack of its own code."""
    lines = _REQUEST.sub("", _ESCAPE_CODES.sub("", message)).replace("↳", ":").splitlines()
    return " ".join(" ".join(line for line in lines if not _BACKTRACE.match(line)).split()).replace(
        " : ", ": "
    )
