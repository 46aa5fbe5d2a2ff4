"""What Azure Data Factory answers, as small frozen records. Unknown fields are ignored, unknown statuses kept.

Source of names and values: the reference of Data Factory's REST API, version 2018-06-01.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fabric_assets.client.models import CANCELLED, COMPLETED, ENDED_STATUSES, FAILED, NOT_STARTED, parse_time

_MANUAL = "manual"
_SHORTEST_MASK = 5
_STATUSES = {
    "Queued": NOT_STARTED,
    "InProgress": "InProgress",
    # A run that is being cancelled still runs.
    "Canceling": "InProgress",
    "Cancelling": "InProgress",
    "Succeeded": COMPLETED,
    "Failed": FAILED,
    "Cancelled": CANCELLED,
    "Canceled": CANCELLED,
}


@dataclass(frozen=True)
class Factory:
    """A data factory by the names that Azure knows it by."""

    subscription_id: str
    resource_group: str
    name: str

    @property
    def resource_id(self) -> str:
        """Its path in Azure Resource Manager."""
        subscription, group, name = (
            quote(part, safe="") for part in (self.subscription_id, self.resource_group, self.name)
        )
        return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataFactory/factories/{name}"

    def __str__(self) -> str:
        """For messages."""
        return f"factory {self.name!r} (resource group {self.resource_group!r}, subscription {self.subscription_id})"


@dataclass(frozen=True)
class PipelineRun:
    """One run of a pipeline.

    Attributes:
        status: ``Queued``, ``InProgress``, ``Succeeded``, ``Failed``, ``Canceling``, ``Cancelled`` or one that was
            added since.
        message: why it failed, empty otherwise.
        parameters: their values, the defaults too; Data Factory shows many of them as text.
        invoked_by_type: ``Manual`` for createRun and the UI, ``ScheduleTrigger``, ``PipelineActivity``, ...
        invoked_by: name of the trigger or pipeline, or ``Manual``.
        is_latest: whether no rerun of it came after it.
        started_at: UTC, the service's clock.
        ended_at: UTC; ``None`` while it runs.
    """

    id: str
    pipeline: str
    status: str
    message: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    invoked_by_type: str = ""
    invoked_by: str = ""
    is_latest: bool = True
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def job_status(self) -> str:
        """The status in job control's words; an unknown one is kept, and counts as still running."""
        return _STATUSES.get(self.status, self.status)

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.job_status in ENDED_STATUSES

    @property
    def started_by_request(self) -> bool:
        """Whether createRun started it, ours or that of the UI, and no trigger and no other pipeline."""
        return _MANUAL in (self.invoked_by_type.lower(), self.invoked_by.lower())

    def ran_with(self, parameters: Mapping[str, Any]) -> bool:
        """Whether it got these parameters, as far as what it shows can tell."""
        shown = {name.lower(): value for name, value in self.parameters.items()}
        return all(
            name.lower() not in shown or _same(shown[name.lower()], value)
            for name, value in parameters.items()
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "PipelineRun":
        """From ``GET .../pipelineruns/{runId}`` or an entry of ``queryPipelineRuns``."""
        invoked_by = data.get("invokedBy") or {}
        return cls(
            id=data["runId"],
            pipeline=data.get("pipelineName") or "",
            status=data.get("status") or "Unknown",
            message=data.get("message") or "",
            parameters=data.get("parameters") or {},
            invoked_by_type=invoked_by.get("invokedByType") or "",
            invoked_by=invoked_by.get("name") or "",
            is_latest=data.get("isLatest") is not False,
            started_at=parse_time(data.get("runStart")),
            ended_at=parse_time(data.get("runEnd")),
        )


@dataclass(frozen=True)
class ActivityRun:
    """One activity of a pipeline run."""

    name: str
    type: str
    status: str
    error_code: str = ""
    message: str = ""
    ended_at: datetime | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ActivityRun":
        """From an entry of ``queryActivityruns``."""
        error = data.get("error") or {}
        return cls(
            name=data.get("activityName") or "",
            type=data.get("activityType") or "",
            status=data.get("status") or "Unknown",
            error_code=str(error.get("errorCode") or ""),
            message=error.get("message") or "",
            ended_at=parse_time(data.get("activityRunEnd")),
        )


def _is_hidden(shown: object) -> bool:
    """Whether it is the value of a secure string, which is shown as asterisks."""
    if isinstance(shown, Mapping):
        return str(shown.get("type", "")).lower() == "securestring"
    return isinstance(shown, str) and len(shown) >= _SHORTEST_MASK and not shown.strip("*")


def _same(shown: object, sent: object) -> bool:
    if shown == sent or _is_hidden(shown):
        return True
    if not isinstance(shown, str):
        return False
    text = sent if isinstance(sent, str) else json.dumps(sent)
    if shown.strip().lower() == text.strip().lower():
        return True
    try:
        return bool(json.loads(shown) == sent)
    except (ValueError, RecursionError):
        return False
