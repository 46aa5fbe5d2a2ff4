"""Which partitions the entries have, and how backfills of them are cut."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from fabric_assets.arguments import Argument, ExitValueOf, PartitionEdge, PartitionKey
from fabric_assets.component.entries import Entry
from fabric_assets.component.log import log
from fabric_assets.component.settings import DefaultSettings
from fabric_assets.component.templates import Places


@dataclass(frozen=True)
class EntryPartitions:
    """The partitions of one entry.

    Attributes:
        definition: what Dagster has of them.
        backfill_policy: how a backfill is cut.
        place: where the configuration has them, for messages.
    """

    definition: dg.PartitionsDefinition
    backfill_policy: dg.BackfillPolicy | None
    place: str

    @property
    def ranges(self) -> bool:
        """Whether one run can load several of them."""
        return self.backfill_policy is not None and self.backfill_policy.max_partitions_per_run != 1


def partitions_of(
    entry: Entry, specs: Iterable[dg.AssetSpec], defaults: DefaultSettings, where: Places
) -> EntryPartitions | None:
    """The partitions of an entry: its own, those of ``defaults``, or those that the translator gave its assets.

    Args:
        entry: the entry.
        specs: what the translator said of its assets.
        defaults: what holds for every entry.
        where: places in the configuration.

    Raises:
        dagster.DagsterInvalidDefinitionError: it has a ``backfill_policy`` of its own and no partitions.
    """
    settings, policy = entry.settings, entry.settings.backfill_policy or defaults.backfill_policy
    place = where()
    definition: dg.PartitionsDefinition | None = None
    if settings.partitions:
        definition, place = settings.partitions.definition(), where("notebooks", entry.key, "partitions")
    elif settings.partitions is None and defaults.partitions:
        definition, place = defaults.partitions.definition(), where("defaults", "partitions")
    elif settings.partitions is None:
        definition = next((spec.partitions_def for spec in specs if spec.partitions_def), None)
    if definition is None:
        if settings.backfill_policy:
            own = where("notebooks", entry.key, "backfill_policy")
            raise dg.DagsterInvalidDefinitionError(f"{own}: {entry.key} has no `partitions` to backfill")
        return None
    return EntryPartitions(definition, policy.policy() if policy else None, place)


def tell_untold(
    entries: Sequence[Entry],
    partitions: Mapping[str, EntryPartitions],
    arguments: Mapping[str, Mapping[str, Argument]],
    pipes: Mapping[str, bool],
) -> None:
    """Warn of entries that have partitions and whose notebooks are not told which one to load.

    Args:
        entries: all entries.
        partitions: partitions by the entries' keys.
        arguments: arguments by the entries' keys.
        pipes: whether an entry's notebook speaks to Dagster, which tells it a single partition.
    """
    untold: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        found = partitions.get(entry.key)
        tells = any(
            isinstance(argument, PartitionKey | PartitionEdge | ExitValueOf)
            for argument in arguments[entry.key].values()
        )
        by_pipes = pipes[entry.key] and found is not None and not found.ranges
        if found and not tells and not by_pipes:
            untold[found.place].append(entry.key)
    for place, keys in untold.items():
        log.warning(
            "%s: %s: no argument tells the notebook which partition it is to load, so that each partition loads the "
            "same. Send it with `arguments: {NAME: {partition_key: true}}`, or with `partition_start` and "
            "`partition_end`; or take the partitions away with `partitions: false`",
            place,
            ", ".join(keys),
        )
