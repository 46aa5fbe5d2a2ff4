"""The tables of a SQL endpoint's refresh: which were expected, which failed, and how Dagster shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from fabric_assets.client.sql_endpoint import TableSync
from fabric_assets.job_asset import WORKSPACE_METADATA
from fabric_assets.jobs.sql_endpoint import SqlEndpointState
from fabric_assets.past_durations import DURATION_METADATA
from fabric_assets.tables.names import LakehouseTable, table_of

TABLES_METADATA = "fabric/tables"
IN_SYNC_CHECK = "tables_in_sync"

MOST_ROWS = 500
_TABLES_IN_A_MESSAGE = 10


@dataclass(frozen=True)
class TableName:
    """A table as a SQL endpoint names it: with or without its schema, without regard to case."""

    table: str
    schema: str | None = None

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.schema}.{self.table}" if self.schema else self.table

    @classmethod
    def parse(cls, text: str) -> "TableName":
        """From ``table`` or ``schema.table``."""
        schema, _, table = text.rpartition(".")
        return cls(table, schema or None)

    def fits(self, told: str) -> bool:
        """Whether the service means this table by ``told``."""
        name = told.casefold()
        bare = self.table.casefold()
        if self.schema and "." in name:
            return name == f"{self.schema.casefold()}.{bare}"
        return name == bare or name.endswith(f".{bare}")


def tables_of_upstream(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    *,
    lakehouses: Iterable[str],
    workspaces: Iterable[str],
    workspace: str,
) -> list[TableName]:
    """The tables of the given lakehouse that the assets upstream of ``key`` name in their metadata.

    Args:
        context: the step's context.
        key: the asset that refreshes the endpoint.
        lakehouses: names and ids that the lakehouse goes by.
        workspaces: names and ids that its workspace goes by.
        workspace: name or id of the workspace of those that name none.
    """
    known = {name.casefold() for name in lakehouses}
    here = {name.casefold() for name in workspaces}
    graph = context.job_def.asset_layer.asset_graph
    found = []
    for upstream in sorted(context.assets_def.asset_deps.get(key, ())):
        if not graph.has(upstream):
            continue
        metadata = graph.get(upstream).metadata
        try:
            table = table_of(metadata)
        except ValueError:
            continue  # its own materialization complains
        if not isinstance(table, LakehouseTable) or table.lakehouse.casefold() not in known:
            continue
        if (table.workspace or _text(metadata.get(WORKSPACE_METADATA)) or workspace).casefold() in here:
            found.append(TableName(table.table, table.schema))
    return found


def missing(expected: Iterable[TableName], tables: Sequence[TableSync]) -> list[str]:
    """The expected tables that the service does not tell of."""
    return sorted({str(name) for name in expected if not any(name.fits(told.table) for told in tables)})


def failed(tables: Sequence[TableSync], allowed: Iterable[TableName]) -> list[TableSync]:
    """The tables that failed, but for those that may."""
    names = list(allowed)
    return [told for told in tables if told.has_failed and not any(name.fits(told.table) for name in names)]


def failures(tables: Sequence[TableSync]) -> str:
    """The tables that failed, with their reasons, for people."""
    shown = [f"{told.table}: {told.error}" for told in tables[:_TABLES_IN_A_MESSAGE]]
    more = len(tables) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def endpoint_metadata(state: SqlEndpointState, not_told: Sequence[str], attempts: int) -> dict[str, Any]:
    """Metadata of a materialization by a refresh.

    Args:
        state: how it ended.
        not_told: expected tables that the service does not tell of.
        attempts: how many refreshes it took in this run.
    """
    known: dict[str, Any] = {
        "fabric/sql_endpoint": state.endpoint.display_name,
        "fabric/sql_endpoint_id": state.endpoint.id,
        "fabric/workspace": state.workspace.display_name,
        "fabric/workspace_id": state.workspace.id,
        "fabric/started": dg.MetadataValue.timestamp(state.started_at),
        "fabric/ended": dg.MetadataValue.timestamp(state.ended_at),
        DURATION_METADATA: round((state.ended_at - state.started_at).total_seconds(), 3),
        "fabric/attempts": attempts,
    }
    if state.tables is not None:
        known["fabric/table_count"] = len(state.tables)
        known["fabric/failed_table_count"] = sum(told.has_failed for told in state.tables)
    if state.operation_id:
        known["fabric/operation_id"] = state.operation_id
    if not_told:
        known["fabric/missing_tables"] = dg.MetadataValue.json(list(not_told))
    if state.tables:
        known[TABLES_METADATA] = _rows(state.tables)
    return known


def in_sync(
    told: Sequence[TableSync], not_told: Sequence[str], tables: Sequence[TableSync] | None
) -> dg.AssetCheckResult:
    """The check that the endpoint shows what the lakehouse holds.

    Args:
        told: tables that failed and may not.
        not_told: expected tables that the service does not tell of.
        tables: all that the service tells of; ``None``: it does not tell.
    """
    complaints = []
    if tables is None:
        complaints.append("Fabric did not tell what became of the tables; the next refresh may")
    if told:
        complaints.append(f"not up to date: {failures(told)}")
    if not_told:
        complaints.append(f"expected, but not known to the endpoint: {', '.join(not_told)}")
    return dg.AssetCheckResult(
        check_name=IN_SYNC_CHECK,
        passed=not complaints,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(complaints) or f"{len(tables or ())} tables",
    )


def _rows(tables: Sequence[TableSync]) -> dg.TableMetadataValue:
    """One row a table, failed ones first; the rest of very many is left out."""
    ordered = sorted(tables, key=lambda told: (not told.has_failed, told.table.casefold()))
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "table": told.table,
                    "status": told.status,
                    "started": _time(told.started),
                    "ended": _time(told.ended),
                    "last_success": _time(told.last_success),
                    "error": told.error,
                }
            )
            for told in ordered[:MOST_ROWS]
        ]
    )


def _text(value: Any) -> str:
    """A text in metadata, bare as it was given or as Dagster keeps it."""
    return str(getattr(value, "value", value) or "")


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
