"""Which notebooks become assets, which become jobs, and what the configuration says of each."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import dagster as dg

from fabric_assets.client.fabric_client import is_guid
from fabric_assets.component.log import log
from fabric_assets.component.settings import NotebookSettings
from fabric_assets.component.templates import Places
from fabric_assets.component.untaken import tell_broken, tell_unclear
from fabric_assets.lineage import Graph, NotebookLineage
from fabric_assets.near_names import nearest
from fabric_assets.notebook_patterns import find_node, matches


@dataclass(frozen=True)
class Entry:
    """One notebook with one set of arguments.

    Attributes:
        key: the key in ``notebooks``, or the notebook's name.
        notebook: display name or GUID of the notebook.
        node: name of the notebook in the graph of the lineage; ``None`` if its source is not known.
        lineage: what it reads and writes.
        settings: what the configuration says of it.
    """

    key: str
    notebook: str
    node: str | None
    lineage: NotebookLineage | None
    settings: NotebookSettings


@dataclass(frozen=True)
class Selection:
    """What becomes of the notebooks.

    Attributes:
        entries: those that become assets.
        orchestrators: those that become jobs.
    """

    entries: tuple[Entry, ...]
    orchestrators: tuple[NotebookLineage, ...]


def select(
    graph: Graph | None,
    *,
    notebooks: Mapping[str, NotebookSettings],
    include: Sequence[str],
    exclude: Sequence[str],
    where: Places,
) -> Selection:
    """Find the notebooks that become assets or jobs.

    Args:
        graph: the notebooks of the source, ``None`` if there is none: then ``notebooks`` names all.
        notebooks: entries of the configuration.
        include: patterns of names or paths; none: all.
        exclude: patterns of names or paths.
        where: places in the configuration, for errors.

    Raises:
        dagster.DagsterInvalidDefinitionError: an entry or a pattern names no notebook.
    """
    nodes = graph.notebooks if graph else {}
    chosen = _chosen(nodes, include, exclude, where) if graph else {}
    entries = [
        _entry(key, settings, nodes, where, known=graph is not None) for key, settings in notebooks.items()
    ]
    named = {entry.node for entry in entries}
    included = _included(lineage for name, lineage in chosen.items() if name not in named)
    orchestrators = []
    left_out = []
    for name, lineage in chosen.items():
        if name in named:
            continue
        if lineage.is_orchestrator:
            orchestrators.append(lineage)
        elif lineage.writes and lineage.name.lower() not in included:
            entries.append(Entry(name, lineage.name, name, lineage, NotebookSettings()))
        else:
            left_out.append(lineage)
    _tell(entries, orchestrators, left_out, included)
    return Selection(tuple(entries), tuple(orchestrators))


def unknown_name(name: str, known: Iterable[str], *, what: str, place: str, cutoff: float = 0.4) -> NoReturn:
    """Refuse a name that the configuration uses.

    Raises:
        dagster.DagsterInvalidDefinitionError: always.
    """
    raise dg.DagsterInvalidDefinitionError(
        f"{place}: there is no {what} {name!r}{nearest(name, known, cutoff)}"
    )


def _entry(
    key: str, settings: NotebookSettings, nodes: Mapping[str, NotebookLineage], where: Places, *, known: bool
) -> Entry:
    notebook = settings.notebook or key
    node = find_node(notebook, nodes)
    if node is None and known and not settings.workspace and not is_guid(notebook):
        place = where("notebooks", key, "notebook") if settings.notebook else where("notebooks", key)
        unknown_name(notebook, _names(nodes), what="notebook", place=place)
    lineage = nodes[node] if node is not None else None
    return Entry(key, lineage.name if lineage else notebook, node, lineage, settings)


def _chosen(
    nodes: Mapping[str, NotebookLineage], include: Sequence[str], exclude: Sequence[str], where: Places
) -> dict[str, NotebookLineage]:
    chosen = dict(nodes)
    if include:
        chosen = {}
        for number, pattern in enumerate(include):
            found = {name: lineage for name, lineage in nodes.items() if matches(lineage, pattern)}
            if not found:
                shown = nearest(pattern.strip("*?"), _names(nodes))
                raise dg.DagsterInvalidDefinitionError(
                    f"{where('include', number)}: no notebook matches {pattern!r}{shown}"
                )
            chosen.update(found)
    for number, pattern in enumerate(exclude):
        found = {name: lineage for name, lineage in nodes.items() if matches(lineage, pattern)}
        if not found:
            log.warning("%s: no notebook matches %r", where("exclude", number), pattern)
        chosen = {name: lineage for name, lineage in chosen.items() if name not in found}
    return {name: chosen[name] for name in nodes if name in chosen}


def _included(lineages: Iterable[NotebookLineage]) -> set[str]:
    """Names of the notebooks that others make part of themselves with ``%run``."""
    return {name.rpartition("/")[2].lower() for lineage in lineages for name in lineage.includes}


def _names(nodes: Mapping[str, NotebookLineage]) -> set[str]:
    return {lineage.name for lineage in nodes.values()} | set(nodes)


def _tell(
    entries: Sequence[Entry],
    orchestrators: Sequence[NotebookLineage],
    left_out: Sequence[NotebookLineage],
    included: Collection[str],
) -> None:
    """Nothing is left out in silence; but a helper, or a report that only reads, is no reason for a warning."""
    helpers = [lineage for lineage in left_out if lineage.name.lower() in included]
    untaken = [lineage for lineage in left_out if lineage.name.lower() not in included]
    for lineage in helpers:
        log.debug("notebook %s is no asset: others run it with %%run, as a part of theirs", lineage.name)
    assets = {entry.node: entry.lineage for entry in entries if entry.lineage}
    taken = [*assets.values(), *orchestrators, *helpers]
    tell_broken(taken, "not all that it reads and writes is known")
    tell_broken(untaken, "it is no asset")
    tell_unclear(untaken)
    _tell_called(entries)


def _tell_called(entries: Sequence[Entry]) -> None:
    """An asset whose notebook runs another asset's notebook makes that one run twice."""
    notebooks = {entry.notebook.lower() for entry in entries}
    for entry in entries:
        lineage = entry.lineage
        for call in lineage.calls if lineage else ():
            called = call.rpartition("/")[2]
            if (
                lineage
                and call not in lineage.includes
                and called.lower() in notebooks - {entry.notebook.lower()}
            ):
                log.warning(
                    "notebook %s runs %s, which is an asset too and so is run twice: list one of them under `exclude`",
                    entry.notebook,
                    called,
                )
