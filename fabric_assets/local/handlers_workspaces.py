"""Workspaces, capacities and long-running operations."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fabric_assets.local import errors
from fabric_assets.local.clock import format_time_z
from fabric_assets.local.context import (
    Context,
    base_url,
    context_of,
    page_of,
    query_of,
    retry_after_headers,
    workspace_of,
)
from fabric_assets.local.items import Workspace

REGION = "West Europe"
_RETRY_AFTER_OPERATION = 20
_ROLES = ("Admin", "Member", "Contributor", "Viewer")
_OWN_ROLE = "Admin"


async def list_workspaces(request: Request) -> Response:
    """``GET /v1/workspaces``."""
    query = query_of(request, "continuationToken", "roles", "preferWorkspaceSpecificEndpoints")
    roles = {role.strip() for role in query.get("roles", _OWN_ROLE).split(",")}
    if unknown := sorted(roles - set(_ROLES)):
        raise errors.invalid_parameter(f"'{unknown[0]}' is no workspace role: {', '.join(_ROLES)}.")
    context = context_of(request)
    return page_of(
        request,
        context.workspaces.all() if _OWN_ROLE in roles else [],
        lambda workspace: workspace.id,
        lambda workspace: _workspace_body(context, workspace),
    )


async def get_workspace(request: Request) -> Response:
    """``GET /v1/workspaces/{workspaceId}``."""
    query_of(request, "preferWorkspaceSpecificEndpoints")
    body = _workspace_body(context_of(request), workspace_of(request))
    return JSONResponse({**body, "capacityAssignmentProgress": "Completed"})


async def list_capacities(request: Request) -> Response:
    """``GET /v1/capacities``."""
    query_of(request, "continuationToken")
    body = {
        "id": context_of(request).capacity_id,
        "displayName": "Local capacity",
        "sku": "F2",
        "region": REGION,
        "state": "Active",
    }
    return page_of(request, [body], lambda entry: entry["id"], lambda entry: entry)


async def get_operation(request: Request) -> Response:
    """``GET /v1/operations/{operationId}``."""
    query_of(request)
    context = context_of(request)
    operation = context.state.operation(request.path_params["operation_id"])
    if operation is None:
        raise errors.entity_not_found(f"Operation {request.path_params['operation_id']}")
    now_ns = context.clock.time_ns()
    ready = now_ns >= operation.ready_ns
    url = f"{base_url(request)}/v1/operations/{operation.id}"
    succeeded = ready and operation.error is None
    headers = {"Location": f"{url}/result" if succeeded else url, "x-ms-operation-id": operation.id}
    if not ready:
        headers |= retry_after_headers(_RETRY_AFTER_OPERATION)
    status = "Running" if not ready else "Failed" if operation.error else "Succeeded"
    body = {
        "status": status,
        "createdTimeUtc": format_time_z(operation.created_ns),
        "lastUpdatedTimeUtc": format_time_z(operation.ready_ns if ready else now_ns),
        "percentComplete": 100 if ready else 50,
        "error": operation.error if ready else None,
    }
    return JSONResponse(body, headers=headers)


async def get_operation_result(request: Request) -> Response:
    """``GET /v1/operations/{operationId}/result``."""
    query_of(request)
    context = context_of(request)
    operation = context.state.operation(request.path_params["operation_id"])
    if operation is None:
        raise errors.entity_not_found(f"Operation {request.path_params['operation_id']}")
    if context.clock.time_ns() < operation.ready_ns:
        raise errors.ApiError(
            400, "OperationNotCompleted", "The operation has not completed.", retriable=True
        )
    if operation.error is not None:
        raise errors.ApiError(400, str(operation.error["errorCode"]), str(operation.error["message"]))
    if operation.result is None:
        raise errors.ApiError(400, "OperationHasNoResult", "The operation has no result.")
    return JSONResponse(operation.result)


def _workspace_body(context: Context, workspace: Workspace) -> dict[str, Any]:
    return {
        "id": workspace.id,
        "displayName": workspace.display_name,
        "description": "",
        "type": "Workspace",
        "capacityId": context.capacity_id,
        "capacityRegion": REGION,
    }


ROUTES = [
    Route("/v1/workspaces", list_workspaces, methods=["GET"]),
    Route("/v1/workspaces/{workspace_id}", get_workspace, methods=["GET"]),
    Route("/v1/capacities", list_capacities, methods=["GET"]),
    Route("/v1/operations/{operation_id}", get_operation, methods=["GET"]),
    Route("/v1/operations/{operation_id}/result", get_operation_result, methods=["GET"]),
]
