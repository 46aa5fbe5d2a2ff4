"""Assets of the component, materialized against the local Fabric over real HTTP."""

import base64
import json
import zlib
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.local import ServedFabric
from tests.component.places import component, copy_table, definitions, shop, write_notebook
from tests.conftest import Simulate, resource, with_client
from tests.executor import running as executed


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The attributes of the component for a local Fabric."""

    def of(fabric: ServedFabric) -> dict[str, Any]:
        monkeypatch.setenv("LOCAL_TOKEN", fabric.token)
        return {
            "workspace": fabric.workspace_id,
            "connection": {
                "api_url": fabric.url,
                "access_token": "{{ env.LOCAL_TOKEN }}",
                "poll_seconds": 0.02,
            },
        }

    return of


def run(made: dg.Definitions, instance: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
    job = made.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, raise_on_error=False)


def test_one_yaml_runs_notebooks_in_order_with_their_arguments(
    simulate: Simulate, tmp_path: Path, connection: Any
) -> None:
    names = ["Load_DimStore", "Load_DimDate", "Load_FactSales"]
    fabric = simulate(
        notebooks=names, job_instances=[{"notebook": "Load_DimStore", "nth": 1, "status": "Failed"}]
    )
    made = definitions(
        source=shop(tmp_path / "w"),
        defaults={"arguments": {"recreate": False}, "retry_interval_seconds": 0},
        notebooks={"Load_FactSales": {"arguments": {"days": 7}}},
        **connection(fabric),
    )

    assert run(made).success
    assert [started.item_name for started in fabric.started][-1] == "Load_FactSales"
    assert dict(fabric.started[-1].parameters) == {"recreate": False, "days": 7}
    assert len(fabric.started) == 4  # one failed and was retried


def test_an_exit_value_is_the_argument_of_another_entry(
    simulate: Simulate, tmp_path: Path, connection: Any
) -> None:
    fabric = simulate(
        notebooks=["Extract", "Load"],
        job_instances=[{"notebook": "Extract", "exit_value": "Files/today.csv"}],
    )
    notebooks = {
        "get it": {"notebook": "Extract", "name": "raw/Extract"},
        "Load": {"arguments": {"file": {"exit_value_of": "get it"}}},
    }

    assert run(definitions(notebooks=notebooks, **connection(fabric))).success
    assert dict(fabric.started[-1].parameters) == {"file": "Files/today.csv"}


def test_one_job_instance_materializes_all_tables_of_its_notebook(
    simulate: Simulate, tmp_path: Path, connection: Any
) -> None:
    fabric = simulate(notebooks=["Load_Both"], job_instances=[{"exit_value": json.dumps({"row_count": 3})}])
    write_notebook(
        tmp_path / "w",
        "Load_Both",
        'spark.sql("CREATE OR REPLACE TABLE a AS SELECT x FROM landing.a")',
        copy_table("landing.b", "b"),
    )
    result = run(definitions(source=tmp_path / "w", assets="tables", **connection(fabric)))

    events = result.asset_materializations_for_node("Both")
    found = {event.asset_key.to_user_string(): event.metadata for event in events}
    assert set(found) == {"curated/a", "curated/b"}
    assert len(fabric.started) == 1
    assert found["curated/a"]["dagster/row_count"].value == 3
    columns = found["curated/a"]["dagster/column_lineage"].value.deps_by_column
    assert columns["x"] == [dg.TableColumnDep(asset_key=dg.AssetKey(["landing", "a"]), column_name="x")]


def test_writers_of_one_table_never_run_at_the_same_time(
    simulate: Simulate, tmp_path: Path, connection: Any
) -> None:
    names = ["Load_North", "Load_South", "Load_West"]
    fabric = simulate(notebooks=names, job_instances=[{"run_seconds": 0.5}])
    for name in names:
        write_notebook(tmp_path / "w", name, copy_table("landing.x", "sales"))
    made = definitions(source=tmp_path / "w", **connection(fabric))

    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        ran = executed.run(
            instance, executed.job(list(made.assets or []), resources=dict(made.resources or {}))
        )

    assert ran.status == dg.DagsterRunStatus.SUCCESS
    spans = sorted(with_client(fabric, lambda client: job_instance_times(client, fabric.workspace_id)))
    assert len(spans) == 3
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


async def job_instance_times(client: FabricClient, workspace: str) -> list[tuple[datetime, datetime]]:
    times = []
    for item in await client.list_items(workspace):
        for instance in await client.list_job_instances(workspace, item.id):
            assert instance.start_time is not None
            assert instance.end_time is not None
            times.append((instance.start_time, instance.end_time))
    return times


def test_the_resource_of_the_code_location_can_be_used(simulate: Simulate, tmp_path: Path) -> None:
    fabric = simulate(notebooks=["Load_A"])
    made = dg.build_defs_for_component(component(notebooks={"Load_A": {}}, resource="house"))
    assert not made.resources

    both = dg.Definitions.merge(made, dg.Definitions(resources={"house": resource(fabric)}))
    assert run(both).success
    assert len(fabric.started) == 1


def test_two_components_of_one_code_location_can_mean_two_workspaces(
    simulate: Simulate, connection: Any
) -> None:
    first, second = simulate(notebooks=["Load_A"]), simulate(notebooks=["Load_B"])
    made = [
        definitions(notebooks={f"Load_{name}": {}}, **connection(f))
        for name, f in (("A", first), ("B", second))
    ]

    assert run(dg.Definitions.merge(*made)).success
    assert (len(first.started), len(second.started)) == (1, 1)


def test_no_limit_and_the_compute_settings_reach_the_job_instance(
    simulate: Simulate, connection: Any
) -> None:
    fabric = simulate(notebooks=["Load_A", "Load_B"])
    made = definitions(
        defaults={"compute": {"spark_conf": {"spark.sql.shuffle.partitions": "8"}}, "session_tag": "nightly"},
        notebooks={"Load_A": {"timeout_seconds": None}, "Load_B": {"deps": ["Load_A"]}},
        **connection(fabric),
    )

    assert run(made).success
    assert len(fabric.started) == 2


def test_the_token_is_not_shown(connection: Any, simulate: Simulate) -> None:
    fabric = simulate(notebooks=["Load_A"])
    made = component(notebooks={"Load_A": {}}, **connection(fabric))

    assert fabric.token not in repr(made)
    assert fabric.token not in repr(dg.build_defs_for_component(made))


def test_notebooks_of_the_yaml_speak_if_it_says_so(
    simulate: Simulate, tmp_path: Path, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabric = simulate(
        notebooks=["Extract", "Load", "Report"], items=[{"type": "Lakehouse", "name": "Curated"}]
    )
    monkeypatch.setenv("FABRIC_LOCAL_HOME", str(tmp_path / "fabric0"))
    made = definitions(
        defaults={"pipes": True, "compute": {"default_lakehouse": "Curated"}},
        notebooks={
            "Extract": {},
            "Load": {"pipes": {"folder": "said", "keep": True}},
            "Report": {"pipes": False},
        },
        **connection(fabric),
    )

    assert run(made).success

    told = {started.item_name: dict(started.parameters) for started in fabric.started}
    assert "Curated.Lakehouse/Files/.dagster_pipes/" in _where_to_write(told["Extract"])
    assert "Curated.Lakehouse/Files/said/" in _where_to_write(told["Load"])
    assert told["Report"] == {}


def _where_to_write(parameters: dict[str, Any]) -> str:
    variables = json.loads(parameters["dagster_pipes_params"])
    message = zlib.decompress(base64.b64decode(variables["DAGSTER_PIPES_MESSAGES"]))
    return str(json.loads(message)["path"])
