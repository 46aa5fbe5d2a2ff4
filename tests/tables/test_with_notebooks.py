"""A shipped Python notebook, really run by the local Fabric: its table, its metadata, its checks."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from fabric_assets import FabricResource, build_table_checks, fabric_executor, notebook_asset
from fabric_assets.local import serve_in_thread
from fabric_assets.local.engine import KernelEngine
from fabric_assets.local.home import LocalHome
from tests.conftest import resource
from tests.executor.running import Ran, run

dim_employee = notebook_asset(
    "DimEmployee",
    notebook="{prefix}DimEmployee",
    arguments={"recreate": False},
    retry=0,
    table="Curated.dim_employee",
)
checks = build_table_checks(
    [dim_employee],
    keys=[["employee_key"], ["employee_id"]],
    row_count=0.5,
    schema="unchanged",
    freshness=timedelta(hours=1),
    blocking={"not_empty", "keys"},
)


NAMES = ("table_not_empty", "unique_keys", "row_count_in_bounds", "column_schema_change", "table_fresh")


def definitions(fabric: FabricResource) -> dg.Definitions:
    return dg.Definitions(
        assets=[dim_employee],
        asset_checks=checks,
        resources={"fabric": fabric},
        executor=fabric_executor,
        jobs=[
            dg.define_asset_job("everything", selection=dg.AssetSelection.assets(dim_employee)),
            dg.define_asset_job("checks", selection=dg.AssetSelection.all_asset_checks()),
        ],
    )


def materialization(ran: Ran) -> dict[str, Any]:
    (entry,) = ran.events(dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert entry.asset_materialization is not None
    return {key: value.value for key, value in entry.asset_materialization.metadata.items()}


def evaluations(ran: Ran) -> dict[str, bool]:
    entries = ran.events(dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    return {evaluation.check_name: evaluation.passed for evaluation in found}


def test_a_real_notebooks_table_is_told_and_checked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with (
        serve_in_thread(home, engine=KernelEngine(LocalHome(home)), with_sample=True) as fabric,
        dg.instance_for_test() as instance,
    ):
        defs = definitions(resource(fabric, local_home=str(home)))
        loaded = run(instance, defs.resolve_job_def("everything"))
        alone = run(instance, defs.resolve_job_def("checks"))

    told = materialization(loaded)
    folder = home / "onelake" / "Local" / "Curated.Lakehouse" / "Tables" / "dim_employee"
    assert told["dagster/uri"] == str(folder)
    assert told["dagster/row_count"] > 0
    assert told["fabric/table_version"] == 0
    # The notebook names the types of its columns as Spark does: what both say must agree.
    said = json.loads(told["fabric/exit_value"])
    assert [(c.name, c.type) for c in told["dagster/column_schema"].columns] == [
        (column["name"], column["type"]) for column in said["columns"]
    ]
    assert said["row_count"] == told["dagster/row_count"]
    assert evaluations(loaded) == evaluations(alone) == dict.fromkeys(NAMES, True)
    assert not alone.events(dg.DagsterEventType.ASSET_MATERIALIZATION)
