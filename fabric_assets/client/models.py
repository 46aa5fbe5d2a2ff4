"""What Fabric answers, as small frozen records. Unknown fields are ignored, unknown statuses kept."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ENDED_STATUSES = frozenset({"Completed", "Failed", "Cancelled", "Deduped"})
"""Job statuses after which nothing changes any more (``ItemJobInstance.status`` of the API description).
Fabric may add others: one that is not listed here counts as still running."""

NOT_STARTED = "NotStarted"
COMPLETED = "Completed"
FAILED = "Failed"
CANCELLED = "Cancelled"
DEDUPED = "Deduped"

KNOWN_STATUSES = ENDED_STATUSES | {NOT_STARTED, "InProgress"}


def parse_time(text: str | None) -> datetime | None:
    """Fabric's time as an aware UTC datetime, ``None`` for none.

    Fabric writes UTC without a zone and with up to seven decimals, elsewhere with ``Z`` or an offset. The first day of
    the year 1 is what .NET writes for no time.
    """
    if not text:
        return None
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text)
    try:
        moment = datetime.fromisoformat(trimmed)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None if moment.year == 1 else moment


def exit_value_text(value: object) -> str | None:
    """An exit value as the text that it is by its documentation, whatever the service sends."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Workspace:
    """A workspace by id and display name."""

    id: str
    display_name: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Workspace":
        """From ``GET /workspaces/{id}`` or an entry of the list."""
        return cls(id=data["id"], display_name=data.get("displayName") or data["id"])


@dataclass(frozen=True)
class Item:
    """Anything in a workspace: notebook, lakehouse, environment, ..."""

    id: str
    display_name: str
    type: str
    workspace_id: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Item":
        """From ``GET /workspaces/{id}/items`` or ``.../items/{id}``."""
        return cls(
            id=data["id"],
            display_name=data.get("displayName") or data["id"],
            type=data.get("type") or "",
            workspace_id=data.get("workspaceId") or "",
        )


@dataclass(frozen=True)
class FailureReason:
    """Why a job instance ended badly, in the service's words."""

    error_code: str
    message: str
    request_id: str | None = None
    retriable: bool | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FailureReason":
        """From ``failureReason``. Recorded answers miss single fields."""
        return cls(
            error_code=data.get("errorCode") or "UnknownError",
            message=data.get("message") or "",
            request_id=data.get("requestId"),
            retriable=data.get("isRetriable"),
        )


@dataclass(frozen=True)
class JobInstance:
    """One execution of an item in Fabric.

    Attributes:
        status: ``NotStarted``, ``InProgress``, ``Completed``, ``Failed``, ``Cancelled``, ``Deduped`` or one that
            Fabric added since.
        start_time: UTC, the service's clock.
        end_time: UTC; ``None`` while it runs, and on some cancelled ones.
        exit_value: what the notebook passed to ``notebook.exit``; only newer services say it here.
    """

    id: str
    item_id: str
    job_type: str
    status: str
    invoke_type: str | None = None
    failure_reason: FailureReason | None = None
    root_activity_id: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    exit_value: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in ENDED_STATUSES

    @property
    def is_not_visible_yet(self) -> bool:
        """Whether this is the passing answer right after the start, before the service knows its own job."""
        return self.failure_reason is not None and self.failure_reason.error_code in {
            "RequestExecutionFailed",
            "NotFound",
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "JobInstance":
        """From any of the routes that read or list job instances."""
        reason = data.get("failureReason")
        return cls(
            id=data["id"],
            item_id=data.get("itemId") or "",
            job_type=data.get("jobType") or "",
            status=data.get("status") or "Unknown",
            invoke_type=data.get("invokeType"),
            failure_reason=FailureReason.from_json(reason) if reason else None,
            root_activity_id=data.get("rootActivityId"),
            start_time=parse_time(data.get("startTimeUtc")),
            end_time=parse_time(data.get("endTimeUtc")),
            exit_value=exit_value_text(data.get("exitValue")),
        )


@dataclass(frozen=True)
class JobDetails:
    """What is told of a job instance beside its status, such as by the notebook route.

    Attributes:
        links: where to look at it: ``executionSnapshotUrl``, ``sparkUiUrl``, ``sparkJobDetailsUrl``,
            ``driverLogUrl``, those that the service gave.
        more: what other services than Fabric tell of a job instance, by their names.
    """

    exit_value: str | None = None
    compute: str | None = None
    livy_id: str | None = None
    session_tag: str | None = None
    links: Mapping[str, str] | None = None
    more: Mapping[str, Any] | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "JobDetails":
        """From ``GET .../notebooks/{id}/jobs/execute/instances/{id}?beta=true``."""
        properties = data.get("properties") or {}
        compute = properties.get("computeDetails") or {}
        monitoring = compute.get("monitoringInfo") or {}
        return cls(
            exit_value=exit_value_text(properties.get("exitValue")),
            compute=properties.get("compute"),
            livy_id=compute.get("livyId"),
            session_tag=(compute.get("highConcurrencyModeStatus") or {}).get("sessionTag"),
            links={name: url for name, url in monitoring.items() if name.endswith("Url") and url},
        )


@dataclass(frozen=True)
class LivySession:
    """A Spark session of a workspace. ``job_instance_id`` ties it to the job instance that uses it."""

    id: str
    state: str
    item_id: str | None
    job_instance_id: str | None
    job_type: str | None
    start_time: datetime | None = None
    end_time: datetime | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "LivySession":
        """From an entry of ``GET /workspaces/{id}/spark/livySessions``."""
        return cls(
            id=data["livyId"],
            state=data.get("state") or "Unknown",
            item_id=(data.get("item") or {}).get("itemId"),
            job_instance_id=data.get("jobInstanceId"),
            job_type=data.get("jobType"),
            start_time=parse_time(data.get("startDateTime")),
            end_time=parse_time(data.get("endDateTime")),
        )


@dataclass(frozen=True)
class Accepted:
    """The answer to a start: ``job_instance_id`` is ``None`` if the service did not say it.

    Attributes:
        retry_after_seconds: when the service wants to be asked first; 60 in every recording, whatever the job.
    """

    job_instance_id: str | None
    retry_after_seconds: float | None = None
