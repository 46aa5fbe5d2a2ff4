"""Which materializations are one load, and which load a check judges."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest

from fabric_assets import RowCountBounds, build_table_checks, notebook_asset, partition_start
from fabric_assets.tables.history import SchemaRule, judge_row_count, judge_schema
from tests.conftest import Simulate, materialize

KEY = dg.AssetKey("DimX")
DAYS = dg.DailyPartitionsDefinition("2026-01-01")
NARROW = RowCountBounds(0.1, 0.1)
WHOLE = {"row_count": 1000, "columns": [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]}
BROKEN = {"row_count": 3, "columns": [{"name": "a", "type": "int"}]}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def days(first: str, last: str) -> dict[str, Any]:
    """Options of a run of several partitions."""
    return {"tags": {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}}


def told(
    instance: dg.DagsterInstance, rows: int, *, job_instance: str | None = None, partitions: int = 1
) -> None:
    """Materializations that belong to no run."""
    known = {} if job_instance is None else {"fabric/job_instance_id": job_instance}
    for partition in range(partitions):
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                KEY,
                partition=str(partition) if partitions > 1 else None,
                metadata={"dagster/row_count": dg.MetadataValue.int(rows), **known},
            )
        )


@pytest.mark.parametrize("rule", ["unchanged", "widened"])
@pytest.mark.parametrize("tables", [("DimX",), ("DimX", "DimY")], ids=["one-table", "several-tables"])
def test_a_load_of_several_partitions_is_judged_by_the_loads_before(
    simulate: Simulate, instance: dg.DagsterInstance, rule: SchemaRule, tables: tuple[str, ...]
) -> None:
    fabric = simulate(
        notebooks=["Load"],
        job_instances=[
            *({"nth": nth, "exit_value": json.dumps(WHOLE)} for nth in range(1, 5)),
            {"exit_value": json.dumps(BROKEN)},
        ],
    )
    several = {"tables": [dg.AssetSpec(name) for name in tables]} if len(tables) > 1 else {}
    asset = notebook_asset(
        "DimX",
        notebook="Load",
        partitions_def=DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        arguments={"day": partition_start()},
        **several,
    )
    checks = build_table_checks([asset], not_empty=False, row_count=0.1, schema=rule)

    def load(**options: Any) -> dict[tuple[str, str], bool]:
        result = materialize([asset, *checks], fabric, instance=instance, **options)
        assert result.success
        return {
            (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation.passed
            for evaluation in result.get_asset_check_evaluations()
        }

    names = [(table, check) for table in tables for check in ("row_count_in_bounds", "column_schema_change")]
    for day in ("2026-02-01", "2026-02-02", "2026-02-03"):
        assert load(partition_key=day) == dict.fromkeys(names, True)
    assert load(**days("2026-02-04", "2026-02-07")) == dict.fromkeys(names, True)
    assert load(**days("2026-02-10", "2026-02-26")) == dict.fromkeys(names, False)


def test_a_load_counts_once_among_those_before(instance: dg.DagsterInstance) -> None:
    for _ in range(3):
        told(instance, 1000)
    told(instance, 10, job_instance="wrong", partitions=50)
    told(instance, 1000)

    verdict = judge_row_count(instance, KEY, NARROW)

    assert verdict.passed
    assert verdict.metadata["fabric/row_counts_before"] == 4


def test_a_job_instance_that_two_runs_report_is_one_load(instance: dg.DagsterInstance) -> None:
    for _ in range(3):
        told(instance, 1000)
    for _ in range(3):
        told(instance, 3, job_instance="taken over")

    verdict = judge_row_count(instance, KEY, NARROW)

    assert not verdict.passed
    assert verdict.metadata["fabric/row_counts_before"] == 3


def loaded_in_a_run(instance: dg.DagsterInstance, told: dict[str, Any], **options: Any) -> str:
    """Load an asset without job instances; the run's id."""

    @dg.asset(key=KEY, partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def load() -> dg.MaterializeResult[Any]:
        schema = dg.TableSchema([dg.TableColumn(each["name"], each["type"]) for each in told["columns"]])
        return dg.MaterializeResult(
            metadata={"dagster/row_count": told["row_count"], "dagster/column_schema": schema}
        )

    return dg.materialize([load], instance=instance, **options).run_id


@pytest.mark.parametrize(
    "judge",
    [
        lambda instance, run_id: judge_row_count(instance, KEY, NARROW, run_id).passed,
        lambda instance, run_id: judge_schema(instance, KEY, "unchanged", run_id).passed,
    ],
    ids=["row-count", "schema"],
)
def test_each_run_has_its_own_load_judged(
    instance: dg.DagsterInstance, judge: Callable[[dg.DagsterInstance, str | None], bool]
) -> None:
    for day in ("2026-02-01", "2026-02-02", "2026-02-03"):
        loaded_in_a_run(instance, WHOLE, partition_key=day)
    broken = loaded_in_a_run(instance, BROKEN, **days("2026-02-04", "2026-02-06"))
    # Two more runs of the backfill load theirs before the first one comes to its checks.
    for day in ("2026-02-10", "2026-02-11"):
        latest = loaded_in_a_run(instance, WHOLE, partition_key=day)

    assert not judge(instance, broken)
    assert judge(instance, latest)

    @dg.asset
    def another() -> None: ...

    # The check of a run that does not load the table.
    assert judge(instance, dg.materialize([another], instance=instance).run_id)
    assert judge(instance, None)
