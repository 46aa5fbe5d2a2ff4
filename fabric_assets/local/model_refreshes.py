"""Refreshes of semantic models: what a request may say, and what reads show of a refresh.

Source: the documentation of Power BI's enhanced refresh, and its reference of ``Refresh Dataset In Group`` and
``Get Refresh Execution Details In Group``.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fabric_assets.local import errors
from fabric_assets.local.clock import format_time, format_time_z
from fabric_assets.local.timeline import Timeline

TYPES = ("Full", "ClearValues", "Calculate", "DataOnly", "Automatic", "Defragment")
COMMIT_MODES = ("Transactional", "PartialBatch")
_FIELDS = {
    "type", "commitMode", "maxParallelism", "retryCount", "objects", "applyRefreshPolicy", "effectiveDate", "timeout",
}  # fmt: skip
_NOTIFY = ("NoNotification", "MailOnFailure", "MailOnCompletion")
_TIMEOUT = re.compile(r"(\d+):([0-5]\d):([0-5]\d)")


@dataclass(frozen=True)
class RefreshRequest:
    """The body of a start.

    Attributes:
        enhanced: whether it has any of the enhanced refresh's fields.
        objects: tables, each with a partition or ``None``; empty: the whole model.
        timeout_seconds: of one attempt; ``None``: the service's own.
    """

    enhanced: bool = False
    type: str = "Automatic"
    commit_mode: str = "Transactional"
    objects: tuple[tuple[str, str | None], ...] = ()
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class ModelTable:
    """A table of a refresh, or one partition of it, and why it failed."""

    table: str
    partition: str
    error: str | None = None


@dataclass(frozen=True)
class ModelRefresh:
    """One refresh as it is; ``status`` and ``extended_status`` are those at its end."""

    id: str
    timeline: Timeline
    enhanced: bool
    type: str
    commit_mode: str
    status: str
    extended_status: str
    tables: tuple[ModelTable, ...] = ()
    error: Mapping[str, Any] | None = None
    body: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """For the state file."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "ModelRefresh":
        """From the state file."""
        return cls(
            **{
                **record,
                "timeline": Timeline(**record["timeline"]),
                "tables": tuple(ModelTable(**table) for table in record["tables"]),
            }
        )

    def cancel(self, now_ns: int, cancel_seconds: float) -> "ModelRefresh":
        """Itself after a cancel."""
        return replace(self, timeline=self.timeline.cancel(now_ns, cancel_seconds))


def parse_request(body: Any) -> RefreshRequest:
    """The body of a start.

    Raises:
        ApiError: something in it is unknown or has the wrong type.
    """
    if body is None:
        return RefreshRequest()
    if not isinstance(body, dict):
        raise errors.bad_request("The body must be a JSON object.")
    if unknown := sorted(set(body) - _FIELDS - {"notifyOption"}):
        raise errors.bad_request(f"The body has the unknown field '{unknown[0]}'.")
    if "notifyOption" in body and body["notifyOption"] not in _NOTIFY:
        raise errors.bad_request(f"'notifyOption' must be one of {', '.join(_NOTIFY)}.")
    for name in ("maxParallelism", "retryCount"):
        value = body.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise errors.bad_request(f"'{name}' must be a number of 0 or more.")
    if not isinstance(body.get("applyRefreshPolicy", True), bool):
        raise errors.bad_request("'applyRefreshPolicy' must be true or false.")
    return RefreshRequest(
        bool(set(body) & _FIELDS),
        _one_of(body, "type", TYPES, "Automatic"),
        _one_of(body, "commitMode", COMMIT_MODES, "Transactional"),
        _objects(body.get("objects")),
        _timeout(body.get("timeout")),
    )


