"""Which table of a lakehouse an asset is, so that it can be read: for row counts, and for checks."""

import dagster as dg

from fabric_assets.component.entries import Entry
from fabric_assets.component.table_settings import TableChecks
from fabric_assets.component.templates import Places
from fabric_assets.lineage import Table
from fabric_assets.tables.checks import build_table_checks
from fabric_assets.tables.names import LakehouseTable, table_of

_WAREHOUSE_KERNELS = ("sqldatawarehouse",)


def lakehouse_table(entry: Entry, table: Table) -> LakehouseTable | None:
    """The table that a notebook writes, if it is one of a lakehouse and its whole name is known."""
    writes_to_warehouse = entry.lineage is not None and entry.lineage.kernel in _WAREHOUSE_KERNELS
    if not table.lakehouse or writes_to_warehouse:
        return None
    try:
        return LakehouseTable(table.name, table.lakehouse, table.schema or None, table.workspace or None)
    except ValueError:
        return None


def loaded_table(entry: Entry) -> LakehouseTable | None:
    """The table that a notebook loads: the configured one, else the only one that its source writes."""
    if entry.settings.table is not None:
        return LakehouseTable.parse(entry.settings.table)
    writes = entry.lineage.writes if entry.lineage else ()
    return lakehouse_table(entry, writes[0]) if len(writes) == 1 else None


def checks_of(
    entry: Entry, asset: dg.AssetsDefinition, default: TableChecks | None, resource_key: str, where: Places
) -> list[dg.AssetChecksDefinition]:
    """The checks of the tables that an entry's assets are.

    Args:
        entry: the entry.
        asset: its assets.
        default: checks for entries that do not say which.
        resource_key: key of the ``FabricResource``.
        where: places in the configuration, for errors.

    Raises:
        dagster.DagsterInvalidDefinitionError: the entry asks for checks of a table, and it is not known which.
    """
    own = entry.settings.checks
    if own is False or (own is None and default is None):
        return []
    checks = own or default
    assert checks is not None  # noqa: S101 -- either is there
    place = where("notebooks", entry.key, "checks") if own else where("defaults", "checks")
    specs = [spec for spec in asset.specs if not checks.need_table or table_of(spec.metadata) is not None]
    if own and len(specs) < len(list(asset.specs)):
        raise dg.DagsterInvalidDefinitionError(
            f"{place}: it is not known which table the notebook {entry.notebook} loads: name it with "
            f"`notebooks: {{{entry.key}: {{table: Lakehouse.table}}}}`"
        )
    if not specs:
        return []
    try:
        return build_table_checks(specs, resource_key=resource_key, **checks.options())
    except dg.DagsterInvalidDefinitionError as error:
        raise dg.DagsterInvalidDefinitionError(f"{place}: {error}") from error
