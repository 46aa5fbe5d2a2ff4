"""SQL endpoints: the refresh of their metadata, and what it tells of each table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from fabric_assets.client.models import parse_time
from fabric_assets.client.retry import parse_retry_after, wait_before_repeating_read
from fabric_assets.client.transport import GUID, Transport, not_fabrics, parsed

FAILURE = "Failure"
PROVISIONED = "Success"


@dataclass(frozen=True)
class TableSync:
    """What became of one table in a metadata refresh.

    Attributes:
        status: ``Success``, ``Failure``, ``NotRun`` (nothing to do) or one that Fabric added since.
        last_success: when it was last brought up to date, UTC.
        error_code: why it failed, in the service's words.
        error_message: the same as text.
    """

    table: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    last_success: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def has_failed(self) -> bool:
        """Whether the endpoint shows an older state of the table than there is. Any status may have an error."""
        return self.status == FAILURE or bool(self.error_code or self.error_message)

    @property
    def error(self) -> str:
        """Why it failed, for people; empty if nothing was said."""
        code = f" (error code {self.error_code})" if self.error_code else ""
        return f"{self.error_message or 'no reason given'}{code}" if self.has_failed else ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TableSync":
        """From an entry of ``TableSyncStatuses``."""
        error = data.get("error") or {}
        return cls(
            table=data["tableName"],
            status=data.get("status") or "Unknown",
            started=parse_time(data.get("startDateTime")),
            ended=parse_time(data.get("endDateTime")),
            last_success=parse_time(data.get("lastSuccessfulSyncDateTime")),
            error_code=error.get("errorCode"),
            error_message=error.get("message"),
        )


@dataclass(frozen=True)
class RefreshStarted:
    """The answer to a start.

    Attributes:
        operation_id: the long-running operation; ``None`` if it has ended already.
        tables: the result, if it has.
        retry_after_seconds: when the service wants to be asked.
    """

    operation_id: str | None
    tables: tuple[TableSync, ...] = ()
    retry_after_seconds: float | None = None


@dataclass(frozen=True)
class OperationReading:
    """One reading of a long-running operation.

    Attributes:
        status: ``NotStarted``, ``Running``, ``Succeeded``, ``Failed`` or another.
        error_code: why it failed.
        error_message: the same as text.
        retry_after_seconds: when the service wants to be asked again.
    """

    status: str
    error_code: str | None = None
    error_message: str | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True)
class LakehouseEndpoint:
    """A lakehouse's SQL endpoint; ``id`` is ``None`` while there is none, ``provisioning`` is how far it is."""

    id: str | None
    provisioning: str


class SqlEndpointApi:
    """The calls for SQL endpoints. All may be repeated: a refresh brings tables up to date, however often it is asked.

    Args:
        transport: sends them.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def of_lakehouse(self, workspace_id: str, lakehouse_id: str) -> LakehouseEndpoint:
        """The SQL endpoint of a lakehouse.

        Raises:
            FabricNotFoundError: there is no such lakehouse.
        """

        def endpoint(data: dict[str, Any]) -> LakehouseEndpoint:
            found = (data.get("properties") or {}).get("sqlEndpointProperties") or {}
            return LakehouseEndpoint(found.get("id"), found.get("provisioningStatus") or PROVISIONED)

        path = f"/workspaces/{quote(workspace_id, safe='')}/lakehouses/{quote(lakehouse_id, safe='')}"
        return await self._transport.read(path, endpoint)

    async def start_refresh(
        self,
        workspace_id: str,
        sql_endpoint_id: str,
        *,
        timeout_seconds: float | None = None,
        recreate_tables: bool = False,
    ) -> RefreshStarted:
        """Bring the endpoint's tables up to date with the lakehouse.

        Args:
            workspace_id: the endpoint's workspace.
            sql_endpoint_id: the endpoint.
            timeout_seconds: how long the service may take; ``None``: its own limit of 15 minutes.
            recreate_tables: drop all tables of the endpoint and make them anew.

        Raises:
            FabricApiError: refused.
        """
        body: dict[str, Any] = {}
        if timeout_seconds is not None:
            body["timeout"] = {"value": timeout_seconds, "timeUnit": "Seconds"}
        if recreate_tables:
            body["recreateTables"] = True
        path = (
            f"/workspaces/{quote(workspace_id, safe='')}/sqlEndpoints/{quote(sql_endpoint_id, safe='')}"
            "/refreshMetadata"
        )
        response = await self._transport.send(
            "POST", path, body=body, check=_started, wait_before=wait_before_repeating_read
        )
        return _started(response)

    async def read_operation(self, operation_id: str) -> OperationReading:
        """How far a refresh is.

        Raises:
            FabricNotFoundError: the service knows it no more.
        """
        response = await self._transport.send(
            "GET", f"/operations/{operation_id}", check=_operation, wait_before=wait_before_repeating_read
        )
        return _operation(response)

    async def operation_tables(self, operation_id: str) -> tuple[TableSync, ...]:
        """What a refresh that succeeded tells of each table.

        Raises:
            FabricNotFoundError: it tells nothing.
        """
        response = await self._transport.send(
            "GET", f"/operations/{operation_id}/result", check=_tables, wait_before=wait_before_repeating_read
        )
        return _tables(response)


def _started(response: httpx.Response) -> RefreshStarted:
    if response.status_code != httpx.codes.ACCEPTED:
        return RefreshStarted(None, _tables(response))
    named = response.headers.get("x-ms-operation-id") or response.headers.get("Location", "").split("?")[0]
    operation_ids = GUID.findall(named)
    if not operation_ids:
        raise not_fabrics(response)
    return RefreshStarted(
        operation_ids[-1], retry_after_seconds=parse_retry_after(response.headers.get("Retry-After"))
    )


def _operation(response: httpx.Response) -> OperationReading:
    def reading(data: dict[str, Any]) -> OperationReading:
        error = data.get("error") or {}
        return OperationReading(
            data["status"],
            error.get("errorCode"),
            error.get("message"),
            parse_retry_after(response.headers.get("Retry-After")),
        )

    return parsed(response, reading)


def _tables(response: httpx.Response) -> tuple[TableSync, ...]:
    """An object with ``value`` as documented, a bare list as in the preview, nothing for a lakehouse without tables."""
    if not response.content.strip():
        return ()
    try:
        data = response.json()
        entries = data["value"] if isinstance(data, dict) else data
        return tuple(TableSync.from_json(entry) for entry in entries or ())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise not_fabrics(response) from error
