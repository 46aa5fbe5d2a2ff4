"""Job instances and Spark sessions."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fabric_assets.local import errors
from fabric_assets.local.context import (
    Context,
    accepted,
    base_url,
    context_of,
    first_page,
    flag,
    item_of,
    job_instance_of,
    json_body,
    page_of,
    page_token,
    query_of,
    retry_after_headers,
    workspace_of,
)
from fabric_assets.local.job_instance_view import (
    Shown,
    generic_body,
    is_seen,
    livy_session,
    notebook_body,
    show,
)
from fabric_assets.local.job_instances import check_job_type
from fabric_assets.local.start_request import parse_generic, parse_notebook_route
from fabric_assets.local.state import JobInstance

Handler = Callable[[Request], Awaitable[Response]]

_LIVY_STATES = ("NotStarted", "InProgress", "Cancelled", "Failed", "Succeeded", "Unknown")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


async def start_with_query(request: Request) -> Response:
    """``POST .../items/{id}/jobs/instances?jobType=...``."""
    job_type = query_of(request, "jobType").get("jobType")
    if job_type is None:
        raise errors.invalid_parameter("The query parameter 'jobType' is missing.")
    return await _start_generic(request, job_type)


async def start_with_path(request: Request) -> Response:
    """``POST .../items/{id}/jobs/{jobType}/instances``."""
    query_of(request)
    # As it was written: the path that routes match has no case.
    job_type = unquote(request.scope["raw_path"].decode("ascii").rstrip("/").split("/")[-2])
    return await _start_generic(request, job_type)


async def start_notebook(request: Request) -> Response:
    """``POST .../notebooks/{id}/jobs/execute/instances?beta=false``."""
    query = query_of(request, "beta")
    if "beta" not in query or flag(query, "beta", False):
        raise errors.invalid_parameter("The query parameter 'beta' must be 'false'.")
    workspace, item = item_of(request, "Notebook")
    start = parse_notebook_route(await json_body(request))
    return _started(request, context_of(request).job_instances.start(workspace, item, "Execute", start))


async def start_pipeline(request: Request) -> Response:
    """``POST .../dataPipelines/{id}/jobs/execute/instances``."""
    query_of(request)
    workspace, item = item_of(request, "DataPipeline")
    start = parse_generic(await json_body(request), item.type)
    return _started(request, context_of(request).job_instances.start(workspace, item, "Execute", start))


async def list_job_instances(request: Request) -> Response:
    """``GET .../items/{id}/jobs/instances``."""
    query_of(request, "continuationToken")
    context = context_of(request)
    _, item = item_of(request)
    now_ns = context.clock.time_ns()
    found = [
        job_instance
        for job_instance in context.state.job_instances_of_item(item.id)
        if is_seen(job_instance, context.service, now_ns)
    ]
    return page_of(
        request,
        found,
        lambda job_instance: job_instance.id,
        lambda job_instance: generic_body(job_instance, _shown(context, job_instance), context.service),
    )


async def get_job_instance(request: Request) -> Response:
    """``GET .../items/{id}/jobs/instances/{id}``."""
    query_of(request)
    context = context_of(request)
    job_instance = _seen(context, job_instance_of(request))
    shown = _shown(context, job_instance)
    body = generic_body(job_instance, shown, context.service)
    return JSONResponse(body, headers=retry_after_headers(shown.retry_after))


async def get_notebook_job_instance(request: Request) -> Response:
    """``GET .../notebooks/{id}/jobs/execute/instances/{id}?beta=true``."""
    query = query_of(request, "beta")
    if not flag(query, "beta", False):
        raise errors.invalid_parameter("The query parameter 'beta' must be 'true'.")
    context = context_of(request)
    job_instance = _seen(context, job_instance_of(request, "Notebook"))
    shown = _shown(context, job_instance)
    body = notebook_body(
        job_instance, shown, context.service, page_url(request, job_instance.id), context.capacity_id
    )
    return JSONResponse(body, headers=retry_after_headers(shown.retry_after))


async def cancel_job_instance(request: Request) -> Response:
    """``POST .../items/{id}/jobs/instances/{id}/cancel``."""
    query_of(request)
    context = context_of(request)
    job_instance = job_instance_of(request)
    if not job_instance.active:
        raise errors.job_already_completed(job_instance.id, job_instance.status)
    context.job_instances.cancel(job_instance)
    return accepted(
        {
            "Location": _location(request, job_instance),
            **retry_after_headers(context.service.retry_after_start),
        }
    )


async def list_workspace_sessions(request: Request) -> Response:
    """``GET .../spark/livySessions``."""
    state = context_of(request).state
    workspace = workspace_of(request)
    last = page_token(request)
    if last is not None and not isinstance(last, int):
        raise errors.invalid_parameter("The continuationToken is none of this list.")
    return _sessions(request, state.job_instances_of_workspace(workspace.id, before=last))


def list_item_sessions(item_type: str) -> Handler:
    """``GET .../{id}/livySessions``."""

    async def handler(request: Request) -> Response:
        _, item = item_of(request, item_type)
        last = page_token(request)
        found = context_of(request).state.job_instances_of_item(item.id)
        return _sessions(request, (entry for entry in found if last is None or entry.sequence < last))

    return handler


def get_item_session(item_type: str) -> Handler:
    """``GET .../{id}/livySessions/{livyId}``."""

    async def handler(request: Request) -> Response:
        query_of(request)
        context = context_of(request)
        _, item = item_of(request, item_type)
        livy_id = request.path_params["livy_id"]
        for job_instance in context.state.job_instances_of_item(item.id):
            if job_instance.livy_id == livy_id and job_instance.compute is not None:
                shown = _shown(context, job_instance)
                return JSONResponse(livy_session(job_instance, shown, *_owner(context)))
        raise errors.entity_not_found(f"Livy session {livy_id} of item {item.id}")

    return handler


def page_url(request: Request, job_instance_id: str) -> str:
    """Link to a job instance's page, good without a token."""
    key = context_of(request).page_key(job_instance_id)
    return f"{base_url(request)}/job-instances/{job_instance_id}?key={key}"


