"""The Fabric REST API, one method a call."""

import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from fabric_assets.client.auth import BearerAuth, TokenSource, checked_api_url, is_loopback, refusal_hint
from fabric_assets.client.errors import (
    FabricApiError,
    FabricAuthError,
    FabricError,
    FabricNotFoundError,
    FabricThrottledError,
    FabricTransportError,
)
from fabric_assets.client.models import (
    Accepted,
    Item,
    JobInstance,
    LivySession,
    NotebookJobDetails,
    Workspace,
)
from fabric_assets.client.retry import (
    attempts,
    parse_http_date,
    parse_retry_after,
    wait_before_repeating_read,
    wait_before_repeating_start,
)

DEFAULT_API_URL = "https://api.fabric.microsoft.com/v1"
RUN_NOTEBOOK = "RunNotebook"

_log = logging.getLogger(__name__)
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST_QUOTED_BODY = 400


def is_guid(text: str) -> bool:
    """Whether this is an id, not a display name."""
    return _GUID.fullmatch(text) is not None


class FabricClient:
    """Talks to one Fabric API as one identity. Use it as an async context manager, in one event loop.

    Reads are repeated after passing faults (connection, 408, 429, 5xx, answers that are not Fabric's) with backoff
    until ``patience_seconds`` have passed; starts only where the service surely did not act on them.

    Args:
        api_url: base URL, such as ``https://api.fabric.microsoft.com/v1``; plain http only for this machine.
        tokens: where bearer tokens come from; they go to the host of ``api_url`` and to no other.
        request_timeout_seconds: longest wait for one answer.
        patience_seconds: longest time without one good answer before a request is given up.
        transport: replaces the network, for tests.

    Raises:
        FabricConfigError: ``api_url`` cannot be used.
    """

    def __init__(
        self,
        api_url: str,
        tokens: TokenSource,
        *,
        request_timeout_seconds: float = 30.0,
        patience_seconds: float = 900.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        base_url = checked_api_url(api_url)
        self._patience_seconds = patience_seconds
        self._clock_offset: timedelta | None = None
        self._http = httpx.AsyncClient(
            base_url=base_url,
            auth=BearerAuth(base_url, tokens),
            timeout=request_timeout_seconds,
            follow_redirects=False,
            # A proxy from the environment must not see what is said to this machine in plain http.
            trust_env=not is_loopback(base_url.host),
            transport=transport,
            headers={"Accept": "application/json", "User-Agent": "fabric_assets"},
        )

    @property
    def api_url(self) -> str:
        """Base URL of the API."""
        return str(self._http.base_url)

    def service_now(self) -> datetime:
        """The time by the service's clock, UTC, as far as its answers told; see ``clock_uncertainty``."""
        return datetime.now(UTC) + (self._clock_offset or timedelta())

    @property
    def clock_uncertainty(self) -> timedelta:
        """How far ``service_now`` can be wrong: ``Date`` headers have seconds; without one, clocks may differ more."""
        return timedelta(minutes=2) if self._clock_offset is None else timedelta(seconds=3)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._http.__aexit__(exc_type, exc_value, traceback)

    # Workspaces and items

    async def list_workspaces(self) -> list[Workspace]:
        """All workspaces that this identity may see."""
        return [Workspace.from_json(entry) async for entry in self._paged("/workspaces")]

    async def get_workspace(self, workspace_id: str) -> Workspace:
        """One workspace by id.

        Raises:
            FabricNotFoundError: it is not there, or this identity may not see it.
        """
        return Workspace.from_json(await self._get_json(f"/workspaces/{_part(workspace_id)}"))

    async def list_items(self, workspace_id: str) -> list[Item]:
        """All items of a workspace, those in folders too."""
        path = f"/workspaces/{_part(workspace_id)}/items"
        return [Item.from_json(entry) async for entry in self._paged(path)]

    async def get_item(self, workspace_id: str, item_id: str) -> Item:
        """One item by id.

        Raises:
            FabricNotFoundError: it is not there.
        """
        return Item.from_json(await self._get_json(_item_path(workspace_id, item_id)))

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
        response = await self._send("POST", path, params=params, wait_before=wait_before_repeating_read)
        data = await self._operation_result(response)
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
    ) -> Accepted:
        """Start a job instance on the generic route.

        Args:
            workspace_id: the item's workspace.
            item_id: the item.
            job_type: such as ``RunNotebook``, ``Pipeline``, ``sparkjob``; Fabric adds new ones.
            execution_data: the job type's own data; for notebooks see ``compute.generic_execution_data``.
            type_in_path: use the newer form of the route. Both are served; the older one is what every tool uses.

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
        return await self._start(path, params, body)

    async def start_notebook(self, workspace_id: str, notebook_id: str, body: Mapping[str, Any]) -> Accepted:
        """Start a job instance on the notebook route, see ``compute.notebook_request_body``.

        Raises:
            FabricTransportError: as for ``start_job_instance``.
            FabricApiError: as for ``start_job_instance``.
        """
        return await self._start(_notebook_jobs_path(workspace_id, notebook_id), {"beta": "false"}, body)

    async def get_job_instance(self, workspace_id: str, item_id: str, job_instance_id: str) -> "JobReading":
        """Read a job instance.

        Raises:
            FabricNotFoundError: it is not there; in the first seconds after the start that passes.
        """
        path = f"{_item_path(workspace_id, item_id)}/jobs/instances/{_part(job_instance_id)}"
        response = await self._send("GET", path, wait_before=wait_before_repeating_read)
        return JobReading(
            JobInstance.from_json(_json(response)), parse_retry_after(response.headers.get("Retry-After"))
        )

    async def list_job_instances(self, workspace_id: str, item_id: str) -> list[JobInstance]:
        """All active and the last 100 completed job instances of one item."""
        path = f"{_item_path(workspace_id, item_id)}/jobs/instances"
        return [JobInstance.from_json(entry) async for entry in self._paged(path)]

    async def cancel_job_instance(self, workspace_id: str, item_id: str, job_instance_id: str) -> bool:
        """Ask Fabric to cancel a job instance. It takes effect later.

        Returns:
            Whether there was something to cancel: ``False`` if the job instance had ended already.
        """
        path = f"{_item_path(workspace_id, item_id)}/jobs/instances/{_part(job_instance_id)}/cancel"
        try:
            # Cancelling twice is cancelling once, so it is repeated like a read.
            await self._send("POST", path, wait_before=wait_before_repeating_read)
        except FabricApiError as error:
            if error.error_code == "JobAlreadyCompleted":
                return False
            raise
        return True

    async def get_notebook_job_details(
        self, workspace_id: str, notebook_id: str, job_instance_id: str
    ) -> NotebookJobDetails:
        """Exit value and monitoring links of a notebook's job instance."""
        path = f"{_notebook_jobs_path(workspace_id, notebook_id)}/{_part(job_instance_id)}"
        return NotebookJobDetails.from_json(await self._get_json(path, {"beta": "true"}))

    async def list_livy_sessions(self, workspace_id: str) -> list[LivySession]:
        """All Spark sessions of a workspace, running and past."""
        path = f"/workspaces/{_part(workspace_id)}/spark/livySessions"
        return [LivySession.from_json(entry) async for entry in self._paged(path)]

    # How requests are sent

    async def _start(
        self, path: str, params: Mapping[str, str] | None, body: Mapping[str, Any] | None
    ) -> Accepted:
        response = await self._send(
            "POST", path, params=params, body=body, wait_before=wait_before_repeating_start
        )
        return Accepted(
            job_instance_id=_job_instance_id(response),
            retry_after_seconds=parse_retry_after(response.headers.get("Retry-After")),
        )

    async def _get_json(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        response = await self._send("GET", path, params=params, wait_before=wait_before_repeating_read)
        return _json(response)

    async def _paged(self, path: str) -> AsyncIterator[dict[str, Any]]:
        # The token is used and not `continuationUri`, which may name another host.
        token: str | None = None
        while True:
            page = await self._get_json(path, {"continuationToken": token} if token else None)
            for entry in page.get("value") or []:
                yield entry
            following = page.get("continuationToken")
            if not following or following == token:
                return
            token = following

    async def _operation_result(self, response: httpx.Response) -> dict[str, Any]:
        """Follow a long-running operation by its id; its ``Location`` can name a host that must not get the token."""
        if response.status_code != httpx.codes.ACCEPTED:
            return _json(response)
        operation_id = response.headers.get("x-ms-operation-id") or _last_guid(
            response.headers.get("Location", "")
        )
        if not operation_id:
            raise FabricTransportError(
                "Fabric accepted an operation without saying its id", may_have_arrived=True
            )
        path = f"/operations/{_part(operation_id)}"
        async for attempt in attempts(_wait_for_operation, self._patience_seconds):
            with attempt:
                state = await self._send("GET", path, wait_before=wait_before_repeating_read)
                data = _json(state)
                if data.get("status") == "Failed":
                    error = data.get("error") or {}
                    raise FabricError(
                        f"operation {operation_id} failed: {error.get('message') or 'no reason given'}",
                        error_code=error.get("errorCode"),
                    )
                if data.get("status") != "Succeeded":
                    raise _OperationRunningError(parse_retry_after(state.headers.get("Retry-After")))
        return await self._get_json(f"{path}/result")

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        wait_before: Callable[[Exception], bool | float],
    ) -> httpx.Response:
        async for attempt in attempts(wait_before, self._patience_seconds):
            with attempt:
                return await self._send_once(method, path, params, body)
        raise AssertionError("attempts end with an answer or an error")

    async def _send_once(
        self, method: str, path: str, params: Mapping[str, str] | None, body: Mapping[str, Any] | None
    ) -> httpx.Response:
        try:
            response = await self._http.request(method, path, params=params, json=body)
        except httpx.RequestError as error:
            never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            raise FabricTransportError(
                f"no answer from {self._http.base_url.host} to {method} {path}: "
                f"{type(error).__name__} {error}".rstrip(),
                may_have_arrived=not never_sent,
            ) from error
        _log.debug(
            "%s %s -> %s (request %s)", method, path, response.status_code, response.headers.get("RequestId")
        )
        if date := parse_http_date(response.headers.get("Date")):
            self._clock_offset = date - datetime.now(UTC)
        if response.is_success:
            if method == "GET":
                _json(response)  # an HTML page with status 200 is no answer: repeat the read
            return response
        raise _refusal(method, path, response)


