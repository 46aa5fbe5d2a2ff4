"""How long an asset's job instance is likely to take, from Dagster's own event log."""

from statistics import median

import dagster as dg

DURATION_METADATA = "fabric/duration_seconds"

_LATEST = 5


def expected_seconds(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, partition: str | None
) -> float | None:
    """The median duration of the latest job instances that materialized it, in seconds; ``None`` if there is none.

    Args:
        instance: the Dagster instance.
        asset_key: the asset.
        partition: one partition of it; job instances of the other ones count if it has no past of its own.
    """
    filters = [dg.AssetRecordsFilter(asset_key=asset_key)]
    if partition is not None:
        filters.insert(0, dg.AssetRecordsFilter(asset_key=asset_key, asset_partitions=[partition]))
    for records_filter in filters:
        records = instance.fetch_materializations(records_filter, limit=_LATEST).records
        durations = [
            float(entry.value)
            for record in records
            if (materialization := record.asset_materialization) is not None
            and isinstance(
                entry := materialization.metadata.get(DURATION_METADATA),
                dg.FloatMetadataValue | dg.IntMetadataValue,
            )
            and entry.value is not None
        ]
        if durations:
            return median(durations)
    return None
