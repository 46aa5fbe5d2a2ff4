"""From the lineage and the configuration to Dagster's definitions: assets, tables from elsewhere, jobs."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg

from fabric_assets.asset_factory import notebook_asset
from fabric_assets.client.compute import ComputeSettings
from fabric_assets.component.dependencies import Names, connect, refuse_cycle
from fabric_assets.component.entries import Entry, Selection
from fabric_assets.component.entry_arguments import ArgumentReader
from fabric_assets.component.entry_partitions import EntryPartitions, partitions_of, tell_untold
from fabric_assets.component.jobs import build_jobs, members_of_jobs
from fabric_assets.component.loaded_tables import checks_of, lakehouse_table, loaded_table
from fabric_assets.component.race_rules import RaceMeasures, resolve_races
from fabric_assets.component.settings import AssetsFor, DefaultSettings, JobSettings, Races
from fabric_assets.component.table_metadata import Producers, notebook_metadata, table_metadata
from fabric_assets.component.templates import Places
from fabric_assets.lineage import Graph, Table
from fabric_assets.notebook_patterns import folders
from fabric_assets.tables.names import table_definition
from fabric_assets.translator import NotebookData, NotebookTranslator


@dataclass(frozen=True)
class GraphSettings:
    """What the graph is built with.

    Attributes:
        defaults: what holds for every entry.
        jobs: the configured jobs.
        assets: one asset for a notebook, or for each of its tables.
        races: what is done about races.
        translator: names the assets.
        resource_key: key of the ``FabricResource``.
        workspace: workspace of notebooks that name none; ``None``: the resource's.
        folder: folder of the notebooks' sources, ``None`` if they are in none.
        url: gives the link to a notebook.
        external_tables: whether tables from elsewhere are declared.
        read_tables: whether materializations tell of the tables that notebooks write.
        where: places in the configuration, for errors.
    """

    defaults: DefaultSettings
    jobs: Mapping[str, JobSettings]
    assets: AssetsFor
    races: Races
    translator: NotebookTranslator
    resource_key: str
    workspace: str | None
    folder: Path | None
    url: Callable[[str], str | None]
    external_tables: bool
    read_tables: bool
    where: Places


def build_definitions(graph: Graph | None, selection: Selection, settings: GraphSettings) -> dg.Definitions:
    """The assets of the notebooks, the tables that they read from elsewhere, and the jobs.

    Args:
        graph: the lineage, ``None`` if no source is known.
        selection: which notebooks become assets or jobs.
        settings: what the configuration says.

    Raises:
        dagster.DagsterInvalidDefinitionError: two notebooks have the same key, or notebooks wait for each other.
    """
    return _Builder(graph, selection, settings).definitions()


class _Builder:
    def __init__(self, graph: Graph | None, selection: Selection, settings: GraphSettings) -> None:
        self._graph = graph
        self._entries = selection.entries
        self._settings = settings
        self._table_specs: dict[Table, dg.AssetSpec] = {}
        self._names_of_tables: dict[str, tuple[dg.AssetKey, Sequence[str]]] | None = None
        self._specs = {entry.key: self._spec(entry) for entry in self._entries}
        self._tables = {entry.key: self._own_tables(entry) for entry in self._entries}
        self._keys = {entry.key: self._asset_keys(entry) for entry in self._entries}
        self._refuse_same_keys()
        self._names = Names(self._entries, self._keys)
        self._partitions = {
            entry.key: found for entry in self._entries if (found := self._find_partitions(entry))
        }
        reader = ArgumentReader(settings.defaults, self._names, self._keys, self._partitions, settings.where)
        arguments = {entry.key: reader.read(entry) for entry in self._entries}
        self._arguments = {key: each.values for key, each in arguments.items()}
        exit_values = {key: each.waits_for for key, each in arguments.items()}
        self._producers = self._find_producers()
        self._dependencies = connect(
            graph, self._entries, self._names, self._table_names, exit_values, settings.where
        )
        self._jobs = members_of_jobs(settings.jobs, selection, self._names, settings.where)
        self._measures = self._resolve_races()
        refuse_cycle(self._dependencies, settings.where)
        self._waits = self._dependencies.waits()

    def definitions(self) -> dg.Definitions:
        made = {entry.key: self._checked_asset(entry) for entry in self._entries}
        assets: list[Any] = list(made.values())
        checks = [check for entry in self._entries for check in self._checks(entry, made[entry.key])]
        external = self._external_tables() if self._settings.external_tables else []
        partitions = {key: found.definition for key, found in self._partitions.items()}
        jobs = build_jobs(self._jobs, self._keys, self._settings.jobs, partitions, self._settings.where)
        pipes = {entry.key: bool(self._value(entry, "pipes")) for entry in self._entries}
        tell_untold(self._entries, self._partitions, self._arguments, pipes)
        return dg.Definitions(assets=[*assets, *external], asset_checks=checks, jobs=jobs)

    # Keys

    def _spec(self, entry: Entry) -> dg.AssetSpec:
        lineage = entry.lineage
        folder = self._settings.folder
        data = NotebookData(
            name=entry.key if entry.settings.notebook or lineage is None else lineage.name,
            folder=folders(lineage) if lineage else (),
            lineage=lineage,
            file=folder / lineage.path if folder and lineage else None,
            url=self._settings.url(entry.notebook),
        )
        spec = self._settings.translator.get_asset_spec(data)
        if entry.settings.name:
            spec = spec.replace_attributes(key=dg.AssetKey.from_user_string(entry.settings.name))
        metadata = {**notebook_metadata(data), **spec.metadata}
        return spec.merge_attributes(metadata=metadata)

    def _own_tables(self, entry: Entry) -> dict[Table, dg.AssetKey]:
        """Assets of the tables of a notebook that has one for each."""
        per_table = (entry.settings.assets or self._settings.assets) == "tables"
        if not per_table or entry.lineage is None:
            return {}
        return {table: self._settings.translator.get_table_spec(table).key for table in entry.lineage.writes}

    def _asset_keys(self, entry: Entry) -> list[dg.AssetKey]:
        return list(self._tables[entry.key].values()) or [self._specs[entry.key].key]

    def _refuse_same_keys(self) -> None:
        seen: dict[dg.AssetKey, Entry] = {}
        for entry in self._entries:
            for key in self._keys[entry.key]:
                other = seen.setdefault(key, entry)
                if other is not entry:
                    self._refuse_same_key(key, other, entry)

    def _refuse_same_key(self, key: dg.AssetKey, first: Entry, second: Entry) -> None:
        where = self._settings.where("notebooks", second.key)
        advice = (
            f"Give one of them another: `notebooks: {{{second.key}: {{name: ...}}}}`, or configure `keys`."
        )
        if self._tables[second.key]:
            advice = f"Both write it: set `notebooks: {{{second.key}: {{assets: notebooks}}}}`, or exclude one of them."
        raise dg.DagsterInvalidDefinitionError(
            f"{where}: the notebooks {_described(first)} and {_described(second)} both have the asset key "
            f"{key.to_user_string()}. {advice}"
        )

    def _find_partitions(self, entry: Entry) -> EntryPartitions | None:
        tables = map(self._table_spec, self._tables[entry.key])
        specs = [self._specs[entry.key], *tables]
        return partitions_of(entry, specs, self._settings.defaults, self._settings.where)

    # Order

    def _resolve_races(self) -> RaceMeasures:
        if self._graph is None:
            return RaceMeasures()
        pools = {entry.key: pool for entry in self._entries if (pool := self._pool(entry))}
        return resolve_races(
            self._graph, self._entries, self._dependencies, self._jobs, self._settings.races, pools
        )

    def _find_producers(self) -> Producers:
        producers: Producers = defaultdict(list)
        for entry in self._entries:
            for table in entry.lineage.writes if entry.lineage else ():
                producers[table].append(self._tables[entry.key].get(table) or self._specs[entry.key].key)
        return producers

    def _upstream(self, entry: Entry) -> list[dg.AssetKey]:
        """Assets and tables from elsewhere that an entry waits for, sorted."""
        found: set[dg.AssetKey] = set(self._dependencies.elsewhere.get(entry.key, ()))
        for upstream in self._waits.get(entry.key, ()):
            tables = self._dependencies.tables.get((upstream, entry.key), [])
            own = self._tables[upstream]
            if own and (upstream, entry.key) not in self._dependencies.configured:
                found |= {own[table] for table in tables if table in own}
            else:
                found |= set(self._keys[upstream])
        found |= {self._table_key(table) for table in self._foreign(entry)}
        return sorted(found - set(self._keys[entry.key]))

    def _deps(self, entry: Entry, *specs: dg.AssetSpec) -> list[dg.AssetDep]:
        """What the translator's specs wait for, and what follows from the lineage and the configuration."""
        found = {dep.asset_key: dep for spec in specs for dep in spec.deps}
        for key in self._upstream(entry):
            found.setdefault(key, dg.AssetDep(key))
        return list(found.values())

    def _table_names(self) -> Mapping[str, tuple[dg.AssetKey, Sequence[str]]]:
        """Each table of the lineage by its name and its key: its key, and the entries that write it."""
        if self._names_of_tables is None:
            writers: dict[Table, list[str]] = defaultdict(list)
            for entry in self._entries:
                for table in entry.lineage.writes if entry.lineage else ():
                    writers[table].append(entry.key)
            lineages = self._graph.notebooks.values() if self._graph else ()
            tables = sorted({table for each in lineages for table in (*each.reads, *each.writes)})
            keys = {table: self._table_key(table) for table in tables}
            self._names_of_tables = {
                name: (key, writers[table])
                for table, key in keys.items()
                for name in (key.to_user_string(), str(table))
            }
        return self._names_of_tables

    def _foreign(self, entry: Entry) -> list[Table]:
        return [
            table for table in (entry.lineage.reads if entry.lineage else ()) if table not in self._producers
        ]

    def _table_spec(self, table: Table) -> dg.AssetSpec:
        if table not in self._table_specs:
            self._table_specs[table] = self._settings.translator.get_table_spec(table)
        return self._table_specs[table]

    def _table_key(self, table: Table) -> dg.AssetKey:
        return self._table_spec(table).key

    def _external_tables(self) -> list[dg.AssetSpec]:
        taken = {key for keys in self._keys.values() for key in keys}
        writers = self._writers()
        specs: dict[dg.AssetKey, dg.AssetSpec] = {}
        for table in sorted({table for entry in self._entries for table in self._foreign(entry)}):
            spec = self._table_spec(table)
            if spec.key in taken:
                continue
            changes: dict[str, Any] = {"metadata": {**spec.metadata, "dagster/table_name": str(table)}}
            if table in writers and not spec.description:
                changes["description"] = f"Written by {', '.join(writers[table])}, which is no asset here."
            specs.setdefault(spec.key, spec.replace_attributes(**changes))
        return list(specs.values())

    def _writers(self) -> dict[Table, list[str]]:
        """All notebooks that write a table, assets or not."""
        writers: dict[Table, list[str]] = defaultdict(list)
        for name, lineage in self._graph.notebooks.items() if self._graph else ():
            for table in lineage.writes:
                writers[table].append(name)
        return writers

    # Assets

    def _checked_asset(self, entry: Entry) -> dg.AssetsDefinition:
        try:
            return self._asset(entry)
        except dg.DagsterInvalidDefinitionError as error:
            place = self._settings.where("notebooks", entry.key)
            raise dg.DagsterInvalidDefinitionError(f"{place}: {error}") from error

    def _asset(self, entry: Entry) -> dg.AssetsDefinition:
        spec = self._described_spec(entry)
        reads = self._reads_tables(entry)
        tables = self._tables[entry.key]
        partitions = self._partitions.get(entry.key)
        return notebook_asset(
            spec.key,
            notebook=entry.notebook,
            workspace=self._workspace(entry),
            deps=self._deps(entry, spec),
            arguments=self._arguments[entry.key],
            retry=self._value(entry, "retry"),
            retry_interval_seconds=self._value(entry, "retry_interval_seconds"),
            timeout_seconds=self._value(entry, "timeout_seconds"),
            compute=self._compute(entry),
            description=spec.description,
            group_name=spec.group_name,
            owners=spec.owners,
            tags=_without_kinds(spec.tags),
            kinds=spec.kinds,
            metadata=spec.metadata,
            partitions_def=partitions.definition if partitions else None,
            backfill_policy=partitions.backfill_policy if partitions else None,
            pool=self._measures.pools.get(entry.key) or self._pool(entry),
            automation_condition=spec.automation_condition,
            freshness_policy=spec.freshness_policy,
            code_version=spec.code_version,
            table=loaded_table(entry) if reads and not tables else None,
            tables=[self._written_table(entry, table, spec, reads) for table in tables],
            pipes=self._value(entry, "pipes"),
            resource_key=self._settings.resource_key,
        )

    def _described_spec(self, entry: Entry) -> dg.AssetSpec:
        """What the translator said, and the configuration over it."""
        own, defaults = entry.settings, self._settings.defaults
        spec = self._specs[entry.key]
        kinds = self._configured_kinds(entry)
        changes: dict[str, Any] = {
            "tags": {**_without_kinds(spec.tags), **defaults.tags, **own.tags},
            "kinds": set(kinds) if kinds is not None else spec.kinds,
        }
        if group := own.group_name or defaults.group_name:
            changes["group_name"] = group
        if own.description:
            changes["description"] = own.description
        owners = own.owners if own.owners is not None else defaults.owners
        if owners:
            changes["owners"] = owners
        metadata = {**spec.metadata, **table_metadata(entry.lineage, self._producers, self._table_key)}
        if own.timeout_per_cell_seconds is not None:
            metadata["fabric/timeout_per_cell_seconds"] = own.timeout_per_cell_seconds
        if races := self._measures.reported.get(entry.key):
            metadata["fabric/races"] = sorted(set(races))
        return spec.replace_attributes(**changes, metadata=metadata)

    def _configured_kinds(self, entry: Entry) -> list[str] | None:
        own = entry.settings.kinds
        return own if own is not None else self._settings.defaults.kinds

    def _reads_tables(self, entry: Entry) -> bool:
        checks = self._settings.defaults.checks if entry.settings.checks is None else entry.settings.checks
        if checks and checks.need_table:
            return True
        return self._settings.read_tables or entry.settings.table is not None

    def _checks(self, entry: Entry, asset: dg.AssetsDefinition) -> list[dg.AssetChecksDefinition]:
        settings = self._settings
        return checks_of(entry, asset, settings.defaults.checks, settings.resource_key, settings.where)

    def _written_table(self, entry: Entry, table: Table, notebook: dg.AssetSpec, reads: bool) -> dg.AssetSpec:
        spec = self._table_spec(table)
        known = table_definition(lakehouse_table(entry, table), entry.key) if reads else {}
        about = table_metadata(entry.lineage, self._producers, self._table_key, only=table)
        kinds = self._configured_kinds(entry)
        group = entry.settings.group_name or self._settings.defaults.group_name
        return spec.replace_attributes(
            description=spec.description
            or notebook.description
            or f"Written by the Fabric notebook {entry.notebook}.",
            group_name=group or spec.group_name,
            owners=[*spec.owners, *notebook.owners],
            tags=_without_kinds(spec.tags),
            kinds=set(kinds) if kinds is not None else spec.kinds,
            metadata={**about, **known, **spec.metadata},
            # All tables of a notebook have those of the entry.
            partitions_def=None,
        )

    def _value(self, entry: Entry, name: str) -> Any:
        chosen = entry.settings if name in entry.settings.model_fields_set else self._settings.defaults
        value = getattr(chosen, name)
        return (
            getattr(self._settings.defaults, name) if value is None and name != "timeout_seconds" else value
        )

    def _pool(self, entry: Entry) -> str | None:
        return entry.settings.pool or self._settings.defaults.pool

    def _workspace(self, entry: Entry) -> str | None:
        of_source = entry.lineage.workspace if entry.lineage else ""
        return entry.settings.workspace or of_source or self._settings.workspace

    def _compute(self, entry: Entry) -> ComputeSettings | None:
        compute = entry.settings.compute or self._settings.defaults.compute
        tag = entry.settings.session_tag or self._settings.defaults.session_tag
        return replace(compute or ComputeSettings(), session_tag=tag) if tag else compute


def _without_kinds(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags without those that kinds are kept as."""
    return {key: value for key, value in tags.items() if not key.startswith("dagster/kind/")}


def _described(entry: Entry) -> str:
    place = f" ({entry.lineage.path})" if entry.lineage else ""
    return f"{entry.key!r}{place}"