class JobReading:
    """One reading of a job instance: the record, and when the service wants to be asked again (seconds)."""

    __slots__ = ("job_instance", "retry_after_seconds")

    def __init__(self, job_instance: JobInstance, retry_after_seconds: float | None) -> None:
        self.job_instance = job_instance
        self.retry_after_seconds = retry_after_seconds


class _OperationRunningError(Exception):
    def __init__(self, retry_after_seconds: float | None) -> None:
        super().__init__("the operation is still running")
        self.retry_after_seconds = retry_after_seconds


def _wait_for_operation(error: Exception) -> bool | float:
    if isinstance(error, _OperationRunningError):
        return error.retry_after_seconds if error.retry_after_seconds is not None else True
    return False


def _part(text: str) -> str:
    return quote(text, safe="")


def _item_path(workspace_id: str, item_id: str) -> str:
    return f"/workspaces/{_part(workspace_id)}/items/{_part(item_id)}"


def _notebook_jobs_path(workspace_id: str, notebook_id: str) -> str:
    return f"/workspaces/{_part(workspace_id)}/notebooks/{_part(notebook_id)}/jobs/execute/instances"


def _last_guid(url: str) -> str | None:
    found: list[str] = _GUID.findall(url.split("?")[0])
    return found[-1] if found else None


