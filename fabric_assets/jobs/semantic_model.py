"""The refresh of a semantic model as a job instance of Power BI."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from fabric_assets.client.errors import FabricApiError, FabricError, FabricNotFoundError
from fabric_assets.client.fabric_client import JobReading
from fabric_assets.client.models import (
    CANCELLED,
    COMPLETED,
    FAILED,
    NOT_STARTED,
    Accepted,
    FailureReason,
    Item,
    JobDetails,
    JobInstance,
    Workspace,
)
from fabric_assets.client.power_bi_client import ModelRefresh, PowerBiClient
from fabric_assets.client.quota import Urgency
from fabric_assets.client.retry import notice
from fabric_assets.jobs.job import Job
from fabric_assets.jobs.job_service import ClientJobService

REFRESH = "refresh"
"""Name of the ``ModelRefresh`` among a job outcome's details."""

DISABLED = "Disabled"
IN_PROGRESS = "InProgress"

_JOB_TYPE = "SemanticModelRefresh"
_STATUSES = {
    "Completed": COMPLETED,
    "Failed": FAILED,
    "TimedOut": FAILED,
    DISABLED: FAILED,
    "Cancelled": CANCELLED,
    "NotStarted": NOT_STARTED,
    "Unknown": IN_PROGRESS,
}
_OVER_API = frozenset({"ViaEnhancedApi", "ViaApi"})
_REFUSED = frozenset({400, 409})
_OBJECTS_IN_A_MESSAGE = 10


@dataclass(frozen=True, kw_only=True)
class SemanticModelRefresh(Job):
    """What is wanted.

    Attributes:
        semantic_model: display name or GUID.
        workspace: display name or GUID.
        workspace_configured_in: where ``workspace`` was written, for messages.
        body: the request, with Power BI's names; its ``type`` makes it an enhanced refresh.
    """

    semantic_model: str
    workspace: str
    workspace_configured_in: str
    body: Mapping[str, Any] = field(default_factory=dict)


