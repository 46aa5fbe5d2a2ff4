"""Judges a materialization by the ones before: row counts within bounds, columns unchanged or widened."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Any, Literal

import dagster as dg

from fabric_assets.tables.loads import loads_from
from fabric_assets.tables.metadata import COLUMN_SCHEMA, ROW_COUNT

SchemaRule = Literal["unchanged", "widened"]

_SCHEMAS_LOOKED_BACK = 20
_INTEGERS = ["tinyint", "smallint", "int", "bigint"]
_DIGITS = {"tinyint": 10, "smallint": 10, "int": 10, "bigint": 20}
_WIDENED = {
    ("float", "double"),
    ("date", "timestamp_ntz"),
    *((small, "double") for small in _INTEGERS[:3]),
    *((small, large) for i, small in enumerate(_INTEGERS) for large in _INTEGERS[i + 1 :]),
}
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
_TEXT = re.compile(r"(?:var)?char\((\d+)\)")


@dataclass(frozen=True)
class RowCountBounds:
    """How far a table's row count may be from what it was: from the median of its latest materializations.

    A load of several partitions counts once, however many materializations Dagster notes of it.

    Example::

        RowCountBounds(fewer=0.05, more=0.5)  # between 95 % and 150 % of the median

    Args:
        fewer: how many rows less are allowed, as a share of the median; ``None``: any number.
        more: how many rows more are allowed, as a share of the median; ``None``: any number.
        materializations: how many materializations before the latest one count.
        at_least: with fewer than that, nothing is judged and the check passes.
    """

    fewer: float | None = 0.5
    more: float | None = 0.5
    materializations: int = 20
    at_least: int = 3

    def __post_init__(self) -> None:
        for name in ("fewer", "more"):
            share = getattr(self, name)
            if share is not None and not share >= 0:
                raise ValueError(f"{name} must be a share from 0 (0.1 is 10 %) or None, it is {share!r}")
        if not 1 <= self.at_least <= self.materializations:
            raise ValueError(
                f"at_least must be between 1 and materializations ({self.materializations}), it is {self.at_least!r}"
            )

    def around(self, middle: float) -> tuple[float | None, float | None]:
        """The least and the greatest row count that are allowed; ``None``: no bound."""
        least = None if self.fewer is None else middle * max(0.0, 1 - self.fewer)
        # From nothing, every growth is infinite.
        greatest = None if self.more is None or middle == 0 else middle * (1 + self.more)
        return least, greatest


@dataclass(frozen=True)
class Verdict:
    """What a check says, with its evidence."""

    passed: bool
    description: str
    metadata: Mapping[str, Any]


def judge_row_count(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, bounds: RowCountBounds, run_id: str | None = None
) -> Verdict:
    """Whether the row count of a load is within bounds of the ones before.

    Args:
        instance: the Dagster instance.
        asset_key: the asset.
        bounds: what is allowed.
        run_id: the run whose load is judged; the latest load if there is none.
    """
    loads = loads_from(instance, asset_key, run_id)
    latest = next(loads, None)
    if latest is None:
        return Verdict(False, "The asset has not been materialized yet: there is no row count to judge.", {})
    count = _row_count(latest)
    if count is None:
        return Verdict(
            False,
            f"The latest materialization has no {ROW_COUNT}. Its log says why, if the table's Delta log could not be "
            "read; a table without statistics has no row count, unless the notebook's exit value gives `row_count`.",
            {},
        )
    counts = [
        known for event in islice(loads, bounds.materializations) if (known := _row_count(event)) is not None
    ]
    metadata: dict[str, Any] = {"fabric/row_count": count, "fabric/row_counts_before": len(counts)}
    if len(counts) < bounds.at_least:
        return Verdict(
            True,
            f"{len(counts)} row counts before this one; it is judged from {bounds.at_least} on.",
            metadata,
        )
    middle = float(median(counts))
    least, greatest = bounds.around(middle)
    metadata["fabric/row_count_median"] = middle
    metadata |= {} if least is None else {"fabric/row_count_least": least}
    metadata |= {} if greatest is None else {"fabric/row_count_greatest": greatest}
    usual = f"the median of the {len(counts)} materializations before it is {middle:,.0f}"
    if least is not None and count < least:
        return Verdict(
            False, f"{count:,} rows are too few: {usual}, at least {least:,.0f} are expected.", metadata
        )
    if greatest is not None and count > greatest:
        return Verdict(
            False, f"{count:,} rows are too many: {usual}, at most {greatest:,.0f} are expected.", metadata
        )
    return Verdict(True, f"{count:,} rows; {usual}.", metadata)


def judge_schema(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, rule: SchemaRule, run_id: str | None = None
) -> Verdict:
    """Whether the columns of a load follow from those of the one before that has any.

    Args:
        instance: the Dagster instance.
        asset_key: the asset.
        rule: what may be different.
        run_id: the run whose load is judged; the latest load if there is none.
    """
    loads = loads_from(instance, asset_key, run_id)
    latest = next(loads, None)
    new = None if latest is None else _schema(latest)
    if latest is None or new is None:
        return Verdict(
            False,
            f"The latest materialization has no {COLUMN_SCHEMA}. Its log says why, if the table's Delta log could not "
            "be read."
            if latest
            else "The asset has not been materialized yet: there are no columns to compare.",
            {},
        )
    before = islice(loads, _SCHEMAS_LOOKED_BACK)
    old = next((schema for event in before if (schema := _schema(event)) is not None), None)
    if old is None:
        return Verdict(True, "There are no earlier columns to compare with.", {})
    problems = list(_changes(old, new, rule))
    if problems:
        return Verdict(
            False, "\n".join(problems), {"fabric/columns_before": dg.MetadataValue.table_schema(old)}
        )
    return Verdict(True, f"{len(new.columns)} columns, {rule} since the materialization before.", {})


def _changes(old: dg.TableSchema, new: dg.TableSchema, rule: SchemaRule) -> Iterator[str]:
    now = {column.name.lower(): column for column in new.columns}
    known = {column.name.lower() for column in old.columns}
    for column in old.columns:
        current = now.get(column.name.lower())
        if current is None:
            yield f"Column {column.name} ({column.type}) is gone."
        elif current.type != column.type and not (
            rule == "widened" and is_widened(column.type, current.type)
        ):
            yield f"Column {column.name} was {column.type} and is {current.type}."
    if rule == "unchanged":
        for column in new.columns:
            if column.name.lower() not in known:
                yield f"Column {column.name} ({column.type}) is new."


def is_widened(old: str, new: str) -> bool:
    """Whether every value of the old type is one of the new type, by Delta's rules for type widening."""
    if (old, new) in _WIDENED:
        return True
    if text := _TEXT.fullmatch(old):
        longer = _TEXT.fullmatch(new)
        return new == "string" or (longer is not None and int(longer[1]) >= int(text[1]))
    decimal = _DECIMAL.fullmatch(new)
    if decimal is None:
        return False
    digits, scale = int(decimal[1]), int(decimal[2])
    if old in _DIGITS:
        return digits - scale >= _DIGITS[old]
    before = _DECIMAL.fullmatch(old)
    return (
        before is not None and scale >= int(before[2]) and digits - scale >= int(before[1]) - int(before[2])
    )


def _row_count(event: dg.AssetMaterialization) -> int | None:
    value = getattr(event.metadata.get(ROW_COUNT), "value", None)
    return value if type(value) is int else None


def _schema(event: dg.AssetMaterialization) -> dg.TableSchema | None:
    value = getattr(event.metadata.get(COLUMN_SCHEMA), "value", None)
    return value if isinstance(value, dg.TableSchema) else None
