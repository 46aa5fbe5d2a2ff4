"""Which runs are worth a notice, by what other runs did before."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

_WILL_RETRY = "dagster/will_retry"
_BACKFILL = "dagster/backfill"
_ROOT_RUN = "dagster/root_run_id"
_PARTITION_TAGS = (
    "dagster/partition",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)

_TAG_SECONDS = 5.0
_LOOK_BACK_RUNS = 200
_PAGE_RUNS = 25

Subject = tuple[object, ...]


def reason_for_silence(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """Why a failed run needs no notice; ``None``: it needs one."""
    if will_retry(instance, run):
        return "Dagster will retry it"
    if (backfill := run.tags.get(_BACKFILL)) and _has_earlier_failure(instance, run, backfill):
        return f"there was a notice of backfill {backfill} already"
    return None


def will_retry(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether Dagster's run retries launch the failed run again."""
    tags = run.tags
    # The tag is written right after the event that the sensor sees.
    give_up_at = time.monotonic() + _TAG_SECONDS
    while instance.run_retries_enabled and _WILL_RETRY not in tags and time.monotonic() < give_up_at:
        time.sleep(0.1)
        found = instance.get_run_by_id(run.run_id)
        tags = found.tags if found else {_WILL_RETRY: "false"}
    return tags.get(_WILL_RETRY) == "true"


def failures_before(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[int, datetime] | None:
    """How many runs of the same work failed in a row right before this one, and when the first of them ended.

    The same work: the same job, assets and partition. A run that is executed again from failure does the work of the
    run that it comes from. Runs that Dagster retried count once; those that were cancelled do not count.

    Returns:
        ``None`` if the run before succeeded, or there is none.
    """
    failures: list[dg.RunRecord] = []
    for record in _finished_before(instance, run):
        if record.dagster_run.status is dg.DagsterRunStatus.SUCCESS:
            break
        if not _was_retried(record.dagster_run):
            failures.append(record)
    if not failures:
        return None
    ended = failures[-1].end_time
    since = datetime.fromtimestamp(ended, tz=UTC) if ended else failures[-1].update_timestamp
    return len(failures), since


def _finished_before(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[dg.RunRecord]:
    """Runs of the same work that failed or succeeded before ``run``, the newest first."""
    subject = _subject(instance, run)
    filters = dg.RunsFilter(
        job_name=run.job_name, statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
    )
    cursor: str | None = run.run_id
    for _ in range(_LOOK_BACK_RUNS // _PAGE_RUNS):
        page = instance.get_run_records(filters=filters, cursor=cursor, limit=_PAGE_RUNS)
        for record in page:
            if _subject(instance, record.dagster_run) == subject:
                yield record
        if len(page) < _PAGE_RUNS:
            return
        cursor = page[-1].dagster_run.run_id


def _subject(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Subject:
    root_id = run.tags.get(_ROOT_RUN)
    root = (instance.get_run_by_id(root_id) if root_id else None) or run
    origin = root.remote_job_origin
    return (
        origin.repository_origin.code_location_origin.location_name if origin else None,
        root.job_name,
        frozenset(root.asset_selection or ()),
        *(root.tags.get(tag) for tag in _PARTITION_TAGS),
    )


def _has_earlier_failure(instance: dg.DagsterInstance, run: dg.DagsterRun, backfill: str) -> bool:
    failed = instance.get_run_records(
        filters=dg.RunsFilter(tags={_BACKFILL: backfill}, statuses=[dg.DagsterRunStatus.FAILURE])
    )
    mine = next((record for record in failed if record.dagster_run.run_id == run.run_id), None)
    return mine is not None and any(
        _ended(other) < _ended(mine) and not _was_retried(other.dagster_run) for other in failed
    )


def _was_retried(run: dg.DagsterRun) -> bool:
    return run.tags.get(_WILL_RETRY) == "true"


def _ended(record: dg.RunRecord) -> tuple[float, int]:
    return (record.end_time or record.update_timestamp.timestamp(), record.storage_id)
