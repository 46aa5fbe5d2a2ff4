"""Azure Resource Manager's routes of Azure Data Factory: start, read, query and cancel pipeline runs."""

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fabric_assets.local import errors
from fabric_assets.local.context import Context, context_of, flag, json_body, object_body, query_of
from fabric_assets.local.data_factory import (
    PipelineRun,
    activity_runs,
    find_factory,
    find_pipeline,
    fits_filter,
    last_updated_ns,
    list_pipelines,
    message_of,
    parse_time,
    run_body,
)
from fabric_assets.local.script_choice import name_fits
from fabric_assets.local.timeline import Timeline

API_VERSION = "2018-06-01"
_KIND = "pipeline_run"
_QUERY_FIELDS = {"lastUpdatedAfter", "lastUpdatedBefore", "filters", "continuationToken", "orderBy"}
_ORDER_FIELDS = {
    "RunStart": "runStart",
    "RunEnd": "runEnd",
    "PipelineName": "pipelineName",
    "Status": "status",
}


async def pipelines(request: Request) -> Response:
    """``GET .../pipelines``: their names; the local Fabric has no definitions of them."""
    _query(request)
    context = context_of(request)
    path = request.path_params
    names = list_pipelines(context.home.factories, context.scripted.factories, path["factory"], path["group"])
    return JSONResponse({"value": [{"name": name} for name in names]})


async def create_run(request: Request) -> Response:
    """``POST .../pipelines/{pipeline}/createRun``."""
    names = ("referencePipelineRunId", "isRecovery", "startActivityName", "startFromFailure")
    query = _query(request, *names)
    recovery = flag(query, "isRecovery", False)
    parameters = await json_body(request)
    if parameters is not None and not isinstance(parameters, dict):
        raise errors.bad_request("The body must be a JSON object with the parameters.")
    context = context_of(request)
    path = request.path_params
    pipeline = find_pipeline(
        context.home.factories, context.scripted.factories, path["factory"], path["pipeline"], path["group"]
    )
    runs = context.scripted.pipeline_runs
    entry, drawn = runs.next(
        f"{pipeline.factory}/{pipeline.name}".casefold(),
        lambda entry: name_fits(pipeline.factory, entry.factory) and name_fits(pipeline.name, entry.pipeline),
    )
    if entry is runs.otherwise:
        entry = pipeline.entry()
    run_id = str(uuid.uuid4())
    group_id = run_id
    if (referenced_id := query.get("referencePipelineRunId")) is not None:
        referenced = _stored(context, pipeline.factory, referenced_id)
        if referenced is None:
            message = f"Referenced pipeline run id {referenced_id} is not a valid run id."
            raise errors.ApiError(400, "ReferencedPipelineRunNotValid", message)
        parameters = parameters if parameters is not None else dict(referenced.parameters)
        group_id = referenced.group_id if recovery else run_id
    run_seconds = None if entry.never_ends else drawn(entry.run_seconds)
    run = PipelineRun(
        run_id,
        group_id,
        pipeline.factory,
        pipeline.name,
        parameters or {},
        Timeline.from_now(context.clock.time_ns(), drawn(entry.queued_seconds), run_seconds),
        entry.status,
        message_of(entry),
        entry.activities,
        entry.trigger,
    )
    _save(context, run)
    return JSONResponse({"runId": run.id})


async def get_run(request: Request) -> Response:
    """``GET .../pipelineruns/{runId}``."""
    _query(request)
    context = context_of(request)
    run = _run_of(request)
    return JSONResponse(_body(context, run))


async def cancel_run(request: Request) -> Response:
    """``POST .../pipelineruns/{runId}/cancel``."""
    flag(_query(request, "isRecursive"), "isRecursive", False)
    context = context_of(request)
    run = _run_of(request)
    now_ns = context.clock.time_ns()
    if run.timeline.is_over(now_ns):
        status = run_body(run, now_ns, is_latest=True)["status"]
        message = f"The pipeline run {run.id} cannot be cancelled: it ended as {status}."
        raise errors.ApiError(400, "PipelineRunNotCancellable", message)
    _save(context, run.cancel(now_ns, context.service.cancel_seconds))
    return Response(status_code=200)


