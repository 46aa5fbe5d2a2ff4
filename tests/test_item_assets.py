"""Assets of data pipelines and of other items' jobs, materialized against the local Fabric over real HTTP."""

import asyncio
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest

from fabric_assets import fixed, item_job_asset, partition_key, pipeline_asset
from fabric_assets.client.auth import StaticToken
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.job import ItemJob
from fabric_assets.local import ServedFabric
from tests.conftest import Simulate, materialize
from tests.faults.harness import LIMITS, MemoryLedger, Said, statuses

PIPELINE = {"type": "DataPipeline", "name": "Ingest"}
LAKEHOUSE = {"type": "Lakehouse", "name": "Base"}
SPARK_JOB = {"type": "SparkJobDefinition", "name": "Load"}
FULL = {
    "status": "Failed",
    "failure_reason": {
        "errorCode": "JobInstanceStatusFailed",
        "message": "[TooManyRequestsForCapacity] too many requests. HTTP status code: 430.",
    },
}


def ingest(**options: Any) -> dg.AssetsDefinition:
    return pipeline_asset("Raw", pipeline="Ingest", **{"retry": 0, "retry_interval_seconds": 0, **options})


def metadata(result: dg.ExecuteInProcessResult) -> Mapping[str, Any]:
    (event,) = result.asset_materializations_for_node("Raw")
    return {key: value.value for key, value in event.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    reason = event.step_failure_data.user_failure_data
    assert reason is not None
    return reason.description or ""


def test_a_completed_pipeline_materializes_the_asset(simulate: Simulate) -> None:
    fabric = simulate(items=[PIPELINE], job_instances=[{"run_seconds": 0.2}])
    plain = {
        "source": "erp",
        "days": 3,
        "tables": ["orders", "items"],
        "options": {"full": True},
        "until": None,
    }
    arguments = {**plain, "files": fixed(["a.csv", "b.csv"])}

    result = materialize(ingest(arguments=arguments), fabric)

    (started,) = fabric.started
    known = metadata(result)
    assert dict(started.parameters) == {**plain, "files": ["a.csv", "b.csv"]}
    assert known["fabric/parameters"] == dict(started.parameters)
    assert known["fabric/job_instance_id"] == started.id
    assert (known["fabric/pipeline"], known["fabric/workspace"]) == ("Ingest", "Local")
    assert known["fabric/duration_seconds"] >= 0.2
    assert "fabric/exit_value" not in known


def test_a_failed_pipeline_fails_the_asset_with_fabrics_reason(simulate: Simulate) -> None:
    reason = {"errorCode": "ActivityFailed", "message": "Copy orders: no such file"}
    fabric = simulate(
        items=[PIPELINE],
        job_instances=[{"nth": 1, "status": "Failed", "failure_reason": reason}, {}],
    )

    failed = materialize(ingest(), fabric)
    again = materialize(ingest(retry=1), fabric)

    words = failure(failed)
    assert words.startswith("pipeline 'Ingest' failed after")
    assert "Copy orders: no such file (error code ActivityFailed)" in words
    assert fabric.started[0].id in words
    assert again.success


def test_a_pipeline_that_is_not_there_is_named_with_its_asset(simulate: Simulate) -> None:
    fabric = simulate(items=[PIPELINE], notebooks=["Ingest_Orders"])

    words = failure(materialize(pipeline_asset("Raw", pipeline="Ingests"), fabric))

    assert "there is no DataPipeline 'Ingests' (from asset Raw)" in words
    assert "'Ingest'" in words


def test_a_lost_answer_starts_no_second_pipeline(simulate: Simulate) -> None:
    fabric = simulate(
        items=[PIPELINE],
        job_instances=[{"run_seconds": 0.5}],
        faults=[{"method": "POST", "path": "*/jobs/instances*", "drop": "after"}],
    )

    result = materialize(ingest(), fabric, fields={"patience_seconds": 4.0})

    assert metadata(result)["fabric/job_instance_id"] == fabric.started[0].id
    assert len(fabric.started) == 1


def test_a_pipeline_that_takes_too_long_is_cancelled(simulate: Simulate) -> None:
    fabric = simulate(items=[PIPELINE], job_instances=[{"never_ends": True}])

    words = failure(materialize(ingest(timeout_seconds=0.5), fabric))

    assert "pipeline 'Ingest' did not end within 0.5 s; the job instance was cancelled" in words
    assert "Raise `timeout_seconds` of asset Raw" in words
    assert statuses(fabric) == ["Cancelled"]


def spark_job() -> dg.AssetsDefinition:
    return item_job_asset("Raw", item="Load", item_type="SparkJobDefinition", job_type="sparkjob", retry=0)


def test_a_full_capacity_is_waited_out_without_a_retry(simulate: Simulate) -> None:
    fabric = simulate(items=[SPARK_JOB], job_instances=[{"nth": 1, **FULL}, {"nth": 2, **FULL}, {}])

    result = materialize(spark_job(), fabric, fields={"capacity_wait_seconds": 0.1})

    assert metadata(result)["fabric/job_instance_id"] == fabric.started[2].id
    assert metadata(result)["fabric/attempts"] == 1


def test_a_capacity_that_stays_full_is_given_up(simulate: Simulate) -> None:
    fabric = simulate(items=[SPARK_JOB], job_instances=[FULL])
    fields = {"capacity_wait_seconds": 0.1, "capacity_patience_seconds": 0.5}

    assert "the capacity has been full for" in failure(materialize(spark_job(), fabric, fields=fields))


def test_a_pipeline_one_of_whose_activities_found_no_room_is_not_started_again(simulate: Simulate) -> None:
    # Its other activities have done their work: to load that twice is the user's decision (`retry`).
    fabric = simulate(items=[PIPELINE], job_instances=[{"run_seconds": 0.2, **FULL}])

    words = failure(materialize(ingest(), fabric))

    assert "pipeline 'Ingest' failed after" in words
    assert "TooManyRequestsForCapacity" in words
    assert len(fabric.started) == 1


def test_partitions_of_a_pipeline(simulate: Simulate) -> None:
    fabric = simulate(items=[PIPELINE])
    asset = ingest(
        arguments={"month": partition_key()}, partitions_def=dg.StaticPartitionsDefinition(["1", "2"])
    )

    assert materialize(asset, fabric, partition_key="2").success
    assert dict(fabric.started[0].parameters) == {"month": "2"}


def test_a_job_of_any_item_gets_its_execution_data(simulate: Simulate) -> None:
    fabric = simulate(items=[LAKEHOUSE])
    data = {"tableName": "orders", "optimizeSettings": {"vOrder": True}}
    asset = item_job_asset(
        "Raw", item="Base", item_type="Lakehouse", job_type="TableMaintenance", execution_data=data
    )

    known = metadata(materialize(asset, fabric))

    assert (known["fabric/item"], known["fabric/job_instance_id"]) == ("Base", fabric.started[0].id)
    assert fabric.started[0].execution_data == data


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pipeline": " Ingest"}, "item ' Ingest' is no display name"),
        ({"arguments": {"when": fixed(object())}}, "parameter 'when' has the type object"),
        ({"arguments": {"rate": float("nan")}}, "which JSON cannot carry"),
        ({"timeout_seconds": 0}, "timeout_seconds must be positive"),
        ({"check_specs": [dg.AssetCheckSpec("x", asset="Raw")]}, "only a notebook reports checks"),
        ({"retry": -1}, "retry must be a whole number"),
    ],
)
def test_options_that_cannot_work_are_refused_when_the_asset_is_defined(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"asset Raw: .*") as refused:
        pipeline_asset("Raw", **{"pipeline": "Ingest", **options})
    assert words in str(refused.value)


def test_many_job_instances_of_one_pipeline_are_seen_in_its_list(simulate: Simulate) -> None:
    count = 12
    fabric = simulate(items=[PIPELINE], job_instances=[{"run_seconds": [0.8, 2.0]}])

    async def all_of_them(fabric: ServedFabric) -> int:
        async with FabricClient(fabric.url, StaticToken(fabric.token)) as client:
            control = JobControl(client, portal_url=None, limits=LIMITS)
            jobs = [
                ItemJob(
                    asset=f"Raw[{number}]",
                    parameters={"number": number},
                    item="Ingest",
                    item_type="DataPipeline",
                    job_type="Pipeline",
                    workspace=fabric.workspace_id,
                    workspace_configured_in="the test",
                )
                for number in range(count)
            ]
            outcomes = await asyncio.gather(*(control.run(job, Said(), MemoryLedger()) for job in jobs))
            return len({outcome.job_instance.id for outcome in outcomes})

    assert asyncio.run(all_of_them(fabric)) == count
    paths = [request.path.lower() for request in fabric.requests]
    assert [path for path in paths if "livysessions" in path] == []
    assert any(path.partition("?")[0].endswith("/jobs/instances") for path in paths)
