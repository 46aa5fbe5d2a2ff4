"""Pipelines that finish by their own triggers become materializations, and what depends on them follows."""

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from fabric_assets import (
    FabricResource,
    build_notebook_sensor,
    fixed,
    item_job_asset,
    notebook_asset,
    pipeline_asset,
)
from fabric_assets.client.errors import FabricError
from fabric_assets.data_factory.assets import adf_pipeline_asset
from fabric_assets.data_factory.resource import DataFactoryResource
from fabric_assets.local import ServedFabric
from fabric_assets.sensors import items
from fabric_assets.sensors.cursor import Cursor, Position
from fabric_assets.sensors.pipelines import build_pipeline_sensor
from tests.conftest import Simulate, resource
from tests.data_factories import (
    FACTORIES,
    FACTORY,
    arm_url,
    data_factory,
    ingest,
    runs,
    start_outside_dagster,
)
from tests.ui.dagster_server import dagster_dev, wait_for

DEADLINE_SECONDS = 30
SALES = {"type": "DataPipeline", "name": "Ingest_Sales"}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def tick(
    fabric: ServedFabric,
    instance: dg.DagsterInstance,
    cursor: str | None,
    assets: list[dg.AssetsDefinition],
    *,
    resources: dict[str, Any] | None = None,
    **options: Any,
) -> dg.SensorResult:
    sensor = build_pipeline_sensor(assets, **options)
    given = resources or {"fabric": resource(fabric), "data_factory": data_factory(fabric)}
    needed = {key: value for key, value in given.items() if key in sensor.required_resource_keys}
    result = sensor(dg.build_sensor_context(instance=instance, cursor=cursor, resources=needed))
    assert isinstance(result, dg.SensorResult), result
    return result


def reported(result: dg.SensorResult) -> list[tuple[str, str]]:
    return [
        (event.asset_key.to_user_string(), str(event.metadata["fabric/job_instance_id"].value))
        for event in result.asset_events or []
    ]


