"""The fields of ``FabricWorkspaceComponent``, as they are when templates are resolved.

What an importer writes is a part of it: these models extend those of ``fabric_assets.importers.project``.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from fabric_assets.asset_names import NameRules
from fabric_assets.client.compute import ComputeSettings
from fabric_assets.component.argument_settings import Argument, AssetElsewhere, Name
from fabric_assets.component.asset_values import check_asset_value, check_fields
from fabric_assets.component.partition_settings import BackfillSettings, PartitionSettings
from fabric_assets.component.table_settings import TableChecks
from fabric_assets.importers.project import NotebookDefaults, NotebookEntry
from fabric_assets.pipes.settings import PipesFiles
from fabric_assets.tables.names import LakehouseTable

Races = Literal["order", "pool", "report"]
AssetsFor = Literal["notebooks", "tables"]


def _regular_expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return text


RegularExpression = Annotated[str, StringConstraints(min_length=1), AfterValidator(_regular_expression)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DefaultSettings(NotebookDefaults):
    """What holds for every notebook that does not say otherwise.

    Attributes:
        group_name: group of the assets; unset: the notebook's folder in the workspace.
        kinds: shown as icons, at most three.
        owners: such as ``team:finance`` or ``ada@example.com``.
        tags: tags of the assets.
        pool: pool of Dagster, to limit how many run at once.
        session_tag: notebooks with the same tag share a Spark session.
        compute: environment, default lakehouse, Spark pool and settings, sizes.
        checks: ready-made checks of the tables that the notebooks load; they are left out where it is not known which
            table that is.
        pipes: whether the notebooks speak to Dagster with ``dagster-pipes`` while they run: ``true`` with the default
            lakehouse of ``compute``, else the settings of ``PipesFiles``.
        arguments: parameters for every notebook. One that takes the exit value of a notebook is not sent to that
            notebook itself, one that takes the partition is not sent to notebooks without partitions.
        partitions: partitions of the assets; arguments tell a notebook which one it is to load.
        backfill_policy: how a backfill is cut into runs; unset: one run for each partition.
    """

    arguments: dict[str, Argument] = Field(default={})  # type: ignore[assignment] # more forms than importers write
    group_name: str | None = None
    kinds: list[str] | None = None
    owners: list[str] = Field(default=[])
    tags: dict[str, str] = Field(default={})
    pool: str | None = None
    session_tag: str | None = None
    compute: ComputeSettings | None = None
    checks: TableChecks | None = None
    pipes: bool | PipesFiles = False
    partitions: PartitionSettings | None = None
    backfill_policy: BackfillSettings | None = None

    @field_validator("group_name", "kinds", "owners", "tags", "pool")
    @classmethod
    def _as_dagster_has_it(cls, value: Any, info: ValidationInfo) -> Any:
        return check_asset_value(str(info.field_name), value)


class NotebookSettings(NotebookEntry):
    """One notebook with one set of arguments: one asset. What is unset comes from ``defaults``.

    Attributes:
        name: key of the asset, ``/`` between its parts; unset: made from the notebook's name.
        group_name: group of the asset.
        kinds: shown as icons, at most three.
        owners: such as ``team:finance`` or ``ada@example.com``.
        tags: tags of the asset, added to those of ``defaults``.
        compute: replaces the ``compute`` of ``defaults``.
        assets: ``notebooks``: one asset; ``tables``: one asset for each table that it writes.
        table: the lakehouse table that it loads, such as ``Curated.dim_store``: each materialization tells its rows,
            columns, size and version. Unset: with ``read_tables``, or for checks, the one that its source writes.
        checks: replaces the ``checks`` of ``defaults``; ``false``: none.
        pipes: replaces the ``pipes`` of ``defaults``; ``false``: it does not speak.
        deps: notebooks, assets or tables that must be materialized before; ``{asset: KEY}`` for assets of other
            definitions or code locations.
        arguments: name of a parameter to its value, or to where the value comes from.
        partitions: replaces the ``partitions`` of ``defaults``; ``false``: none.
        backfill_policy: replaces the ``backfill_policy`` of ``defaults``.
    """

    deps: list[str | AssetElsewhere] = Field(default=[])  # type: ignore[assignment] # more forms, too
    arguments: dict[str, Argument] = Field(default={})  # type: ignore[assignment] # more forms than importers write
    group_name: str | None = None
    kinds: list[str] | None = None
    owners: list[str] | None = None
    tags: dict[str, str] = Field(default={})
    compute: ComputeSettings | None = None
    assets: AssetsFor | None = None
    table: Name | None = None
    checks: TableChecks | Literal[False] | None = None
    pipes: bool | PipesFiles | None = None
    partitions: PartitionSettings | Literal[False] | None = None
    backfill_policy: BackfillSettings | None = None

    @field_validator("table")
    @classmethod
    def _name_of_table(cls, value: str | None) -> str | None:
        return value if value is None else str(LakehouseTable.parse(value))

    @field_validator("name", "group_name", "kinds", "owners", "tags", "pool")
    @classmethod
    def _as_dagster_has_it(cls, value: Any, info: ValidationInfo) -> Any:
        return check_asset_value(str(info.field_name), value)


class KeyPattern(_Model):
    """Makes keys from the names of notebooks.

    Attributes:
        notebook: regular expression that the notebook's whole name must match.
        key: the key, with the groups of ``notebook`` in braces, ``/`` between its parts.
    """

    notebook: RegularExpression
    key: Name

    @field_validator("key")
    @classmethod
    def _of_groups(cls, value: str, info: ValidationInfo) -> str:
        return check_fields(value, info.data.get("notebook"))


class KeySettings(_Model):
    """How keys of assets are made from the names of notebooks.

    Attributes:
        prefixes: beginnings that are left out of a key, such as ``AquaVilla_``.
        verbs: words that are left out with everything before them: ``Sales_LoadDimStore`` becomes ``DimStore``.
        patterns: the first one that matches decides.
        key_prefix: parts in front of every key.
    """

    prefixes: list[str] = []
    verbs: list[str] = ["load"]
    patterns: list[KeyPattern] = []
    key_prefix: list[str] = []

    @field_validator("key_prefix")
    @classmethod
    def _as_dagster_has_it(cls, value: list[str]) -> Any:
        return check_asset_value("key_prefix", value)

    def rules(self) -> NameRules:
        """The rules."""
        patterns = [(pattern.notebook, pattern.key) for pattern in self.patterns]
        return NameRules(self.prefixes, self.verbs, patterns, self.key_prefix)


class WriterEntry(_Model):
    """Calls of a function write a table.

    Attributes:
        call: name of the function.
        table: name or path of the table, with arguments of the call in braces.
    """

    call: Name
    table: Name

    @field_validator("table")
    @classmethod
    def _of_arguments(cls, value: str) -> str:
        return check_fields(value)


class LookupEntry(_Model):
    """Calls of a function read a table for each column of the dataframe that they get.

    Attributes:
        call: name of the function.
        column: regular expression that a column's whole name must match.
        table: name or path of the table, with the groups of ``column`` in braces.
    """

    call: Name
    column: RegularExpression
    table: Name

    @field_validator("table")
    @classmethod
    def _of_groups(cls, value: str, info: ValidationInfo) -> str:
        return check_fields(value, info.data.get("column"), by_number=False)


class IgnoreEntry(_Model):
    """A dependency that is left out, to break a cycle.

    Attributes:
        upstream: notebook that writes; empty: any.
        downstream: notebook that reads; empty: any.
        table: the table as ``fabric-assets lineage`` shows it; empty: any.
    """

    upstream: str = ""
    downstream: str = ""
    table: str = ""

    @model_validator(mode="after")
    def _not_all(self) -> Self:
        if not (self.upstream or self.downstream or self.table):
            raise ValueError(
                "this would leave out every dependency: name `upstream`, `downstream` or `table`"
            )
        return self


class AllowEntry(_Model):
    """A race that is accepted.

    Attributes:
        reason: why it does no harm.
        table: the table as ``fabric-assets lineage`` shows it; empty: any.
        notebooks: the notebooks; empty: any. The race must be between these only.
    """

    reason: Name
    table: str = ""
    notebooks: list[str] = []


class LineageSettings(_Model):
    """What the notebooks' source does not say itself.

    Attributes:
        writers: functions that write tables.
        lookups: functions that read tables by convention.
        ignore: dependencies to leave out, to break cycles.
        allow: races to accept.
        workspace: names and ids of the workspace, as they occur in paths.
        workspaces: names of other workspaces by GUID.
        lakehouses: names of lakehouses by GUID.
        default_lakehouse: default lakehouse of notebooks that have none.
    """

    writers: list[WriterEntry] = []
    lookups: list[LookupEntry] = []
    ignore: list[IgnoreEntry] = []
    allow: list[AllowEntry] = []
    workspace: list[str] | str = []
    workspaces: dict[str, str] = {}
    lakehouses: dict[str, str] = {}
    default_lakehouse: str = ""


class JobSettings(_Model):
    """A job that runs some of the assets.

    Attributes:
        notebooks: entries, notebooks or assets that belong to it, also by patterns of names (`Load_*`) or paths
            (`Dimensions/*`).
        max_concurrent: how many of them run at once at most; unset: no limit but the executor's.
        max_runtime_seconds: after this the run is ended.
        tags: tags of its runs.
        description: shown in the UI.
    """

    notebooks: list[Name] = Field(min_length=1)
    max_concurrent: int | None = Field(default=None, ge=1)
    max_runtime_seconds: float | None = Field(default=None, gt=0)
    tags: dict[str, str] = {}
    description: str | None = None
