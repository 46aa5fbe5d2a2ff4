"""Which runs are worth a notice, by what other runs did before."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from fabric_assets.notices.run_events import planned_assets, step_failures

_WILL_RETRY = "dagster/will_retry"
_BACKFILL = "dagster/backfill"
_PARTITION_TAGS = (
    "dagster/partition",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)

_TAG_SECONDS = 5.0
_LOOK_BACK_RUNS = 100
_PAGE_RUNS = 25


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
    """How many failed runs this successful one makes good, and when the first of them ended.

    A failed run is made good by the run with which all that failed in it has succeeded since, of the same partition and
    by whatever job. Failed runs without a notice do not count, nor do those that were cancelled.

    Returns:
        ``None`` if it makes none good.
    """
    mine, loaded = _work(instance, run), set[object]()
    failures: list[dg.RunRecord] = []
    for record in _finished_before(instance, run):
        before = record.dagster_run
        if before.status is dg.DagsterRunStatus.SUCCESS:
            loaded |= _work(instance, before)
        elif _was_told(instance, before):
            failed = _failed(instance, before)
            if failed - loaded and failed <= mine | loaded:
                failures.append(record)
        if mine <= loaded:
            break
    if not failures:
        return None
    ended = failures[-1].end_time
    since = datetime.fromtimestamp(ended, tz=UTC) if ended else failures[-1].update_timestamp
    return len(failures), since


def _work(instance: dg.DagsterInstance, run: dg.DagsterRun) -> frozenset[object]:
    """The assets of a run; of one without assets its job."""
    keys = frozenset(key for keys in planned_assets(instance, run).values() for key in keys)
    return keys or frozenset({(run.job_name, run.asset_check_selection)})


def _failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> frozenset[object]:
    planned = planned_assets(instance, run)
    steps = {event.step_key for event in step_failures(instance, run)}
    return frozenset(key for step in steps for key in planned.get(step or "", ())) or _work(instance, run)


def _finished_before(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[dg.RunRecord]:
    """Runs of the same partition that failed or succeeded before ``run``, the newest first."""
    filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS])
    cursor: str | None = run.run_id
    for _ in range(_LOOK_BACK_RUNS // _PAGE_RUNS):
        page = instance.get_run_records(filters=filters, cursor=cursor, limit=_PAGE_RUNS)
        for record in page:
            if _place(record.dagster_run) == _place(run):
                yield record
        if len(page) < _PAGE_RUNS:
            return
        cursor = page[-1].dagster_run.run_id


def _place(run: dg.DagsterRun) -> tuple[str | None, ...]:
    origin = run.remote_job_origin
    location = origin.repository_origin.code_location_origin.location_name if origin else None
    return (location, *(run.tags.get(tag) for tag in _PARTITION_TAGS))


def _was_told(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    backfill = run.tags.get(_BACKFILL)
    return not (_was_retried(run) or (backfill and _has_earlier_failure(instance, run, backfill)))


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
