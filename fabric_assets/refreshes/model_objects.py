"""What a semantic model's refresh tells of its tables and partitions, as Dagster shows it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from fabric_assets.client.power_bi_client import ModelRefresh
from fabric_assets.jobs.job import JobOutcome
from fabric_assets.jobs.semantic_model import REFRESH
from fabric_assets.materialization import LONGEST_TEXT, outcome_metadata

OBJECTS_METADATA = "fabric/objects"

_MOST_ROWS = 500


def model_metadata(outcome: JobOutcome, attempts: int) -> dict[str, Any]:
    """Metadata of a materialization by a refresh.

    Args:
        outcome: the completed refresh.
        attempts: how many refreshes it took in this run, this one included.
    """
    metadata = outcome_metadata(outcome, attempts=attempts)
    refresh = outcome.details.get(REFRESH)
    if not isinstance(refresh, ModelRefresh):
        return metadata
    told: dict[str, Any] = {"fabric/refresh_type": refresh.type, "fabric/commit_mode": refresh.commit_mode}
    if refresh.objects:
        told[OBJECTS_METADATA] = _table(
            [
                {"table": entry.table, "partition": entry.partition or "", "status": entry.status}
                for entry in refresh.objects
            ]
        )
    if refresh.attempts:
        told["fabric/refresh_attempts"] = _table(
            [
                {
                    "attempt": attempt.number,
                    "type": attempt.type or "",
                    "started": _time(attempt.start_time),
                    "seconds": _seconds(attempt.start_time, attempt.end_time),
                    "error": attempt.error.message if attempt.error else "",
                }
                for attempt in refresh.attempts
            ]
        )
    if refresh.messages:
        told["fabric/messages"] = "\n".join(m.message for m in refresh.messages)[:LONGEST_TEXT]
    return {**metadata, **{name: value for name, value in told.items() if value is not None}}


def _table(rows: Sequence[dict[str, Any]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows[:_MOST_ROWS]])


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""


def _seconds(start: datetime | None, end: datetime | None) -> float:
    return round((end - start).total_seconds(), 3) if start and end else 0.0
