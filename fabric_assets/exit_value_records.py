"""The materializations of an asset in Dagster's event log that a run may take an exit value from."""

from collections.abc import Callable, Collection, Iterator

import dagster as dg

_RECENT = 25
_PAGE = 1000

# What was materialized in a run bears the time of another machine than the run's start.
_CLOCK_SKEW_SECONDS = 3600

_Accepts = Callable[[dg.EventLogRecord], bool]


class Materializations:
    """The materializations of one asset, as one run sees them.

    Args:
        instance: the Dagster instance.
        run: the run that asks.
        asset_key: the asset.
    """

    def __init__(self, instance: dg.DagsterInstance, run: dg.DagsterRun, asset_key: dg.AssetKey) -> None:
        self._instance = instance
        self._run = run
        self._asset_key = asset_key

    def latest(self) -> dg.EventLogRecord | None:
        """That of the same run, else of the nearest run that it re-executes, else the latest."""
        recent = self._recent()
        return self._of_runs(recent, lambda _: True) or (recent[0] if recent else None)

    def of_partition(self, partition: str) -> dg.EventLogRecord | None:
        """The same, of one partition."""
        recent = self._recent(partition)
        found = self._of_runs(recent, lambda record: record.partition_key == partition)
        return found or (recent[0] if recent else None)

    def of_same_run(self, partitions: Collection[str]) -> dg.EventLogRecord | None:
        """That of one of these partitions in the same run or in the nearest that it re-executes."""
        return self._of_runs(self._recent(), lambda record: record.partition_key in partitions)

    def _recent(self, partition: str | None = None) -> list[dg.EventLogRecord]:
        wanted = dg.AssetRecordsFilter(
            asset_key=self._asset_key, asset_partitions=None if partition is None else [partition]
        )
        return list(self._instance.fetch_materializations(wanted, limit=_RECENT).records)

    def _of_runs(self, recent: list[dg.EventLogRecord], accepts: _Accepts) -> dg.EventLogRecord | None:
        for record in self._runs():
            run_id = record.dagster_run.run_id
            known = recent if _goes_back_to(recent, record.start_time) else self._in_run(run_id)
            if found := next((each for each in known if each.run_id == run_id and accepts(each)), None):
                return found
        return None

    def _runs(self) -> Iterator[dg.RunRecord]:
        """The run, the one that it re-executes, the one that that one re-executes, and so on."""
        run_id: str | None = self._run.run_id
        while run_id is not None and (record := self._instance.get_run_record_by_id(run_id)) is not None:
            yield record
            run_id = record.dagster_run.parent_run_id

    def _in_run(self, run_id: str) -> Iterator[dg.EventLogRecord]:
        """The newest first."""
        cursor: str | None = None
        while True:
            found = self._instance.get_records_for_run(
                run_id,
                cursor,
                of_type=dg.DagsterEventType.ASSET_MATERIALIZATION,
                limit=_PAGE,
                ascending=False,
            )
            yield from (record for record in found.records if record.asset_key == self._asset_key)
            if not found.has_more:
                return
            cursor = found.cursor


def _goes_back_to(recent: list[dg.EventLogRecord], start_time: float | None) -> bool:
    """Whether all that was materialized since then is among them."""
    if len(recent) < _RECENT:
        return True
    return start_time is not None and recent[-1].timestamp < start_time - _CLOCK_SKEW_SECONDS
