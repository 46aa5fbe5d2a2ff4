"""Power BI's routes: semantic models, which it calls datasets, and their enhanced refresh.

Source: the documentation of Power BI's REST API. Not written there: that a refresh is refused with ``400`` and
``InvalidRequest`` while one runs (clients have met that), and how a cancel that comes too late is answered (a guess).
"""

import asyncio
import logging
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fabric_assets.local import errors
from fabric_assets.local.context import (
    Context,
    accepted,
    base_url,
    context_of,
    item_of,
    json_body,
    query_of,
    workspace_of,
)
from fabric_assets.local.items import Item, Workspace
from fabric_assets.local.lakehouse import Lakehouse
from fabric_assets.local.model_refreshes import (
    ModelRefresh,
    ModelTable,
    RefreshRequest,
    details,
    history_entry,
    parse_request,
)
from fabric_assets.local.script_choice import name_fits
from fabric_assets.local.script_services import SimulatedModelRefresh
from fabric_assets.local.semantic_models import UnreadableModelError, read_model, refresh_tables
from fabric_assets.local.timeline import Timeline

_LOG = logging.getLogger(__name__)
_KIND = "semantic_model_refresh"
_HISTORY = 60


async def list_datasets(request: Request) -> Response:
    """``GET .../groups/{workspace}/datasets``."""
    query_of(request)
    models = workspace_of(request).items_of_type("SemanticModel")
    return JSONResponse({"value": [_dataset(model) for model in models]})


async def get_dataset(request: Request) -> Response:
    """``GET .../datasets/{id}``."""
    query_of(request)
    return JSONResponse(_dataset(_model_of(request)[1]))


async def start_refresh(request: Request) -> Response:
    """``POST .../datasets/{id}/refreshes``."""
    query_of(request)
    wanted = parse_request(await json_body(request))
    workspace, model = _model_of(request)
    model.usable()
    context = context_of(request)
    async with context.scripted.model_refresh_lock:
        refresh = await _started(context, workspace, model, wanted, request.scope["request_id"])
    headers = {"x-ms-request-id": refresh.id}
    location = (
        f"{base_url(request)}/v1.0/myorg/groups/{workspace.id}/datasets/{model.id}/refreshes/{refresh.id}"
    )
    if context.service.location == "foreign":
        headers["Location"] = location.replace(base_url(request), f"https://{context.service.foreign_host}")
    elif context.service.location != "missing":
        headers["Location"] = location
    return accepted(headers)


async def list_refreshes(request: Request) -> Response:
    """``GET .../datasets/{id}/refreshes?$top=N``: newest first."""
    top = query_of(request, "$top").get("$top", str(_HISTORY))
    if not top.isdecimal() or int(top) < 1:
        raise errors.bad_request("'$top' must be a number of 1 or more.")
    _, model = _model_of(request)
    context = context_of(request)
    seen_ns = context.shown_ns
    refreshes = [
        refresh for refresh in _refreshes(context, model) if context.knows(refresh.timeline.accepted_ns)
    ]
    entries = [history_entry(refresh, seen_ns) for refresh in refreshes[: int(top)]]
    return JSONResponse({"value": entries})


async def get_refresh(request: Request) -> Response:
    """``GET .../datasets/{id}/refreshes/{refreshId}``: ``202`` while it runs."""
    query_of(request)
    context = context_of(request)
    refresh = _refresh_of(request)
    seen_ns = context.shown_ns
    status_code = 200 if refresh.timeline.is_over(seen_ns) else 202
    return JSONResponse(details(refresh, seen_ns), status_code=status_code)


async def cancel_refresh(request: Request) -> Response:
    """``DELETE .../datasets/{id}/refreshes/{refreshId}``."""
    query_of(request)
    context = context_of(request)
    _, model = _model_of(request)
    refresh = _refresh_of(request)
    now_ns = context.clock.time_ns()
    if refresh.timeline.is_over(now_ns):
        raise errors.bad_request(f"Refresh {refresh.id} is not in progress and cannot be cancelled.")
    _save(context, model, refresh.cancel(now_ns, context.service.cancel_seconds))
    return Response(status_code=200)


async def _started(
    context: Context, workspace: Workspace, model: Item, wanted: RefreshRequest, refresh_id: str
) -> ModelRefresh:
    """Start a refresh.

    Raises:
        ApiError: one runs already.
    """
    now_ns = context.clock.time_ns()
    if any(not refresh.timeline.is_over(now_ns) for refresh in _refreshes(context, model)):
        raise errors.bad_request(
            "Invalid dataset refresh request. Another refresh request is already executing"
        )
    entry, drawn = context.scripted.model_refreshes.next(
        model.display_name.casefold(), lambda entry: name_fits(model.display_name, entry.model)
    )
    run_seconds = None if entry.never_ends else drawn(entry.run_seconds)
    refresh = ModelRefresh(
        # Power BI names a refresh by the id of the request that started it.
        refresh_id,
        Timeline.from_now(now_ns, drawn(entry.queued_seconds), run_seconds),
        wanted.enhanced,
        wanted.type,
        wanted.commit_mode,
        entry.status,
        entry.extended_status or entry.status,
        error=entry.error,
    )
    refresh = await _with_tables(context, workspace, model, wanted, entry, refresh)
    refresh = _with_timeout(refresh, wanted)
    _save(context, model, refresh)
    return refresh


