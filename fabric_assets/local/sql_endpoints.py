"""SQL endpoints: what a metadata refresh finds in a lakehouse's Delta tables.

Source of the result's shape: the API description (``TableSyncStatuses``). That a table without a new version is
``NotRun`` follows its documentation; names with a schema and the error code of an unreadable log are this service's own
choice, for lack of a source.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import time_ns
from typing import Any

from fabric_assets.local.clock import format_time_z
from fabric_assets.local.lakehouse import Lakehouse, LakehouseTable
from fabric_assets.local.script_services import SimulatedTable

UNREADABLE = "DeltaLogUnreadable"


@dataclass(frozen=True)
class Sync:
    """What the endpoint knows of a table: the version it has, and when it got it."""

    version: int
    time_ns: int


@dataclass(frozen=True)
class LookedAt:
    """One table of a lakehouse as its Delta log says.

    Attributes:
        version: the log's last version; ``None`` if it cannot be read.
        error: why it cannot be read.
    """

    table: str
    start_ns: int
    end_ns: int
    version: int | None = None
    error: str | None = None


def table_name(table: LakehouseTable) -> str:
    """How the result names a table: with its schema where the lakehouse has schemas."""
    return f"{table.schema}.{table.name}" if table.schema else table.name


def look_at(lakehouse: Lakehouse) -> list[LookedAt]:
    """Read the Delta log of every table; takes as long as that takes."""
    return [_look_at(table) for table in lakehouse.tables() if table.is_delta]


def status_of(looked: LookedAt, known: Sync | None, *, recreate: bool) -> tuple[dict[str, Any], Sync | None]:
    """A table's entry of the result, and what the endpoint knows of it from now on."""
    if looked.version is None:
        error = {"errorCode": UNREADABLE, "message": looked.error}
        return _entry(looked, "Failure", known, error), known
    if known is not None and known.version == looked.version and not recreate:
        return _entry(looked, "NotRun", known), known
    synced = Sync(looked.version, looked.end_ns)
    return _entry(looked, "Success", synced), synced


def scripted_statuses(tables: Iterable[SimulatedTable], start_ns: int, end_ns: int) -> list[dict[str, Any]]:
    """The result that a script names."""
    entries = []
    for table in tables:
        looked = LookedAt(table.name, start_ns, end_ns)
        synced = Sync(0, end_ns) if table.status == "Success" else None
        error = table.error
        if table.status == "Failure" and error is None:
            error = {"errorCode": UNREADABLE, "message": f"The Delta log of {table.name} cannot be read."}
        entries.append(_entry(looked, table.status, synced, error))
    return entries


def _look_at(table: LakehouseTable) -> LookedAt:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    start_ns = time_ns()
    try:
        version = DeltaTable(str(table.folder)).version()
    except (DeltaError, OSError, ValueError) as error:
        message = f"The Delta log of {table_name(table)} cannot be read: {error}"
        return LookedAt(table_name(table), start_ns, time_ns(), error=message)
    return LookedAt(table_name(table), start_ns, time_ns(), version)


def _entry(
    looked: LookedAt, status: str, synced: Sync | None, error: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    entry = {
        "tableName": looked.table,
        "startDateTime": format_time_z(looked.start_ns),
        "endDateTime": format_time_z(looked.end_ns),
        "status": status,
        "lastSuccessfulSyncDateTime": None if synced is None else format_time_z(synced.time_ns),
    }
    return entry if error is None else {**entry, "error": dict(error)}
