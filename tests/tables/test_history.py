"""Materializations that are judged by the ones before."""

from collections.abc import Iterator

import dagster as dg
import pytest

from fabric_assets import RowCountBounds
from fabric_assets.tables.history import SchemaRule, is_widened, judge_row_count, judge_schema

KEY = dg.AssetKey("DimX")
Columns = dict[str, str]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def materialized(
    instance: dg.DagsterInstance, *, rows: int | None = None, columns: Columns | None = None
) -> None:
    metadata: dict[str, dg.MetadataValue] = {}
    if rows is not None:
        metadata["dagster/row_count"] = dg.MetadataValue.int(rows)
    if columns is not None:
        schema = dg.TableSchema([dg.TableColumn(name, type=kind) for name, kind in columns.items()])
        metadata["dagster/column_schema"] = dg.MetadataValue.table_schema(schema)
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY, metadata=metadata))


@pytest.mark.parametrize(
    ("counts", "passed"),
    [
        pytest.param([100, 100, 100, 100], True, id="the-same"),
        pytest.param([100, 110, 90, 80], True, id="just-enough"),
        pytest.param([100, 110, 90, 79], False, id="too-few"),
        pytest.param([100, 110, 90, 120], True, id="not-too-many"),
        pytest.param([100, 110, 90, 121], False, id="too-many"),
        pytest.param([100, 0, 100, 100, 100], True, id="one-odd-one-does-not-count"),
        pytest.param([1, 100_000], True, id="too-short-a-history"),
        pytest.param([5], True, id="the-first"),
        pytest.param([0, 0, 0, 100], True, id="from-nothing"),
        pytest.param([100, 100, 100, None], False, id="not-known"),
        pytest.param([100, None, 100, None, 100, 0], False, id="gaps-in-the-history"),
        pytest.param([], False, id="never-materialized"),
    ],
)
def test_a_row_count_is_near_the_median_of_those_before(
    instance: dg.DagsterInstance, counts: list[int | None], passed: bool
) -> None:
    for count in counts:
        materialized(instance, rows=count)

    assert judge_row_count(instance, KEY, RowCountBounds(0.2, 0.2)).passed is passed


def test_only_the_latest_materializations_count(instance: dg.DagsterInstance) -> None:
    for count in [10, 10, 10, 10, 1000, 1000, 1000, 1000]:
        materialized(instance, rows=count)

    assert judge_row_count(instance, KEY, RowCountBounds(0.1, 0.1, materializations=3)).passed
    assert not judge_row_count(instance, KEY, RowCountBounds(0.1, 0.1, materializations=7)).passed


def test_a_bound_can_be_left_out(instance: dg.DagsterInstance) -> None:
    for count in [100, 100, 100, 100_000]:
        materialized(instance, rows=count)

    verdict = judge_row_count(instance, KEY, RowCountBounds(fewer=0.1, more=None))

    assert verdict.passed
    assert verdict.metadata["fabric/row_count_least"] == 90
    assert "fabric/row_count_greatest" not in verdict.metadata


def test_the_evidence_is_the_count_the_median_and_the_bounds(instance: dg.DagsterInstance) -> None:
    for count in [100, 200, 300, 10]:
        materialized(instance, rows=count)

    verdict = judge_row_count(instance, KEY, RowCountBounds())

    assert verdict.description == (
        "10 rows are too few: the median of the 3 materializations before it is 200, at least 100 are expected."
    )
    assert dict(verdict.metadata) == {
        "fabric/row_count": 10,
        "fabric/row_counts_before": 3,
        "fabric/row_count_median": 200.0,
        "fabric/row_count_least": 100.0,
        "fabric/row_count_greatest": 300.0,
    }


@pytest.mark.parametrize(
    ("rule", "before", "after", "problem"),
    [
        ("unchanged", {"a": "int", "b": "date"}, {"b": "date", "A": "int"}, None),
        ("unchanged", {"a": "int"}, {"a": "int", "b": "string"}, "Column b (string) is new."),
        ("unchanged", {"a": "int"}, {"a": "bigint"}, "Column a was int and is bigint."),
        ("widened", {"a": "int"}, {"a": "bigint", "b": "string"}, None),
        ("widened", {"a": "int", "b": "date"}, {"a": "int"}, "Column b (date) is gone."),
        ("widened", {"a": "bigint"}, {"a": "int"}, "Column a was bigint and is int."),
    ],
)
def test_columns_follow_from_those_before(
    instance: dg.DagsterInstance, rule: SchemaRule, before: Columns, after: Columns, problem: str | None
) -> None:
    materialized(instance, columns=before)
    materialized(instance)  # its log could not be read
    materialized(instance, columns=after)

    verdict = judge_schema(instance, KEY, rule)

    assert verdict.passed is (problem is None)
    if problem:
        assert verdict.description == problem
        assert "fabric/columns_before" in verdict.metadata


def test_the_first_columns_have_nothing_to_follow(instance: dg.DagsterInstance) -> None:
    assert not judge_schema(instance, KEY, "widened").passed
    materialized(instance, columns={"a": "int"})
    assert judge_schema(instance, KEY, "widened").passed
    materialized(instance)
    verdict = judge_schema(instance, KEY, "widened")
    assert (verdict.passed, "no dagster/column_schema" in verdict.description) == (False, True)


@pytest.mark.parametrize(
    ("old", "new", "widened"),
    [
        *[("tinyint", "smallint", True), ("int", "bigint", True), ("smallint", "double", True)],
        *[("bigint", "double", False), ("bigint", "int", False), ("int", "string", False)],
        *[("float", "double", True), ("double", "float", False), ("date", "timestamp_ntz", True)],
        *[("decimal(10,2)", "decimal(12,2)", True), ("decimal(10,2)", "decimal(12,4)", True)],
        *[("decimal(10,2)", "decimal(11,4)", False), ("decimal(10,2)", "decimal(10,1)", False)],
        *[("int", "decimal(10,0)", True), ("int", "decimal(10,2)", False), ("bigint", "decimal(20,0)", True)],
        *[
            ("varchar(8)", "varchar(9)", True),
            ("varchar(8)", "string", True),
            ("string", "varchar(8)", False),
        ],
        *[
            ("varchar(8)", "varchar(7)", False),
            ("array<int>", "array<bigint>", False),
            ("date", "int", False),
        ],
    ],
)
def test_types_are_widened_as_delta_widens_them(old: str, new: str, widened: bool) -> None:
    assert is_widened(old, new) is widened


@pytest.mark.parametrize(
    "options",
    [{"fewer": -0.1}, {"more": float("nan")}, {"at_least": 0}, {"materializations": 2, "at_least": 3}],
)
def test_bounds_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        RowCountBounds(**options)
