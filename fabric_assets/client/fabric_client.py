"""The Fabric REST API, one method a call."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx

from fabric_assets.client.errors import FabricApiError
from fabric_assets.client.models import (
    Accepted,
    Item,
    JobDetails,
    JobInstance,
    LivySession,
    Workspace,
)
from fabric_assets.client.quota import Urgency
from fabric_assets.client.retry import (
    parse_retry_after,
    wait_before_repeating_read,
)
from fabric_assets.client.service_client import ServiceClient
from fabric_assets.client.sql_endpoint import SqlEndpointApi
from fabric_assets.client.transport import GUID, not_fabrics, parsed

DEFAULT_API_URL = "https://api.fabric.microsoft.com/v1"
RUN_NOTEBOOK = "RunNotebook"


def is_guid(text: str) -> bool:
    """Whether this is an id, not a display name."""
    return GUID.fullmatch(text) is not None


class FabricClient(ServiceClient):
    """Fabric as one identity; see ``ServiceClient``."""

    @cached_property
    def sql_endpoints(self) -> SqlEndpointApi:
        """The calls for SQL endpoints."""
        return SqlEndpointApi(self._transport)

    # Workspaces and items

    async def list_workspaces(self) -> list[Workspace]:
        """All workspaces that this identity may see."""
        return [found async for found in self._transport.paged("/workspaces", Workspace.from_json)]

    async def get_workspace(self, workspace_id: str) -> Workspace:
        """One workspace by id.

        Raises:
            FabricNotFoundError: it is not there, or this identity may not see it.
        """
        return await self._transport.read(f"/workspaces/{_part(workspace_id)}", Workspace.from_json)

    async def list_items(self, workspace_id: str) -> list[Item]:
        """All items of a workspace, those in folders too."""
        path = f"/workspaces/{_part(workspace_id)}/items"
        return [found async for found in self._transport.paged(path, Item.from_json)]

    async def get_item(self, workspace_id: str, item_id: str) -> Item:
        """One item by id.

        Raises:
            FabricNotFoundError: it is not there.
        """
        return await self._transport.read(_item_path(workspace_id, item_id), Item.from_json)

    async def get_notebook_definition(
        self,
        workspace_id: str,
        notebook_id: str,
        *,
        format: str | None = None,  # noqa: A002 -- the API's name
    ) -> list[dict[str, str]]:
        """The parts of a notebook's definition: ``path``, ``payload`` (base64), ``payloadType``.

        Args:
            workspace_id: the workspace.
            notebook_id: the notebook.
            format: ``ipynb``, or ``None`` for Fabric's Git format.
        """
        path = f"/workspaces/{_part(workspace_id)}/notebooks/{_part(notebook_id)}/getDefinition"
        params = {"format": format} if format else None
        response = await self._transport.send(
            "POST", path, params=params, wait_before=wait_before_repeating_read
        )
        data = await self._transport.operation_result(response)
        parts: list[dict[str, str]] = data["definition"]["parts"]
        return parts

    # Job instances

    async def start_job_instance(
        self,
        workspace_id: str,
        item_id: str,
        job_type: str,
        execution_data: Mapping[str, Any] | None = None,
        *,
        type_in_path: bool = False,
        on_sending: Callable[[bool], None] | None = None,
    ) -> Accepted:
        """Start a job instance on the generic route.

        Args:
            workspace_id: the item's workspace.
            item_id: the item.
            job_type: such as ``RunNotebook``, ``Pipeline``, ``sparkjob``; Fabric adds new ones.
            execution_data: the job type's own data; for notebooks see ``compute.generic_execution_data``.
            type_in_path: use the newer form of the route. Both are served; the older one is what every tool uses.
            on_sending: called with ``True`` when the quota lets it go, with ``False`` when it surely had no effect and
                is to be sent again: before the one and after the other, nothing can have been started.

        Raises:
            FabricTransportError: no answer; if ``may_have_arrived``, the job instance may be running.
            FabricApiError: refused, or (5xx) the job instance may be running.
        """
        jobs = f"{_item_path(workspace_id, item_id)}/jobs"
        path, params = (
            (f"{jobs}/{_part(job_type)}/instances", None)
            if type_in_path
            else (f"{jobs}/instances", {"jobType": job_type})
        )
        body = {"executionData": dict(execution_data)} if execution_data else None
        return await self._start(path, params, body, on_sending)

    async def start_notebook(
        self,
        workspace_id: str,
        notebook_id: str,
        body: Mapping[str, Any],
        *,
        on_sending: Callable[[bool], None] | None = None,
    ) -> Accepted:
        """Start a job instance on the notebook route, see ``compute.notebook_request_body``.

        Raises:
            FabricTransportError: as for ``start_job_instance``.
            FabricApiError: as for ``start_job_instance``.
        """
        path = _notebook_jobs_path(workspace_id, notebook_id)
        return await self._start(path, {"beta": "false"}, body, on_sending)

    async def get_job_instance(
        self, workspace_id: str, item_id: str, job_instance_id: str, *, urgency: Urgency = Urgency.READ
    ) -> "JobReading":
        """Read a job instance.

        Raises:
            FabricNotFoundError: it is not there; in the first seconds after the start that passes.
        """
        path = f"{_item_path(workspace_id, item_id)}/jobs/instances/{_part(job_instance_id)}"
        return await self._read_job_instance(path, job_instance_id, urgency)

    async def get_notebook_job_instance(
        self,
        workspace_id: str,
        notebook_id: str,
        job_instance_id: str,
        *,
        urgency: Urgency = Urgency.READ,
        patience_seconds: float | None = None,
    ) -> "JobReading":
        """Read a notebook's job instance with its exit value and links, on the notebook route (a beta of the service).

        Args:
            workspace_id: the notebook's workspace.
            notebook_id: the notebook.
            job_instance_id: the job instance.
            urgency: who goes first.
            patience_seconds: longest time without one good answer; ``None``: the client's.

        Raises:
            FabricNotFoundError: it is not there; in the first seconds after the start that passes.
        """
        path = f"{_notebook_jobs_path(workspace_id, notebook_id)}/{_part(job_instance_id)}"
        return await self._read_job_instance(
            path, job_instance_id, urgency, patience_seconds, with_details=True
        )

    async def _read_job_instance(
        self,
        path: str,
        job_instance_id: str,
        urgency: Urgency,
        patience_seconds: float | None = None,
        *,
        with_details: bool = False,
    ) -> "JobReading":
        def same(data: dict[str, Any]) -> tuple[JobInstance, JobDetails | None]:
            job_instance = JobInstance.from_json(data)
            if job_instance.id.lower() != job_instance_id.lower():
                raise ValueError(f"asked for {job_instance_id}, got {job_instance.id}")
            return job_instance, JobDetails.from_json(data) if with_details else None

        response = await self._transport.send(
            "GET",
            path,
            params={"beta": "true"} if with_details else None,
            check=lambda answer: parsed(answer, same),
            urgency=urgency,
            patience_seconds=patience_seconds,
            wait_before=wait_before_repeating_read,
        )
        job_instance, details = parsed(response, same)
        return JobReading(job_instance, parse_retry_after(response.headers.get("Retry-After")), details)

    async def list_job_instances(self, workspace_id: str, item_id: str) -> list[JobInstance]:
        """All active and the last 100 completed job instances of one item."""
        path = f"{_item_path(workspace_id, item_id)}/jobs/instances"
        return [found async for found in self._transport.paged(path, JobInstance.from_json)]

    async def cancel_job_instance(self, workspace_id: str, item_id: str, job_instance_id: str) -> bool:
        """Ask Fabric to cancel a job instance. It takes effect later.

        Returns:
            Whether there was something to cancel: ``False`` if the job instance had ended already.
        """
        path = f"{_item_path(workspace_id, item_id)}/jobs/instances/{_part(job_instance_id)}/cancel"
        try:
            # Cancelling twice is cancelling once, so it is repeated like a read.
            await self._transport.send(
                "POST",
                path,
                urgency=Urgency.CANCEL,
                check=_accepted,
                wait_before=wait_before_repeating_read,
            )
        except FabricApiError as error:
            if error.error_code == "JobAlreadyCompleted":
                return False
            raise
        return True

    def list_livy_sessions(self, workspace_id: str) -> AsyncIterator[list[LivySession]]:
        """The Spark sessions of a workspace, running and past, page by page; a page is read when it is needed."""
        path = f"/workspaces/{_part(workspace_id)}/spark/livySessions"
        return self._transport.pages(path, LivySession.from_json)

    async def _start(
        self,
        path: str,
        params: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        on_sending: Callable[[bool], None] | None,
    ) -> Accepted:
        response = await self._transport.start(path, params, body, on_sending)
        job_instance_id = _job_instance_id(response)
        if job_instance_id is None and response.status_code != httpx.codes.ACCEPTED:
            raise not_fabrics(response)
        return Accepted(
            job_instance_id=job_instance_id,
            retry_after_seconds=parse_retry_after(response.headers.get("Retry-After")),
        )


@dataclass(frozen=True)
class JobReading:
    """One reading of a job instance.

    Attributes:
        retry_after_seconds: when the service wants to be asked again.
        details: what only the notebook route tells, if that one was read.
    """

    job_instance: JobInstance
    retry_after_seconds: float | None = None
    details: JobDetails | None = None


def _part(text: str) -> str:
    return quote(text, safe="")


def _item_path(workspace_id: str, item_id: str) -> str:
    return f"/workspaces/{_part(workspace_id)}/items/{_part(item_id)}"


def _notebook_jobs_path(workspace_id: str, notebook_id: str) -> str:
    return f"/workspaces/{_part(workspace_id)}/notebooks/{_part(notebook_id)}/jobs/execute/instances"


def _accepted(response: httpx.Response) -> None:
    if response.status_code != httpx.codes.ACCEPTED:
        raise not_fabrics(response)


def _job_instance_id(response: httpx.Response) -> str | None:
    """The id from ``Location``, else ``x-ms-job-id``: in documented examples ``Location`` is the collection."""
    match = re.search(rf"/instances/({GUID.pattern})/?$", response.headers.get("Location", "").split("?")[0])
    if match:
        return match.group(1)
    job_id = response.headers.get("x-ms-job-id", "")
    return job_id if is_guid(job_id) else None
