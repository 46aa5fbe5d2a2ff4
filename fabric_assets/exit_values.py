"""Exit values of other assets, as they stand in Dagster's event log."""

from collections.abc import Callable, Iterator
from functools import partial

import dagster as dg

EXIT_VALUE_METADATA = "fabric/exit_value"
LONGEST_EXIT_VALUE = 10_000
"""So many characters of an exit value are kept."""

_RECENT = 25

_Filtered = Callable[..., dg.AssetRecordsFilter]


def latest_exit_value(
    instance: dg.DagsterInstance,
    asset_key: dg.AssetKey,
    *,
    run: dg.DagsterRun,
    partition: str | None,
    wanted_by: str,
) -> str:
    """The exit value of the materialization in the same run or in those it re-executes, else of the latest one.

    Args:
        instance: the Dagster instance.
        asset_key: the asset that has it.
        run: the run that asks.
        partition: the partition that asks; if the asset has partitions, it is taken from the same one.
        wanted_by: the asset that asks, for messages.

    Raises:
        dagster.Failure: there is none, or it was not kept whole.
    """
    name = asset_key.to_user_string()
    record = _materialization(instance, asset_key, run, partition)
    if record is None or record.asset_materialization is None:
        raise _failure(
            f"asset {wanted_by} takes the exit value of {name}, which has not been materialized"
            + (f" for partition {partition}" if partition else "")
            + f". Materialize {name} first, or both in one run."
        )
    entry = record.asset_materialization.metadata.get(EXIT_VALUE_METADATA)
    if not isinstance(entry, dg.TextMetadataValue) or entry.text is None:
        raise _failure(
            f"asset {wanted_by} takes the exit value of {name}, whose materialization (run {record.run_id}) has none. "
            "Notebooks have one: let it end with notebookutils.notebook.exit(...)."
        )
    if len(entry.text) >= LONGEST_EXIT_VALUE:
        raise _failure(
            f"asset {wanted_by} takes the exit value of {name}, which is too long: {LONGEST_EXIT_VALUE} characters are "
            "kept. Write it to a file in the lakehouse and pass its path."
        )
    return entry.text


def _materialization(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, run: dg.DagsterRun, partition: str | None
) -> dg.EventLogRecord | None:
    of_asset = partial(dg.AssetRecordsFilter, asset_key=asset_key)
    if partition is not None:
        same = partial(of_asset, asset_partitions=[partition])
        if found := _of_run_or_latest(instance, same, run):
            return found
    found = _of_run_or_latest(instance, of_asset, run)
    if partition is not None and found is not None and found.partition_key is not None:
        return None  # another partition's
    return found


def _of_run_or_latest(
    instance: dg.DagsterInstance, filtered: _Filtered, run: dg.DagsterRun
) -> dg.EventLogRecord | None:
    records = instance.fetch_materializations(filtered(), limit=_RECENT).records
    if own := next((found for found in records if found.run_id == run.run_id), None):
        return own
    # What is re-executed from failure goes on with what the failed run had, whatever other runs loaded since.
    for earlier in _executed_before(instance, run):
        window = filtered(after_timestamp=earlier.start_time, before_timestamp=earlier.end_time)
        records_then = instance.fetch_materializations(window, limit=_RECENT).records
        run_id = earlier.dagster_run.run_id
        if its_own := next((found for found in records_then if found.run_id == run_id), None):
            return its_own
    return records[0] if records else None


def _executed_before(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[dg.RunRecord]:
    """The run that this one re-executes, the one that that one re-executes, and so on."""
    parent = run.parent_run_id
    while parent is not None and (record := instance.get_run_record_by_id(parent)) is not None:
        yield record
        parent = record.dagster_run.parent_run_id


def _failure(description: str) -> dg.Failure:
    return dg.Failure(description=description, allow_retries=False)
