"""The metadata refresh of a SQL endpoint, run to its end.

It needs no ledger: a refresh only brings tables up to date, so one that is started twice, after a lost answer or a
crash, does no harm. It is no job instance but a long-running operation of Fabric, which cannot be cancelled.
"""

import asyncio
import logging
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fabric_assets.client.directory import Directory
from fabric_assets.client.errors import (
    FabricApiError,
    FabricAuthError,
    FabricConfigError,
    FabricError,
    FabricNotFoundError,
)
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.client.models import Item, Workspace
from fabric_assets.client.sql_endpoint import PROVISIONED, RefreshStarted, TableSync
from fabric_assets.jobs.job import JobLimits, Tell
from fabric_assets.jobs.watcher import wait_seconds

_RUNNING_ALREADY = re.compile(r"InProgress|AlreadyRunning|AlreadyInProgress|Conflict", re.IGNORECASE)
_SERVICE_LIMIT_SHARE = 1.2
_MOST_STARTS = 3


@dataclass(frozen=True, kw_only=True)
class SqlEndpointRefresh:
    """What is wanted.

    Attributes:
        asset: name of the asset, for messages.
        workspace: display name or GUID.
        workspace_configured_in: where ``workspace`` was written, for messages.
        lakehouse: display name or GUID of the lakehouse whose endpoint it is; or
        sql_endpoint: of the endpoint itself.
        recreate_tables: drop all tables of the endpoint and make them anew.
        timeout_seconds: how long the service may take; ``None``: its own limit.
        expected_seconds: how long it may take, from its past; ``None``: not known.
    """

    asset: str
    workspace: str
    workspace_configured_in: str
    lakehouse: str | None = None
    sql_endpoint: str | None = None
    recreate_tables: bool = False
    timeout_seconds: float | None = None
    expected_seconds: float | None = None


@dataclass(frozen=True)
class SqlEndpointState:
    """A refresh that succeeded; single tables may have failed.

    Attributes:
        endpoint: the endpoint; without a name of its own, it has its lakehouse's.
        operation_id: ``None`` if the service answered at once.
        tables: what became of each table; ``None`` if the service does not tell.
        started_at: by our clock, UTC.
        ended_at: by our clock, UTC.
    """

    endpoint: Item
    workspace: Workspace
    operation_id: str | None
    tables: tuple[TableSync, ...] | None
    started_at: datetime
    ended_at: datetime = field(default_factory=lambda: datetime.now(UTC))


async def refresh_sql_endpoint(
    client: FabricClient, directory: Directory, limits: JobLimits, wanted: SqlEndpointRefresh, tell: Tell
) -> SqlEndpointState:
    """Refresh the metadata of a SQL endpoint, and wait for its end.

    Raises:
        FabricError: it did not succeed, or not in time.
        asyncio.CancelledError: the caller gave up. The operation goes on.
    """
    workspace = await directory.workspace(wanted.workspace, configured_in=wanted.workspace_configured_in)
    endpoint = await _find(client, directory, workspace, wanted)
    refreshing = _Refreshing(client, workspace, endpoint, limits, wanted, tell)
    # The service keeps the limit itself, from when it has begun.
    limit = None if wanted.timeout_seconds is None else wanted.timeout_seconds * _SERVICE_LIMIT_SHARE
    try:
        async with asyncio.timeout(limit):
            return await refreshing.to_the_end()
    except TimeoutError:
        raise FabricError(
            f"asset {wanted.asset}: the refresh of {refreshing.label} did not end within {limit:.0f} s"
            f"{refreshing.left_running}. Raise `timeout_seconds` of the asset if it needs longer.",
            error_code="Timeout",
            retriable=True,
        ) from None
    except asyncio.CancelledError:
        tell(f"no longer waits for the refresh of {refreshing.label}{refreshing.left_running}")
        raise
    except (FabricApiError, FabricAuthError) as error:
        if isinstance(error, FabricNotFoundError):
            directory.forget(workspace)
        error.args = (f"asset {wanted.asset}: {refreshing.label} was not refreshed: {error}",)
        raise