def start_item(fabric: ServedFabric, name: str, job_type: str) -> str:
    """Start a job instance of an item as Fabric's own pages would, and wait for its end."""
    workspace = f"/workspaces/{fabric.workspace_id}"
    with httpx.Client(base_url=fabric.url, headers={"Authorization": f"Bearer {fabric.token}"}) as api:
        items = api.get(f"{workspace}/items").json()["value"]
        item_id = next(item["id"] for item in items if item["displayName"] == name)
        started = api.post(f"{workspace}/items/{item_id}/jobs/instances", params={"jobType": job_type})
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (read := api.get(started.headers["Location"]).json())["status"] in ("NotStarted", "InProgress"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return str(read["id"])


def test_a_triggered_run_of_data_factory_is_reported_once_with_its_metadata(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(factories=FACTORIES, pipeline_runs=[{"trigger": "Nightly"}])
    first = tick(fabric, instance, None, [ingest()])
    run_id = start_outside_dagster(fabric, parameters={"day": "2026-01-31"})

    second = tick(fabric, instance, first.cursor, [ingest()])
    third = tick(fabric, instance, second.cursor, [ingest()])

    assert (reported(first), reported(second), reported(third)) == ([], [("Raw", run_id)], [])
    (event,) = second.asset_events or []
    known = {key: value.value for key, value in event.metadata.items()}
    assert event.description == "Started outside Dagster (ScheduleTrigger: Nightly)."
    assert (known["adf/run_id"], known["adf/factory"], known["fabric/pipeline"]) == (
        run_id,
        "adf-sales",
        "Ingest",
    )
    assert (known["adf/invoked_by"], known["fabric/invoke_type"]) == ("Nightly", "ScheduleTrigger")
    assert known["adf/parameters"] == {"day": "2026-01-31"}


def test_assets_of_one_pipeline_get_the_runs_that_had_their_arguments(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(factories=FACTORIES)
    assets = [
        adf_pipeline_asset(name, pipeline="Ingest", arguments=arguments)
        for name, arguments in (("Crm", {"day": fixed("crm")}), ("Erp", {"day": "erp"}), ("Any", {}))
    ]
    first = tick(fabric, instance, None, assets)
    crm = start_outside_dagster(fabric, parameters={"day": "crm"})
    erp = start_outside_dagster(fabric, parameters={"day": "erp"})
    start_outside_dagster(fabric, parameters={"day": "another"})

    assert reported(tick(fabric, instance, first.cursor, assets)) == [("Crm", crm), ("Erp", erp)]


def test_what_dagster_started_is_left_to_its_run(simulate: Simulate, instance: dg.DagsterInstance) -> None:
    fabric = simulate(factories=FACTORIES)
    first = tick(fabric, instance, None, [ingest()])

    result = dg.materialize([ingest()], resources={"data_factory": data_factory(fabric)}, instance=instance)

    assert result.success
    assert len(runs(fabric)) == 1
    assert reported(tick(fabric, instance, first.cursor, [ingest()])) == []


def test_one_query_a_tick_sees_all_pipelines_of_a_factory(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(factories=FACTORIES, pipeline_runs=[{"pipeline": "Copy", "status": "Failed"}])
    names = {"A": "Ingest", "B": "Ingest_Orders", "C": "Copy", "D": "Ingest"}
    assets = [adf_pipeline_asset(key, pipeline=pipeline) for key, pipeline in names.items()]
    first = tick(fabric, instance, None, assets)
    one, two = start_outside_dagster(fabric), start_outside_dagster(fabric, "Ingest_Orders")
    start_outside_dagster(fabric, "Copy")
    before = len(fabric.requests)

    second = tick(fabric, instance, first.cursor, assets)

    assert sorted(reported(second)) == [("A", one), ("B", two), ("D", one)]
    assert [r.path.split("?")[0].split("/")[-1] for r in fabric.requests[before:]] == ["queryPipelineRuns"]


def test_more_than_a_tick_may_report_is_left_for_the_next_one(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(factories=FACTORIES)
    cursor = tick(fabric, instance, None, [ingest()]).cursor
    expected = [("Raw", start_outside_dagster(fabric)) for _ in range(3)]

    ticks = []
    for _ in range(3):
        result = tick(fabric, instance, cursor, [ingest()], max_materializations_per_tick=2)
        cursor = result.cursor
        ticks.append(reported(result))

    assert [len(found) for found in ticks] == [2, 1, 0]
    assert sorted(ticks[0] + ticks[1]) == sorted(expected)


def test_pipelines_and_jobs_of_other_items_in_fabric_are_reported(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(items=[SALES, {"type": "Lakehouse", "name": "Base"}])
    maintenance = {"item": "Base", "item_type": "Lakehouse", "job_type": "TableMaintenance"}
    assets = [pipeline_asset("Sales", pipeline="Ingest_Sales"), item_job_asset("Compacted", **maintenance)]
    first = tick(fabric, instance, None, assets)
    pipeline = start_item(fabric, "Ingest_Sales", "Pipeline")
    compacted = start_item(fabric, "Base", "TableMaintenance")
    start_item(fabric, "Base", "RefreshMaterializedLakeViews")

    second = tick(fabric, instance, first.cursor, assets)

    assert sorted(reported(second)) == [("Compacted", compacted), ("Sales", pipeline)]
    event = next(e for e in second.asset_events or [] if e.asset_key == dg.AssetKey("Sales"))
    assert event.metadata["fabric/pipeline"].value == "Ingest_Sales"
    assert event.metadata["fabric/workspace"].value == "Local"


def test_one_service_out_of_order_does_not_stop_the_other(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(items=[SALES])
    assets = [pipeline_asset("Sales", pipeline="Ingest_Sales"), ingest()]
    first = tick(fabric, instance, None, assets)
    pipeline = start_item(fabric, "Ingest_Sales", "Pipeline")

    assert reported(tick(fabric, instance, first.cursor, assets)) == [("Sales", pipeline)]


def test_a_pipeline_that_is_rarely_run_does_not_make_each_tick_ask_for_more(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(factories=FACTORIES)
    assets = [ingest(), adf_pipeline_asset("Rare", pipeline="Copy")]
    begun = datetime.now(UTC) - timedelta(hours=20)
    long_ago = Cursor({"Raw": Position(begun), "Rare": Position(begun)}).to_text()
    now = datetime.now(UTC)

    cursor = Cursor.from_text(tick(fabric, instance, long_ago, assets).cursor)

    # Dates have seconds.
    assert all(position.until > now - timedelta(seconds=5) for position in cursor.positions.values())


@pytest.mark.parametrize("broken", ["fabric", "data_factory"])
def test_one_service_whose_settings_are_wrong_does_not_stop_the_other(
    simulate: Simulate, instance: dg.DagsterInstance, broken: str
) -> None:
    fabric = simulate(items=[SALES], factories=FACTORIES)
    assets = [pipeline_asset("Sales", pipeline="Ingest_Sales"), ingest()]
    resources = {
        "fabric": resource(fabric),
        "data_factory": data_factory(fabric),
        broken: {
            "fabric": FabricResource(api_url="https://api.example.com/v1"),
            "data_factory": DataFactoryResource(subscription_id="only-that"),
        }[broken],
    }
    first = tick(fabric, instance, None, assets, resources=resources)
    expected = {
        "data_factory": [("Sales", start_item(fabric, "Ingest_Sales", "Pipeline"))],
        "fabric": [("Raw", start_outside_dagster(fabric))],
    }

    assert reported(tick(fabric, instance, first.cursor, assets, resources=resources)) == expected[broken]


def test_a_tick_that_sees_nothing_at_all_fails(simulate: Simulate, instance: dg.DagsterInstance) -> None:
    with pytest.raises(FabricError, match="adf-sales"):
        tick(simulate(), instance, None, [ingest()])


def test_assets_of_another_factory_are_left_to_another_sensor(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(factories=FACTORIES)
    other = adf_pipeline_asset("Other", pipeline="Copy", resource_key="second_factory")
    first = tick(fabric, instance, None, [ingest(), other])
    start_outside_dagster(fabric, "Copy")

    assert reported(tick(fabric, instance, first.cursor, [ingest(), other])) == []
    sensor = build_pipeline_sensor([ingest(), other], data_factory_key="second_factory")
    assert sensor.required_resource_keys == {"second_factory"}


def test_there_is_nothing_to_do_without_pipelines_and_without_a_local_fabric(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    partitioned = ingest(partitions_def=dg.StaticPartitionsDefinition(["a"]))
    nothing = build_pipeline_sensor([partitioned])(dg.build_sensor_context(instance=instance))
    assert isinstance(nothing, dg.SkipReason)

    fabric = FabricResource(local_home=str(tmp_path / "home"))
    sensor = build_pipeline_sensor([pipeline_asset("Sales", pipeline="Ingest_Sales")])
    asleep = sensor(dg.build_sensor_context(instance=instance, resources={"fabric": fabric}))

    assert isinstance(asleep, dg.SkipReason)
    assert "not running" in (asleep.skip_message or "")
    assert not (tmp_path / "home").exists()


def test_the_sensor_is_off_until_somebody_turns_it_on() -> None:
    assert build_pipeline_sensor([ingest()]).default_status is dg.DefaultSensorStatus.STOPPED


def local_table(fabric: ServedFabric) -> None:
    """Write the table ``Base.sales`` with three rows."""
    folder = fabric._running.context.home.lakehouse("Local", "Base") / "Tables" / "sales"
    folder.mkdir(parents=True)
    write_deltalake(str(folder), pa.table({"id": [1, 2, 3]}))


@pytest.mark.parametrize("kind", ["pipeline", "data factory", "notebook"])
def test_the_table_that_an_asset_names_is_told_of(
    simulate: Simulate, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    fabric = simulate(
        items=[SALES, {"type": "Lakehouse", "name": "Base"}], notebooks=["LoadSales"], factories=FACTORIES
    )
    local_table(fabric)
    home = str(fabric._running.context.home.root)
    resources = {
        "fabric": FabricResource(local_home=home, poll_seconds=0.02),
        "data_factory": data_factory(fabric),
    }
    if kind == "notebook":
        asset = notebook_asset("Sales", notebook="LoadSales", table="Base.sales")
        sensor = build_notebook_sensor([asset])
    else:
        asset = (
            pipeline_asset("Sales", pipeline="Ingest_Sales", table="Base.sales")
            if kind == "pipeline"
            else adf_pipeline_asset("Sales", pipeline="Ingest", table="Base.sales")
        )
        sensor = build_pipeline_sensor([asset])
    needed = {key: value for key, value in resources.items() if key in sensor.required_resource_keys}

    def evaluate(cursor: str | None) -> dg.SensorResult:
        result = sensor(dg.build_sensor_context(instance=instance, cursor=cursor, resources=needed))
        assert isinstance(result, dg.SensorResult), result
        return result

    first = evaluate(None)
    for _ in range(2):
        if kind == "data factory":
            start_outside_dagster(fabric)
        elif kind == "pipeline":
            start_item(fabric, "Ingest_Sales", "Pipeline")
        else:
            start_item(fabric, "LoadSales", "RunNotebook")
    earlier, newest = evaluate(first.cursor).asset_events or []

    assert newest.metadata["dagster/row_count"].value == 3
    assert "dagster/row_count" not in earlier.metadata


def test_a_table_that_cannot_be_read_in_time_does_not_hold_up_the_tick(
    simulate: Simulate, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "_TABLE_SECONDS", 0.2)
    fabric = simulate(items=[SALES, {"type": "Lakehouse", "name": "Base"}])
    context = fabric._running.context
    log = context.home.lakehouse("Local", "Base") / "Tables" / "sales" / "_delta_log"
    log.mkdir(parents=True)
    commit = log / f"{0:020}.json"
    os.mkfifo(commit)  # who reads it waits until somebody writes
    resources = {"fabric": FabricResource(local_home=str(context.home.root), poll_seconds=0.02)}
    assets = [pipeline_asset("Sales", pipeline="Ingest_Sales", table="Base.sales")]
    first = tick(fabric, instance, None, assets, resources=resources)
    pipeline = start_item(fabric, "Ingest_Sales", "Pipeline")

    try:
        second = tick(fabric, instance, first.cursor, assets, resources=resources)
    finally:
        os.close(os.open(commit, os.O_RDWR | os.O_NONBLOCK))

    assert reported(second) == [("Sales", pipeline)]


def test_a_notebook_follows_a_triggered_pipeline_by_its_automation_condition(
    simulate: Simulate, tmp_path: Path
) -> None:
    """Trigger -> pipeline run -> sensor -> materialization -> automation condition -> notebook, under the daemon."""
    fabric = simulate(
        factories=FACTORIES, notebooks=["LoadFactSales"], pipeline_runs=[{"trigger": "Nightly"}]
    )
    environment = {
        "FABRIC_WORKSPACE_ID": fabric.workspace_id,
        "FABRIC_API_URL": fabric.url,
        "FABRIC_ACCESS_TOKEN": fabric.token,
        "FABRIC_ADF_SUBSCRIPTION_ID": FACTORY.subscription_id,
        "FABRIC_ADF_RESOURCE_GROUP": FACTORY.resource_group,
        "FABRIC_ADF_FACTORY": FACTORY.name,
        "FABRIC_ARM_URL": arm_url(fabric),
        "FABRIC_ARM_ACCESS_TOKEN": fabric.token,
    }
    folder = tmp_path / "dagster_dev"
    folder.mkdir()
    with dagster_dev(folder, "-m", "tests.pipeline_sensor_definitions", environment=environment) as server:
        # Only what ends after the sensor's first tick is reported.
        wait_for("the sensor ticks", lambda: any("queryPipelineRuns" in r.path for r in fabric.requests))
        first = len(fabric.requests)
        wait_for(
            "the first tick is over",
            lambda: any("queryPipelineRuns" in r.path for r in fabric.requests[first:]),
        )
        run_id = start_outside_dagster(fabric)
        run = server.wait_for_new_run([])
        assert server.wait_for_end(run) == "SUCCESS", server.failures(run)
        materialized = server.graphql(
            """{ assetOrError(assetKey: {path: ["Raw"]}) { ... on Asset { assetMaterializations {
                 runId metadataEntries { label ... on TextMetadataEntry { text } } } } } }"""
        )["assetOrError"]["assetMaterializations"]

    (reported_once,) = materialized
    told = {entry["label"]: entry.get("text") for entry in reported_once["metadataEntries"]}
    assert (told["adf/run_id"], told["adf/invoked_by"]) == (run_id, "Nightly")
    assert len(fabric.started) == len(runs(fabric)) == 1


def test_dagsters_daemon_can_evaluate_it(simulate: Simulate, instance: dg.DagsterInstance) -> None:
    fabric = simulate(factories=FACTORIES)
    sensor = build_pipeline_sensor([ingest()])
    resources = {"data_factory": data_factory(fabric)}
    defs = dg.Definitions(assets=[ingest()], sensors=[sensor], resources=resources)
    with dg.build_sensor_context(instance=instance, definitions=defs, resources=resources) as context:
        evaluated = sensor.evaluate_tick(context)

    assert "Raw" in (evaluated.cursor or "")


def test_the_cursor_is_json_that_the_notebook_sensor_writes_too(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(factories=FACTORIES)

    cursor = json.loads(tick(fabric, instance, None, [ingest()]).cursor or "")

    assert list(cursor["positions.1"]) == ["Raw"]
