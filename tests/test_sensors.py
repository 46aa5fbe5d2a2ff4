"""The sensor against the local Fabric: job instances that were started outside Dagster become materializations."""

import json
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import httpx
import pytest

from fabric_assets import FabricResource, build_notebook_sensor, fixed, notebook_asset
from fabric_assets.local import ServedFabric
from tests.conftest import Simulate, resource

DEADLINE_SECONDS = 30
ASSET = notebook_asset("DimX", notebook="LoadDimX")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def start_outside_dagster(fabric: ServedFabric, name: str = "LoadDimX") -> str:
    """Start a job instance as Fabric's own UI would, and wait for its end."""
    workspace = f"/workspaces/{fabric.workspace_id}"
    with httpx.Client(base_url=fabric.url, headers={"Authorization": f"Bearer {fabric.token}"}) as api:
        items = api.get(f"{workspace}/items").json()["value"]
        item_id = next(item["id"] for item in items if item["displayName"] == name)
        started = api.post(f"{workspace}/items/{item_id}/jobs/instances", params={"jobType": "RunNotebook"})
        location = started.headers["Location"]
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (read := api.get(location).json())["status"] in ("NotStarted", "InProgress"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return str(read["id"])


def tick(
    fabric: ServedFabric | FabricResource,
    instance: dg.DagsterInstance,
    cursor: str | None,
    *,
    assets: list[dg.AssetsDefinition] | None = None,
    **options: Any,
) -> dg.SensorResult:
    sensor = build_notebook_sensor(assets or [ASSET], **options)
    fabric_resource = fabric if isinstance(fabric, FabricResource) else resource(fabric)
    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"fabric": fabric_resource})
    result = sensor(context)
    assert isinstance(result, dg.SensorResult), result
    return result


def reported(result: dg.SensorResult) -> list[str]:
    return [event.metadata["fabric/job_instance_id"].value for event in result.asset_events or []]


def test_a_job_instance_from_outside_is_reported_once_with_its_metadata(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"exit_value": json.dumps({"row_count": 5})}])
    first = tick(fabric, instance, None)
    job_instance = start_outside_dagster(fabric)

    second = tick(fabric, instance, first.cursor)
    third = tick(fabric, instance, second.cursor)

    assert (reported(first), reported(second), reported(third)) == ([], [job_instance], [])
    (event,) = second.asset_events or []
    assert event.asset_key == dg.AssetKey("DimX")
    assert event.metadata["dagster/row_count"].value == 5
    assert event.metadata["fabric/invoke_type"].value == "Manual"
    assert event.metadata["fabric/notebook"].value == "LoadDimX"


def test_history_from_before_the_first_tick_is_not_reported(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    start_outside_dagster(fabric)

    first = tick(fabric, instance, None)

    assert reported(first) == reported(tick(fabric, instance, first.cursor)) == []


def test_what_dagster_started_is_left_to_its_run(simulate: Simulate, instance: dg.DagsterInstance) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    first = tick(fabric, instance, None)

    assert dg.materialize([ASSET], resources={"fabric": resource(fabric)}, instance=instance).success

    assert len(fabric.started) == 1
    assert reported(tick(fabric, instance, first.cursor)) == []


def test_failed_job_instances_are_no_materializations(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"status": "Failed"}])
    first = tick(fabric, instance, None)
    start_outside_dagster(fabric)

    assert reported(tick(fabric, instance, first.cursor)) == []


