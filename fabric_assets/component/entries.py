"""Which notebooks become assets, which become jobs, and what the configuration says of each."""

import difflib
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NoReturn

import dagster as dg

from fabric_assets.client.fabric_client import is_guid
from fabric_assets.component.settings import NotebookSettings
from fabric_assets.lineage import Graph, NotebookLineage

_log = logging.getLogger(__name__)

Where = Callable[..., str]
"""Gives file, line and key of an attribute, from its path: ``where("notebooks", "Load_X")``."""


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
    where: Where,
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
    for name, lineage in chosen.items():
        if name in named:
            continue
        if lineage.is_orchestrator:
            orchestrators.append(lineage)
        elif lineage.writes and lineage.name.lower() not in included:
            entries.append(Entry(name, lineage.name, name, lineage, NotebookSettings()))
        else:
            _tell_left_out(lineage, included, matched=bool(include))
    return Selection(tuple(entries), tuple(orchestrators))


def unknown_name(name: str, known: Iterable[str], *, what: str, place: str, cutoff: float = 0.4) -> NoReturn:
    """Refuse a name that the configuration uses.

    Raises:
        dagster.DagsterInvalidDefinitionError: always.
    """
    raise dg.DagsterInvalidDefinitionError(
        f"{place}: there is no {what} {name!r}{nearest(name, known, cutoff)}"
    )


def nearest(name: str, known: Iterable[str], cutoff: float = 0.4) -> str:
    """The names most like this one, as the end of a message; empty if there is none."""
    lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=cutoff)
    return f"; did you mean {' or '.join(repr(lower[found]) for found in close)}?" if close else ""


def find_node(name: str, nodes: Mapping[str, NotebookLineage]) -> str | None:
    """The notebook of that name in the graph; case counts only if it must, as in Fabric."""
    if name in nodes:
        return name
    found = [node for node, lineage in nodes.items() if name.lower() in (node.lower(), lineage.name.lower())]
    return found[0] if len(found) == 1 else None


def _entry(
    key: str, settings: NotebookSettings, nodes: Mapping[str, NotebookLineage], where: Where, *, known: bool
) -> Entry:
    notebook = settings.notebook or key
    node = find_node(notebook, nodes)
    if node is None and known and not settings.workspace and not is_guid(notebook):
        place = where("notebooks", key, "notebook") if settings.notebook else where("notebooks", key)
        unknown_name(notebook, _names(nodes), what="notebook", place=place)
    lineage = nodes[node] if node is not None else None
    return Entry(key, lineage.name if lineage else notebook, node, lineage, settings)


def _chosen(
    nodes: Mapping[str, NotebookLineage], include: Sequence[str], exclude: Sequence[str], where: Where
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
            _log.warning("%s: no notebook matches %r", where("exclude", number), pattern)
        chosen = {name: lineage for name, lineage in chosen.items() if name not in found}
    return {name: chosen[name] for name in nodes if name in chosen}


def matches(lineage: NotebookLineage, pattern: str) -> bool:
    """Whether a pattern such as ``Load_*`` or ``Dimensions/*`` fits a notebook's name, or its path."""
    path = "/".join((*folders(lineage), lineage.name))
    return any(fnmatchcase(text.lower(), pattern.lower()) for text in (lineage.name, path))


def folders(lineage: NotebookLineage) -> tuple[str, ...]:
    """The folders that the notebook lies in, outermost first."""
    parts = lineage.path.split("/")
    for number, part in enumerate(parts):
        if part.endswith(".Notebook"):
            return tuple(parts[:number])
    return tuple(parts[:-1])


def _included(lineages: Iterable[NotebookLineage]) -> set[str]:
    """Names of the notebooks that others make part of themselves with ``%run``."""
    return {name.rpartition("/")[2].lower() for lineage in lineages for name in lineage.includes}


def _names(nodes: Mapping[str, NotebookLineage]) -> set[str]:
    return {lineage.name for lineage in nodes.values()} | set(nodes)


def _tell_left_out(lineage: NotebookLineage, included: Collection[str], *, matched: bool) -> None:
    """Nothing is left out in silence, but helpers and reports are no reason for a warning."""
    if lineage.name.lower() in included:
        reason = "another notebook runs it with %run, as a part of itself"
    elif lineage.unresolved:
        reason = "it writes no table that could be found, and not everything in it could be decided"
    else:
        reason = "it writes no table"
    doubtful = matched and lineage.unresolved and lineage.name.lower() not in included
    _log.log(
        logging.WARNING if doubtful else logging.DEBUG,
        "notebook %s is no asset: %s. Name it under `notebooks` to make it one.",
        lineage.name,
        reason,
    )
