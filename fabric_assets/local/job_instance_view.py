"""What reads show of a job instance: on the generic route, the notebook route and in session lists."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fabric_assets.local.clock import format_time, format_time_z
from fabric_assets.local.script import Service
from fabric_assets.local.simulate import SimulatedEngine
from fabric_assets.local.state import JobInstance

RUNTIME_VERSION = "1.3"

_LIVY_STATES = {
    "NotStarted": "NotStarted",
    "InProgress": "InProgress",
    "Completed": "Succeeded",
    "Failed": "Failed",
    "Cancelled": "Cancelled",
}


@dataclass(frozen=True)
class Shown:
    """A job instance as a read at some moment shows it.

    Attributes:
        retry_after: value of the header; ``None`` when there is nothing left to wait for.
    """

    status: str
    ended: bool
    end_time: str | None
    failure_reason: Mapping[str, Any] | None
    exit_value: str | None
    retry_after: float | None


def is_seen(job_instance: JobInstance, service: Service, now_ns: int) -> bool:
    """Whether reads know the job instance already."""
    return now_ns >= job_instance.accepted_ns + _ns(service.unseen_seconds)


def show(
    job_instance: JobInstance, service: Service, simulated: SimulatedEngine | None, now_ns: int
) -> Shown:
    """What a read at ``now_ns`` shows; it changes nothing."""
    if not is_seen(job_instance, service, now_ns):
        reason = {
            "requestId": job_instance.root_activity_id,
            "errorCode": "RequestExecutionFailed",
            "message": "Request execution failed with status code: NotFound",
            "isRetriable": True,
        }
        return Shown("Failed", False, None, reason, None, _retry_after(job_instance, service, now_ns))
    seen_ns = now_ns - _ns(service.lag_seconds)
    retry_after = _retry_after(job_instance, service, now_ns) if job_instance.active else None
    if job_instance.ended_ns is not None and job_instance.ended_ns <= seen_ns:
        end_time = format_time(job_instance.ended_ns) if job_instance.show_end_time else None
        return Shown(
            job_instance.status,
            True,
            end_time,
            job_instance.failure_reason,
            job_instance.exit_value,
            retry_after,
        )
    if job_instance.started_ns is not None and job_instance.started_ns <= seen_ns:
        status = simulated and simulated.shown_status(
            job_instance.id, (seen_ns - job_instance.started_ns) / 1e9
        )
        return Shown(status or "InProgress", False, None, None, None, retry_after)
    return Shown("NotStarted", False, None, None, None, retry_after)


def generic_body(job_instance: JobInstance, shown: Shown, service: Service) -> dict[str, Any]:
    """The answer of ``GET .../jobs/instances/{id}``."""
    body = {
        "id": job_instance.id,
        "itemId": job_instance.item_id,
        "jobType": job_instance.job_type,
        "invokeType": job_instance.invoke_type,
        "status": shown.status,
        "rootActivityId": job_instance.root_activity_id,
        "startTimeUtc": format_time(job_instance.accepted_ns),
        "endTimeUtc": shown.end_time,
        "failureReason": shown.failure_reason,
    }
    # The description has it at the top of every item's job instance; only notebooks have such a value.
    if service.exit_value_at_top and job_instance.item_type == "Notebook":
        body["exitValue"] = shown.exit_value
    return body


def notebook_body(
    job_instance: JobInstance, shown: Shown, service: Service, page_url: str, capacity_id: str
) -> dict[str, Any]:
    """The answer of ``GET .../notebooks/{id}/jobs/execute/instances/{id}?beta=true``."""
    body = generic_body(job_instance, shown, service)
    body["properties"] = {
        "exitValue": shown.exit_value,
        "compute": job_instance.compute,
        "computeDetails": _compute_details(job_instance, shown, page_url, capacity_id),
    }
    return body


def livy_session(
    job_instance: JobInstance, shown: Shown, submitter_id: str, capacity_id: str
) -> dict[str, Any]:
    """One entry of a session list."""
    begin_ns = job_instance.started_ns or job_instance.ended_ns
    body = {
        **_activity(job_instance, shown, capacity_id),
        "state": _LIVY_STATES.get(shown.status, "Unknown" if shown.ended else "InProgress"),
        "livyId": job_instance.livy_id,
        "origin": "SubmittedJob",
        "attemptNumber": 1,
        "maxNumberOfAttempts": 1,
        "submitter": {"id": submitter_id, "type": "User"},
        "item": _reference(job_instance),
        "itemType": job_instance.item_type,
        "jobInstanceId": job_instance.id,
        "livySessionItemResourceUri": "",
    }
    if begin_ns is not None:
        body["queuedDuration"] = _duration(begin_ns - job_instance.accepted_ns)
    if shown.ended and begin_ns is not None and job_instance.ended_ns is not None:
        body["runningDuration"] = _duration(job_instance.ended_ns - begin_ns)
        body["totalDuration"] = _duration(job_instance.ended_ns - job_instance.accepted_ns)
    return body


def _compute_details(
    job_instance: JobInstance, shown: Shown, page_url: str, capacity_id: str
) -> dict[str, Any]:
    if job_instance.compute == "Jupyter":
        return {"activityId": job_instance.livy_id, "monitoringInfo": {"executionSnapshotUrl": page_url}}
    if job_instance.compute == "DataWarehouse":
        return {"monitoringInfo": {"executionSnapshotUrl": page_url}}
    return {
        "highConcurrencyModeStatus": {
            "sessionSource": "Attached" if job_instance.session_attached else "Created",
            "sessionTag": job_instance.session_tag,
        }
        if job_instance.high_concurrency
        else None,
        "livyId": job_instance.livy_id,
        "monitoringInfo": {
            "activityDetails": _activity(job_instance, shown, capacity_id),
            "sparkUiUrl": None,
            "sparkJobDetailsUrl": None,
            "driverLogUrl": None,
            "executionSnapshotUrl": page_url,
        },
    }


def _activity(job_instance: JobInstance, shown: Shown, capacity_id: str) -> dict[str, Any]:
    started_ns = job_instance.started_ns if shown.status != "NotStarted" else None
    return {
        "sparkApplicationId": f"application_{job_instance.accepted_ns // 1_000_000}_0001",
        "livyName": f"{job_instance.item_name}_{job_instance.livy_id}",
        "creatorItem": _reference(job_instance),
        "itemName": job_instance.item_name,
        "jobType": _session_type(job_instance),
        "capacityId": capacity_id,
        "isHighConcurrency": job_instance.high_concurrency,
        "runtimeVersion": RUNTIME_VERSION,
        "operationName": _operation_name(job_instance),
        "cancellationReason": "User cancelled the session" if shown.status == "Cancelled" else None,
        "submittedDateTime": format_time_z(job_instance.accepted_ns),
        "startDateTime": None if started_ns is None else format_time_z(started_ns),
        "endDateTime": None if shown.end_time is None else f"{shown.end_time}Z",
    }


def _session_type(job_instance: JobInstance) -> str:
    if job_instance.item_type == "SparkJobDefinition":
        return "SparkBatch"
    return "JupyterSession" if job_instance.compute == "Jupyter" else "SparkSession"


def _operation_name(job_instance: JobInstance) -> str:
    if job_instance.item_type == "SparkJobDefinition":
        return "Spark Job Definition run"
    return "Notebook HC run" if job_instance.high_concurrency else "Notebook run"


def _reference(job_instance: JobInstance) -> dict[str, str]:
    return {"workspaceId": job_instance.workspace_id, "itemId": job_instance.item_id, "referenceType": "ById"}


def _duration(duration_ns: int) -> dict[str, Any]:
    return {"value": round(duration_ns / 1e9), "timeUnit": "Seconds"}


def _retry_after(job_instance: JobInstance, service: Service, now_ns: int) -> float | None:
    """The wait that a caller who obeyed every wait before would be told now."""
    elapsed = (now_ns - job_instance.accepted_ns) / 1e9
    wait = None
    for wait in service.retry_after_running:
        elapsed -= wait
        if elapsed < 0:
            break
    return wait


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