def history_entry(refresh: ModelRefresh, now_ns: int) -> dict[str, Any]:
    """An entry of ``GET .../refreshes``."""
    status, extended = _statuses(refresh, now_ns)
    entry: dict[str, Any] = {
        "requestId": refresh.id,
        "refreshType": "ViaEnhancedApi" if refresh.enhanced else "ViaApi",
        "startTime": format_time_z(refresh.timeline.accepted_ns),
        "status": status,
        "extendedStatus": extended,
    }
    if refresh.timeline.is_over(now_ns):
        entry["endTime"] = format_time_z(refresh.timeline.stops_ns)
        if messages := _messages(refresh, now_ns):
            entry["serviceExceptionJson"] = json.dumps(
                {"errorCode": messages[0]["code"], "errorDescription": messages[0]["message"]}
            )
    return entry


def details(refresh: ModelRefresh, now_ns: int) -> dict[str, Any]:
    """The answer of ``GET .../refreshes/{id}``: times without a zone, as in its documentation."""
    status, extended = _statuses(refresh, now_ns)
    over = refresh.timeline.is_over(now_ns)
    body: dict[str, Any] = {
        "startTime": format_time(refresh.timeline.accepted_ns),
        "type": refresh.type,
        "commitMode": refresh.commit_mode,
        "status": status,
        "extendedStatus": extended,
        "currentRefreshType": refresh.type,
        "numberOfAttempts": 1,
        "objects": [
            {
                "table": table.table,
                "partition": table.partition,
                "status": _table_status(refresh, table, now_ns),
            }
            for table in refresh.tables
        ],
        "messages": _messages(refresh, now_ns),
    }
    if over:
        body["endTime"] = format_time(refresh.timeline.stops_ns)
    attempt = {"attemptId": 1, "startTime": body["startTime"], "type": "Data"}
    body["refreshAttempts"] = [attempt | ({"endTime": body["endTime"]} if over else {})]
    return body


def _statuses(refresh: ModelRefresh, now_ns: int) -> tuple[str, str]:
    phase = refresh.timeline.phase(now_ns)
    if phase == "ended":
        return refresh.status, refresh.extended_status
    if phase == "cancelled":
        return "Cancelled", "Cancelled"
    return "Unknown", "NotStarted" if phase == "queued" else "InProgress"


def _table_status(refresh: ModelRefresh, table: ModelTable, now_ns: int) -> str:
    phase = refresh.timeline.phase(now_ns)
    if phase == "ended":
        return "Failed" if table.error is not None or refresh.status == "Failed" else refresh.status
    if phase == "cancelled":
        return "Cancelled"
    return "NotStarted" if phase == "queued" else "InProgress"


def _messages(refresh: ModelRefresh, now_ns: int) -> list[dict[str, str]]:
    if refresh.timeline.phase(now_ns) != "ended" or refresh.status != "Failed":
        return []
    found = [] if refresh.error is None else [dict(refresh.error)]
    found += [{"message": table.error} for table in refresh.tables if table.error is not None]
    return [
        {
            "code": str(error.get("errorCode", "ModelRefreshFailed")),
            "message": str(error.get("message", "")),
            "type": "Error",
        }
        for error in found or [{"message": "The refresh failed."}]
    ]


def _one_of(body: Mapping[str, Any], name: str, known: tuple[str, ...], default: str) -> str:
    value = body.get(name, default)
    by_case = {entry.casefold(): entry for entry in known}
    found = by_case.get(value.casefold()) if isinstance(value, str) else None
    if found is None:
        raise errors.bad_request(f"'{name}' is {value!r}, but must be one of {', '.join(known)}.")
    return found


def _objects(value: Any) -> tuple[tuple[str, str | None], ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise errors.bad_request("'objects' must be a list.")
    for entry in value:
        good = isinstance(entry, dict) and set(entry) <= {"table", "partition"}
        if not good or not isinstance(entry.get("table"), str):
            raise errors.bad_request("Each of 'objects' needs a 'table', and may have a 'partition'.")
    return tuple((entry["table"], entry.get("partition")) for entry in value)


def _timeout(value: Any) -> float | None:
    if value is None:
        return None
    found = _TIMEOUT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise errors.bad_request("'timeout' must look like 05:00:00.")
    return int(found[1]) * 3600.0 + int(found[2]) * 60 + int(found[3])
