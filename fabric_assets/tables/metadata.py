"""A table's state as metadata of a materialization."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import dagster as dg

from fabric_assets.resource import FabricResource
from fabric_assets.tables.delta_log import TableState, read_table_state
from fabric_assets.tables.errors import TableError
from fabric_assets.tables.location import first_of, locate
from fabric_assets.tables.names import LakehouseTable, table_of
from fabric_assets.tables.table_location import TableLocation

ROW_COUNT = "dagster/row_count"
COLUMN_SCHEMA = "dagster/column_schema"
TABLE_NAME = "dagster/table_name"
TABLE_VERSION = "fabric/table_version"

_AT_ONCE = 16
# The threads wait for OneLake. Not the event loop's own: it has few, and others wait for those.
_readers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="delta-log")


async def table_metadata(
    fabric: FabricResource,
    definition: Mapping[str, Any],
    *,
    asset: str,
    workspace: str | None,
    log: Callable[[int, str], None],
) -> dict[str, Any]:
    """What the Delta log tells of the table that an asset names, as metadata of its materialization.

    A log that cannot be read fails nothing: the table has been loaded. It is a warning.

    Args:
        fabric: the resource.
        definition: definition metadata of the asset; without ``fabric/table``, nothing is read.
        asset: name of the asset, for messages.
        workspace: name or id of the workspace that the notebook ran in; ``None``: the resource's.
        log: gets a level of ``logging`` and a line.
    """
    try:
        table = table_of(definition)
        if table is None:
            return {}
        read = partial(read_table, fabric, table, asset=asset, workspace=workspace)
        _, state = await asyncio.get_running_loop().run_in_executor(_readers, read)
    except Exception as error:  # noqa: BLE001  # the load is done: whatever this is, it must not undo it
        reason = (
            str(error) if isinstance(error, TableError | ValueError) else f"{type(error).__name__}: {error}"
        )
        log(logging.WARNING, f"asset {asset}: loaded, but without metadata of its table: {reason}")
        return {}
    return state_metadata(table, state)


def read_table(
    fabric: FabricResource, table: LakehouseTable, *, asset: str, workspace: str | None
) -> tuple[TableLocation, TableState]:
    """Find a table and read its Delta log. Blocks.

    Args:
        fabric: the resource.
        table: the table.
        asset: name of the asset, for messages.
        workspace: workspace of the asset's notebook; ``None``: the resource's.

    Raises:
        TableError: it cannot be read; the message names the table.
    """

    def read(location: TableLocation) -> tuple[TableLocation, TableState]:
        return location, read_table_state(location)

    try:
        return first_of(locate(fabric, table, asset=asset, workspace=workspace), read)
    except TableError as error:
        raise type(error)(f"table {table}: {error}") from error


def state_metadata(table: LakehouseTable, state: TableState) -> dict[str, Any]:
    """A table's state under Dagster's keys, and what Dagster has no key for under ``fabric/table_...``."""
    columns = [
        dg.TableColumn(
            column.name,
            type=column.type,
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=column.nullable),
        )
        for column in state.columns
    ]
    metadata: dict[str, Any] = {
        TABLE_NAME: str(table),
        "dagster/uri": state.uri,
        COLUMN_SCHEMA: dg.MetadataValue.table_schema(dg.TableSchema(columns=columns)),
        TABLE_VERSION: state.version,
        "fabric/table_size_bytes": state.size_bytes,
        "fabric/table_files": state.files,
    }
    if state.row_count is not None:
        metadata[ROW_COUNT] = dg.MetadataValue.int(state.row_count)
    if state.committed_at is not None:
        metadata["fabric/table_committed"] = dg.MetadataValue.timestamp(state.committed_at)
    return metadata
