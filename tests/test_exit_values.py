"""Exit values of other assets: of which run and of which partition the one is that becomes an argument."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from fabric_assets import exit_value_of, notebook_asset
from fabric_assets.exit_values import exit_value_object
from fabric_assets.local import ServedFabric
from tests.conftest import Simulate, materialize, resource
from tests.executor.running import job

DAYS = dg.DailyPartitionsDefinition("2026-01-01")
MONTHS = dg.MonthlyPartitionsDefinition("2026-01-01")
DAY_BEFORE = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def fabric(simulate: Simulate) -> ServedFabric:
    return simulate(notebooks=["Extract", "LoadDimX"])


def load(**options: Any) -> dg.AssetsDefinition:
    defaults = {"arguments": {"path": exit_value_of("Extract")}, "retry": 0}
    return notebook_asset("DimX", notebook="LoadDimX", **{**defaults, **options})


def extract(partitions: dg.PartitionsDefinition | None = None) -> dg.AssetSpec:
    return dg.AssetSpec("Extract", partitions_def=partitions)


def materialized(instance: dg.DagsterInstance, partition: str | None, exit_value: str) -> None:
    """Extract was, by another run."""
    event = dg.AssetMaterialization(
        "Extract", partition=partition, metadata={"fabric/exit_value": exit_value}
    )
    instance.report_runless_asset_event(event)


def each_materialized(instance: dg.DagsterInstance, partitions: Iterable[str]) -> None:
    for partition in partitions:
        materialized(instance, partition, f"Files/{partition}")


def taken(result: dg.ExecuteInProcessResult) -> str:
    """The exit value that DimX took, or why it failed."""
    if result.success:
        (event,) = result.asset_materializations_for_node("DimX")[-1:]
        parameters: dict[str, str] = event.metadata["fabric/parameters"].value  # type: ignore[assignment]
        return parameters["path"]
    (failed,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    reason = failed.step_failure_data.user_failure_data
    assert reason is not None
    return reason.description or ""


def test_other_runs_in_between_do_not_hide_the_one_of_the_same_run(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(
        notebooks=["Extract", "LoadDimX"],
        job_instances=[{"notebook": "Extract", "exit_value": "of this run"}],
    )

    @dg.asset(deps=["Extract"])
    def meanwhile() -> None:
        for _ in range(30):
            materialized(instance, None, "of another run")

    assets = [notebook_asset("Extract", notebook="Extract"), meanwhile, load(deps=["meanwhile"])]

    assert taken(materialize(assets, fabric, instance=instance)) == "of this run"


def test_other_runs_in_between_do_not_hide_the_one_of_the_run_that_is_executed_again(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(
        notebooks=["Extract", "LoadDimX"],
        job_instances=[
            {"notebook": "Extract", "exit_value": "of the failed run"},
            {"notebook": "LoadDimX", "nth": 1, "status": "Failed"},
        ],
    )
    assets = [notebook_asset("Extract", notebook="Extract"), load()]
    both = job(assets, resources={"fabric": resource(fabric)})
    only_load = both.get_subset(asset_selection={dg.AssetKey("DimX")})

    failed = both.execute_in_process(instance=instance, raise_on_error=False)
    for _ in range(30):
        materialized(instance, None, "of another run")
    again = instance.create_run_for_job(only_load, parent_run_id=failed.run_id, root_run_id=failed.run_id)
    execute_run(InMemoryJob(only_load), again, instance)

    assert dict(fabric.started[-1].parameters) == {"path": "of the failed run"}


@pytest.mark.parametrize(
    ("upstream", "own", "partition", "mapping", "expected"),
    [
        pytest.param(DAYS, DAYS, "2026-02-02", None, "Files/2026-02-02", id="same-day"),
        pytest.param(DAYS, DAYS, "2026-02-02", DAY_BEFORE, "Files/2026-02-01", id="day-before"),
        pytest.param(MONTHS, DAYS, "2026-02-14", None, "Files/2026-02-01", id="day-of-a-month"),
        pytest.param(
            DAYS, DAYS, "2026-02-02", dg.LastPartitionMapping(), "for partition 20", id="last-is-not-there"
        ),
        pytest.param(
            DAYS,
            MONTHS,
            "2026-02-01",
            None,
            "28 of whose partitions belong to its 2026-02-01: those of 2026-02-01 and 2026-02-02 differ",
            id="month-of-days",
        ),
        pytest.param(
            DAYS,
            DAYS,
            "2026-01-01",
            DAY_BEFORE,
            "none of whose partitions belongs to its 2026-01-01",
            id="before-the-first",
        ),
        pytest.param(
            dg.DailyPartitionsDefinition("2026-02-01"),
            DAYS,
            "2026-01-15",
            None,
            "whose partition that belongs to its 2026-01-15 does not exist",
            id="not-yet-there",
        ),
        pytest.param(
            DAYS,
            dg.MultiPartitionsDefinition({"day": DAYS, "region": dg.StaticPartitionsDefinition(["eu"])}),
            "2026-02-02|eu",
            None,
            "Files/2026-02-02",
            id="one-dimension",
        ),
        pytest.param(
            DAYS,
            None,
            None,
            dg.SpecificPartitionsPartitionMapping(["2026-02-01"]),
            "Files/2026-02-01",
            id="one-for-an-asset-without-partitions",
        ),
        pytest.param(DAYS, None, None, None, "of whose partitions belong to DimX, which has none", id="all"),
    ],
)
def test_the_partition_is_the_one_that_dagster_maps(
    fabric: ServedFabric,
    instance: dg.DagsterInstance,
    upstream: dg.PartitionsDefinition,
    own: dg.PartitionsDefinition | None,
    partition: str | None,
    mapping: dg.PartitionMapping | None,
    expected: str,
) -> None:
    each_materialized(instance, ["2026-02-01", "2026-02-02", "2026-02-03"])
    asset = load(partitions_def=own, deps=[dg.AssetDep("Extract", partition_mapping=mapping)])

    result = dg.materialize(
        [extract(upstream), asset],
        selection=[asset],
        resources={"fabric": resource(fabric)},
        instance=instance,
        partition_key=partition,
        raise_on_error=False,
    )

    assert expected in taken(result)
    assert len(fabric.started) == result.success


def range_of(start: str, end: str) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end}


def test_several_partitions_that_one_job_instance_loaded_have_one_exit_value(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(
        notebooks=["Extract", "LoadDimX"],
        job_instances=[{"notebook": "Extract", "nth": n, "exit_value": f"Files/{n}"} for n in (1, 2)],
    )
    options: dict[str, Any] = {"partitions_def": DAYS, "backfill_policy": dg.BackfillPolicy.single_run()}
    upstream, asset = notebook_asset("Extract", notebook="Extract", **options), load(**options)
    four_days = range_of("2026-02-01", "2026-02-04")

    assert taken(materialize([upstream, asset], fabric, instance=instance, tags=four_days)) == "Files/1"

    materialize([upstream], fabric, instance=instance, tags=range_of("2026-02-03", "2026-02-04"))

    def later(start: str, end: str) -> str:
        return taken(
            materialize(
                [upstream, asset],
                fabric,
                instance=instance,
                selection=[asset],
                tags=range_of(start, end),
            )
        )

    assert later("2026-02-01", "2026-02-02") == "Files/1"
    assert later("2026-02-03", "2026-02-04") == "Files/2"
    assert "those of 2026-02-02 and 2026-02-03 differ" in later("2026-02-02", "2026-02-03")
    assert "Extract has not been materialized for partition 2026-02-05" in later("2026-02-04", "2026-02-05")


def test_an_asset_without_partitions_takes_what_its_own_run_loaded(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(
        notebooks=["Extract", "LoadDimX"],
        job_instances=[{"notebook": "Extract", "exit_value": "Files/own"}],
    )
    each_materialized(instance, ["2026-01-01", "2026-02-02"])
    upstream = notebook_asset("Extract", notebook="Extract", partitions_def=DAYS)

    result = materialize([upstream, load()], fabric, instance=instance, partition_key="2026-02-01")

    assert taken(result) == "Files/own"


def test_an_asset_can_take_its_own_of_the_partition_before(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(
        notebooks=["LoadDimX"], job_instances=[{"nth": n, "exit_value": f"mark {n}"} for n in (1, 2)]
    )
    first = load(partitions_def=DAYS, arguments={"path": "none yet"})
    before = dg.AssetDep("DimX", partition_mapping=DAY_BEFORE)
    asset = load(partitions_def=DAYS, deps=[before], arguments={"path": exit_value_of("DimX")})

    assert materialize(first, fabric, instance=instance, partition_key="2026-02-01").success
    result = materialize(asset, fabric, instance=instance, partition_key="2026-02-02")

    assert taken(result) == "mark 1"


def test_of_an_asset_whose_partitions_are_not_known_here_only_the_same_partition_is_taken(
    fabric: ServedFabric, instance: dg.DagsterInstance
) -> None:
    each_materialized(instance, ["2026-02-01", "2026-02-02"])
    by_day, at_once = load(partitions_def=DAYS), load()

    assert taken(materialize(by_day, fabric, instance=instance, partition_key="2026-02-01")) == (
        "Files/2026-02-01"
    )
    missing = taken(materialize(by_day, fabric, instance=instance, partition_key="2026-02-05"))
    assert "has not been materialized for partition 2026-02-05" in missing
    assert "last materialized for partition 2026-02-02, but is defined here without partitions" in taken(
        materialize(at_once, fabric, instance=instance)
    )

    materialized(instance, None, "without partitions now")
    assert taken(materialize(by_day, fabric, instance=instance, partition_key="2026-02-01")) == (
        "without partitions now"
    )


def test_an_exit_value_that_is_nested_too_deep_is_plain_text(simulate: Simulate) -> None:
    deep = '{"k":' + "[" * 600 + "]" * 600 + "}"
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"exit_value": deep}])

    result = materialize(load(arguments=None), fabric)

    assert result.success
    (event,) = result.asset_materializations_for_node("DimX")
    assert event.metadata["fabric/exit_value"].value == deep
    assert "k" not in event.metadata


@pytest.mark.parametrize(
    ("exit_value", "expected"),
    [
        pytest.param(None, {}, id="none"),
        pytest.param("", {}, id="empty"),
        pytest.param("done", {}, id="text"),
        pytest.param("[1]", {}, id="array"),
        pytest.param("[" * 100_000, {}, id="too-deep-to-parse"),
        pytest.param('{"a": ' + "[" * 100 + "]" * 100 + "}", {}, id="too-deep-to-keep"),
        pytest.param('{"a": [{"b": []}]}', {"a": [{"b": []}]}, id="object"),
        pytest.param(
            json.dumps({str(n): n for n in range(1000)}), {str(n): n for n in range(1000)}, id="wide"
        ),
    ],
)
def test_the_entries_of_an_exit_value(exit_value: str | None, expected: dict[str, Any]) -> None:
    assert exit_value_object(exit_value) == expected
