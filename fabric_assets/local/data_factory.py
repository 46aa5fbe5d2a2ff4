"""Azure Data Factory, simulated: which factories and pipelines there are, and what reads show of a pipeline run.

Source: the reference of Data Factory's REST API, version 2018-06-01. What it does not say, and is a guess here: the
error codes for an unknown pipeline and run, and how a cancel of a run that has ended is answered.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fabric_assets.local import errors
from fabric_assets.local.clock import format_time_z
from fabric_assets.local.errors import LocalFabricError
from fabric_assets.local.script import convert
from fabric_assets.local.script_services import SimulatedActivity, SimulatedFactory, SimulatedPipelineRun
from fabric_assets.local.timeline import Timeline

_OPERATORS = ("Equals", "NotEquals", "In", "NotIn")
_STATUSES = {"queued": "Queued", "running": "InProgress", "cancelling": "Canceling", "cancelled": "Cancelled"}


@dataclass(frozen=True)
class Pipeline:
    """A pipeline of a factory, by its declared names; ``file`` says what its runs do, if there is one."""

    factory: str
    name: str
    file: Path | None = None

    def entry(self) -> SimulatedPipelineRun:
        """What the file says.

        Raises:
            ApiError: it cannot be read.
        """
        if self.file is None:
            return SimulatedPipelineRun()
        try:
            content = json.loads(self.file.read_text(encoding="utf-8-sig"))
            return convert(content, SimulatedPipelineRun, self.file.name)
        except (OSError, ValueError, LocalFabricError) as error:
            raise errors.bad_request(
                f"Pipeline '{self.name}' of factory '{self.factory}' cannot be used: {error}"
            ) from error


@dataclass(frozen=True)
class PipelineRun:
    """One run as it is; ``status`` and ``message`` are those at its end."""

    id: str
    group_id: str
    factory: str
    pipeline: str
    parameters: Mapping[str, Any]
    timeline: Timeline
    status: str
    message: str
    activities: tuple[SimulatedActivity, ...] = ()
    trigger: str | None = None

    def to_json(self) -> dict[str, Any]:
        """For the state file."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "PipelineRun":
        """From the state file."""
        activities = tuple(SimulatedActivity(**activity) for activity in record["activities"])
        return cls(**{**record, "timeline": Timeline(**record["timeline"]), "activities": activities})

    def cancel(self, now_ns: int, cancel_seconds: float) -> "PipelineRun":
        """Itself after a cancel."""
        return replace(self, timeline=self.timeline.cancel(now_ns, cancel_seconds))


def find_pipeline(
    folder: Path, scripted: tuple[SimulatedFactory, ...], factory: str, pipeline: str, resource_group: str
) -> Pipeline:
    """A pipeline by its names, without case.

    Args:
        folder: one folder a factory, in it one JSON file a pipeline.
        scripted: the script's factories.
        factory: name of the factory.
        pipeline: name of the pipeline.
        resource_group: named in an error.

    Raises:
        ApiError: there is no such factory or pipeline.
    """
    name, pipelines = _factory(folder, scripted, factory, resource_group)
    for known in pipelines:
        if known.name.casefold() == pipeline.casefold():
            return known
    names = ", ".join(known.name for known in pipelines) or "none"
    raise errors.ApiError(
        404,
        "PipelineNotFound",
        f"The pipeline '{pipeline}' was not found in factory '{name}', which has {names}.",
    )


def list_pipelines(
    folder: Path, scripted: tuple[SimulatedFactory, ...], factory: str, resource_group: str
) -> list[str]:
    """Names of a factory's pipelines.

    Raises:
        ApiError: there is no such factory.
    """
    return [pipeline.name for pipeline in _factory(folder, scripted, factory, resource_group)[1]]


def find_factory(folder: Path, scripted: tuple[SimulatedFactory, ...], name: str, resource_group: str) -> str:
    """A factory's name as it was declared.

    Raises:
        ApiError: there is none.
    """
    return _factory(folder, scripted, name, resource_group)[0]


def run_body(run: PipelineRun, now_ns: int, *, is_latest: bool) -> dict[str, Any]:
    """A pipeline run as reads show it."""
    timeline = run.timeline
    phase = timeline.phase(now_ns)
    over = timeline.is_over(now_ns)
    began = min(timeline.begins_ns, timeline.stops_ns)
    return {
        "runId": run.id,
        "runGroupId": run.group_id,
        "isLatest": is_latest,
        "pipelineName": run.pipeline,
        "parameters": dict(run.parameters),
        "invokedBy": _invoked_by(run),
        "runStart": None if phase == "queued" else format_time_z(began),
        "runEnd": format_time_z(timeline.stops_ns) if over else None,
        "durationInMs": (timeline.stops_ns - began) // 1_000_000 if over else None,
        "status": run.status if phase == "ended" else _STATUSES[phase],
        "message": run.message if phase == "ended" else "",
        "lastUpdated": format_time_z(last_updated_ns(run, now_ns)),
    }


