"""Power BI's REST API: the enhanced refresh of semantic models, which it calls datasets."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Unpack
from urllib.parse import quote

import httpx

from fabric_assets.client.auth import TokenSource
from fabric_assets.client.models import Accepted, parse_time
from fabric_assets.client.quota import Urgency
from fabric_assets.client.retry import parse_retry_after, wait_before_repeating_read
from fabric_assets.client.service_client import ClientOptions, ServiceClient
from fabric_assets.client.service_words import ServiceWords
from fabric_assets.client.transport import GUID, not_fabrics, parsed

POWER_BI_URL = "https://api.powerbi.com/v1.0/myorg"
POWER_BI_SCOPE = "https://analysis.windows.net/powerbi/api/.default"

POWER_BI = ServiceWords(
    name="Power BI",
    example_url=POWER_BI_URL,
    token_setting="FABRIC_POWER_BI_ACCESS_TOKEN or `power_bi_access_token`",  # noqa: S106 -- the name of the setting
    needed="The identity needs write permission on the semantic model (the role Contributor in its workspace gives "
    "it); a service principal also needs the tenant setting 'Service principals can use Fabric APIs', a user's token "
    "the scope Dataset.ReadWrite.All.",
)


@dataclass(frozen=True)
class RefreshMessage:
    """What the service says of a refresh; ``type`` is ``Error``, ``Warning`` or another."""

    message: str
    code: str | None = None
    type: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RefreshMessage":
        """From an entry of ``messages``."""
        return cls(data.get("message") or "", data.get("code"), data.get("type"))

    @classmethod
    def from_exception(cls, text: object) -> "RefreshMessage | None":
        """From ``serviceExceptionJson``; ``None`` if there is none."""
        if not isinstance(text, str) or not text.strip():
            return None
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            return cls(text, type="Error")
        code, message = data.get("errorCode"), data.get("errorDescription") or data.get("errorMessage")
        return cls(str(message or code or text), None if code is None else str(code), "Error")


@dataclass(frozen=True)
class RefreshedObject:
    """A table, or a partition of it, in a refresh."""

    table: str
    partition: str | None
    status: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RefreshedObject":
        """From an entry of ``objects``."""
        return cls(data.get("table") or "", data.get("partition"), data.get("status") or "Unknown")


@dataclass(frozen=True)
class RefreshAttempt:
    """One attempt of the service within a refresh."""

    number: int
    type: str | None
    start_time: datetime | None
    end_time: datetime | None
    error: RefreshMessage | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RefreshAttempt":
        """From an entry of ``refreshAttempts``."""
        return cls(
            number=int(data.get("attemptId") or 0),
            type=data.get("type"),
            start_time=parse_time(data.get("startTime")),
            end_time=parse_time(data.get("endTime")),
            error=RefreshMessage.from_exception(data.get("serviceExceptionJson")),
        )


@dataclass(frozen=True)
class ModelRefresh:
    """A refresh of a semantic model.

    Attributes:
        id: ``None`` where the service leaves it out, as its details do.
        status: ``Unknown`` while it runs, then ``Completed``, ``Failed``, ``Cancelled``, ``Disabled`` or another.
        extended_status: the same in more words: ``NotStarted``, ``InProgress``, ``TimedOut``, ...
        via: who started it: ``ViaEnhancedApi``, ``ViaApi``, ``OnDemand``, ``Scheduled``, ``ViaXmlaEndpoint``, ...
        messages: errors first come, first told; warnings too.
    """

    id: str | None
    status: str
    extended_status: str | None = None
    via: str | None = None
    type: str | None = None
    commit_mode: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    objects: tuple[RefreshedObject, ...] = ()
    messages: tuple[RefreshMessage, ...] = ()
    attempts: tuple[RefreshAttempt, ...] = ()

    @property
    def errors(self) -> tuple[RefreshMessage, ...]:
        """Why it failed."""
        return tuple(message for message in self.messages if (message.type or "Error") == "Error")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ModelRefresh":
        """From ``GET .../refreshes/{id}`` or an entry of ``GET .../refreshes``."""
        exception = RefreshMessage.from_exception(data.get("serviceExceptionJson"))
        messages = [RefreshMessage.from_json(entry) for entry in data.get("messages") or ()]
        return cls(
            id=data.get("requestId"),
            status=data["status"] or "Unknown",
            extended_status=data.get("extendedStatus"),
            via=data.get("refreshType"),
            type=data.get("type") or data.get("currentRefreshType"),
            commit_mode=data.get("commitMode"),
            start_time=parse_time(data.get("startTime")),
            end_time=parse_time(data.get("endTime")),
            objects=tuple(RefreshedObject.from_json(entry) for entry in data.get("objects") or ()),
            messages=tuple(messages if exception is None else [*messages, exception]),
            attempts=tuple(RefreshAttempt.from_json(entry) for entry in data.get("refreshAttempts") or ()),
        )


@dataclass(frozen=True)
class RefreshReading:
    """One reading of a refresh.

    Attributes:
        retry_after_seconds: when the service wants to be asked again.
    """

    refresh: ModelRefresh
    retry_after_seconds: float | None = None


class PowerBiClient(ServiceClient):
    """Power BI as one identity; see ``ServiceClient``.

    Args:
        api_url: base URL, such as ``https://api.powerbi.com/v1.0/myorg``.
        tokens: where bearer tokens come from.
        **options: the others of ``ServiceClient``.
    """

    def __init__(self, api_url: str, tokens: TokenSource, **options: Unpack[ClientOptions]) -> None:
        super().__init__(api_url, tokens, words=POWER_BI, **options)

    async def start_refresh(
        self,
        workspace_id: str,
        model_id: str,
        body: Mapping[str, Any],
        *,
        on_sending: Callable[[bool], None] | None = None,
    ) -> Accepted:
        """Start a refresh. It is an enhanced one, which can be read and cancelled, if ``body`` has any of its fields.

        Args:
            workspace_id: the model's workspace.
            model_id: the semantic model.
            body: ``type``, ``commitMode``, ``objects``, ...
            on_sending: see ``FabricClient.start_job_instance``.

        Raises:
            FabricTransportError: no answer; if ``may_have_arrived``, the refresh may be running.
            FabricApiError: refused (400 while another refresh runs), or (5xx) the refresh may be running.
        """
        path = _refreshes_path(workspace_id, model_id)
        response = await self._transport.start(path, None, body, on_sending)
        if response.status_code != httpx.codes.ACCEPTED:
            raise not_fabrics(response)
        return Accepted(_refresh_id(response), parse_retry_after(response.headers.get("Retry-After")))

    async def get_refresh(
        self,
        workspace_id: str,
        model_id: str,
        refresh_id: str,
        *,
        urgency: Urgency = Urgency.READ,
    ) -> RefreshReading:
        """Read an enhanced refresh.

        Raises:
            FabricNotFoundError: it is not there, or it is no enhanced one.
        """
        response = await self._transport.send(
            "GET",
            f"{_refreshes_path(workspace_id, model_id)}/{quote(refresh_id, safe='')}",
            check=lambda answer: parsed(answer, ModelRefresh.from_json),
            urgency=urgency,
            wait_before=wait_before_repeating_read,
        )
        return RefreshReading(
            parsed(response, ModelRefresh.from_json), parse_retry_after(response.headers.get("Retry-After"))
        )

    async def list_refreshes(
        self, workspace_id: str, model_id: str, *, top: int = 60
    ) -> tuple[ModelRefresh, ...]:
        """The refreshes of a model, whoever started them, newest first.

        Raises:
            FabricNotFoundError: there is no such model.
        """

        def refreshes(data: dict[str, Any]) -> tuple[ModelRefresh, ...]:
            return tuple(ModelRefresh.from_json(entry) for entry in data["value"])

        return await self._transport.read(
            _refreshes_path(workspace_id, model_id), refreshes, {"$top": str(top)}
        )

    async def cancel_refresh(self, workspace_id: str, model_id: str, refresh_id: str) -> None:
        """Ask Power BI to cancel an enhanced refresh. It takes effect later.

        Raises:
            FabricApiError: refused: it has ended, or is no enhanced one.
        """
        # Cancelling twice is cancelling once, so it is repeated like a read.
        await self._transport.send(
            "DELETE",
            f"{_refreshes_path(workspace_id, model_id)}/{quote(refresh_id, safe='')}",
            urgency=Urgency.CANCEL,
            wait_before=wait_before_repeating_read,
        )


def _refreshes_path(workspace_id: str, model_id: str) -> str:
    return f"/groups/{quote(workspace_id, safe='')}/datasets/{quote(model_id, safe='')}/refreshes"


def _refresh_id(response: httpx.Response) -> str | None:
    """The id from ``Location``, else the request's own id: Power BI names a refresh by it."""
    location = response.headers.get("Location", "").split("?")[0]
    if match := re.search(rf"/refreshes/({GUID.pattern})/?$", location):
        return match.group(1)
    for header in ("x-ms-request-id", "RequestId"):
        if GUID.fullmatch(value := response.headers.get(header, "")):
            return str(value)
    return None