async def query_runs(request: Request) -> Response:
    """``POST .../queryPipelineRuns``."""
    _query(request)
    body, after_ns, before_ns = await _window(request)
    context = context_of(request)
    found = [
        _body(context, run)
        for run in _runs(context, _factory_of(request))
        if context.knows(run.timeline.accepted_ns)
        and after_ns <= last_updated_ns(run, context.shown_ns) <= before_ns
    ]
    filters = body.get("filters") or []
    found = [entry for entry in found if all(fits_filter(entry, wanted) for wanted in filters)]
    for order in reversed(body.get("orderBy") or []):
        _sort(found, order)
    start = _start(body.get("continuationToken"), [entry["runId"] for entry in found])
    page = found[start : start + context.service.page_size]
    answer: dict[str, Any] = {"value": page}
    if start + len(page) < len(found):
        answer["continuationToken"] = page[-1]["runId"]
    return JSONResponse(answer)


async def query_activity_runs(request: Request) -> Response:
    """``POST .../pipelineruns/{runId}/queryActivityruns``."""
    _query(request)
    await _window(request)
    run = _run_of(request)
    return JSONResponse({"value": activity_runs(run, context_of(request).shown_ns)})


def _query(request: Request, *names: str) -> dict[str, str]:
    """The query parameters; the version of the API must be among them."""
    query = query_of(request, "api-version", *names)
    version = query.get("api-version")
    if version is None:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise errors.ApiError(400, "MissingApiVersionParameter", message)
    if version != API_VERSION:
        message = f"The api-version '{version}' is not supported for Microsoft.DataFactory: {API_VERSION}."
        raise errors.ApiError(400, "InvalidApiVersionParameter", message)
    return query


async def _window(request: Request) -> tuple[dict[str, Any], int, int]:
    """The body of a query, and the times it asks for."""
    body = await object_body(request, _QUERY_FIELDS)
    after_ns, before_ns = (
        parse_time(body.get(name), name) for name in ("lastUpdatedAfter", "lastUpdatedBefore")
    )
    return body, after_ns, before_ns


def _sort(found: list[dict[str, Any]], order: Any) -> None:
    """Sort shown runs by one entry of ``orderBy``; what has not happened yet comes last."""
    field = _ORDER_FIELDS.get(str(order.get("orderBy"))) if isinstance(order, dict) else None
    if field is None:
        raise errors.bad_request(f"'orderBy' must name one of {', '.join(_ORDER_FIELDS)}.")
    found.sort(key=lambda entry: str(entry[field] or "9"), reverse=order.get("order") == "DESC")


def _start(token: Any, run_ids: list[str]) -> int:
    if token is None:
        return 0
    if token not in run_ids:
        raise errors.bad_request("The continuationToken names a page that is no longer there; query again.")
    return run_ids.index(token) + 1


def _factory_of(request: Request) -> str:
    context = context_of(request)
    path = request.path_params
    return find_factory(context.home.factories, context.scripted.factories, path["factory"], path["group"])


def _run_of(request: Request) -> PipelineRun:
    context = context_of(request)
    run_id = request.path_params["run_id"]
    run = _stored(context, _factory_of(request), run_id)
    if run is None or not context.knows(run.timeline.accepted_ns):
        raise errors.ApiError(404, "PipelineRunNotFound", f"The pipeline run '{run_id}' was not found.")
    return run


def _body(context: Context, run: PipelineRun) -> dict[str, Any]:
    latest = next(other for other in _runs(context, run.factory) if other.group_id == run.group_id)
    return run_body(run, context.shown_ns, is_latest=latest.id == run.id)


def _runs(context: Context, factory: str) -> list[PipelineRun]:
    return [PipelineRun.from_json(record) for record in context.state.records(_KIND, factory.casefold())]


def _stored(context: Context, factory: str, run_id: str) -> PipelineRun | None:
    record = context.state.record(_KIND, factory.casefold(), run_id.lower())
    return None if record is None else PipelineRun.from_json(record)


def _save(context: Context, run: PipelineRun) -> None:
    context.state.save_record(_KIND, run.factory.casefold(), run.id, run.to_json())


_FACTORY = (
    "/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.datafactory/factories/{factory}"
)

ROUTES = [
    Route(f"{_FACTORY}/pipelines", pipelines, methods=["GET"]),
    Route(f"{_FACTORY}/pipelines/{{pipeline}}/createrun", create_run, methods=["POST"]),
    Route(f"{_FACTORY}/pipelineruns/{{run_id}}", get_run, methods=["GET"]),
    Route(f"{_FACTORY}/pipelineruns/{{run_id}}/cancel", cancel_run, methods=["POST"]),
    Route(f"{_FACTORY}/querypipelineruns", query_runs, methods=["POST"]),
    Route(f"{_FACTORY}/pipelineruns/{{run_id}}/queryactivityruns", query_activity_runs, methods=["POST"]),
]