def _job_instance_id(response: httpx.Response) -> str | None:
    """The id from ``Location``, else ``x-ms-job-id``: in documented examples ``Location`` is the collection."""
    match = re.search(rf"/instances/({_GUID.pattern})/?$", response.headers.get("Location", "").split("?")[0])
    if match:
        return match.group(1)
    job_id = response.headers.get("x-ms-job-id", "")
    return job_id if is_guid(job_id) else None


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        data = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        data = None
    if not isinstance(data, dict):
        raise FabricTransportError(
            f"{response.request.method} {response.request.url.path} answered {response.status_code} with something "
            f"that is not Fabric's: {response.text[:_LONGEST_QUOTED_BODY]!r}",
            may_have_arrived=True,
            request_id=response.headers.get("RequestId"),
        )
    return data


def _refusal(method: str, path: str, response: httpx.Response) -> FabricError:
    """The error for an answer that is no success; the body may be Fabric's JSON or a gateway's HTML."""
    status = response.status_code
    try:
        body = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        body = {"message": response.text[:_LONGEST_QUOTED_BODY]}
    code = body.get("errorCode") or response.headers.get("x-ms-public-api-error-code")
    request_id = body.get("requestId") or response.headers.get("RequestId")
    message = f"{method} {path} was refused with {status} {code or response.reason_phrase}: {body.get('message') or ''}"
    if request_id:
        message += f" (request {request_id})"
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return FabricAuthError(f"{message}\n{refusal_hint(status)}", error_code=code, request_id=request_id)
    kind = {404: FabricNotFoundError, 429: FabricThrottledError}.get(status, FabricApiError)
    return kind(
        message,
        status_code=status,
        error_code=code,
        request_id=request_id,
        retriable=status in (408, 429)
        or status >= 500
        or (status != 404 and body.get("isRetriable") is True),
        retry_after_seconds=parse_retry_after(response.headers.get("Retry-After")),
    )
