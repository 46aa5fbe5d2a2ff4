"""SQL endpoints: the list, and the refresh of their metadata."""

import asyncio
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fabric_assets.local import errors
from fabric_assets.local.context import (
    Context,
    accepted_operation,
    context_of,
    flag,
    item_of,
    json_body,
    query_of,
)
from fabric_assets.local.handlers_items import list_items
from fabric_assets.local.items import Item, Workspace, sql_endpoint_id
from fabric_assets.local.lakehouse import Lakehouse
from fabric_assets.local.script_choice import name_fits
from fabric_assets.local.script_services import SimulatedSqlRefresh
from fabric_assets.local.sql_endpoints import Sync, look_at, scripted_statuses, status_of
from fabric_assets.local.state import Operation
from fabric_assets.local.timeline import NEVER_NS

_SYNC = "sql_endpoint_sync"
_DEFAULT_TIMEOUT_SECONDS = 15 * 60.0
_SECONDS = {"Seconds": 1, "Minutes": 60, "Hours": 3_600, "Days": 86_400}


async def refresh_metadata(request: Request) -> Response:
    """``POST .../sqlEndpoints/{id}/refreshMetadata``."""
    flag(query_of(request, "preview"), "preview", True)
    timeout_seconds, recreate = _settings(await json_body(request))
    workspace, item = item_of(request, "SQLEndpoint")
    context = context_of(request)
    entry, drawn = context.scripted.sql_refreshes.next(
        item.display_name.casefold(), lambda entry: name_fits(item.display_name, entry.endpoint)
    )
    now_ns = context.clock.time_ns()
    seconds = drawn(entry.run_seconds)
    operation = Operation(str(uuid.uuid4()), now_ns, now_ns + round(seconds * 1e9))
    if entry.error is not None:
        operation = Operation(operation.id, now_ns, operation.ready_ns, error=dict(entry.error))
    elif entry.never_ends:
        operation = Operation(operation.id, now_ns, NEVER_NS)
    else:
        tables = await _tables(context, workspace, item, entry, operation, recreate=recreate)
        result = tables if context.service.sql_result == "list" else {"value": tables}
        operation = Operation(operation.id, now_ns, operation.ready_ns, result)
    if operation.ready_ns > now_ns + timeout_seconds * 1e9 and not entry.never_ends:
        operation = _timed_out(operation, timeout_seconds)
    at_once = context.simulated is not None and not context.service.long_running and not seconds
    if at_once and operation.result is not None:
        return JSONResponse(operation.result)
    context.state.add_operation(operation)
    return accepted_operation(request, operation)


async def _tables(
    context: Context,
    workspace: Workspace,
    item: Item,
    entry: SimulatedSqlRefresh,
    operation: Operation,
    *,
    recreate: bool,
) -> list[dict[str, Any]]:
    if entry.tables:
        return scripted_statuses(entry.tables, operation.created_ns, operation.ready_ns)
    looked = await asyncio.to_thread(look_at, _lakehouse(context, workspace, item))
    statuses = []
    for table in looked:
        known = context.state.record(_SYNC, item.id, table.table)
        status, synced = status_of(table, Sync(**known) if known else None, recreate=recreate)
        if synced is not None:
            context.state.save_record(
                _SYNC, item.id, table.table, {"version": synced.version, "time_ns": synced.time_ns}
            )
        statuses.append(status)
    return statuses


def _lakehouse(context: Context, workspace: Workspace, endpoint: Item) -> Lakehouse:
    for item in workspace.items_of_type("Lakehouse"):
        if sql_endpoint_id(item.id) == endpoint.id:
            folder = context.home.lakehouse(workspace.display_name, item.display_name)
            return Lakehouse(workspace.display_name, item.display_name, item.id, folder)
    raise errors.operation_not_supported(
        f"The SQL endpoint '{endpoint.display_name}' belongs to no lakehouse of this workspace."
    )


def _settings(body: Any) -> tuple[float, bool]:
    """Time-out in seconds, and whether tables are made anew."""
    body = {} if body is None else body
    if not isinstance(body, dict) or (set(body) - {"timeout", "recreateTables"}):
        raise errors.invalid_input("The body takes 'timeout' and 'recreateTables' only.")
    recreate = body.get("recreateTables", False)
    if not isinstance(recreate, bool):
        raise errors.invalid_input("'recreateTables' must be true or false.")
    timeout = body.get("timeout")
    if timeout is None:
        return _DEFAULT_TIMEOUT_SECONDS, recreate
    value, unit = (timeout.get("value"), timeout.get("timeUnit")) if isinstance(timeout, dict) else (0, "")
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0 or unit not in _SECONDS:
        raise errors.invalid_input(
            f"'timeout' must have a 'value' above 0 and a 'timeUnit': {', '.join(_SECONDS)}."
        )
    return float(value) * _SECONDS[unit], recreate


def _timed_out(operation: Operation, timeout_seconds: float) -> Operation:
    """The operation that ends with its time-out; the error code is this service's own guess."""
    ready_ns = operation.created_ns + round(timeout_seconds * 1e9)
    message = f"The metadata refresh did not end within {timeout_seconds:g} s."
    return Operation(
        operation.id,
        operation.created_ns,
        ready_ns,
        error={"errorCode": "OperationTimedOut", "message": message},
    )


_PATH = "/v1/workspaces/{workspace_id}/sqlendpoints"

ROUTES = [
    Route(_PATH, list_items("SQLEndpoint"), methods=["GET"]),
    Route(f"{_PATH}/{{item_id}}/refreshmetadata", refresh_metadata, methods=["POST"]),
]
