"""An outcome of job control in Dagster's terms: metadata, checks, failures."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import dagster as dg

from fabric_assets.client.errors import FabricError, JobInstanceError
from fabric_assets.client.models import Item, JobDetails, JobInstance, Workspace
from fabric_assets.exit_values import EXIT_VALUE_METADATA, LONGEST_EXIT_VALUE, exit_value_object
from fabric_assets.jobs.job import JobOutcome
from fabric_assets.past_durations import DURATION_METADATA

JOB_INSTANCE_ID = "fabric/job_instance_id"

LONGEST_TEXT = 10_000
_LONGEST_QUOTE = 100
_NOT_REPORTED: Any = object()

_ITEM_KEYS = {
    "Notebook": "notebook",
    "DataPipeline": "pipeline",
    "DataFactoryPipeline": "pipeline",
    "SemanticModel": "semantic_model",
}

_LINKS = {
    "executionSnapshotUrl": "fabric/job_instance_url",
    "jobInstanceUrl": "fabric/job_instance_url",
    "sparkUiUrl": "fabric/spark_ui_url",
    "sparkJobDetailsUrl": "fabric/spark_application_url",
    "driverLogUrl": "fabric/driver_log_url",
}


def outcome_metadata(outcome: JobOutcome, *, attempts: int) -> dict[str, Any]:
    """Metadata of a materialization.

    Args:
        outcome: the completed job instance.
        attempts: how many job instances it took in this run, this one included.
    """
    return {
        **exit_value_metadata(outcome.exit_value),
        **_links(outcome.links),
        **_identity(outcome.workspace, outcome.item, outcome.job_instance, outcome.links.get("itemUrl")),
        "fabric/parameters": dg.MetadataValue.json(dict(outcome.parameters)),
        **_times(outcome.started_at, outcome.ended_at),
        DURATION_METADATA: round(outcome.duration_seconds, 3),
        "fabric/queued_seconds": round(outcome.queued_seconds, 3),
        "fabric/attempts": attempts,
        **_exit_value(outcome.exit_value),
    }


def completion_metadata(
    workspace: Workspace | None, item: Item, job_instance: JobInstance, details: JobDetails
) -> dict[str, Any]:
    """Metadata of a materialization by a job instance that was started outside Dagster."""
    exit_value = job_instance.exit_value if job_instance.exit_value is not None else details.exit_value
    metadata = {
        **exit_value_metadata(exit_value),
        **_links(details.links or {}),
        **_identity(workspace, item, job_instance, (details.links or {}).get("itemUrl")),
        **_times(job_instance.start_time, job_instance.end_time),
        **_exit_value(exit_value),
    }
    if job_instance.invoke_type:
        metadata["fabric/invoke_type"] = job_instance.invoke_type
    if job_instance.start_time and job_instance.end_time:
        duration = (job_instance.end_time - job_instance.start_time).total_seconds()
        metadata[DURATION_METADATA] = round(duration, 3)
    return metadata


def exit_value_metadata(exit_value: str | None) -> dict[str, Any]:
    """Metadata from an exit value that is a JSON object: its entries.

    ``row_count`` becomes ``dagster/row_count``, a list ``columns`` becomes ``dagster/column_schema``; ``checks`` is
    left out, it becomes check results.
    """
    metadata: dict[str, Any] = {}
    for key, value in exit_value_object(exit_value).items():
        if key == "row_count" and type(value) is int:
            metadata["dagster/row_count"] = dg.MetadataValue.int(value)
        elif key == "columns" and (schema := _table_schema(value)) is not None:
            metadata["dagster/column_schema"] = dg.MetadataValue.table_schema(schema)
        elif key != "checks":
            metadata[key] = _metadata_value(value)
    return metadata


def check_results(
    exit_value: str | None, check_specs: Iterable[dg.AssetCheckSpec]
) -> list[dg.AssetCheckResult]:
    """Results for the asset's checks, as the notebook reports them in its exit value.

    The exit value's entry ``checks`` maps a check's name to ``true``/``false`` or to an object with ``passed`` and,
    as it likes, ``description``, ``severity`` (``WARN`` or ``ERROR``) and ``metadata``. Where a notebook loads several
    tables that have checks of one name, the name is ``table:check``. A check that is not reported, or not so,
    fails: silence is no success.
    """
    reported = exit_value_object(exit_value).get("checks")
    if not isinstance(reported, Mapping):
        reported = {}
    return [
        _check_result(spec, reported.get(spec.key.to_user_string(), reported.get(spec.name, _NOT_REPORTED)))
        for spec in check_specs
    ]


def failure(error: FabricError, left_running: str | None = None) -> dg.Failure:
    """What an asset raises for an error: Fabric's words, the job instance, a link, and whether a retry can help.

    Args:
        error: the error.
        left_running: id of a job instance that an earlier attempt started, if this one did not come to take it over.
    """
    metadata: dict[str, Any] = {}
    description = str(error)
    if left_running is not None:
        metadata[JOB_INSTANCE_ID] = left_running
        description += (
            f" Job instance {left_running} was started before and may still be running; "
            "a re-execution from failure takes it over."
        )
    if error.error_code:
        metadata["fabric/error_code"] = error.error_code
    if error.request_id:
        metadata["fabric/request_id"] = error.request_id
    if isinstance(error, JobInstanceError):
        if error.job_instance.id:
            metadata[JOB_INSTANCE_ID] = error.job_instance.id
            metadata["fabric/status"] = error.job_instance.status
        if error.url:
            metadata["fabric/job_instance_url"] = dg.MetadataValue.url(error.url)
        if failed_activity := error.details.get("failedActivity"):
            metadata["fabric/failed_activity"] = str(failed_activity)
    return dg.Failure(description=description, metadata=metadata, allow_retries=error.retriable)


def _identity(
    workspace: Workspace | None, item: Item, job_instance: JobInstance, item_url: str | None = None
) -> dict[str, Any]:
    kind = _ITEM_KEYS.get(item.type, "item")
    known: dict[str, Any] = {
        JOB_INSTANCE_ID: job_instance.id,
        f"fabric/{kind}": item.display_name,
        f"fabric/{kind}_id": item.id,
    }
    if workspace is not None:
        known |= {"fabric/workspace": workspace.display_name, "fabric/workspace_id": workspace.id}
    if item_url:
        known[f"fabric/{kind}_url"] = dg.MetadataValue.url(item_url)
    return known


def _times(started: datetime | None, ended: datetime | None) -> dict[str, Any]:
    times = {"fabric/started": started, "fabric/ended": ended}
    return {key: dg.MetadataValue.timestamp(moment) for key, moment in times.items() if moment}


def _exit_value(exit_value: str | None) -> dict[str, Any]:
    return {} if exit_value is None else {EXIT_VALUE_METADATA: exit_value[:LONGEST_EXIT_VALUE]}


def _links(links: Mapping[str, str]) -> dict[str, Any]:
    return {key: dg.MetadataValue.url(links[name]) for name, key in _LINKS.items() if name in links}


def _metadata_value(value: object) -> Any:
    match value:
        case None:
            return dg.MetadataValue.null()
        case bool() | int() | float():
            return value
        case str():
            return value[:LONGEST_TEXT]
        case _:
            return dg.MetadataValue.json(value)  # type: ignore[arg-type]  # it came out of json.loads


def _table_schema(columns: object) -> dg.TableSchema | None:
    """From ``["a", "b"]`` or ``[{"name": "a", "type": "int", "description": "..."}]``; ``None`` for anything else."""
    if not isinstance(columns, list) or not columns:
        return None
    read: list[dg.TableColumn] = []
    for column in columns:
        if isinstance(column, str):
            read.append(dg.TableColumn(column))
        elif isinstance(column, dict) and isinstance(column.get("name"), str):
            description = column.get("description")
            read.append(
                dg.TableColumn(
                    column["name"],
                    type=str(column.get("type") or "string"),
                    description=str(description) if description else None,
                )
            )
        else:
            return None
    return dg.TableSchema(columns=read)


def _check_result(spec: dg.AssetCheckSpec, reported: object) -> dg.AssetCheckResult:
    details = reported if isinstance(reported, Mapping) else {"passed": reported}
    passed = details.get("passed")
    description = details.get("description")
    if not isinstance(passed, bool):
        description = (
            f"The notebook's exit value {_lacking(spec.name, reported)}. Let it end with "
            f'notebookutils.notebook.exit(json.dumps({{"checks": {{"{spec.name}": True}}}})).'
        )
    warns = str(details.get("severity")).upper() == "WARN"
    metadata = details.get("metadata")
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=passed is True,
        severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
        description=str(description) if description else None,
        metadata={str(key): _metadata_value(value) for key, value in metadata.items()}
        if isinstance(metadata, Mapping)
        else None,
    )


def _lacking(check: str, reported: object) -> str:
    if reported is _NOT_REPORTED:
        return f"reports no check {check!r}"
    value = json.dumps(reported)[:_LONGEST_QUOTE]
    return f"reports {value} for check {check!r}, which is no boolean and no object with one as `passed`"
