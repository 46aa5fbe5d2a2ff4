"""What the loads of an asset told: one materialization for each, the newest first."""

from collections.abc import Iterator

import dagster as dg

from fabric_assets.materialization import JOB_INSTANCE_ID

_FIRST_PAGE = 32
_PAGE = 1000
_CLOCKS_DIFFER_SECONDS = 600.0


def loads_from(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, run_id: str | None = None
) -> Iterator[dg.AssetMaterialization]:
    """The load of a run and those before it, each once; the latest ones if the run has loaded nothing.

    Other runs may have loaded the asset in the meantime: their checks judge these loads.

    Args:
        instance: the Dagster instance.
        asset_key: the asset.
        run_id: the run; ``None``: the latest loads.
    """
    began = _began(instance, run_id)
    later = []
    every = _loads(instance, asset_key)
    for load in every:
        later.append(load.asset_materialization)
        if load.run_id == run_id:
            later = later[-1:]
            break
        if began is None or load.timestamp < began:
            break
    for materialization in later:
        if materialization is not None:
            yield materialization
    for load in every:
        if load.asset_materialization is not None:
            yield load.asset_materialization


def _loads(instance: dg.DagsterInstance, asset_key: dg.AssetKey) -> Iterator[dg.EventLogRecord]:
    """The last event of each load: one of several partitions has an event for each, and all tell the same."""
    known = set()
    page, cursor, more = _FIRST_PAGE, None, True
    while more:
        found = instance.fetch_materializations(asset_key, limit=page, cursor=cursor)
        for record in found.records:
            load = _load(record)
            if load not in known:
                known.add(load)
                yield record
        page, cursor, more = _PAGE, found.cursor, found.has_more


def _load(record: dg.EventLogRecord) -> object:
    """What all events of a load have in common."""
    materialization = record.asset_materialization
    job_instance = materialization and materialization.metadata.get(JOB_INSTANCE_ID)
    # What was reported without a run and tells of no job instance stands for itself.
    return (job_instance and job_instance.value) or record.run_id or record.storage_id


def _began(instance: dg.DagsterInstance, run_id: str | None) -> float | None:
    """No event of the run is older; ``None`` if there is no run that could have any."""
    record = instance.get_run_record_by_id(run_id) if run_id else None
    return None if record is None or record.start_time is None else record.start_time - _CLOCKS_DIFFER_SECONDS
