"""What is done about races: notebooks that write one table, or read what another writes, with no order between them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import pairwise

from fabric_assets.asset_names import identifier
from fabric_assets.component.dependencies import Dependencies
from fabric_assets.component.entries import Entry
from fabric_assets.component.log import log
from fabric_assets.component.settings import Races
from fabric_assets.executor.one_writer import ONE_WRITER_POOL
from fabric_assets.lineage import Graph, Race


@dataclass
class RaceMeasures:
    """What was decided.

    Attributes:
        pools: pool of each entry that must not run beside another.
        order: additional (upstream, downstream) entries.
        reported: races that stay, by entry.
    """

    pools: dict[str, str] = field(default_factory=dict)
    order: set[tuple[str, str]] = field(default_factory=set)
    reported: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def resolve_races(
    graph: Graph,
    entries: Sequence[Entry],
    dependencies: Dependencies,
    jobs: Mapping[str, Collection[str]],
    policy: Races,
    own_pools: Mapping[str, str],
) -> RaceMeasures:
    """Decide what is done about the races in the whole graph and in each job.

    A job keeps only the direct dependencies between its own assets, so it can have races that the whole graph has not.

    Args:
        graph: the lineage.
        entries: the entries.
        dependencies: their order.
        jobs: entries of each job.
        policy: ``pool``, ``order`` or ``report``.
        own_pools: pools that the configuration gives to entries.
    """
    measures = RaceMeasures()
    by_node: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if entry.node is not None:
            by_node[entry.node].append(entry.key)
    whole = {entry.key for entry in entries}
    races = _races(graph, by_node, dependencies, [whole, *jobs.values()])
    for race in races:
        members = sorted(key for node in race.notebooks for key in by_node[node])
        if policy == "order" and race.kind == "write-write":
            measures.order |= _chain(members, dependencies)
        elif policy != "pool":
            _report(measures, race, members)
    if policy == "pool":
        _pool(measures, races, by_node, own_pools)
    return measures


def _races(
    graph: Graph,
    by_node: Mapping[str, Sequence[str]],
    dependencies: Dependencies,
    jobs: Iterable[Collection[str]],
) -> list[Race]:
    nodes = {key: node for node, keys in by_node.items() for key in keys}
    found: dict[Race, None] = {}
    for number, job in enumerate(jobs):
        members = {key for key in job if key in nodes}
        order = {
            (nodes[upstream], nodes[downstream])
            for upstream, downstream in dependencies.pairs
            if upstream in members and downstream in members
        }
        for race in graph.races_in(order, {nodes[key] for key in members}):
            known = [other for other in found if _same(other, race)] if number else []
            if not known:
                found[race] = None
    return list(found)


def _same(wider: Race, race: Race) -> bool:
    return (wider.kind, wider.table) == (race.kind, race.table) and set(race.notebooks) <= set(
        wider.notebooks
    )


def _chain(members: Sequence[str], dependencies: Dependencies) -> set[tuple[str, str]]:
    """One after the other, in an order that fits the dependencies, else by name."""
    rank = {key: number for number, key in enumerate(_static_order(dependencies.waits()))}
    ordered = sorted(members, key=lambda key: (rank.get(key, len(rank)), key))
    pairs = set(pairwise(ordered))
    dependencies.configured |= dict.fromkeys(pairs - dependencies.configured.keys(), "")
    return pairs


def _static_order(waits: Mapping[str, set[str]]) -> list[str]:
    sorter = TopologicalSorter(waits)
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _report(measures: RaceMeasures, race: Race, members: Iterable[str]) -> None:
    log.warning("%s", race)
    for key in members:
        measures.reported[key].append(str(race))


def _pool(
    measures: RaceMeasures,
    races: Sequence[Race],
    by_node: Mapping[str, Sequence[str]],
    own_pools: Mapping[str, str],
) -> None:
    groups: list[tuple[set[str], list[Race]]] = []
    for race in races:
        members = {key for node in race.notebooks for key in by_node[node]}
        touching = [group for group in groups if group[0] & members]
        groups = [group for group in groups if group not in touching]
        merged = (
            members.union(*(keys for keys, _ in touching)),
            [r for _, rs in touching for r in rs] + [race],
        )
        groups.append(merged)
    for members, involved in groups:
        configured = {own_pools[key] for key in members if key in own_pools}
        if len(configured) == 1 and members <= set(own_pools):
            continue  # they share a pool already, whose limit is the user's
        if configured:
            # An asset has one pool only.
            for race in involved:
                _report(measures, race, sorted(members))
            continue
        table = min(str(race.table) for race in involved)
        for key in members:
            measures.pools[key] = f"{ONE_WRITER_POOL}{identifier(table)}"