async def _with_tables(
    context: Context,
    workspace: Workspace,
    model: Item,
    wanted: RefreshRequest,
    entry: SimulatedModelRefresh,
    refresh: ModelRefresh,
) -> ModelRefresh:
    """The refresh with its tables, from the script or from the model's files."""
    if entry.tables:
        tables = [
            ModelTable(table.name, table.name, _scripted_error(table.error, table.name, table.status))
            for table in entry.tables
        ]
        tables = _wanted_tables(tables, wanted)
    elif model.path is not None:
        lakehouses = [
            Lakehouse(owner.display_name, item.display_name, item.id, folder)
            for owner in (
                workspace,
                *(known for known in context.workspaces.all() if known.id != workspace.id),
            )
            for item in owner.items_of_type("Lakehouse")
            for folder in [context.home.lakehouse(owner.display_name, item.display_name)]
        ]
        try:
            partitions = await asyncio.to_thread(read_model, model.path)
        except UnreadableModelError as error:
            return _failed(refresh, f"Semantic model '{model.display_name}': {error}")
        known = {partition.table.casefold(): partition.table for partition in partitions}
        missing = sorted(name for name, _ in wanted.objects if name.casefold() not in known)
        if missing:
            tables_text = ", ".join(sorted(known.values())) or "none"
            return _failed(refresh, f"The model has no table {', '.join(missing)}; it has {tables_text}.")
        names = {name.casefold() for name, _ in wanted.objects}
        chosen = [entry for entry in partitions if not names or entry.table.casefold() in names]
        tables, rows = await asyncio.to_thread(refresh_tables, chosen, lakehouses)
        _LOG.info("semantic model '%s': %d tables with %d rows read", model.display_name, len(tables), rows)
    else:
        tables = [ModelTable(table, partition or table) for table, partition in wanted.objects]
    refresh = replace(refresh, tables=tuple(tables))
    if any(table.error is not None for table in tables) and refresh.status == "Completed":
        return replace(refresh, status="Failed", extended_status="Failed")
    return refresh


def _failed(refresh: ModelRefresh, message: str) -> ModelRefresh:
    return replace(refresh, status="Failed", extended_status="Failed", error={"message": message})


def _wanted_tables(tables: list[ModelTable], wanted: RefreshRequest) -> list[ModelTable]:
    names = {name.casefold() for name, _ in wanted.objects}
    return [table for table in tables if not names or table.table.casefold() in names]


def _scripted_error(error: Any, name: str, status: str) -> str | None:
    if status != "Failure":
        return None
    return str((error or {}).get("message") or f"Table '{name}' could not be refreshed.")


def _with_timeout(refresh: ModelRefresh, wanted: RefreshRequest) -> ModelRefresh:
    if wanted.timeout_seconds is None:
        return refresh
    latest_ns = refresh.timeline.begins_ns + round(wanted.timeout_seconds * 1e9)
    if refresh.timeline.ends_ns <= latest_ns:
        return refresh
    message = f"The refresh did not end within its time-out of {wanted.timeout_seconds:g} s."
    timed_out = replace(_failed(refresh, message), extended_status="TimedOut")
    return replace(timed_out, timeline=replace(refresh.timeline, ends_ns=latest_ns))


def _model_of(request: Request) -> tuple[Workspace, Item]:
    return item_of(request, "SemanticModel")


def _refreshes(context: Context, model: Item) -> list[ModelRefresh]:
    return [ModelRefresh.from_json(record) for record in context.state.records(_KIND, model.id)]


def _refresh_of(request: Request) -> ModelRefresh:
    context = context_of(request)
    _, model = _model_of(request)
    refresh_id = request.path_params["refresh_id"]
    record = context.state.record(_KIND, model.id, refresh_id)
    refresh = None if record is None else ModelRefresh.from_json(record)
    if refresh is None or not context.knows(refresh.timeline.accepted_ns):
        raise errors.entity_not_found(f"Refresh {refresh_id} of semantic model '{model.display_name}'")
    return refresh


def _save(context: Context, model: Item, refresh: ModelRefresh) -> None:
    context.state.save_record(_KIND, model.id, refresh.id, refresh.to_json())


def _dataset(model: Item) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.display_name,
        "isRefreshable": True,
        "description": model.description,
    }


_DATASETS = "/v1.0/myorg/groups/{workspace_id}/datasets"
_REFRESHES = f"{_DATASETS}/{{item_id}}/refreshes"

ROUTES = [
    Route(_DATASETS, list_datasets, methods=["GET"]),
    Route(f"{_DATASETS}/{{item_id}}", get_dataset, methods=["GET"]),
    Route(_REFRESHES, start_refresh, methods=["POST"]),
    Route(_REFRESHES, list_refreshes, methods=["GET"]),
    Route(f"{_REFRESHES}/{{refresh_id}}", get_refresh, methods=["GET"]),
    Route(f"{_REFRESHES}/{{refresh_id}}", cancel_refresh, methods=["DELETE"]),
]
