"""Exit values of other assets, as they stand in Dagster's event log."""

import dagster as dg

EXIT_VALUE_METADATA = "fabric/exit_value"
LONGEST_EXIT_VALUE = 10_000
"""So many characters of an exit value are kept."""

_RECENT = 25


def latest_exit_value(
    instance: dg.DagsterInstance,
    asset_key: dg.AssetKey,
    *,
    run_id: str,
    partition: str | None,
    wanted_by: str,
) -> str:
    """The exit value of the materialization in the same run, else of the latest one.

    Args:
        instance: the Dagster instance.
        asset_key: the asset whose notebook ended with the exit value.
        run_id: the run that asks.
        partition: the partition that asks; if the asset has partitions, it is taken from the same one.
        wanted_by: the asset that asks, for messages.

    Raises:
        dagster.Failure: there is none, or it was not kept whole.
    """
    name = asset_key.to_user_string()
    record = _materialization(instance, asset_key, run_id, partition)
    if record is None or record.asset_materialization is None:
        raise _failure(
            f"asset {wanted_by} takes the exit value of {name}, which has not been materialized"
            + (f" for partition {partition}" if partition else "")
            + f". Materialize {name} first, or both in one run."
        )
    entry = record.asset_materialization.metadata.get(EXIT_VALUE_METADATA)
    if not isinstance(entry, dg.TextMetadataValue) or entry.text is None:
        raise _failure(
            f"asset {wanted_by} takes the exit value of {name}, whose latest materialization (run {record.run_id}) has "
            "none. Let its notebook end with notebookutils.notebook.exit(...)."
        )
    if len(entry.text) >= LONGEST_EXIT_VALUE:
        raise _failure(
            f"asset {wanted_by} takes the exit value of {name}, which is too long: {LONGEST_EXIT_VALUE} characters are "
            "kept. Write it to a file in the lakehouse and pass its path."
        )
    return entry.text


def _materialization(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, run_id: str, partition: str | None
) -> dg.EventLogRecord | None:
    if partition is not None:
        same = dg.AssetRecordsFilter(asset_key=asset_key, asset_partitions=[partition])
        if found := _of_run_or_latest(instance, same, run_id):
            return found
    found = _of_run_or_latest(instance, dg.AssetRecordsFilter(asset_key=asset_key), run_id)
    if partition is not None and found is not None and found.partition_key is not None:
        return None  # another partition's
    return found


def _of_run_or_latest(
    instance: dg.DagsterInstance, records_filter: dg.AssetRecordsFilter, run_id: str
) -> dg.EventLogRecord | None:
    records = instance.fetch_materializations(records_filter, limit=_RECENT).records
    return next((found for found in records if found.run_id == run_id), records[0] if records else None)


def _failure(description: str) -> dg.Failure:
    return dg.Failure(description=description, allow_retries=False)