def last_updated_ns(run: PipelineRun, now_ns: int) -> int:
    """When a run changed last."""
    timeline = run.timeline
    changes = (timeline.begins_ns, timeline.cancel_asked_ns, timeline.stops_ns)
    past = [change for change in changes if change <= min(now_ns, timeline.stops_ns)]
    return max(past, default=timeline.accepted_ns)


def activity_runs(run: PipelineRun, now_ns: int) -> list[dict[str, Any]]:
    """The activity runs of a pipeline run; they share its time equally."""
    timeline = run.timeline
    count = len(run.activities)
    shown = []
    for index, activity in enumerate(run.activities):
        begins_ns, ends_ns = (
            timeline.begins_ns + (timeline.ends_ns - timeline.begins_ns) * part // count
            for part in (index, index + 1)
        )
        if begins_ns > min(now_ns, timeline.stops_ns):
            break
        ended = ends_ns <= min(now_ns, timeline.stops_ns)
        stopped_ns = ends_ns if ended else timeline.stops_ns
        over = ended or timeline.is_over(now_ns)
        error = {"errorCode": "", "message": "", "failureType": "", "target": activity.name}
        if ended and activity.status == "Failed":
            error |= {"failureType": "UserError", **_error_of(activity)}
        shown.append(
            {
                "activityRunId": str(uuid.uuid5(uuid.UUID(run.id), f"{index}/{activity.name}")),
                "activityName": activity.name,
                "activityType": activity.type,
                "pipelineName": run.pipeline,
                "pipelineRunId": run.id,
                "linkedServiceName": "",
                "status": activity.status if ended else "Cancelled" if over else "InProgress",
                "activityRunStart": format_time_z(begins_ns),
                "activityRunEnd": format_time_z(stopped_ns) if over else None,
                "durationInMs": (stopped_ns - begins_ns) // 1_000_000 if over else None,
                "input": {},
                "output": dict(activity.output) if ended else {},
                "error": error,
            }
        )
    return shown


def message_of(entry: SimulatedPipelineRun) -> str:
    """A run's message: the script's, or the failed activity's as Data Factory words it."""
    if entry.message is not None:
        return entry.message
    for activity in entry.activities:
        if activity.status == "Failed":
            return f"Operation on target {activity.name} failed: {_error_of(activity)['message']}"
    return ""


def fits_filter(body: Mapping[str, Any], wanted: Any) -> bool:
    """Whether a run passes one filter of a query.

    Raises:
        ApiError: the filter has another shape, or an operand that is not known here.
    """
    if not isinstance(wanted, dict) or not isinstance(wanted.get("values"), list):
        raise errors.bad_request("Each filter needs 'operand', 'operator' and a list 'values'.")
    shown = {
        "PipelineName": body["pipelineName"],
        "Status": body["status"],
        "RunGroupId": body["runGroupId"],
        "LatestOnly": str(body["isLatest"]).lower(),
        "TriggerName": body["invokedBy"]["name"],
    }
    operand, operator = wanted.get("operand"), wanted.get("operator")
    if operand not in shown:
        raise errors.bad_request(f"The local Fabric filters by {', '.join(shown)}, not by {operand!r}.")
    if operator not in _OPERATORS:
        raise errors.bad_request(f"The operator {operator!r} must be one of {', '.join(_OPERATORS)}.")
    is_among = str(shown[operand]).casefold() in [str(value).casefold() for value in wanted["values"]]
    return is_among == (operator in ("Equals", "In"))


def parse_time(value: Any, name: str) -> int:
    """A time of a query in nanoseconds since 1970; without a zone it is UTC.

    Raises:
        ApiError: it is none.
    """
    try:
        time = datetime.fromisoformat(str(value))
        if time.tzinfo is None:
            time = datetime.fromisoformat(f"{value}+00:00")
    except ValueError as error:
        raise errors.bad_request(f"'{name}' must be a time such as 2026-01-31T00:00:00Z.") from error
    return round(time.timestamp() * 1e6) * 1000


def _factory(
    folder: Path, scripted: tuple[SimulatedFactory, ...], name: str, resource_group: str
) -> tuple[str, list[Pipeline]]:
    for factory in scripted:
        if factory.name.casefold() == name.casefold():
            return factory.name, [Pipeline(factory.name, pipeline) for pipeline in factory.pipelines]
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and path.name.casefold() == name.casefold():
            return path.name, [Pipeline(path.name, file.stem, file) for file in sorted(path.glob("*.json"))]
    raise errors.ApiError(
        404,
        "ResourceNotFound",
        f"The Resource 'Microsoft.DataFactory/factories/{name}' under resource group '{resource_group}' was not found. "
        "The local Fabric has the factories of its folder 'factories' and of its script.",
    )


def _error_of(activity: SimulatedActivity) -> dict[str, Any]:
    return {"errorCode": "2000", "message": "The activity failed.", **(activity.error or {})}


def _invoked_by(run: PipelineRun) -> dict[str, str]:
    if run.trigger is None:
        return {"id": run.group_id, "name": "Manual", "invokedByType": "Manual"}
    return {"id": run.group_id, "name": run.trigger, "invokedByType": "ScheduleTrigger"}
