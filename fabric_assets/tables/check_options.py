"""Reads the arguments of ``build_table_checks``; what cannot work is refused before anything runs."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Literal, get_args

import dagster as dg

from fabric_assets.tables.history import RowCountBounds, SchemaRule
from fabric_assets.tables.names import LakehouseTable, table_of

TableCheck = Literal["not_empty", "keys", "row_count", "schema", "freshness"]
"""The arguments of ``build_table_checks`` that stand for a check each."""

READING = frozenset({"not_empty", "keys", "freshness"})
"""Those that read the table."""

Severity = dg.AssetCheckSeverity


def asset_specs(assets: Sequence[object]) -> Iterator[dg.AssetSpec]:
    """The specs of the assets.

    Raises:
        dagster.DagsterInvalidDefinitionError: the argument cannot work.
    """
    if isinstance(assets, dg.AssetsDefinition | dg.AssetSpec | str | dg.AssetKey) or not assets:
        raise dg.DagsterInvalidDefinitionError(
            "build_table_checks: give it a list of assets, such as [dim_customer]"
        )
    for asset in assets:
        if isinstance(asset, dg.AssetsDefinition):
            yield from asset.specs
        elif isinstance(asset, dg.AssetSpec):
            yield asset
        else:
            raise dg.DagsterInvalidDefinitionError(
                f"build_table_checks: {asset!r} is no asset definition and no dagster.AssetSpec. A key does not tell "
                'which table it is: write dg.AssetSpec("key", metadata={"fabric/table": "Lakehouse.table"}).'
            )


def named_table(spec: dg.AssetSpec, chosen: Iterable[TableCheck]) -> LakehouseTable | None:
    """The table of an asset, ``None`` if it names none and none is needed.

    Raises:
        dagster.DagsterInvalidDefinitionError: the argument cannot work.
    """
    name = spec.key.to_user_string()
    try:
        table = table_of(spec.metadata)
    except ValueError as error:
        raise dg.DagsterInvalidDefinitionError(f"asset {name}: {error}") from error
    reading = [check for check in chosen if check in READING]
    if table is None and reading:
        raise dg.DagsterInvalidDefinitionError(
            f"asset {name} names no table, which is read for {' and '.join(reading)}. Name it with "
            f'notebook_asset({name!r}, ..., table="Lakehouse.table"), or leave these checks out (not_empty=False).'
        )
    return table


def key_columns(keys: Sequence[str] | Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The keys, each with its columns.

    Raises:
        dagster.DagsterInvalidDefinitionError: the argument cannot work.
    """
    problem = (
        f"build_table_checks: keys must be columns such as ['id'], or several keys such as [['id'], ['a', 'b']]; they "
        f"are {keys!r}"
    )
    if isinstance(keys, str):
        raise dg.DagsterInvalidDefinitionError(problem)
    parts = [key for key in keys if isinstance(key, str)]
    several = [tuple(key) for key in keys if not isinstance(key, str)]
    if parts and several:
        raise dg.DagsterInvalidDefinitionError(problem)
    found = ((tuple(parts),) if parts else ()) + tuple(several)
    for key in found:
        columns = [column.lower() for column in key if isinstance(column, str) and column]
        if not columns or len(set(columns)) < len(key):
            raise dg.DagsterInvalidDefinitionError(problem)
    return found


def row_count_bounds(row_count: RowCountBounds | float | None) -> RowCountBounds | None:
    """The bounds, if any.

    Raises:
        dagster.DagsterInvalidDefinitionError: the argument cannot work.
    """
    if row_count is None or isinstance(row_count, RowCountBounds):
        return row_count
    if isinstance(row_count, bool) or not isinstance(row_count, int | float):
        raise dg.DagsterInvalidDefinitionError(
            f"build_table_checks: row_count must be RowCountBounds(...) or a share such as 0.2, it is {row_count!r}"
        )
    try:
        return RowCountBounds(row_count, row_count)
    except ValueError as error:
        raise dg.DagsterInvalidDefinitionError(f"build_table_checks: row_count: {error}") from error


def check_choice(schema: object, freshness: timedelta | None) -> None:
    """Refuse an unknown rule for the schema, and a freshness that is none.

    Raises:
        dagster.DagsterInvalidDefinitionError: the argument cannot work.
    """
    if schema is not None and schema not in get_args(SchemaRule):
        raise dg.DagsterInvalidDefinitionError(
            f"build_table_checks: schema must be 'unchanged', 'widened' or None, it is {schema!r}"
        )
    if freshness is not None and freshness <= timedelta(0):
        raise dg.DagsterInvalidDefinitionError(
            f"build_table_checks: freshness must be a positive timedelta, it is {freshness!r}"
        )


def whole_number(value: int, name: str, least: int) -> int:
    """A whole number from ``least`` on.

    Raises:
        dagster.DagsterInvalidDefinitionError: the argument cannot work.
    """
    if type(value) is not int or value < least:
        raise dg.DagsterInvalidDefinitionError(
            f"build_table_checks: {name} must be a whole number from {least}, it is {value!r}"
        )
    return value


def positive(value: float, name: str) -> float:
    """A number above 0.

    Raises:
        dagster.DagsterInvalidDefinitionError: the argument cannot work.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise dg.DagsterInvalidDefinitionError(
            f"build_table_checks: {name} must be a number above 0, it is {value!r}"
        )
    return value


def blocking_checks(
    blocking: bool | Collection[TableCheck], chosen: Collection[TableCheck]
) -> Collection[TableCheck]:
    """The checks that block.

    Raises:
        dagster.DagsterInvalidDefinitionError: the argument cannot work.
    """
    if isinstance(blocking, bool):
        return chosen if blocking else ()
    _check_names("blocking", blocking, chosen)
    return blocking


def severity_of_checks(
    severity: Severity | Mapping[TableCheck, Severity], chosen: Collection[TableCheck]
) -> dict[TableCheck, Severity]:
    """The severity of each check.

    Raises:
        dagster.DagsterInvalidDefinitionError: the argument cannot work.
    """
    if isinstance(severity, Severity):
        return dict.fromkeys(chosen, severity)
    _check_names("severity", severity, chosen)
    return {name: severity.get(name, Severity.ERROR) for name in chosen}


def _check_names(argument: str, names: Iterable[str], chosen: Collection[TableCheck]) -> None:
    unknown = [name for name in ([names] if isinstance(names, str) else names) if name not in chosen]
    if unknown or isinstance(names, str):
        raise dg.DagsterInvalidDefinitionError(
            f"build_table_checks: {argument} names {', '.join(map(repr, unknown)) or repr(names)}; the checks asked "
            f"for are {sorted(chosen)}"
        )
