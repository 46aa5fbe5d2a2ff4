"""Ready-made asset checks of tables."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import get_args

import dagster as dg

from fabric_assets.job_asset import RESOURCE_KEY, WORKSPACE_METADATA
from fabric_assets.resource import FabricResource
from fabric_assets.tables.check_options import (
    READING,
    Severity,
    TableCheck,
    asset_specs,
    blocking_checks,
    check_choice,
    key_columns,
    named_table,
    positive,
    row_count_bounds,
    severity_of_checks,
    whole_number,
)
from fabric_assets.tables.history import RowCountBounds, SchemaRule, judge_row_count, judge_schema
from fabric_assets.tables.names import LakehouseTable
from fabric_assets.tables.table_content import ContentRules, TableContent

_NAMES: dict[TableCheck, str] = {
    "not_empty": "table_not_empty",
    "keys": "unique_keys",
    "row_count": "row_count_in_bounds",
    # The name of Dagster's own, which compares a load of several partitions with itself.
    "schema": "column_schema_change",
    "freshness": "table_fresh",
}
_DESCRIPTIONS: dict[TableCheck, str] = {
    "not_empty": "The table has rows.",
    "keys": "Keys are unique and never null.",
    "row_count": "The row count is near the median of the latest materializations.",
    "schema": "Columns are as at the materialization before.",
    "freshness": "The table's data was changed lately.",
}
_WIDENED = "No column is gone or narrower than at the materialization before."


def build_table_checks(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec],
    *,
    not_empty: bool = True,
    keys: Sequence[str] | Sequence[Sequence[str]] = (),
    row_count: RowCountBounds | float | None = None,
    schema: SchemaRule | None = None,
    freshness: timedelta | None = None,
    blocking: bool | Collection[TableCheck] = False,
    severity: Severity | Mapping[TableCheck, Severity] = Severity.ERROR,
    examples: int = 5,
    scan_memory_mb: int = 256,
    scan_timeout_seconds: float = 3600,
    resource_key: str = RESOURCE_KEY,
) -> list[dg.AssetChecksDefinition]:
    """Asset checks for tables: they run after a materialization in its run, and by themselves.

    ``not_empty``, ``keys`` and ``freshness`` read the table as it is now, so its assets must name it: with
    ``notebook_asset(table=...)`` or the definition metadata ``fabric/table``. The others compare materializations in
    Dagster's event log. What cannot be read fails the check, with the reason.

    Example::

        build_table_checks(
            [dim_customer],
            keys=["customer_key"],
            row_count=RowCountBounds(fewer=0.05, more=None),
            schema="widened",
            freshness=timedelta(days=1),
            blocking={"not_empty", "keys"},
        )

    Args:
        assets: notebook assets, or specs of tables that others write.
        not_empty: the table has at least one row. Reads the Delta log; a row only if that has no statistics.
        keys: columns that are unique together and never null; or several such keys, each a list of columns. Scans these
            columns, in a process of its own.
        row_count: bounds for the row count of a materialization by those before; a number such as ``0.2`` stands for
            ``RowCountBounds(0.2, 0.2)``.
        schema: ``"unchanged"``: the same columns and types as at the materialization before; ``"widened"``: there may
            be new columns and wider types.
        freshness: longest time since the table's data was last changed, by whomever. A load that finds nothing to write
            changes nothing; how long ago it ran is what Dagster's ``FreshnessPolicy`` of an asset is for.
        blocking: whether a failed check keeps the assets downstream from being materialized in this run; or for which
            checks, by the names of these arguments. Only checks of severity ``ERROR`` do.
        severity: of a failed check; or by the names of these arguments, ``ERROR`` for those left out.
        examples: how many duplicate keys a result shows, with their values; 0: none.
        scan_memory_mb: memory for the values of a key, in MiB, from 64; what does not fit goes to temporary files.
        scan_timeout_seconds: longest time for reading the keys of a table; then the check fails.
        resource_key: key of the ``FabricResource``.

    Returns:
        For each asset one definition of those that block and one of those that do not, so that nobody waits for a check
        that does not block.

    Raises:
        dagster.DagsterInvalidDefinitionError: an asset names no table, or an argument cannot work.
    """
    bounds = row_count_bounds(row_count)
    content = ContentRules(
        key_columns(keys),
        whole_number(examples, "examples", 0),
        whole_number(scan_memory_mb, "scan_memory_mb", 64),
        positive(scan_timeout_seconds, "scan_timeout_seconds"),
        freshness,
    )
    check_choice(schema, freshness)
    asked = {
        "not_empty": not_empty,
        "keys": content.keys,
        "row_count": bounds,
        "schema": schema,
        "freshness": freshness,
    }
    chosen: list[TableCheck] = [name for name in get_args(TableCheck) if asked[name]]
    if not chosen:
        raise dg.DagsterInvalidDefinitionError("build_table_checks: no check is asked for")
    stops = blocking_checks(blocking, chosen)
    severities = severity_of_checks(severity, chosen)
    checks: list[dg.AssetChecksDefinition] = []
    for spec in asset_specs(assets):
        checked = _CheckedAsset(
            spec, named_table(spec, chosen), resource_key, severities, bounds, schema, content
        )
        for block in (True, False):
            names = [name for name in chosen if (name in stops) is block]
            if names:
                checks.append(checked.definition(names, blocking=block))
    return checks


@dataclass(frozen=True)
class _CheckedAsset:
    spec: dg.AssetSpec
    table: LakehouseTable | None
    resource_key: str
    severities: Mapping[TableCheck, Severity]
    bounds: RowCountBounds | None
    schema: SchemaRule | None
    content: ContentRules

    def definition(self, names: Sequence[TableCheck], *, blocking: bool) -> dg.AssetChecksDefinition:
        """One op with these checks."""
        by_name = {_NAMES[name]: name for name in names}
        identifier = "__".join([self.spec.key.to_python_identifier(), *by_name])

        @dg.multi_asset_check(
            name=identifier,
            specs=[
                dg.AssetCheckSpec(
                    name, asset=self.spec.key, description=self._description(check), blocking=blocking
                )
                for name, check in by_name.items()
            ],
            can_subset=True,
            required_resource_keys={self.resource_key} if READING & set(names) else set(),
        )
        def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
            selected = {key.name for key in context.selected_asset_check_keys}
            yield from self._results(context, [check for name, check in by_name.items() if name in selected])

        return checks

    def _description(self, check: TableCheck) -> str:
        if check == "schema" and self.schema == "widened":
            return _WIDENED
        if check == "keys":
            return f"Unique and never null: {'; '.join(', '.join(key) for key in self.content.keys)}."
        return _DESCRIPTIONS[check]

    def _results(
        self, context: dg.AssetCheckExecutionContext, names: Sequence[TableCheck]
    ) -> Iterator[dg.AssetCheckResult]:
        content = None
        for name in names:
            if name == "row_count":
                assert self.bounds is not None  # noqa: S101 -- it is why this check is there
                verdict = judge_row_count(context.instance, self.spec.key, self.bounds, context.run.run_id)
            elif name == "schema":
                assert self.schema is not None  # noqa: S101
                verdict = judge_schema(context.instance, self.spec.key, self.schema, context.run.run_id)
            else:
                assert self.table is not None  # noqa: S101
                content = content or self._content(context, self.table)
                judge = {
                    "not_empty": content.not_empty,
                    "keys": content.unique_keys,
                    "freshness": content.fresh,
                }
                verdict = judge[name]()
            yield dg.AssetCheckResult(
                passed=verdict.passed,
                asset_key=self.spec.key,
                check_name=_NAMES[name],
                description=verdict.description,
                severity=self.severities[name],
                metadata=dict(verdict.metadata),
            )

    def _content(self, context: dg.AssetCheckExecutionContext, table: LakehouseTable) -> TableContent:
        fabric: FabricResource = getattr(context.resources, self.resource_key)
        workspace = self.spec.metadata.get(WORKSPACE_METADATA)
        return TableContent(
            fabric,
            table,
            self.content,
            asset=self.spec.key.to_user_string(),
            workspace=getattr(workspace, "value", workspace),
        )
