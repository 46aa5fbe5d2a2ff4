"""The arguments of the entries: their own and the defaults, and whose exit values they take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from fabric_assets.arguments import Argument, exit_value_of, partition_end, partition_key, partition_start
from fabric_assets.component.argument_settings import ArgumentSource
from fabric_assets.component.dependencies import Names
from fabric_assets.component.entries import Entry, unknown_name
from fabric_assets.component.entry_partitions import EntryPartitions
from fabric_assets.component.settings import DefaultSettings
from fabric_assets.component.templates import Places


@dataclass(frozen=True)
class EntryArguments:
    """The arguments of one entry.

    Attributes:
        values: what ``notebook_asset`` takes.
        waits_for: entries whose exit values are taken, to the place in the configuration that says so.
    """

    values: dict[str, Argument] = field(default_factory=dict)
    waits_for: dict[str, str] = field(default_factory=dict)


class ArgumentReader:
    """Reads the arguments of entries.

    Args:
        defaults: what holds for every entry.
        names: finds the entries whose exit values are taken.
        keys: keys of the entries' assets.
        partitions: partitions of the entries that have some.
        where: places in the configuration, for errors.
    """

    def __init__(
        self,
        defaults: DefaultSettings,
        names: Names,
        keys: Mapping[str, Sequence[dg.AssetKey]],
        partitions: Mapping[str, EntryPartitions],
        where: Places,
    ) -> None:
        self._defaults = defaults
        self._names = names
        self._keys = keys
        self._partitions = partitions
        self._where = where

    def read(self, entry: Entry) -> EntryArguments:
        """The arguments of an entry.

        A default that is about another entry's exit value, or about partitions, is left out where it makes no sense:
        for that other entry itself, for an entry without partitions.

        Raises:
            dagster.DagsterInvalidDefinitionError: an exit value is nobody's, or there is no partition to tell.
        """
        found = EntryArguments()
        own = entry.settings.arguments
        for name, value in {**self._defaults.arguments, **own}.items():
            is_own = name in own
            place = (
                self._where("notebooks", entry.key, "arguments", name)
                if is_own
                else self._where("defaults", "arguments", name)
            )
            if not isinstance(value, ArgumentSource):
                found.values[name] = value
            elif value.exit_value_of is not None:
                self._take_exit_value(found, entry, name, value.exit_value_of, place, is_own=is_own)
            elif is_own or entry.key in self._partitions:
                found.values[name] = self._of_partition(entry, value, place)
        return found

    def _take_exit_value(
        self, found: EntryArguments, entry: Entry, name: str, giver: str, place: str, *, is_own: bool
    ) -> None:
        givers = self._names.find(giver)
        if not givers:
            unknown_name(giver, self._names.known(), what="notebook or asset", place=place)
        if len(givers) > 1:
            raise dg.DagsterInvalidDefinitionError(
                f"{place}: {giver!r} is the notebook of several entries: {', '.join(givers)}; name one of them"
            )
        if givers[0] != entry.key:
            found.values[name] = exit_value_of(self._keys[givers[0]][0])
            found.waits_for[givers[0]] = place
        elif is_own:
            raise dg.DagsterInvalidDefinitionError(f"{place}: {entry.key} cannot wait for itself")

    def _of_partition(self, entry: Entry, source: ArgumentSource, place: str) -> Argument:
        partitions = self._partitions.get(entry.key)
        if partitions is None:
            raise dg.DagsterInvalidDefinitionError(
                f"{place}: {entry.key} has no partitions; give it some with `partitions`"
            )
        if source.partition_key:
            return partition_key()
        edge = source.partition_start or source.partition_end
        form = edge if isinstance(edge, str) else None
        if form and isinstance(
            partitions.definition, dg.StaticPartitionsDefinition | dg.DynamicPartitionsDefinition
        ):
            raise dg.DagsterInvalidDefinitionError(
                f"{place}: the partitions of {entry.key} are no spans of time, so they have no begin and end in the "
                f"format {form!r}; `true` instead of the format takes their keys"
            )
        return partition_start(form) if source.partition_start else partition_end(form)