class _Refreshing:
    """One refresh on its way."""

    def __init__(
        self,
        client: FabricClient,
        workspace: Workspace,
        endpoint: Item,
        limits: JobLimits,
        wanted: SqlEndpointRefresh,
        tell: Tell,
    ) -> None:
        self._api = client.sql_endpoints
        self._workspace = workspace
        self._endpoint = endpoint
        self._limits = limits
        self._wanted = wanted
        self._tell = tell
        self._operation_id: str | None = None
        self.label = f"SQL endpoint {endpoint.display_name!r} in workspace {workspace.display_name!r}"

    @property
    def left_running(self) -> str:
        """What goes on without us, for messages."""
        if self._operation_id is None:
            return ""
        return (
            f"; operation {self._operation_id} cannot be cancelled and goes on in Fabric, which does no harm"
        )

    async def to_the_end(self) -> SqlEndpointState:
        """Start it and wait for its end."""
        started_at = datetime.now(UTC)
        for starts in range(1, _MOST_STARTS + 1):
            started = await self._start()
            self._operation_id = started.operation_id
            tables: tuple[TableSync, ...] | None = started.tables
            try:
                if started.operation_id is not None:
                    await self._wait(started)
                    tables = await self._result(started.operation_id)
            except FabricNotFoundError as error:
                if starts == _MOST_STARTS:
                    raise
                self._tell(f"refreshes {self.label} again: {error}", logging.WARNING)
                continue
            return SqlEndpointState(
                self._endpoint, self._workspace, started.operation_id, tables, started_at, datetime.now(UTC)
            )
        raise AssertionError("the last start ends with a result or an error")

    async def _start(self) -> RefreshStarted:
        begun = time.monotonic()
        told = False
        while True:
            try:
                return await self._api.start_refresh(
                    self._workspace.id,
                    self._endpoint.id,
                    timeout_seconds=self._wanted.timeout_seconds,
                    recreate_tables=self._wanted.recreate_tables,
                )
            except FabricApiError as error:
                if error.status_code != 409 and not _RUNNING_ALREADY.search(error.error_code or ""):
                    raise
                if not told:
                    told = True
                    self._tell(
                        f"{self.label} is being refreshed already, by somebody else; waiting for that to end, as "
                        f"it may have begun before the tables were written: {error}",
                        logging.WARNING,
                    )
            await asyncio.sleep(wait_seconds(time.monotonic() - begun, None, self._limits.poll_seconds))

    async def _wait(self, started: RefreshStarted) -> None:
        """Until the operation has succeeded."""
        self._tell(f"refreshes {self.label} (operation {started.operation_id})")
        begun = time.monotonic()
        service_wait = started.retry_after_seconds
        status = ""
        while True:
            wait = wait_seconds(
                time.monotonic() - begun, self._wanted.expected_seconds, self._limits.poll_seconds
            )
            await asyncio.sleep(
                max(self._limits.poll_seconds, wait if service_wait is None else min(wait, service_wait))
            )
            reading = await self._api.read_operation(started.operation_id or "")
            if reading.status == "Succeeded":
                return
            if reading.status == "Failed":
                reason = reading.error_message or "no reason given"
                raise FabricError(
                    f"asset {self._wanted.asset}: {self.label} was not refreshed: {reason}"
                    f" (error code {reading.error_code}, operation {started.operation_id})",
                    error_code=reading.error_code,
                    retriable=True,
                )
            if status and status != reading.status:
                self._tell(f"operation {started.operation_id} is {reading.status}")
            status, service_wait = reading.status, reading.retry_after_seconds

    async def _result(self, operation_id: str) -> tuple[TableSync, ...] | None:
        try:
            return await self._api.operation_tables(operation_id)
        except FabricNotFoundError as error:
            self._tell(
                f"{self.label} was refreshed, but Fabric does not tell of its tables: {error}",
                logging.WARNING,
            )
            return None


async def _find(
    client: FabricClient, directory: Directory, workspace: Workspace, wanted: SqlEndpointRefresh
) -> Item:
    configured_in = f"asset {wanted.asset}"
    if wanted.sql_endpoint is not None:
        return await directory.item(
            workspace, wanted.sql_endpoint, "SQLEndpoint", configured_in=configured_in
        )
    lakehouse = await directory.item(
        workspace, wanted.lakehouse or "", "Lakehouse", configured_in=configured_in
    )
    endpoint = await client.sql_endpoints.of_lakehouse(workspace.id, lakehouse.id)
    if endpoint.id is not None and endpoint.provisioning == PROVISIONED:
        return Item(endpoint.id, lakehouse.display_name, "SQLEndpoint", workspace.id)
    if endpoint.provisioning == "Failed" or endpoint.provisioning == PROVISIONED:
        raise FabricConfigError(
            f"lakehouse {lakehouse.display_name!r} (from {configured_in}) has no SQL endpoint: Fabric could not set it "
            "up. Open the lakehouse in Fabric and see what its SQL analytics endpoint says."
        )
    raise FabricError(
        f"the SQL endpoint of lakehouse {lakehouse.display_name!r} (from {configured_in}) is still being set up "
        f"({endpoint.provisioning}). It takes a minute or two after the lakehouse was made.",
        error_code="SqlEndpointNotReady",
        retriable=True,
    )