def test_a_missing_notebook_does_not_stop_the_others(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    assets = [notebook_asset("Gone", notebook="Gone"), ASSET]
    first = tick(fabric, instance, None, assets=assets)
    job_instance = start_outside_dagster(fabric)

    assert reported(tick(fabric, instance, first.cursor, assets=assets)) == [job_instance]


def test_a_notebook_that_was_made_anew_is_found_again(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(with_sample=True)
    name = "AquaVilla_LoadDimCalendar"
    assets = [
        notebook_asset("DimX", notebook=name),
        notebook_asset("DimY", notebook="AquaVilla_LoadDimCustomer"),
    ]
    fabric_resource = resource(fabric)
    first = tick(fabric_resource, instance, None, assets=assets)
    workspace = f"/workspaces/{fabric.workspace_id}"
    with httpx.Client(base_url=fabric.url, headers={"Authorization": f"Bearer {fabric.token}"}) as api:
        old = next(i for i in api.get(f"{workspace}/notebooks").json()["value"] if i["displayName"] == name)
        definition = api.post(f"{workspace}/notebooks/{old['id']}/getDefinition").json()["definition"]
        assert api.delete(f"{workspace}/notebooks/{old['id']}").status_code == 200
        definition["parts"] = [part for part in definition["parts"] if part["path"] != ".platform"]
        made = api.post(f"{workspace}/notebooks", json={"displayName": name, "definition": definition})
        assert made.status_code == 201, made.text
    second = tick(fabric_resource, instance, first.cursor, assets=assets)
    job_instance = start_outside_dagster(fabric, name)

    assert reported(tick(fabric_resource, instance, second.cursor, assets=assets)) == [job_instance]


def test_with_many_notebooks_ticks_take_turns(simulate: Simulate, instance: dg.DagsterInstance) -> None:
    names = [f"N{n}" for n in range(5)]
    fabric = simulate(notebooks=names)
    assets = [notebook_asset(f"A{name}", notebook=name) for name in names]
    cursor = None
    for _ in range(3):  # each notebook is seen at least once
        cursor = tick(fabric, instance, cursor, assets=assets, max_notebooks_per_tick=2).cursor
    expected = {start_outside_dagster(fabric, name) for name in names}

    seen: list[str] = []
    for _ in range(3):
        result = tick(fabric, instance, cursor, assets=assets, max_notebooks_per_tick=2)
        cursor = result.cursor
        seen += reported(result)

    assert sorted(seen) == sorted(expected)


def test_partitioned_assets_are_left_out(simulate: Simulate, instance: dg.DagsterInstance) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    partitioned = notebook_asset(
        "DimX", notebook="LoadDimX", partitions_def=dg.StaticPartitionsDefinition(["a", "b"])
    )
    sensor = build_notebook_sensor([partitioned])

    result = sensor(dg.build_sensor_context(instance=instance, resources={"fabric": resource(fabric)}))

    assert isinstance(result, dg.SkipReason)


def test_assets_that_load_with_other_arguments_from_one_notebook_are_left_out(
    simulate: Simulate, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    fabric = simulate(notebooks=["LoadDimX", "Load_Table"])
    orders, items = (
        notebook_asset(name, notebook="Load_Table", arguments={"table": fixed(name)})
        for name in ("Orders", "Items")
    )
    first = tick(fabric, instance, None, assets=[orders, ASSET, items])
    start_outside_dagster(fabric, "Load_Table")
    job_instance = start_outside_dagster(fabric, "LoadDimX")

    second = tick(fabric, instance, first.cursor, assets=[orders, ASSET, items])
    only_these = tick(fabric, instance, first.cursor, assets=[orders, items])

    assert reported(second) == [job_instance]
    assert reported(only_these) == []
    assert (
        "Orders, Items: not looked after, as other assets load with other arguments" in capfd.readouterr().err
    )


def test_the_sensor_does_not_start_a_local_fabric(
    instance: dg.DagsterInstance, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("idle") / "home"
    sensor = build_notebook_sensor([ASSET])
    context = dg.build_sensor_context(
        instance=instance, resources={"fabric": FabricResource(local_home=str(home))}
    )

    result = sensor(context)

    assert isinstance(result, dg.SkipReason)
    assert "not running" in (result.skip_message or "")
    assert not home.exists()


def test_the_sensor_is_off_until_somebody_turns_it_on() -> None:
    assert build_notebook_sensor([ASSET]).default_status is dg.DefaultSensorStatus.STOPPED


def test_notebooks_that_cannot_be_seen_do_not_keep_the_others_from_their_turn(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    assets = [notebook_asset(f"Gone{n}", notebook=f"Gone{n}") for n in range(2)] + [ASSET]
    first = tick(fabric, instance, None, assets=assets, max_notebooks_per_tick=2)
    second = tick(fabric, instance, first.cursor, assets=assets, max_notebooks_per_tick=1)
    job_instance = start_outside_dagster(fabric)

    third = tick(fabric, instance, second.cursor, assets=assets, max_notebooks_per_tick=2)
    fourth = tick(fabric, instance, third.cursor, assets=assets, max_notebooks_per_tick=2)

    assert "Gone1" in (first.skip_reason.skip_message or "" if first.skip_reason else "")
    assert (reported(second), reported(third), reported(fourth)) == ([], [], [job_instance])


def test_all_tables_of_a_notebook_are_reported_with_one_look_at_it(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    several = notebook_asset("load", notebook="LoadDimX", tables=[dg.AssetSpec("A"), dg.AssetSpec("B")])
    first = tick(fabric, instance, None, assets=[several, ASSET])
    job_instance = start_outside_dagster(fabric)
    before = len(fabric.requests)

    second = tick(fabric, instance, first.cursor, assets=[several, ASSET])

    events = {event.asset_key.to_user_string() for event in second.asset_events or []}
    assert events == {"A", "B", "DimX"}
    assert set(reported(second)) == {job_instance}
    assert len(fabric.requests) - before == 2  # the list, and the job instance's exit value and links


def test_assets_of_another_resource_are_left_to_a_sensor_of_its_own(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(notebooks=["LoadDimX"])
    elsewhere = notebook_asset("DimX_EU", notebook="LoadDimX", resource_key="fabric_eu")
    own = build_notebook_sensor([elsewhere, ASSET], resource_key="fabric_eu")

    def look(cursor: str | None) -> dg.SensorResult:
        context = dg.build_sensor_context(
            instance=instance, cursor=cursor, resources={"fabric_eu": resource(fabric)}
        )
        result = own(context)
        assert isinstance(result, dg.SensorResult)
        return result

    first, first_of_own = tick(fabric, instance, None, assets=[elsewhere, ASSET]), look(None)
    start_outside_dagster(fabric)
    second, second_of_own = (
        tick(fabric, instance, first.cursor, assets=[elsewhere, ASSET]),
        look(first_of_own.cursor),
    )

    assert [event.asset_key.to_user_string() for event in second.asset_events or []] == ["DimX"]
    assert [event.asset_key.to_user_string() for event in second_of_own.asset_events or []] == ["DimX_EU"]