async def _start_generic(request: Request, job_type: str) -> Response:
    workspace, item = item_of(request)
    job_type = check_job_type(item, job_type)
    start = parse_generic(await json_body(request), item.type)
    return _started(request, context_of(request).job_instances.start(workspace, item, job_type, start))


def _started(request: Request, job_instance: JobInstance) -> Response:
    service = context_of(request).service
    headers = retry_after_headers(service.retry_after_start)
    location = _location(request, job_instance)
    if service.location == "collection":
        headers["Location"] = f"{location.rpartition('/')[0]}?jobType={job_instance.job_type}"
    elif service.location == "foreign":
        headers["Location"] = location.replace(base_url(request), f"https://{service.foreign_host}")
    elif service.location == "instance":
        headers["Location"] = location
    if service.x_ms_job_id:
        headers["x-ms-job-id"] = job_instance.id
    return accepted(headers)


def _location(request: Request, job_instance: JobInstance) -> str:
    item = f"{base_url(request)}/v1/workspaces/{job_instance.workspace_id}/items/{job_instance.item_id}"
    return f"{item}/jobs/instances/{job_instance.id}"


def _seen(context: Context, job_instance: JobInstance) -> JobInstance:
    """Itself, unless reads are told not to know it yet."""
    seen = is_seen(job_instance, context.service, context.clock.time_ns())
    if not seen and context.service.unseen_as == "404":
        raise errors.entity_not_found(f"Job instance {job_instance.id}")
    return job_instance


def _shown(context: Context, job_instance: JobInstance) -> Shown:
    return show(job_instance, context.service, context.simulated, context.clock.time_ns())


