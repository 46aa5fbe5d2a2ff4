"""Notebook assets of several tables, and partitions: what the definitions say."""

from datetime import timedelta

import dagster as dg
import pytest

from fabric_assets import notebook_asset, partition_key, pipeline_asset
from tests.conftest import Simulate, materialize

DAILY = dg.DailyPartitionsDefinition("2026-01-01")


def specs(asset: dg.AssetsDefinition) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in asset.specs}


def test_what_is_said_of_the_asset_holds_for_all_its_tables() -> None:
    eager, fresh = (
        dg.AutomationCondition.eager(),
        dg.FreshnessPolicy.time_window(fail_window=timedelta(days=1)),
    )
    found = specs(
        notebook_asset(
            "load_both",
            notebook="LoadBoth",
            tables=[dg.AssetSpec("A"), dg.AssetSpec("B", deps=["Own"])],
            deps=(key for key in ["Raw"]),
            description="Both.",
            group_name="gold",
            owners=["team:bi"],
            tags={"layer": "gold"},
            kinds=["table"],
            metadata={"cost": 3},
            automation_condition=eager,
            freshness_policy=fresh,
            code_version="7",
        )
    )

    for spec in found.values():
        assert dg.AssetKey("Raw") in {dep.asset_key for dep in spec.deps}
        assert (spec.description, spec.group_name, spec.owners) == ("Both.", "gold", ["team:bi"])
        assert (spec.tags["layer"], spec.kinds, spec.metadata["cost"]) == ("gold", {"table"}, 3)
        assert (spec.automation_condition, spec.freshness_policy) == (eager, fresh)
        assert spec.code_version == "7"
    assert {dep.asset_key for dep in found["B"].deps} == {dg.AssetKey("Own"), dg.AssetKey("Raw")}


def test_what_is_said_of_any_job_asset_holds_for_all_its_tables() -> None:
    made = pipeline_asset(
        "ingest", pipeline="Ingest", tables=[dg.AssetSpec("A")], deps=["Raw"], group_name="bronze"
    )

    (spec,) = made.specs
    assert {dep.asset_key for dep in spec.deps} == {dg.AssetKey("Raw")}
    assert (spec.group_name, spec.kinds) == ("bronze", {"fabric", "pipeline"})


def test_what_the_spec_of_a_table_says_counts_first() -> None:
    own = dg.AssetSpec(
        "A",
        description="Mine.",
        group_name="silver",
        owners=["team:a"],
        tags={"layer": "silver"},
        kinds={"sql"},
        metadata={"cost": 1},
        code_version="1",
    )
    found = specs(
        notebook_asset(
            "load_a",
            notebook="LoadA",
            tables=[own],
            description="Both.",
            group_name="gold",
            owners=["team:bi"],
            tags={"layer": "gold", "slow": "no"},
            metadata={"cost": 3},
            code_version="7",
        )
    )["A"]

    assert (found.description, found.group_name, found.owners) == ("Mine.", "silver", ["team:a"])
    assert (found.tags["layer"], found.tags["slow"], found.kinds) == ("silver", "no", {"sql"})
    assert (found.metadata["cost"], found.code_version) == (1, "1")


def test_partitions_of_one_table_are_those_of_all() -> None:
    asset = notebook_asset(
        "load_both",
        notebook="LoadBoth",
        tables=[dg.AssetSpec("A"), dg.AssetSpec("B", partitions_def=DAILY)],
        arguments={"day": partition_key()},
    )

    assert asset.partitions_def == DAILY
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="must have the same `partitions_def`"):
        notebook_asset(
            "load_both",
            notebook="LoadBoth",
            tables=[dg.AssetSpec("B", partitions_def=DAILY)],
            partitions_def=dg.MonthlyPartitionsDefinition("2026-01-01"),
        )


def test_an_asset_without_partitions_is_loaded_by_the_run_of_a_partition(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadA", "LoadB"])
    dimension = notebook_asset("A", notebook="LoadA")
    fact = notebook_asset("B", notebook="LoadB", deps=["A"], partitions_def=DAILY)

    assert materialize([dimension, fact], fabric, partition_key="2026-02-01").success
    assert len(fabric.started) == 2


def test_an_asset_that_got_partitions_after_it_was_made_starts_nothing(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadA"])
    made = notebook_asset("A", notebook="LoadA", arguments={"recreate": False})
    later = made.map_asset_specs(lambda spec: spec.replace_attributes(partitions_def=DAILY))

    result = materialize([later], fabric, partition_key="2026-02-01")

    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    told = event.step_failure_data.user_failure_data.description
    assert "asset A got its partitions after it was made" in told
    assert "`partitions` in the YAML" in told
    assert not fabric.started
