"""Analyzes all notebooks of a workspace, with the cache."""

import gc
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from fabric_assets.lineage.analyzer import Notebooks, Result, analyze_one
from fabric_assets.lineage.cache import Cache, Evidence, content_hash
from fabric_assets.lineage.config import LineageConfig
from fabric_assets.lineage.graph import Graph, build_graph
from fabric_assets.lineage.mermaid import to_mermaid
from fabric_assets.lineage.results import Access, NotebookLineage
from fabric_assets.lineage.shortcuts import Aliases
from fabric_assets.lineage.source import NotebookSource
from fabric_assets.lineage.sql_routines import Routines, SqlFile
from fabric_assets.lineage.tables import Catalog, Table, canonical
from fabric_assets.lineage.workspace import (
    NotebookFile,
    WorkspaceSource,
    build_catalog,
    read_folder,
)

_ARTIFACT = re.compile(r"-artifact\s+(\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE)
_CREATES = re.compile(r"\bCREATE\s+(?:OR\s+ALTER\s+)?(?:PROC|PROCEDURE|FUNCTION)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Lineage:
    """What the notebooks of a workspace read, write and call, and the graph that follows.

    Attributes:
        notebooks: each notebook, sorted by path.
        config: the configuration that it was made with.
    """

    notebooks: tuple[NotebookLineage, ...]
    config: LineageConfig

    @cached_property
    def graph(self) -> Graph:
        """Dependencies, cycles and races."""
        return build_graph(self.notebooks, allow=self.config.allow, ignore=self.config.ignore)

    def to_json(self) -> dict[str, Any]:
        """Notebooks, edges and races, as ``fabric-assets lineage --json`` prints them."""
        return {
            "notebooks": [notebook.to_json() for notebook in self.notebooks],
            "edges": [edge.to_json() for edge in self.graph.edges],
            "races": [race.to_json() for race in self.graph.races],
        }

    def mermaid(self) -> str:
        """The graph as a Mermaid flowchart."""
        return to_mermaid(self.graph)


def analyze_folder(
    folder: str | Path,
    config: LineageConfig | Mapping[str, Any] | None = None,
    *,
    cache_folder: str | Path | None = None,
) -> Lineage:
    """Find out what the notebooks below a folder read and write; nothing is executed.

    Args:
        folder: a folder in Fabric's Git format, items nested at any depth.
        config: writers, look-ups and rules (a mapping is the ``lineage`` section of the YAML).
        cache_folder: where results are kept for the next time; default: nowhere.

    Raises:
        FileNotFoundError: there is no such folder.
        NotADirectoryError: it is no folder.
        LineageConfigError: the configuration is wrong.

    Example:
        >>> lineage = analyze_folder("workspace")  # doctest: +SKIP
        >>> lineage.to_json()["edges"]  # doctest: +SKIP
        [{'upstream': 'Load_Sales', 'downstream': 'Report', 'table': 'curated.sales'}]
    """
    place = Path(folder)
    return analyze(read_folder(place), config, cache_folder=cache_folder, cache_name=str(place.resolve()))


def analyze(
    source: WorkspaceSource,
    config: LineageConfig | Mapping[str, Any] | None = None,
    *,
    cache_folder: str | Path | None = None,
    cache_name: str = "",
) -> Lineage:
    """Find out what the notebooks of a workspace read and write; nothing is executed.

    Args:
        source: the workspace's notebooks and lakehouses.
        config: writers, look-ups and rules.
        cache_folder: where results are kept for the next time; default: nowhere.
        cache_name: tells workspaces that share a cache folder apart.

    Raises:
        LineageConfigError: the configuration is wrong.
    """
    if not isinstance(config, LineageConfig):
        config = LineageConfig.from_mapping(config or {})
    cache = Cache(Path(cache_folder) if cache_folder is not None else None, cache_name)
    with _fewer_collections():
        run = _Run(source, config, cache)
        results = [run.result(file) for file in source.notebooks]
        cache.save()
        return Lineage(_canonical(results, run.catalog), config)


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Look for garbage less often: syntax trees are many small objects, half of the time would go into that."""
    former = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*former)


class _Run:
    """One analysis of a workspace. Sources are parsed only where the cache does not know their result."""

    def __init__(self, source: WorkspaceSource, config: LineageConfig, cache: Cache) -> None:
        self._config = config
        self._cache = cache
        self._notebooks = Notebooks(source.notebooks)
        self._hashes = {
            file.path: content_hash(file.name, file.path, file.workspace, file.data)
            for file in source.notebooks
        }
        self._headers = {file.path: self._header(file) for file in source.notebooks}
        attached = [
            (file.workspace, *entry) for file in source.notebooks for entry in self._headers[file.path][0]
        ]
        self.catalog = build_catalog(source, attached, config)
        self._notebooks.routines = routines = Routines([*source.sql, *self._created(source)])
        parts = (part for file in routines.sources for part in file)
        self._context = content_hash(_fingerprint(self.catalog, config), *parts)

    def _header(self, file: NotebookFile) -> list[Any]:
        """Default lakehouses and the notebooks of ``%run``: what others must know before the analysis."""
        key = self._hashes[file.path]
        header = self._cache.header(key)
        if header is None:
            header = _header_of(self._notebooks.parse(file))
            self._cache.put_header(key, header)
        return header

    def _created(self, source: WorkspaceSource) -> Iterator[SqlFile]:
        """The cells of notebooks that create procedures or functions, which others may call."""
        for file in source.notebooks:
            attached, _, _, cells = self._headers[file.path]
            default = (attached[0][1] or self.catalog.lakehouse(attached[0][0])) if attached else ""
            for number, (artifact, text) in enumerate(cells):
                place = f"{file.path}#{number}"
                yield SqlFile(artifact or default, place, text, file.workspace, has_views=False)

    def _key(self, file: NotebookFile) -> str:
        """Hash of everything that the result depends on: the notebook, what it includes, what is known around it."""
        seen: dict[str, str] = {}
        queue = [file]
        while queue:
            current = queue.pop()
            if current.path in seen:
                continue
            seen[current.path] = self._hashes[current.path]
            for name in self._headers[current.path][1]:
                found = self._notebooks.find(name, file.workspace)
                if found is not None:
                    queue.append(found)
                else:
                    seen[f"missing {name}"] = ""
        others = sorted(f"{path}={digest}" for path, digest in seen.items() if path != file.path)
        return content_hash(self._context, self._hashes[file.path], *others)

    def result(self, file: NotebookFile) -> Result:
        """The lineage of a notebook, from the cache or by analysis."""
        key = self._key(file)
        result = self._cache.result(key)
        if result is None:
            result = analyze_one(self._notebooks, file, self.catalog, self._config)
            self._cache.put_result(key, *result)
        return result


def _header_of(notebook: NotebookSource) -> list[Any]:
    from fabric_assets.lineage.magics import run_names

    attached = []
    default = notebook.default
    if default is not None:
        is_endpoint = notebook.kernel.startswith("sqldatawarehouse")
        kind = "warehouse" if default.is_warehouse else "endpoint" if is_endpoint else "lakehouse"
        attached.append([default.id, default.name, default.workspace_id, kind])
    included: list[str] = []
    for cell in notebook.cells:
        if cell.language == "python" and "%run" in cell.source:
            included += run_names(cell.source)
    creating = [
        [match[1].strip("\"'") if (match := _ARTIFACT.search(cell.magic)) else "", cell.source]
        for cell in notebook.cells
        if cell.language == "tsql" and not cell.is_frozen and _CREATES.search(cell.source)
    ]
    return [attached, included, notebook.kernel, creating]


def _fingerprint(catalog: Catalog, config: LineageConfig) -> str:
    values = {
        "items": sorted(repr(item) for item in catalog.items),
        "ids": sorted(catalog.names_by_id.items()),
        "home": sorted(catalog.home_names),
        "workspaces": sorted(catalog.workspace_names.items()),
        "lakehouses": sorted(catalog.lakehouse_names),
        "writers": [asdict(rule) for rule in config.writers],
        "lookups": [asdict(rule) for rule in config.lookups],
        "default": config.default_lakehouse,
    }
    return json.dumps(values, sort_keys=True)


def _canonical(
    results: list[tuple[NotebookLineage, Evidence]], catalog: Catalog
) -> tuple[NotebookLineage, ...]:
    schemas = {entry for _, evidence in results for entry in evidence}
    enabled = {(workspace, lakehouse) for workspace, lakehouse, _ in schemas}
    for item in catalog.items:
        key = (item.workspace, item.name.lower())
        if item.has_schemas:
            enabled.add(key)
        elif item.has_schemas is False:
            enabled.discard(key)
    known: dict[Table, Table] = {}
    aliases = Aliases(catalog, lambda table: canonical(table, enabled, schemas))

    def one(table: Table) -> Table:
        if table not in known:
            known[table] = aliases.behind(canonical(table, enabled, schemas))
        return known[table]

    notebooks = []
    for lineage, _ in results:
        accesses: dict[tuple[Table, str, bool], Access] = {}
        for access in lineage.accesses:
            table = one(access.table)
            entry = access if table == access.table else replace(access, table=table)
            accesses.setdefault((table, access.kind, access.replaces), entry)
        columns: dict[Table, dict[str, tuple[tuple[Table, str], ...]]] = {}
        for table, entries in lineage.column_lineage.items():
            merged = columns.setdefault(one(table), {})
            for name, pairs in entries.items():
                found = {(one(source), column) for source, column in (*merged.get(name, ()), *pairs)}
                merged[name] = tuple(sorted(found))
        notebooks.append(replace(lineage, accesses=tuple(accesses.values()), column_lineage=columns))
    return tuple(notebooks)
