"""The order of the entries: what follows from the lineage, what is configured, and that there is no cycle."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import dagster as dg

from fabric_assets.component.entries import Entry
from fabric_assets.component.templates import Places
from fabric_assets.importers.project import ExitValueOf
from fabric_assets.lineage import Graph, Table
from fabric_assets.near_names import nearest

_log = logging.getLogger(__name__)

_CLOSE = 0.85


@dataclass
class Dependencies:
    """What each entry waits for, by the entries' keys.

    Attributes:
        tables: (upstream, downstream) -> tables that the one writes and the other reads.
        configured: (upstream, downstream) of the configuration.
        elsewhere: assets of other components that an entry waits for.
    """

    tables: dict[tuple[str, str], list[Table]] = field(default_factory=lambda: defaultdict(list))
    configured: set[tuple[str, str]] = field(default_factory=set)
    elsewhere: dict[str, list[dg.AssetKey]] = field(default_factory=lambda: defaultdict(list))

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """All (upstream, downstream)."""
        return set(self.tables) | self.configured

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
        self._lower: dict[str, list[str]] = {}
        for name, found in self._by_name.items():
            self._lower.setdefault(name.lower(), found)

    def find(self, name: str) -> list[str]:
        """Keys of the entries that are meant, none if the name is not known."""
        return self._by_name.get(name) or self._lower.get(name.lower()) or []

    def known(self) -> Iterable[str]:
        """All names."""
        return self._by_name.keys()


def connect(graph: Graph | None, entries: Sequence[Entry], names: Names, where: Places) -> Dependencies:
    """Find what each entry waits for.

    A configured dependency counts more than one that follows from the lineage and says the opposite.

    Raises:
        dagster.DagsterInvalidDefinitionError: entries wait for each other, or an exit value is nobody's.
    """
    found = Dependencies()
    for entry in entries:
        for number, name in enumerate(entry.settings.deps):
            _configure(found, entry, name, names, where("notebooks", entry.key, "deps", number))
        for parameter, value in entry.settings.arguments.items():
            if isinstance(value, ExitValueOf):
                place = where("notebooks", entry.key, "arguments", parameter)
                _configure(found, entry, value.exit_value_of, names, place)
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
    configured = [
        where("notebooks", later, "deps") for pair in steps if pair not in derived for later in pair[1:]
    ]
    place = f"{configured[-1]}: " if configured else ""
    advice = "Take one of the configured `deps` away."
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


def _configure(found: Dependencies, entry: Entry, name: str, names: Names, place: str) -> None:
    upstream = names.find(name)
    if entry.key in upstream:
        raise dg.DagsterInvalidDefinitionError(f"{place}: {entry.key} cannot wait for itself")
    if upstream:
        found.configured.update((key, entry.key) for key in upstream)
        return
    close = nearest(name, names.known(), _CLOSE)
    if close:
        _log.warning(
            "%s: %r is no notebook or asset here and is taken for an asset from elsewhere%s",
            place,
            name,
            close,
        )
    found.elsewhere[entry.key].append(dg.AssetKey.from_user_string(name))
