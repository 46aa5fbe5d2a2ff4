"""The component: a workspace's notebooks as assets, in one YAML."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from dagster.components import DefsStateConfig, DefsStateConfigArgs
from pydantic import BaseModel, BeforeValidator, Field, PrivateAttr

from fabric_assets.component.asset_graph import GraphSettings, build_definitions
from fabric_assets.component.connection_settings import (
    ConnectionSettings,
    component_resource,
    notebook_url,
)
from fabric_assets.component.entries import select
from fabric_assets.component.log import log
from fabric_assets.component.scaffolder import FabricWorkspaceScaffolder
from fabric_assets.component.settings import (
    AssetsFor,
    DefaultSettings,
    JobSettings,
    KeySettings,
    LineageSettings,
    NotebookSettings,
    Races,
)
from fabric_assets.component.templates import Places, refuse_double_keys, resolve_attributes, yaml_model
from fabric_assets.job_asset import RESOURCE_KEY
from fabric_assets.lineage import Lineage, LineageConfig, LineageConfigError
from fabric_assets.lineage.stale_rules import stale_rules
from fabric_assets.live_workspace import LiveWorkspace, StateError, fetch_workspace
from fabric_assets.notebook_lineage import lineage_of_folder, lineage_of_live, seed_cache
from fabric_assets.translator import NotebookTranslator

LIVE = "live"
_NO_REFRESH = DefsStateConfigArgs(
    management_type=DefsStateConfigArgs.local_filesystem().management_type, refresh_if_dev=False
)


def _unset(value: Any) -> Any:
    """What is left empty in YAML (``Load_X:``) has no settings of its own."""
    return {} if value is None else value


@dg.scaffold_with(FabricWorkspaceScaffolder)
class FabricWorkspaceComponent(dg.StateBackedComponent, dg.Model, dg.Resolvable):
    """The notebooks of a Fabric workspace as assets: what they read and write, their order and their races.

    The notebooks' own source says which tables they read and write. A notebook that writes tables is an asset; it
    depends on the notebooks that write what it reads. A notebook that only calls others is a job.

    Example::

        type: fabric_assets.FabricWorkspaceComponent
        attributes:
          workspace: "{{ env.FABRIC_WORKSPACE_ID }}"
          source: ./workspace
          include: ["Load_*"]
          defaults: {retry: 1, retry_interval_seconds: 10, timeout_seconds: 300, arguments: {recreate: false}}
          notebooks:
            Load_FactSales: {deps: [DimStore], timeout_seconds: 3600}

    To name assets another way, override ``get_translator`` in a class of your own, and name that class as ``type``.
    """

    workspace: str | None = Field(
        default=None,
        description="Workspace that the notebooks run in, display name or GUID. Unset: FABRIC_WORKSPACE_ID, else the "
        "embedded local Fabric.",
    )
    source: str | None = Field(
        default=None,
        description="Where the notebooks' source is: a folder in Fabric's Git format, as seen from this file, or "
        "`live`: the workspace itself, read by `dg utils refresh-defs-state`. Unset: `notebooks` names all.",
    )
    include: list[str] = Field(
        default=[],
        description="Notebooks to take, by patterns of names (`Load_*`) or paths (`Dimensions/*`). Unset: all.",
    )
    exclude: list[str] = Field(default=[], description="Notebooks to leave out, by patterns as in `include`.")
    defaults: DefaultSettings = Field(
        default=DefaultSettings(), description="What holds for every notebook that does not say otherwise."
    )
    notebooks: dict[str, Annotated[NotebookSettings, BeforeValidator(_unset)]] = Field(
        default={},
        description="What holds for single notebooks, by display name; each named one is an asset.",
    )
    jobs: dict[str, JobSettings] = Field(
        default={}, description="Jobs by name, beside those that notebooks are which only call others."
    )
    lineage: LineageSettings = Field(
        default=LineageSettings(), description="What the notebooks' source does not say itself."
    )
    races: Races = Field(
        default="pool",
        description="What becomes of notebooks that write one table with no order between them. `pool`: they share a "
        "pool of one, `order`: one waits for the other, `report`: a warning.",
    )
    assets: AssetsFor = Field(
        default="notebooks",
        description="`notebooks`: one asset for each notebook; `tables`: one for each table that it writes.",
    )
    external_tables: bool = Field(
        default=True,
        description="Whether tables that no notebook here writes are declared as external assets.",
    )
    read_tables: bool = Field(
        default=False,
        description="Whether materializations tell rows, columns, size and version of the tables that notebooks write, "
        "from their Delta logs. Needs the extra `tables` and an identity that may read OneLake.",
    )
    keys: KeySettings = Field(
        default=KeySettings(), description="How keys of assets are made from the names of notebooks."
    )
    resource: str | None = Field(
        default=None,
        description="Key of a FabricResource of the code location to use. Unset: the component has its own.",
    )
    connection: ConnectionSettings = Field(
        default_factory=ConnectionSettings,
        description="Fields of the component's own FabricResource, such as `capacity`.",
    )
    defs_state: DefsStateConfigArgs = Field(
        default=_NO_REFRESH,
        description="Where the definitions of the notebooks are kept, for `source: live`. With `refresh_if_dev`, "
        "`dagster dev` reads them anew when it loads the code location.",
    )

    _where: Places = PrivateAttr(default_factory=Places)
    _folder: Path | None = PrivateAttr(default=None)

    @classmethod
    def model(cls) -> type[BaseModel]:
        """The model of the YAML, of which the JSON schema is made."""
        return yaml_model(cls)

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: Any) -> "FabricWorkspaceComponent":
        """The component from its YAML; remembers where each key stands, for errors."""
        refuse_double_keys(context)
        component = cls(**resolve_attributes(cls, context, model))
        component._where = Places.of(context)
        component._refuse_unclear()
        if component.source and component.source != LIVE:
            component._folder = context.resolve_source_relative_path(component.source)
        return component

    def _refuse_unclear(self) -> None:
        if self.source is not None and not self.source.strip():
            raise dg.DagsterInvalidDefinitionError(
                f"{self._where('source')}: it is empty; name a folder, or `live`"
            )
        if self.resource and self.connection.model_fields_set:
            raise dg.DagsterInvalidDefinitionError(
                f"{self._where('connection')}: with `resource: {self.resource}` it would not count; configure that "
                "resource, or take `resource` away"
            )
        if self.source is None and not self.notebooks:
            log.warning(
                "%s: neither `source` nor `notebooks` names a notebook, so there are no assets", self._where()
            )

    @property
    def defs_state_config(self) -> DefsStateConfig:
        """Where the definitions of a live workspace's notebooks are kept."""
        default_key = f"{type(self).__name__}[{self.workspace or 'local'}]"
        return DefsStateConfig.from_args(self.defs_state, default_key=default_key)

    def get_translator(self) -> NotebookTranslator:
        """What names the assets; override it to return one of your own."""
        return NotebookTranslator(self.keys.rules())

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The definitions; no request is made."""
        if self.source == LIVE:
            return super().build_defs(context)
        return self.build_defs_from_state(context, None)

    def build_defs_from_state(
        self, context: dg.ComponentLoadContext, state_path: Path | None
    ) -> dg.Definitions:
        """The definitions from the notebooks' source.

        Args:
            context: where the component is loaded.
            state_path: what ``write_state_to_path`` wrote, for ``source: live``.

        Raises:
            dagster.DagsterInvalidDefinitionError: the configuration does not fit the notebooks.
        """
        live: LiveWorkspace | None = None
        if self.source == LIVE:
            live = self._read_state(state_path)
            if live is None:
                return dg.Definitions()
        lineage = self._lineage(live)
        if lineage is not None:
            self._tell_oddities(lineage)
        key, resource = (
            (self.resource, None) if self.resource else component_resource(self.workspace, self.connection)
        )
        definitions = self.definitions_of(lineage, self._where, live=live, resource_key=key or RESOURCE_KEY)
        if resource is None:
            return definitions
        return dg.Definitions.merge(definitions, dg.Definitions(resources={key: resource}))

    def definitions_of(
        self,
        lineage: Lineage | None,
        where: Places,
        *,
        live: LiveWorkspace | None = None,
        resource_key: str = RESOURCE_KEY,
    ) -> dg.Definitions:
        """The assets, checks and jobs of notebooks, without the resource that runs them.

        Args:
            lineage: the notebooks, ``None`` if no source is known.
            where: places in the configuration, for errors.
            live: the workspace, if that is where they come from.
            resource_key: key of the ``FabricResource``.

        Raises:
            dagster.DagsterInvalidDefinitionError: the configuration does not fit the notebooks.
        """
        graph = lineage.graph if lineage else None
        selection = select(
            graph, notebooks=self.notebooks, include=self.include, exclude=self.exclude, where=where
        )
        settings = GraphSettings(
            defaults=self.defaults,
            jobs=self.jobs,
            assets=self.assets,
            races=self.races,
            translator=self.get_translator(),
            resource_key=resource_key,
            workspace=self.workspace if self.resource else None,
            folder=self._source_folder(),
            url=self._urls(live),
            external_tables=self.external_tables,
            read_tables=self.read_tables,
            where=where,
        )
        return build_definitions(graph, selection, settings)

    def write_state_to_path(self, state_path: Path) -> None:
        """Read the workspace's notebooks over the API (``source: live``) and keep them.

        Raises:
            FabricError: the workspace cannot be read.
        """
        if self.source != LIVE:
            self._lineage(None)  # so that the next load finds the results
            state_path.write_text("{}", encoding="utf-8")
            return
        _, resource = component_resource(self.workspace, self.connection)
        connection = resource.connection()
        assert connection is not None  # noqa: S101 -- with start_local it is never None
        live = asyncio.run(fetch_workspace(connection))
        with tempfile.TemporaryDirectory() as folder:
            lineage_of_live(live, self._lineage_config(), Path(folder))
            results = {file.name: file.read_text(encoding="utf-8") for file in Path(folder).glob("*.json")}
        state_path.write_text(live.to_text(results), encoding="utf-8")

    def _read_state(self, state_path: Path | None) -> LiveWorkspace | None:
        how = f"`dg utils refresh-defs-state --defs-state-key '{self.defs_state_config.key}'` reads them"
        if state_path is None:
            log.warning(
                "%s: the notebooks of the workspace were not read yet, so there are no assets of them; %s",
                self._where("source"),
                how,
            )
            return None
        try:
            live, cache = LiveWorkspace.from_text(state_path.read_text(encoding="utf-8"))
        except StateError as error:
            log.warning(
                "%s: what is kept of the workspace is of no use: %s; %s", self._where("source"), error, how
            )
            return None
        seed_cache(cache)
        return live

    def _lineage(self, live: LiveWorkspace | None) -> Lineage | None:
        folder = self._source_folder()
        if live is not None:
            return lineage_of_live(live, self._lineage_config())
        if folder is None:
            return None
        try:
            return lineage_of_folder(folder, self._lineage_config())
        except OSError as error:
            raise dg.DagsterInvalidDefinitionError(f"{self._where('source')}: {error}") from error

    def _lineage_config(self) -> LineageConfig:
        try:
            config = LineageConfig.from_mapping(self.lineage.model_dump())
        except LineageConfigError as error:
            raise dg.DagsterInvalidDefinitionError(f"{self._where('lineage')}: {error}") from error
        return config

    def _tell_oddities(self, lineage: Lineage) -> None:
        if not lineage.notebooks:
            log.warning(
                "%s: there is no notebook; a folder should hold folders such as `Load_Sales.Notebook`, at any depth",
                self._where("source"),
            )
        for section, number, problem in stale_rules(lineage.notebooks, lineage.config):
            log.warning("%s: %s", self._where("lineage", section, number), problem)

    def _source_folder(self) -> Path | None:
        if self.source is None or self.source == LIVE:
            return None
        return self._folder or Path(self.source).absolute()

    def _urls(self, live: LiveWorkspace | None) -> Callable[[str], str | None]:
        def url(notebook: str) -> str | None:
            if live is None or notebook not in live.notebook_ids or live.is_local:
                return None
            return notebook_url(live.id, live.notebook_ids[notebook], self.connection)

        return url
