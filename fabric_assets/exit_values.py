"""Exit values: what is read out of one, and those of other assets, as they stand in Dagster's event log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from fabric_assets.exit_value_records import Materializations

EXIT_VALUE_METADATA = "fabric/exit_value"
LONGEST_EXIT_VALUE = 10_000
"""So many characters of an exit value are kept."""

_DEEPEST = 100
"""So many levels of JSON Dagster can write into its event log, whatever calls it."""


def exit_value_object(exit_value: str | None) -> dict[str, Any]:
    """The entries of an exit value that is a JSON object; empty for any other text, and for one nested too deep."""
    try:
        value = json.loads(exit_value or "null")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and _is_shallow(value) else {}


def exit_value_for(
    context: dg.AssetExecutionContext, asset_key: dg.AssetKey, *, partition: str | None, wanted_by: str
) -> str:
    """The exit value of another asset for one materialization; see ``fabric_assets.exit_value_of`` for which it is.

    Args:
        context: the context of the step that takes it.
        asset_key: the asset that has it.
        partition: the key of the partition that is materialized, ``None`` if there is none or there are several.
        wanted_by: the asset that takes it, for messages.

    Raises:
        dagster.Failure: there is none, it was not kept whole, or several differ.
    """
    return _Taking(context, asset_key, partition, wanted_by).text()


@dataclass(frozen=True)
class _Taking:
    context: dg.AssetExecutionContext
    asset_key: dg.AssetKey
    partition: str | None
    wanted_by: str

    def text(self) -> str:
        found = Materializations(self.context.instance, self.context.run, self.asset_key)
        partitions = self._partitions()
        if partitions is None:
            return self._text_of(self._of_unpartitioned(found), self.partition)
        if not partitions:
            raise self._failure(f"none of whose partitions belongs to {self._materialized}")
        if len(partitions) == 1:
            return self._text_of(found.of_partition(partitions[0]), partitions[0])
        partitioned = self.context.assets_def.partitions_def is not None
        if not partitioned and (own := found.of_same_run(frozenset(partitions))):
            return self._text_of(own, own.partition_key)
        return self._common_text(found, partitions)

    def _partitions(self) -> Sequence[str] | None:
        """Which of the asset's belong to what is materialized; ``None`` if no definition says that it has any."""
        layer = self.context.job_def.asset_layer
        if not layer.has(self.asset_key) or layer.get(self.asset_key).partitions_def is None:
            return None
        inputs = self.context.assets_def.keys_by_input_name
        name = next((name for name, key in inputs.items() if key == self.asset_key), None)
        if name is None:
            raise self._failure(
                "which is not among its dependencies any more, so nobody can tell its partition"
            )
        try:
            return [str(key) for key in self.context.asset_partition_keys_for_input(name)]
        except dg.DagsterInvariantViolationError as error:
            raise self._failure(
                f"whose partition that belongs to {self._materialized} does not exist: {error}"
            ) from error

    def _of_unpartitioned(self, found: Materializations) -> dg.EventLogRecord | None:
        record = found.latest()
        if record is None or record.partition_key is None:
            return record
        if self.partition is not None:
            return found.of_partition(self.partition)
        raise self._failure(
            f"which was last materialized for partition {record.partition_key}, but is defined here without "
            "partitions. Define it with them, such as by dg.AssetSpec(..., partitions_def=...), so that it is clear "
            "which one is meant"
        )

    def _common_text(self, found: Materializations, partitions: Sequence[str]) -> str:
        several = f"{len(partitions)} of whose partitions belong to {self._materialized}"
        texts: set[str] = set()
        for partition in partitions:
            texts.add(self._text_of(found.of_partition(partition), partition, several))
            if len(texts) > 1:
                raise self._failure(
                    f"{several}: those of {partitions[0]} and {partition} differ. Let the dependency lead to one "
                    f"partition, such as by dg.AssetDep({self._name!r}, partition_mapping=dg.LastPartitionMapping()) "
                    "among `deps`, or let one job instance load them together"
                )
        return texts.pop()

    def _text_of(
        self, record: dg.EventLogRecord | None, partition: str | None, several: str | None = None
    ) -> str:
        of_partition = f" for partition {partition}" if partition else ""
        so = f"{several}: {self._name}" if several else "which"
        if record is None or record.asset_materialization is None:
            raise self._failure(
                f"{so} has not been materialized{of_partition}. Materialize {self._name} first, or both in one run"
            )
        entry = record.asset_materialization.metadata.get(EXIT_VALUE_METADATA)
        if not isinstance(entry, dg.TextMetadataValue) or entry.text is None:
            raise self._failure(
                f"whose materialization{of_partition} (run {record.run_id}) has none. "
                "Notebooks have one: let it end with notebookutils.notebook.exit(...)"
            )
        if len(entry.text) >= LONGEST_EXIT_VALUE:
            raise self._failure(
                f"which is too long{of_partition}: {LONGEST_EXIT_VALUE} characters are kept. Write it to a file in "
                "the lakehouse and pass its path"
            )
        return entry.text

    @property
    def _name(self) -> str:
        return self.asset_key.to_user_string()

    @property
    def _materialized(self) -> str:
        if self.context.assets_def.partitions_def is None:
            return f"{self.wanted_by}, which has none"
        keys = self.context.partition_key_range
        return f"its {keys.start}" if keys.start == keys.end else f"its {keys.start} to {keys.end}"

    def _failure(self, what: str) -> dg.Failure:
        return dg.Failure(
            f"asset {self.wanted_by} takes the exit value of {self._name}, {what}.", allow_retries=False
        )


def _is_shallow(value: object) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return not level
