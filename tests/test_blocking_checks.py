"""A blocking check that failed is made good by another job instance, whichever way the run is executed again."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from fabric_assets import notebook_asset
from fabric_assets.arguments import partition_key
from fabric_assets.local import ServedFabric
from tests.conftest import Simulate, materialize, resource
from tests.executor.running import job, run

FROM_FAILURE = {"dagster/is_resume_retry": "true"}
FROM_ASSET_FAILURE = {"dagster/is_asset_resume_retry": "true"}
EMPTY = {"exit_value": json.dumps({"row_count": 0, "checks": {"has_rows": False}})}
LOADED = {"exit_value": json.dumps({"row_count": 9, "checks": {"has_rows": True}})}


@pytest.fixture
def fabric(simulate: Simulate) -> ServedFabric:
    return simulate(notebooks=["LoadA", "LoadB"], job_instances=[{"nth": 1, **EMPTY}, LOADED])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def own_check() -> list[Any]:
    """The notebook reports it, in the asset's own step."""
    spec = dg.AssetCheckSpec("has_rows", asset="A", blocking=True)
    return [notebook_asset("A", notebook="LoadA", check_specs=[spec])]


def check_of_its_own() -> list[Any]:
    """A step of its own looks at what was materialized; the asset's step succeeds."""
    asset = notebook_asset("A", notebook="LoadA")

    @dg.asset_check(asset=asset, blocking=True)
    def has_rows(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        event = context.instance.get_latest_materialization_event(dg.AssetKey("A"))
        assert event is not None
        assert event.asset_materialization is not None
        return dg.AssetCheckResult(
            passed=event.asset_materialization.metadata["dagster/row_count"].value != 0
        )

    return [asset, has_rows, notebook_asset("B", notebook="LoadB", deps=["A"])]


def definitions_job(assets: list[Any], fabric: ServedFabric) -> dg.JobDefinition:
    return job(assets, resources={"fabric": resource(fabric)})


def execute_again(
    instance: dg.DagsterInstance, again: dg.JobDefinition, first: dg.DagsterRun, tags: Mapping[str, str]
) -> dg.DagsterRun:
    created = instance.create_run_for_job(
        again, parent_run_id=first.run_id, root_run_id=first.root_run_id or first.run_id, tags=dict(tags)
    )
    execute_run(InMemoryJob(again), created, instance, raise_on_error=False)
    found = instance.get_run_by_id(created.run_id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("assets", "tags"),
    [
        pytest.param(own_check, {}, id="its own, all steps"),
        pytest.param(own_check, FROM_FAILURE, id="its own, from failure"),
        pytest.param(own_check, FROM_ASSET_FAILURE, id="its own, from asset failure"),
        pytest.param(check_of_its_own, {}, id="in a step, all steps"),
        pytest.param(check_of_its_own, FROM_ASSET_FAILURE, id="in a step, from asset failure"),
    ],
)
def test_what_a_blocking_check_refused_is_loaded_again(
    fabric: ServedFabric, instance: dg.DagsterInstance, assets: Any, tags: Mapping[str, str]
) -> None:
    load = definitions_job(assets(), fabric)
    ran = run(instance, load)
    (first,) = instance.get_runs()
    assert ran.status is dg.DagsterRunStatus.FAILURE
    assert [each.item_name for each in fabric.started] == ["LoadA"]

    again = execute_again(instance, load, first, tags)

    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert [each.item_name for each in fabric.started].count("LoadA") == 2


def test_tables_of_one_notebook_have_checks_of_their_own(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    reported = {"has_rows": True, "Lines:has_rows": False, "sorted": True}
    fabric = simulate(
        notebooks=["LoadOrders"], job_instances=[{"exit_value": json.dumps({"checks": reported})}]
    )
    asset = notebook_asset(
        "Orders",
        notebook="LoadOrders",
        tables=[dg.AssetSpec("Heads"), dg.AssetSpec("Lines")],
        check_specs=[
            dg.AssetCheckSpec("has_rows", asset="Heads"),
            dg.AssetCheckSpec("has_rows", asset="Lines"),
            dg.AssetCheckSpec("sorted", asset="Lines"),
        ],
    )

    result = materialize(asset, fabric, instance=instance)

    assert result.success
    found = {
        each.asset_check_key.to_user_string(): each.passed for each in result.get_asset_check_evaluations()
    }
    assert found == {"Heads:has_rows": True, "Lines:has_rows": False, "Lines:sorted": True}


def test_tables_may_name_the_partitions(simulate: Simulate, instance: dg.DagsterInstance) -> None:
    fabric = simulate(notebooks=["LoadOrders"])
    days = dg.StaticPartitionsDefinition(["mon", "tue"])
    asset = notebook_asset(
        "Orders",
        notebook="LoadOrders",
        tables=[dg.AssetSpec("Heads", partitions_def=days), dg.AssetSpec("Lines", partitions_def=days)],
        arguments={"day": partition_key()},
    )

    assert materialize(asset, fabric, instance=instance, partition_key="tue").success
    assert [each.parameters for each in fabric.started] == [{"day": "tue"}]
