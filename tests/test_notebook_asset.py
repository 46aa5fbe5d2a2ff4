"""Notebook assets, materialized against the local Fabric over real HTTP: what becomes of each outcome."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from fabric_assets import (
    ComputeSettings,
    config_field,
    exit_value_of,
    fixed,
    notebook_asset,
    partition_end,
    partition_key,
    partition_start,
)
from tests.conftest import Simulate, materialize, resource
from tests.executor.running import job


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def load(**options: Any) -> dg.AssetsDefinition:
    return notebook_asset("DimX", notebook="LoadDimX", **{"retry_interval_seconds": 0, **options})


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node("DimX")
    return {key: value.value for key, value in event.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> tuple[str, dict[str, Any]]:
    """Description and metadata of the failure that ended the step."""
    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    data = event.step_failure_data
    assert data.user_failure_data is not None
    return data.user_failure_data.description or "", {
        key: value.value for key, value in data.user_failure_data.metadata.items()
    }


def lines(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    return [r.user_message for r in instance.all_logs(run_id) if r.dagster_event is None]


def test_a_completed_job_instance_materializes_the_asset_with_all_that_is_known_of_it(
    simulate: Simulate,
) -> None:
    exit_value = json.dumps({"row_count": 12, "rows_inserted": 3})
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"run_seconds": 0.1, "exit_value": exit_value}])

    result = materialize(load(arguments={"recreate": False, "source": fixed("erp")}), fabric)

    known = metadata(result)
    (started,) = fabric.started
    assert known["fabric/job_instance_id"] == started.id
    assert known["fabric/notebook"] == "LoadDimX"
    assert known["fabric/workspace"] == "Local"
    assert known["fabric/workspace_id"] == fabric.workspace_id
    assert known["fabric/parameters"] == {"recreate": False, "source": "erp"} == dict(started.parameters)
    assert known["fabric/ended"] >= known["fabric/started"]
    assert known["fabric/duration_seconds"] >= 0.1
    assert known["fabric/queued_seconds"] >= 0
    assert known["fabric/attempts"] == 1
    assert known["fabric/exit_value"] == exit_value
    assert known["fabric/job_instance_url"].startswith("http://127.0.0.1:")
    assert (known["dagster/row_count"], known["rows_inserted"]) == (12, 3)


def test_the_run_config_is_typed_and_reaches_the_notebook(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    asset = load(arguments={"recreate": False, "days": config_field(int)})

    result = materialize(
        asset, fabric, run_config={"ops": {"DimX": {"config": {"recreate": True, "days": 7}}}}
    )

    assert result.success
    assert dict(fabric.started[0].parameters) == {"recreate": True, "days": 7}
    with pytest.raises(dg.DagsterInvalidConfigError, match="recreate"):
        materialize(asset, fabric, run_config={"ops": {"DimX": {"config": {"recreate": "maybe", "days": 7}}}})


def test_the_partition_key_reaches_the_notebook(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    asset = load(
        arguments={"day": partition_key()},
        partitions_def=dg.DailyPartitionsDefinition(start_date="2026-01-01"),
    )

    assert materialize(asset, fabric, partition_key="2026-01-31").success
    assert dict(fabric.started[0].parameters) == {"day": "2026-01-31"}


def test_a_backfill_is_one_job_instance_for_a_range_or_one_for_each_partition(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    months = dg.MonthlyPartitionsDefinition(start_date="2026-01-01")
    arguments = {"begin": partition_start("%Y-%m-%d"), "end": partition_end("%Y-%m-%d")}
    tags = {
        "dagster/asset_partition_range_start": "2026-02-01",
        "dagster/asset_partition_range_end": "2026-04-01",
    }

    asset = load(arguments=arguments, partitions_def=months, backfill_policy=dg.BackfillPolicy.single_run())
    result = materialize(asset, fabric, tags=tags)

    assert result.success
    assert [dict(s.parameters) for s in fabric.started] == [{"begin": "2026-02-01", "end": "2026-05-01"}]
    keys = [event.partition for event in result.asset_materializations_for_node("DimX")]
    assert keys == ["2026-02-01", "2026-03-01", "2026-04-01"]

    assert materialize(
        load(arguments=arguments, partitions_def=months), fabric, partition_key="2026-03-01"
    ).success
    assert dict(fabric.started[-1].parameters) == {"begin": "2026-03-01", "end": "2026-04-01"}


def test_an_exit_value_is_the_argument_of_another_notebook_across_runs_too(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(
        notebooks=["LoadDimX", "Extract"],
        job_instances=[
            {"notebook": "Extract", "nth": 1, "exit_value": "Files/1"},
            {"notebook": "Extract", "nth": 2, "exit_value": "Files/2"},
            {"notebook": "Extract", "nth": 3},
            {"notebook": "Extract", "nth": 4, "exit_value": "x" * 10_001},
        ],
    )
    extract = notebook_asset("Extract", notebook="Extract")
    consumer = load(arguments={"path": exit_value_of("Extract")}, retry=0)
    assert consumer.asset_deps[dg.AssetKey("DimX")] == {dg.AssetKey("Extract")}

    def run(*assets: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
        resources = {"fabric": resource(fabric)}
        return dg.materialize(
            [extract, consumer],
            selection=[*assets],
            resources=resources,
            instance=instance,
            raise_on_error=False,
        )

    assert "Materialize Extract first" in failure(run(consumer))[0]
    assert run(extract, consumer).success
    assert dict(fabric.started[-1].parameters) == {"path": "Files/1"}
    assert run(extract).success
    assert run(consumer).success
    assert dict(fabric.started[-1].parameters) == {"path": "Files/2"}
    assert run(extract).success
    assert "asset DimX takes the exit value of Extract, whose materialization" in failure(run(consumer))[0]
    assert run(extract).success
    assert "is too long: 10000 characters are kept" in failure(run(consumer))[0]
    assert len([started for started in fabric.started if started.item_name == "LoadDimX"]) == 2


def test_an_exit_value_is_that_of_the_same_partition(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    regions = dg.StaticPartitionsDefinition(["eu", "us"])
    consumer = load(arguments={"path": exit_value_of("Extract")}, partitions_def=regions, retry=0)
    for region in ("eu", "us"):
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                "Extract", partition=region, metadata={"fabric/exit_value": f"Files/{region}"}
            )
        )

    assert materialize(consumer, fabric, partition_key="eu", instance=instance).success
    assert dict(fabric.started[-1].parameters) == {"path": "Files/eu"}


def test_what_is_executed_again_from_failure_takes_the_exit_value_of_the_run_that_failed(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(
        notebooks=["Extract", "LoadDimX"],
        job_instances=[
            {"notebook": "Extract", "nth": 1, "exit_value": "Files/1"},
            {"notebook": "Extract", "nth": 2, "exit_value": "Files/2"},
            {"notebook": "LoadDimX", "nth": 1, "status": "Failed"},
        ],
    )
    assets = [
        notebook_asset("Extract", notebook="Extract"),
        load(arguments={"path": exit_value_of("Extract")}, retry=0),
    ]
    both = job(assets, resources={"fabric": resource(fabric)})
    only_load = both.get_subset(asset_selection={dg.AssetKey("DimX")})

    failed = both.execute_in_process(instance=instance, raise_on_error=False)
    assert both.execute_in_process(instance=instance).success
    again = instance.create_run_for_job(only_load, parent_run_id=failed.run_id, root_run_id=failed.run_id)
    execute_run(InMemoryJob(only_load), again, instance)

    paths = [started.parameters["path"] for started in fabric.started if started.parameters]
    assert paths == ["Files/1", "Files/2", "Files/1"]


def test_a_multi_partition_key_reaches_the_notebook_as_text(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    days, regions = dg.StaticPartitionsDefinition(["d1"]), dg.StaticPartitionsDefinition(["eu"])
    partitions = dg.MultiPartitionsDefinition({"day": days, "region": regions})
    asset = load(arguments={"part": partition_key()}, partitions_def=partitions)

    assert materialize(asset, fabric, partition_key="d1|eu").success
    assert dict(fabric.started[0].parameters) == {"part": "d1|eu"}


def test_begin_and_end_of_multi_partitions_are_keys_or_times_of_the_dimension_that_has_them(
    simulate: Simulate,
) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    days, regions = dg.DailyPartitionsDefinition("2026-01-01"), dg.StaticPartitionsDefinition(["eu", "us"])
    options: dict[str, Any] = {
        "arguments": {"first": partition_start(), "last": partition_end(), "end": partition_end("%d.%m.%Y")},
        "partitions_def": dg.MultiPartitionsDefinition({"day": days, "region": regions}),
    }

    assert materialize(load(**options), fabric, partition_key="2026-01-31|eu").success
    key = "2026-01-31|eu"
    assert dict(fabric.started[-1].parameters) == {"first": key, "last": key, "end": "01.02.2026"}

    at_once = load(**options, backfill_policy=dg.BackfillPolicy.single_run())
    tags = {
        "dagster/asset_partition_range_start": "2026-01-30|eu",
        "dagster/asset_partition_range_end": "2026-02-02|us",
    }
    assert materialize(at_once, fabric, tags=tags).success
    assert dict(fabric.started[-1].parameters) == {
        "first": "2026-01-30|eu",
        "last": "2026-02-02|us",
        "end": "03.02.2026",
    }


def test_a_skipped_job_instance_is_not_retried(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"nth": 1, "status": "Deduped"}, {}])

    assert not materialize(load(retry=3), fabric).success
    assert len(fabric.started) == 1


def test_a_skipped_job_instance_is_run_again_if_configured(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"nth": 1, "status": "Deduped"}, {}])

    result = materialize(load(retry=0, run_again_if_deduped=True), fabric)

    assert metadata(result)["fabric/job_instance_id"] == fabric.started[1].id


def test_a_full_capacity_is_waited_for_without_using_up_retries(simulate: Simulate) -> None:
    full = {
        "status": "Failed",
        "failure_reason": {
            "errorCode": "Failed",
            "message": "[TooManyRequestsForCapacity] HTTP status code: 430",
        },
    }
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"nth": 1, **full}, {"nth": 2, **full}, {}])

    with dg.instance_for_test() as instance:
        result = materialize(load(retry=0), fabric, instance=instance)
        said = lines(instance, result.run_id)

    assert metadata(result)["fabric/job_instance_id"] == fabric.started[2].id
    assert len([line for line in said if line.startswith("the capacity is full")]) == 1
    assert len([line for line in said if line.startswith("the capacity had room")]) == 1


def test_a_retry_does_not_take_its_own_failed_job_instance_for_a_lost_one(simulate: Simulate) -> None:
    fabric = simulate(
        notebooks=["LoadDimX"],
        job_instances=[{"nth": 1, "status": "Failed"}, {}],
        faults=[{"method": "POST", "path": "*/jobs/*", "skip": 1, "status": 503}],
    )

    result = materialize(load(retry=1), fabric, fields={"patience_seconds": 2.0})

    assert metadata(result)["fabric/job_instance_id"] == fabric.started[1].id


def test_waiting_out_a_fault_leaves_two_lines_in_the_runs_log(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], faults=[{"path": "*/items*", "times": 3, "status": 503}])

    with dg.instance_for_test() as instance:
        result = materialize(load(), fabric, instance=instance)
        said = lines(instance, result.run_id)

    assert result.success
    assert len([line for line in said if line.startswith("waiting for Fabric to answer")]) == 1
    assert len([line for line in said if line.startswith("Fabric answers again")]) == 1


@pytest.mark.parametrize(
    ("simulated", "words", "error_code"),
    [
        pytest.param(
            {"status": "Failed", "failure_reason": {"errorCode": "Boom", "message": "no table orders"}},
            ["'LoadDimX' failed after", "no table orders", "(error code Boom)"],
            "Boom",
            id="Failed",
        ),
        pytest.param(
            {
                "status": "Failed",
                "failure_reason": {"errorCode": "Boom", "message": f"begin{'x' * 50_000}end"},
            },
            ["begin", "x [... 40008 characters ...] x", "end (error code Boom); job instance"],
            "Boom",
            id="a long trace",
        ),
        pytest.param(
            {"status": "Cancelled"}, ["'LoadDimX' was cancelled in Fabric"], "Cancelled", id="Cancelled"
        ),
        pytest.param(
            {"status": "Deduped"}, ["did not run", "another one", "(Deduped)"], "Deduped", id="Deduped"
        ),
    ],
)
def test_every_other_end_fails_the_asset_with_reason_id_and_link(
    simulate: Simulate, simulated: dict, words: Sequence[str], error_code: str
) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[simulated])

    result = materialize(load(retry=0), fabric)

    text, known = failure(result)
    assert not result.success
    assert all(word in text for word in words), text
    assert fabric.started[0].id in text
    assert known["fabric/job_instance_id"] == fabric.started[0].id
    assert known["fabric/error_code"] == error_code
    assert known["fabric/status"] == simulated["status"]
    assert known["fabric/job_instance_url"].startswith("http://127.0.0.1:")
    assert result.asset_materializations_for_node("DimX") == []


def test_a_failed_job_instance_is_started_again_as_often_as_configured(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"nth": 1, "status": "Failed"}, {}])

    result = materialize(load(retry=1), fabric)

    assert result.success
    assert metadata(result)["fabric/attempts"] == 2
    assert metadata(result)["fabric/job_instance_id"] == fabric.started[1].id


def test_the_last_retry_fails_the_asset(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"status": "Failed"}])

    result = materialize(load(retry=2), fabric)

    text, _ = failure(result)
    assert len(fabric.started) == 3
    assert fabric.started[2].id in text


def test_the_interval_before_a_retry_is_dagsters_to_wait(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"nth": 1, "status": "Failed"}, {}])
    policy = dg.RetryPolicy(max_retries=5, delay=0.25)

    result = materialize(load(retry_policy=policy), fabric)

    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]
    assert event.step_retry_data.seconds_to_wait == 0.25


def test_a_timeout_cancels_the_job_instance_and_fails_the_asset(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"never_ends": True}])

    result = materialize(load(timeout_seconds=0.3, retry=0), fabric)

    text, known = failure(result)
    assert "did not end within 0.3 s; the job instance was cancelled" in text
    assert "Raise `timeout_seconds` of asset DimX" in text
    assert known["fabric/status"] == "Cancelled"
    assert any(request.path.endswith("/cancel") for request in fabric.requests)


def test_one_line_per_change_of_status_and_none_per_read(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"queued_seconds": 0.2, "run_seconds": 0.6}])

    with dg.instance_for_test() as instance:
        result = materialize(load(), fabric, instance=instance)
        said = lines(instance, result.run_id)

    job_instance = fabric.started[0].id
    reads = [r for r in fabric.requests if r.path.endswith(f"/jobs/instances/{job_instance}")]
    assert [line.split(" after ")[0] for line in said] == [
        f"started job instance {job_instance} of notebook 'LoadDimX' in workspace 'Local' "
        f"({fabric.workspace_id})",
        f"job instance {job_instance} is InProgress",
        f"job instance {job_instance} is Completed",
    ]
    assert len(reads) > len(said)


@pytest.mark.parametrize("unseen_as", ["404", "RequestExecutionFailed"])
def test_a_job_instance_that_is_not_visible_yet_is_waited_for(simulate: Simulate, unseen_as: str) -> None:
    fabric = simulate(notebooks=["LoadDimX"], service={"unseen_seconds": 0.4, "unseen_as": unseen_as})

    assert materialize(load(), fabric).success
    assert len(fabric.started) == 1


def test_an_unknown_status_is_waited_on(simulate: Simulate) -> None:
    statuses = [{"status": "Throttling"}]
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"run_seconds": 0.3, "statuses": statuses}])

    with dg.instance_for_test() as instance:
        result = materialize(load(), fabric, instance=instance)
        said = " ".join(lines(instance, result.run_id))

    assert result.success
    assert "is Throttling after" in said


def test_a_status_that_lags_behind_is_waited_for(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], service={"lag_seconds": 0.4})

    result = materialize(load(), fabric)

    assert metadata(result)["fabric/duration_seconds"] < 0.4


@pytest.mark.parametrize("location", ["collection", "missing", "foreign"])
def test_a_start_without_the_job_instances_id_finds_it_in_the_list(simulate: Simulate, location: str) -> None:
    fabric = simulate(
        notebooks=["LoadDimX"], job_instances=[{"run_seconds": 0.2}], service={"location": location}
    )

    result = materialize(load(), fabric)

    assert metadata(result)["fabric/job_instance_id"] == fabric.started[0].id
    assert len(fabric.started) == 1


def test_a_missing_notebook_is_not_retried_and_the_nearest_names_are_shown(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimY", "LoadDimZ", "Quarterly"])

    result = materialize(load(retry=3), fabric)

    text, _ = failure(result)
    assert "there is no Notebook 'LoadDimX' (from asset DimX) in workspace 'Local'" in text
    assert "'LoadDimY' (" in text
    assert "'Quarterly'" not in text
    assert len([e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]) == 0


def test_a_missing_workspace_says_where_it_was_configured(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"])

    text, _ = failure(materialize(load(workspace="Lokal", retry=0), fabric))

    assert "there is no workspace 'Lokal' (from asset DimX)" in text
    assert f"'Local' ({fabric.workspace_id})" in text


def test_a_missing_lakehouse_is_named(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    asset = load(compute=ComputeSettings(default_lakehouse="Bronze"), retry=0)

    text, _ = failure(materialize(asset, fabric))

    assert "there is no Lakehouse 'Bronze' (from the compute settings of asset DimX)" in text


def test_a_notebook_can_be_named_by_its_id_and_without_case(simulate: Simulate) -> None:
    fabric = simulate(with_sample=True)
    by_name = notebook_asset("DimX", notebook="aquavilla_loaddimcalendar")
    notebook_id = metadata(materialize(by_name, fabric))["fabric/notebook_id"]

    by_id = notebook_asset("DimX", notebook=notebook_id, workspace="Local")

    assert metadata(materialize(by_id, fabric))["fabric/notebook"] == "AquaVilla_LoadDimCalendar"


def test_compute_settings_are_resolved_and_sent(simulate: Simulate) -> None:
    fabric = simulate(with_sample=True)
    asset = notebook_asset(
        "DimX",
        notebook="AquaVilla_LoadDimCalendar",
        compute=ComputeSettings(default_lakehouse="base", spark_conf={"a": "1"}, session_tag="dims"),
    )

    assert materialize(asset, fabric).success
    (start,) = [r.path for r in fabric.requests if r.method == "POST"]
    assert "/jobs/execute/instances?beta=false" in start


def test_the_items_of_a_workspace_are_listed_once_for_all_assets(simulate: Simulate) -> None:
    names = [f"Load{n}" for n in range(5)]
    fabric = simulate(notebooks=names)
    assets = [notebook_asset(f"Dim{n}", notebook=name) for n, name in enumerate(names)]

    assert materialize(assets, fabric).success
    assert len([r for r in fabric.requests if r.path.split("?")[0].endswith("/items")]) == 1


def test_checks_come_from_the_exit_value(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"exit_value": '{"checks": {"unique": true}}'}])
    checks = [dg.AssetCheckSpec("unique", asset="DimX"), dg.AssetCheckSpec("not_empty", asset="DimX")]

    result = materialize(load(check_specs=checks), fabric)

    assert {e.check_name: e.passed for e in result.get_asset_check_evaluations()} == {
        "unique": True,
        "not_empty": False,
    }


def test_what_asset_offers_stays_available() -> None:
    asset = load(
        deps=["Raw"],
        group_name="dimensions",
        owners=["team:finance"],
        tags={"domain": "sales"},
        kinds=["fabric"],
        description="Stores",
        pool="fabric",
        code_version="3",
        partitions_def=dg.StaticPartitionsDefinition(["a"]),
        automation_condition=dg.AutomationCondition.eager(),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=24)),
    )

    (spec,) = asset.specs
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey("Raw")]
    assert (spec.group_name, list(spec.owners), spec.description) == (
        "dimensions",
        ["team:finance"],
        "Stores",
    )
    assert spec.tags["domain"] == "sales"
    assert spec.kinds == {"fabric"}
    assert spec.code_version == "3"
    assert spec.automation_condition is not None
    assert spec.freshness_policy is not None
    assert asset.partitions_def == dg.StaticPartitionsDefinition(["a"])
    assert asset.op.pool == "fabric"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"retry": -1}, "retry must be a whole number from 0", id="retry"),
        pytest.param({"retry": 1.5}, "retry must be a whole number from 0", id="retry-fraction"),
        pytest.param(
            {"retry_interval_seconds": -1}, "retry_interval_seconds must not be negative", id="interval"
        ),
        pytest.param({"timeout_seconds": 0}, "timeout_seconds must be positive or None", id="timeout"),
        pytest.param({"arguments": {"a": [1]}}, "parameter 'a' has the type list", id="argument"),
        pytest.param(
            {"compute": ComputeSettings(python_cores=4, session_tag="x")}, "cannot stand beside", id="compute"
        ),
        pytest.param(
            {"compute": ComputeSettings(spark_conf={"n": 1})},  # type: ignore[dict-item]
            "values of `spark_conf` must be strings",
            id="spark-conf",
        ),
        pytest.param(
            {
                "arguments": {"day": partition_key()},
                "partitions_def": dg.StaticPartitionsDefinition(["a"]),
                "backfill_policy": dg.BackfillPolicy.single_run(),
            },
            "no single partition",
            id="partition-key-of-a-range",
        ),
    ],
)
def test_bad_options_are_refused_at_definition_time_with_the_assets_name(options: dict, message: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="asset DimX: ") as caught:
        load(**options)

    assert message in str(caught.value)


def test_a_notebook_without_a_name_is_refused() -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="no display name and no GUID"):
        notebook_asset("DimX", notebook=" ")


def test_with_several_tables_an_exit_value_makes_its_asset_an_upstream_of_each() -> None:
    asset = notebook_asset(
        "load_both",
        notebook="LoadBoth",
        tables=[dg.AssetSpec("A", deps=["Raw"]), dg.AssetSpec("B")],
        arguments={"path": exit_value_of("Extract")},
    )

    deps = {
        spec.key.to_user_string(): {dep.asset_key.to_user_string() for dep in spec.deps}
        for spec in asset.specs
    }
    assert deps == {"A": {"Raw", "Extract"}, "B": {"Extract"}}


def test_with_several_tables_the_option_for_one_is_refused() -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="leave `table` out"):
        load(tables=[dg.AssetSpec("A")], table="Curated.dim_x")


def test_the_definition_tells_where_the_arguments_come_from() -> None:
    asset = load(
        arguments={
            "recreate": False,
            "days": config_field(int),
            "source": fixed("erp"),
            "day": partition_key(),
            "until": partition_end(),
            "path": exit_value_of("Extract"),
        },
        partitions_def=dg.StaticPartitionsDefinition(["a"]),
    )

    assert asset.metadata_by_key[asset.key]["fabric/arguments"].value == {
        "recreate": False,
        "days": "run config, required",
        "source": "erp",
        "day": "partition key",
        "until": "end of the partitions",
        "path": "exit value of Extract",
    }
