"""Items, notebooks and lakehouses: list, read, create, change, delete, definitions."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fabric_assets.local import errors, item_files
from fabric_assets.local.context import (
    accepted_operation,
    context_of,
    flag,
    item_of,
    object_body,
    page_of,
    query_of,
    workspace_of,
)
from fabric_assets.local.items import ITEM_TYPES, Item, Workspace, sql_endpoint_id
from fabric_assets.local.state import Operation

Handler = Callable[[Request], Awaitable[Response]]

_CREATE_FIELDS = {
    "displayName",
    "description",
    "folderId",
    "definition",
    "creationPayload",
    "sensitivityLabelSettings",
}
_CREATABLE_TYPES = ("DataPipeline", "Lakehouse", "Notebook")
_TYPES_BY_CASE = {name.casefold(): name for name in ITEM_TYPES}


def list_items(item_type: str | None) -> Handler:
    """``GET .../items``, or the list of one type."""

    async def handler(request: Request) -> Response:
        names = ["continuationToken", "recursive", "rootFolderId"]
        query = query_of(request, *names, *(() if item_type else ("type", "include")))
        wanted = item_type
        if "type" in query:
            wanted = _TYPES_BY_CASE.get(query["type"].casefold())
            if wanted is None:
                raise errors.invalid_item_type(query["type"])
        flag(query, "recursive", True)
        if "rootFolderId" in query:
            raise errors.folder_not_found(query["rootFolderId"])
        workspace = workspace_of(request)
        items = [item for item in workspace.items.values() if wanted in (None, item.type)]
        items.sort(key=lambda item: (item.type, item.display_name.casefold(), item.id))
        return page_of(
            request, items, lambda item: item.id, lambda item: _item_body(workspace, item, item_type)
        )

    return handler


def get_item(item_type: str | None) -> Handler:
    """``GET .../items/{id}``, or of one type."""

    async def handler(request: Request) -> Response:
        query_of(request, *(() if item_type else ("include",)))
        workspace, item = item_of(request, item_type)
        return JSONResponse(_item_body(workspace, item, item_type))

    return handler


def create_item(item_type: str | None) -> Handler:
    """``POST .../items``, or of one type."""

    async def handler(request: Request) -> Response:
        query_of(request)
        fields = _CREATE_FIELDS if item_type else {*_CREATE_FIELDS, "type"}
        body = await object_body(request, fields)
        kind = item_type or _creatable_type(body.get("type"))
        description = body.get("description") or ""
        if not isinstance(description, str):
            raise errors.invalid_input("'description' must be a text.")
        if body.get("folderId") is not None:
            raise errors.feature_not_available(
                "The local Fabric creates items in the workspace's own folder only."
            )
        definition = body.get("definition")
        payload = body.get("creationPayload")
        if payload not in (None, {"enableSchemas": True}) or (payload and kind != "Lakehouse"):
            raise errors.invalid_input(
                "'creationPayload' can only be {\"enableSchemas\": true}, for a lakehouse."
            )
        context = context_of(request)
        created_id = item_files.create_item(
            context.home,
            workspace_of(request),
            kind,
            body.get("displayName", ""),
            description,
            None if definition is None else item_files.parse_definition(definition),
            enable_schemas=bool(payload),
        )
        context.workspaces.look_again()
        workspace = workspace_of(request)
        answer = _item_body(workspace, workspace.item(created_id), None)
        return _operation(request, answer) or JSONResponse(answer, status_code=201)

    return handler


def update_item(item_type: str | None) -> Handler:
    """``PATCH .../items/{id}``, or of one type."""

    async def handler(request: Request) -> Response:
        query_of(request)
        body = await object_body(request, {"displayName", "description"})
        workspace, item = item_of(request, item_type)
        if not body or not all(isinstance(value, str) for value in body.values()):
            raise errors.invalid_input("The body needs 'displayName' or 'description', both texts.")
        item_files.update_properties(
            item.usable(), workspace, body.get("displayName"), body.get("description")
        )
        context_of(request).workspaces.look_again()
        workspace, item = item_of(request, item_type)
        return JSONResponse(_item_body(workspace, item, item_type))

    return handler


def delete_item(item_type: str | None) -> Handler:
    """``DELETE .../items/{id}``, or of one type."""

    async def handler(request: Request) -> Response:
        flag(query_of(request, "hardDelete"), "hardDelete", False)
        workspace, item = item_of(request, item_type)
        item_files.delete_item(context_of(request).home, workspace, item)
        context_of(request).workspaces.look_again()
        return Response(status_code=200)

    return handler


def get_definition(item_type: str | None) -> Handler:
    """``POST .../{id}/getDefinition``."""

    async def handler(request: Request) -> Response:
        wanted = query_of(request, "format").get("format")
        _, item = item_of(request, item_type)
        name = item_files.definition_format(wanted) if item.type == "Notebook" else "FabricGitSource"
        answer = item_files.read_definition(item, name).to_json()
        return _operation(request, answer) or JSONResponse(answer)

    return handler


def update_definition(item_type: str | None) -> Handler:
    """``POST .../{id}/updateDefinition``."""

    async def handler(request: Request) -> Response:
        with_metadata = flag(query_of(request, "updateMetadata"), "updateMetadata", False)
        body = await object_body(request, {"definition"})
        definition = item_files.parse_definition(body.get("definition"))
        workspace, item = item_of(request, item_type)
        if with_metadata:
            display_name, description = item_files.platform_metadata(definition)
            item_files.update_properties(item, workspace, display_name, description)
        item_files.update_definition(item, definition)
        context_of(request).workspaces.look_again()
        return _operation(request, None) or Response(status_code=200)

    return handler


async def list_tables(request: Request) -> Response:
    """``GET .../lakehouses/{id}/tables``."""
    query = query_of(request, "continuationToken", "maxResults")
    workspace, item = item_of(request, "Lakehouse")
    page_size = query.get("maxResults", "100")
    if not page_size.isdecimal() or not 1 <= int(page_size) <= 100:
        raise errors.invalid_parameter("The query parameter 'maxResults' must be a number from 1 to 100.")
    folder = context_of(request).home.lakehouse(workspace.display_name, item.display_name) / "Tables"
    if _has_schemas(item):
        raise errors.ApiError(
            400,
            "UnsupportedOperationForSchemasEnabledLakehouse",
            "The operation is not supported for Lakehouse with schemas enabled.",
        )
    tables = sorted(log.parent.name for log in folder.glob("*/_delta_log"))

    def body(table: str) -> dict[str, Any]:
        location = f"abfss://{workspace.id}@onelake.dfs.fabric.microsoft.com/{item.id}/Tables/{table}"
        return {"type": "Managed", "name": table, "location": location, "format": "delta"}

    return page_of(
        request,
        tables,
        lambda table: table,
        body,
        list_name="data",
        page_size=int(page_size),
        null_at_end=True,
    )


async def list_broken_items(request: Request) -> Response:
    """``GET /broken-items``: what the folders have that is no good item."""
    query_of(request)
    broken = [
        {"workspace": entry.workspace, "path": entry.path, "itemId": entry.item_id, "reason": entry.reason}
        for workspace in context_of(request).workspaces.all()
        for entry in workspace.broken
    ]
    return JSONResponse({"value": broken})


def _creatable_type(item_type: Any) -> str:
    kind = _TYPES_BY_CASE.get(item_type.casefold()) if isinstance(item_type, str) else None
    if kind is None:
        raise errors.invalid_item_type(str(item_type))
    if kind not in _CREATABLE_TYPES:
        raise errors.feature_not_available(
            f"The local Fabric creates {', '.join(_CREATABLE_TYPES)} only. "
            f"Put a {kind}'s folder in Git format into the workspace's folder instead."
        )
    return kind


def _operation(request: Request, result: Any) -> Response | None:
    """The answer of a long-running operation, if the service is told to use them."""
    context = context_of(request)
    if not context.service.long_running:
        return None
    now_ns = context.clock.time_ns()
    ready_ns = now_ns + round(context.service.operation_seconds * 1e9)
    operation = Operation(str(uuid.uuid4()), now_ns, ready_ns, result)
    context.state.add_operation(operation)
    return accepted_operation(request, operation)


def _item_body(workspace: Workspace, item: Item, asked_type: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": item.id,
        "type": item.type,
        "displayName": item.display_name,
        "description": item.description,
        "workspaceId": item.workspace_id,
    }
    if asked_type == "Lakehouse":
        onelake = f"https://onelake.dfs.fabric.microsoft.com/{workspace.id}/{item.id}"
        body["properties"] = {
            "oneLakeTablesPath": f"{onelake}/Tables",
            "oneLakeFilesPath": f"{onelake}/Files",
            "sqlEndpointProperties": {
                "connectionString": "",
                "id": sql_endpoint_id(item.id),
                "provisioningStatus": "Success",
            },
        }
        if _has_schemas(item):
            body["properties"]["defaultSchema"] = "dbo"
    return body


def _has_schemas(item: Item) -> bool:
    metadata = item.path / "lakehouse.metadata.json" if item.path is not None else None
    return metadata is not None and metadata.is_file() and b"defaultSchema" in metadata.read_bytes()


def _routes(collection: str, item_type: str | None) -> list[Route]:
    path = f"/v1/workspaces/{{workspace_id}}/{collection}"
    one = f"{path}/{{item_id}}"
    return [
        Route(path, list_items(item_type), methods=["GET"]),
        Route(path, create_item(item_type), methods=["POST"]),
        Route(one, get_item(item_type), methods=["GET"]),
        Route(one, update_item(item_type), methods=["PATCH"]),
        Route(one, delete_item(item_type), methods=["DELETE"]),
        Route(f"{one}/getdefinition", get_definition(item_type), methods=["POST"]),
        Route(f"{one}/updatedefinition", update_definition(item_type), methods=["POST"]),
    ]


ROUTES = [
    *_routes("items", None),
    *_routes("notebooks", "Notebook"),
    *_routes("lakehouses", "Lakehouse"),
    *_routes("datapipelines", "DataPipeline"),
    Route("/v1/workspaces/{workspace_id}/lakehouses/{item_id}/tables", list_tables, methods=["GET"]),
    Route("/broken-items", list_broken_items, methods=["GET"]),
]