def _sessions(request: Request, job_instances: Iterable[JobInstance]) -> Response:
    """One page of sessions, from job instances that begin where the token says."""
    filters = query_of(
        request, "continuationToken", "beta", "submittedDateTime", "endDateTime", "submitter.Id", "state"
    )
    filters.pop("continuationToken", None)
    beta = flag(filters, "beta", False)
    filters.pop("beta", None)
    if filters and not beta:
        raise errors.invalid_parameter(f"The query parameter '{next(iter(filters))}' needs 'beta=true'.")
    if "state" in filters and filters["state"] not in _LIVY_STATES:
        raise errors.invalid_parameter(
            f"'{filters['state']}' is no session state: {', '.join(_LIVY_STATES)}."
        )
    for name in ("submittedDateTime", "endDateTime"):
        if name in filters and not _DATE_TIME.fullmatch(filters[name]):
            raise errors.invalid_parameter(
                f"The query parameter '{name}' must look like 2026-01-31T00:00:00Z."
            )
    context = context_of(request)
    now_ns = context.clock.time_ns()
    sessions = (
        (job_instance.sequence, livy_session(job_instance, _shown(context, job_instance), *_owner(context)))
        for job_instance in job_instances
        if job_instance.compute in ("Spark", "Jupyter") and is_seen(job_instance, context.service, now_ns)
    )
    wanted = (entry for entry in sessions if _fits(entry[1], filters))
    return first_page(request, wanted, lambda entry: entry[0], lambda entry: entry[1], null_at_end=True)


def _owner(context: Context) -> tuple[str, str]:
    return context.user_id, context.capacity_id


def _fits(session: Mapping[str, Any], filters: Mapping[str, str]) -> bool:
    """Whether a session passes the query's filters; texts compare as the times that they are."""
    return (
        filters.get("state", session["state"]) == session["state"]
        and filters.get("submitter.Id", session["submitter"]["id"]).lower() == session["submitter"]["id"]
        and session["submittedDateTime"] >= filters.get("submittedDateTime", "")
        and ("endDateTime" not in filters or (session["endDateTime"] or "9") <= filters["endDateTime"])
    )


_ITEM = "/v1/workspaces/{workspace_id}/items/{item_id}"
_NOTEBOOK = "/v1/workspaces/{workspace_id}/notebooks/{item_id}"
_PIPELINE = "/v1/workspaces/{workspace_id}/datapipelines/{item_id}"
_LAKEHOUSE = "/v1/workspaces/{workspace_id}/lakehouses/{item_id}"

ROUTES = [
    Route(f"{_ITEM}/jobs/instances", start_with_query, methods=["POST"]),
    Route(f"{_ITEM}/jobs/instances", list_job_instances, methods=["GET"]),
    Route(f"{_ITEM}/jobs/{{job_type}}/instances", start_with_path, methods=["POST"]),
    Route(f"{_ITEM}/jobs/instances/{{job_instance_id}}", get_job_instance, methods=["GET"]),
    Route(f"{_ITEM}/jobs/instances/{{job_instance_id}}/cancel", cancel_job_instance, methods=["POST"]),
    Route(f"{_NOTEBOOK}/jobs/execute/instances", start_notebook, methods=["POST"]),
    Route(
        f"{_NOTEBOOK}/jobs/execute/instances/{{job_instance_id}}", get_notebook_job_instance, methods=["GET"]
    ),
    Route(f"{_PIPELINE}/jobs/execute/instances", start_pipeline, methods=["POST"]),
    Route(f"{_PIPELINE}/jobs/execute/instances", list_job_instances, methods=["GET"]),
    Route(f"{_PIPELINE}/jobs/execute/instances/{{job_instance_id}}", get_job_instance, methods=["GET"]),
    Route("/v1/workspaces/{workspace_id}/spark/livysessions", list_workspace_sessions, methods=["GET"]),
    Route(f"{_NOTEBOOK}/livysessions", list_item_sessions("Notebook"), methods=["GET"]),
    Route(f"{_NOTEBOOK}/livysessions/{{livy_id}}", get_item_session("Notebook"), methods=["GET"]),
    Route(f"{_LAKEHOUSE}/livysessions", list_item_sessions("Lakehouse"), methods=["GET"]),
    Route(f"{_LAKEHOUSE}/livysessions/{{livy_id}}", get_item_session("Lakehouse"), methods=["GET"]),
]