class SemanticModelService(ClientJobService[PowerBiClient]):
    """The refreshes of one semantic model. See ``JobService``.

    Args:
        client: the open client.
        workspace: the model's workspace.
        model: the semantic model.
        body: the request of a refresh.
        portal_url: base of Fabric's web pages; ``None``: there are none (the local Fabric).

    Attributes:
        refusal: the latest refusal of a start that may be due to a refresh that runs.
    """

    service = "Power BI"

    def __init__(
        self,
        client: PowerBiClient,
        workspace: Workspace,
        model: Item,
        body: Mapping[str, Any],
        portal_url: str | None,
    ) -> None:
        super().__init__(client)
        self._body = body
        self._ids = (workspace.id, model.id)
        self._portal_url = portal_url
        self.workspace: Workspace | None = workspace
        self.item = model
        self.label = f"refresh of semantic model {model.display_name!r}"
        self.place = f"workspace {workspace.display_name!r} ({workspace.id})"
        self.lock_names: tuple[str, ...] = (client.api_url, *self._ids)
        self.refusal: FabricApiError | None = None
        self._latest: ModelRefresh | None = None

    async def start(self, on_sending: Callable[[bool], None]) -> Accepted:
        """See ``JobService``."""
        self.refusal = None
        try:
            return await self.client.start_refresh(*self._ids, self._body, on_sending=on_sending)
        except FabricApiError as error:
            if error.status_code in _REFUSED:
                self.refusal = error
            raise

    async def read(self, job_instance_id: str, urgency: Urgency) -> JobReading:
        """See ``JobService``."""
        reading = await self.client.get_refresh(*self._ids, job_instance_id, urgency=urgency)
        refresh = reading.refresh
        status = job_status(refresh)
        if status == FAILED and not refresh.errors:
            refresh = await self._with_errors_of_history(job_instance_id, refresh)
        self._latest = refresh
        return JobReading(
            JobInstance(
                id=job_instance_id,
                item_id=self.item.id,
                job_type=_JOB_TYPE,
                status=status,
                failure_reason=failure_reason(refresh) if status == FAILED else None,
                start_time=refresh.start_time,
                end_time=refresh.end_time,
            ),
            reading.retry_after_seconds,
        )

    async def _with_errors_of_history(self, job_instance_id: str, refresh: ModelRefresh) -> ModelRefresh:
        """The list of refreshes may know a reason that the details leave out."""
        with suppress(FabricError):
            for listed in await self.list_refreshes():
                if (listed.id or "").lower() == job_instance_id.lower():
                    attempts = tuple(attempt.error for attempt in listed.attempts if attempt.error)
                    return replace(refresh, messages=(*listed.messages, *attempts))
        return refresh

    async def details(self, job_instance_id: str) -> JobDetails:
        """See ``JobService``."""
        if self._latest is None:
            await self.read(job_instance_id, Urgency.READ)
        return JobDetails(more={REFRESH: self._latest})

    async def list_job_instances(self) -> list[JobInstance]:
        """See ``JobService``: those that were started over the API; all others are surely not ours."""
        return [
            JobInstance(
                id=refresh.id,
                item_id=self.item.id,
                job_type=_JOB_TYPE,
                status=job_status(refresh),
                start_time=refresh.start_time,
                end_time=refresh.end_time,
            )
            for refresh in await self.list_refreshes()
            if refresh.id and refresh.via in _OVER_API
        ]

    async def list_refreshes(self) -> tuple[ModelRefresh, ...]:
        """The model's refreshes, whoever started them, newest first."""
        return await self.client.list_refreshes(*self._ids)

    async def cancel(self, job_instance_id: str) -> bool:
        """See ``JobService``."""
        try:
            await self.client.cancel_refresh(*self._ids, job_instance_id)
        except FabricNotFoundError:
            raise
        except FabricApiError as error:
            if error.status_code not in _REFUSED:
                raise
            # It has ended meanwhile, even if reads, which lag behind, do not show it yet; or it cannot be cancelled.
            if tell := notice.get():
                tell(f"Power BI has nothing to cancel: {error}", logging.WARNING)
            return False
        return True

    def links(self, job_instance_id: str) -> Mapping[str, str]:
        """See ``JobService``. The path is the one of a semantic model's page in the browser."""
        if self._portal_url is None:
            return {}
        page = f"{self._portal_url}/groups/{self._ids[0]}/datasets/{quote(self.item.id)}/details"
        return {"itemUrl": page, "jobInstanceUrl": page}


def job_status(refresh: ModelRefresh) -> str:
    """A refresh's status in the terms of job instances; one that Power BI added since is kept."""
    word = refresh.status
    if word == "Unknown" and refresh.extended_status:
        word = refresh.extended_status
    return _STATUSES.get(word, word)


def failure_reason(refresh: ModelRefresh) -> FailureReason:
    """Why a refresh failed: the service's messages, and which tables and partitions they are about."""
    if DISABLED in (refresh.status, refresh.extended_status):
        return FailureReason(
            DISABLED,
            "Power BI did not carry out this refresh, because it is disabled: by a selective refresh of tables or "
            "partitions, or in the model's settings after several failures. Open the settings of the semantic model, "
            "mend what they complain about and switch its refresh on again",
        )
    errors = refresh.errors
    timed_out = refresh.extended_status == "TimedOut"
    code = "TimedOut" if timed_out else next((error.code for error in errors if error.code), "RefreshFailed")
    texts = list(dict.fromkeys(error.message or error.code or "" for error in errors))
    message = "; ".join(text for text in texts if text) or (
        "it took longer than the service's time-out" if timed_out else "Power BI gave no reason"
    )
    failed = [entry for entry in refresh.objects if entry.status not in ("Completed", "Unknown")]
    if failed:
        shown = [
            f"table {entry.table!r}"
            + (
                f" partition {entry.partition!r}"
                if entry.partition and entry.partition != entry.table
                else ""
            )
            + f" {entry.status}"
            for entry in failed[:_OBJECTS_IN_A_MESSAGE]
        ]
        more = len(failed) - len(shown)
        message += f" [{', '.join(shown)}{f' and {more} more' if more else ''}]"
    return FailureReason(code, message)
