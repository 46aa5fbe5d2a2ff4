"""The order of the entries: what follows from the lineage, what is configured, and that there is no cycle."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import dagster as dg

from fabric_assets.component.argument_settings import AssetElsewhere
from fabric_assets.component.entries import Entry
from fabric_assets.component.templates import Places
from fabric_assets.lineage import Graph, Table
from fabric_assets.near_names import nearest
from fabric_assets.notebook_patterns import matches

_CLOSE = 0.6

TableNames = Callable[[], Mapping[str, tuple[dg.AssetKey, Sequence[str]]]]
"""Names of tables to their assets' keys and the entries that write them; asked for where nothing else has a name."""


@dataclass
class Dependencies:
    """What each entry waits for, by the entries' keys.

    Attributes:
        tables: (upstream, downstream) -> tables that the one writes and the other reads.
        configured: (upstream, downstream) of the configuration, to the place that says so; empty: races.
        elsewhere: assets that an entry waits for and that are none of these entries'.
    """

    tables: dict[tuple[str, str], list[Table]] = field(default_factory=lambda: defaultdict(list))
    configured: dict[tuple[str, str], str] = field(default_factory=dict)
    elsewhere: dict[str, list[dg.AssetKey]] = field(default_factory=lambda: defaultdict(list))

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """All (upstream, downstream)."""
        return self.tables.keys() | self.configured.keys()

    def waits(self) -> dict[str, set[str]]:
        """The entries that each entry waits for."""
        found: dict[str, set[str]] = defaultdict(set)
        for upstream, downstream in self.pairs:
            found[downstream].add(upstream)
        return found


class Names:
    """Finds entries by what the configuration calls them: key, notebook, or asset.

    Args:
        entries: the entries.
        keys: keys of their assets, by the entries' keys.
    """

    def __init__(self, entries: Sequence[Entry], keys: Mapping[str, Sequence[dg.AssetKey]]) -> None:
        self._by_name: dict[str, list[str]] = {}
        for entry in entries:
            self._by_name[entry.key] = [entry.key]
        for entry in entries:
            for asset in keys[entry.key]:
                self._by_name.setdefault(asset.to_user_string(), [entry.key])
        others: dict[str, list[str]] = defaultdict(list)
        for entry in entries:
            others[entry.notebook].append(entry.key)
        for notebook, found in others.items():
            self._by_name.setdefault(notebook, found)
        self._entries = entries
        self._keys = keys
        self._lower: dict[str, list[str]] = {}
        for name, found in self._by_name.items():
            self._lower.setdefault(name.lower(), found)

    def find(self, name: str) -> list[str]:
        """Keys of the entries that are meant, none if the name is not known."""
        return self._by_name.get(name) or self._lower.get(name.lower()) or []

    def matching(self, pattern: str) -> list[str]:
        """Keys of the entries that a pattern such as ``Load_*`` or ``Dimensions/*`` fits."""
        return [entry.key for entry in self._entries if self._fits(entry, pattern)]

    def _fits(self, entry: Entry, pattern: str) -> bool:
        names = [entry.key, entry.notebook, *(asset.to_user_string() for asset in self._keys[entry.key])]
        if entry.lineage is not None and matches(entry.lineage, pattern):
            return True
        return any(fnmatchcase(name.lower(), pattern.lower()) for name in names)

    def known(self) -> Iterable[str]:
        """All names."""
        return self._by_name.keys()


def connect(
    graph: Graph | None,
    entries: Sequence[Entry],
    names: Names,
    tables: TableNames,
    exit_values: Mapping[str, Mapping[str, str]],
    where: Places,
) -> Dependencies:
    """Find what each entry waits for.

    A configured dependency counts more than one that follows from the lineage and says the opposite.

    Args:
        graph: the lineage, ``None`` if no source is known.
        entries: the entries.
        names: finds entries.
        tables: the tables of the lineage.
        exit_values: entries whose exit values an entry takes, to the place in the configuration that says so.
        where: places in the configuration, for errors.

    Raises:
        dagster.DagsterInvalidDefinitionError: entries wait for each other, or for what nobody knows.
    """
    found = Dependencies()
    for entry in entries:
        for number, dep in enumerate(entry.settings.deps):
            _configure(found, entry, dep, names, tables, where("notebooks", entry.key, "deps", number))
        for upstream, place in exit_values.get(entry.key, {}).items():
            found.configured.setdefault((upstream, entry.key), place)
    by_node: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if entry.node is not None:
            by_node[entry.node].append(entry.key)
    for edge in graph.edges if graph else ():
        for upstream in by_node[edge.upstream]:
            for downstream in by_node[edge.downstream]:
                if (downstream, upstream) not in found.configured:
                    found.tables[upstream, downstream].append(edge.table)
    refuse_cycle(found, where)
    return found


def refuse_cycle(dependencies: Dependencies, where: Places) -> None:
    """See that no entries wait for each other.

    Raises:
        dagster.DagsterInvalidDefinitionError: they do; the message shows the cycle and how to break it.
    """
    waits = {key: sorted(upstream) for key, upstream in sorted(dependencies.waits().items())}
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
    else:
        return
    steps = list(pairwise(cycle))
    text = cycle[0] + "".join(f" -> ({_because(dependencies, pair)}) -> {pair[1]}" for pair in steps)
    derived = [pair for pair in steps if pair not in dependencies.configured]
    places = [place for pair in steps if (place := dependencies.configured.get(pair))]
    place = f"{places[-1]}: " if places else ""
    advice = "Take one of the configured `deps` or `exit_value_of` away."
    if derived:
        upstream, downstream = derived[-1]
        table = dependencies.tables[upstream, downstream][0]
        advice = (
            f"Break it in the configuration: `lineage: {{ignore: [{{upstream: {upstream}, downstream: {downstream}, "
            f"table: {table}}}]}}` leaves a dependency out, and `notebooks: {{{upstream}: {{deps: [{downstream}]}}}}` "
            "turns it around."
        )
    raise dg.DagsterInvalidDefinitionError(f"{place}notebooks wait for each other: {text}. {advice}")


def _because(dependencies: Dependencies, pair: tuple[str, str]) -> str:
    if pair in dependencies.configured:
        return "configured"
    return ", ".join(str(table) for table in dependencies.tables[pair])


def _configure(
    found: Dependencies,
    entry: Entry,
    dep: str | AssetElsewhere,
    names: Names,
    tables: TableNames,
    place: str,
) -> None:
    name = dep.asset if isinstance(dep, AssetElsewhere) else dep
    upstream: Sequence[str] = names.find(name)
    key = dg.AssetKey.from_user_string(name)
    if not upstream and not isinstance(dep, AssetElsewhere):
        if name not in tables():
            close = nearest(name, {*names.known(), *tables()}, _CLOSE) or "."
            raise dg.DagsterInvalidDefinitionError(
                f"{place}: there is no notebook, asset or table {name!r} here{close} An asset of other definitions or "
                f"of another code location is written {{asset: {name}}}"
            )
        key, upstream = tables()[name]
    if entry.key in upstream:
        raise dg.DagsterInvalidDefinitionError(f"{place}: {entry.key} cannot wait for itself")
    if upstream:
        found.configured.update({(other, entry.key): place for other in upstream})
    else:
        found.elsewhere[entry.key].append(key)
