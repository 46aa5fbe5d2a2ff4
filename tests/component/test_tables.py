"""Tables of the component's assets: row counts and checks, against the local Fabric over real HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fabric_assets.local import serve_in_thread
from tests.component.places import component, copy_table, definitions, shop, specs, write_notebook
from tests.component.test_yaml import refusal
from tests.conftest import resource
from tests.tables.conftest import Lake
from tests.tables.delta_tables import write

NAMES = ["Load_DimStore", "Load_DimDate", "Load_FactSales", "Load_Two"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    home = tmp_path_factory.mktemp("lake") / "home"
    with serve_in_thread(home, script={"notebooks": NAMES}, with_sample=True) as fabric:
        yield Lake(fabric, home)


def run(lake: Lake, **attributes: Any) -> dg.ExecuteInProcessResult:
    made = dg.build_defs_for_component(component(resource="fabric", **attributes))
    made = dg.Definitions.merge(
        made, dg.Definitions(resources={"fabric": resource(lake.fabric, local_home=str(lake.home))})
    )
    return made.resolve_implicit_global_asset_job_def().execute_in_process(raise_on_error=False)


def known(result: dg.ExecuteInProcessResult, key: str) -> dict[str, Any]:
    events = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(key)]
    return {name: value.value for name, value in events[0].materialization.metadata.items()}


def test_row_counts_of_the_tables_that_the_notebooks_source_writes(lake: Lake, tmp_path: Path) -> None:
    write(lake.table("dim_store"), id=[1, 2])
    write(lake.table("fact_sales"), id=[1, 2, 3])
    workspace = shop(tmp_path / "w")

    result = run(lake, source=workspace, read_tables=True)

    assert result.success  # that there is no dim_date yet is a warning
    assert known(result, "DimStore")["dagster/row_count"] == 2
    assert known(result, "FactSales")["fabric/table_version"] == 0
    assert "dagster/row_count" not in known(result, "DimDate")
    assert "dagster/row_count" not in known(run(lake, source=workspace), "DimStore")


def test_a_configured_table_and_one_asset_for_each_table(lake: Lake, tmp_path: Path) -> None:
    write(lake.table("two_a"), id=[1])
    write(lake.table("two_b"), id=[1, 2])
    workspace = shop(tmp_path / "w")
    write_notebook(workspace, "Load_Two", copy_table("landing.x", "two_a"), copy_table("landing.x", "two_b"))

    one = run(
        lake, source=workspace, notebooks={"Load_Two": {"table": "Curated.two_b"}}, include=["Load_Two"]
    )
    each = run(lake, source=workspace, assets="tables", read_tables=True, include=["Load_Two"])

    assert known(one, "Two")["dagster/row_count"] == 2
    found = [e.materialization for e in each.get_asset_materialization_events()]
    assert sorted(m.metadata["dagster/row_count"].value for m in found) == [1, 2]


def test_checks_by_default_and_for_one_notebook(lake: Lake, tmp_path: Path) -> None:
    write(lake.table("dim_store"), store_key=[1, 1])
    write(lake.table("dim_date"), id=[1])
    write(lake.table("fact_sales"), id=[1])
    own = {"keys": ["store_key"], "columns": "widened", "blocking": ["keys"], "freshness_hours": 24}

    result = run(
        lake,
        source=shop(tmp_path / "w"),
        defaults={"checks": {"row_count": 0.2}},
        notebooks={"Load_DimStore": {"checks": own}, "Load_FactSales": {"checks": False}},
    )

    found = {
        (check.asset_key.to_user_string(), check.check_name): check.passed
        for check in result.get_asset_check_evaluations()
    }
    assert found == {
        ("DimStore", "unique_keys"): False,
        ("DimStore", "table_not_empty"): True,
        ("DimStore", "column_schema_change"): True,
        ("DimStore", "table_fresh"): True,
        ("DimDate", "table_not_empty"): True,
        ("DimDate", "row_count_in_bounds"): True,
    }
    assert not result.success  # a check that blocks has failed
    assert "FactSales" not in {
        e.asset_key.to_user_string() for e in result.get_asset_materialization_events()
    }


def test_default_checks_are_left_out_where_no_table_is_known(tmp_path: Path) -> None:
    workspace = shop(tmp_path / "w")
    write_notebook(workspace, "Load_Two", copy_table("landing.x", "two_a"), copy_table("landing.x", "two_b"))

    made = definitions(source=workspace, defaults={"checks": {}})

    checked = {
        key.asset_key.to_user_string() for checks in made.asset_checks or () for key in checks.check_keys
    }
    assert checked == {"DimStore", "DimDate", "FactSales"}
    assert "fabric/table" not in specs(made)["Two"].metadata


@pytest.mark.parametrize(
    ("text", "line", "key", "what"),
    [
        pytest.param("table: dim_store", 6, "Load_DimStore.table", "no name of a lakehouse table", id="name"),
        pytest.param("checks: {keys: []}", 0, "", "", id="fine"),
        pytest.param(
            "checks: {row_count: -1}", 6, "Load_DimStore.checks", "greater than or equal", id="share"
        ),
        pytest.param("checks: {blocking: [keys]}", 6, "Load_DimStore.checks", "'keys'", id="blocks-nothing"),
        pytest.param("checks: {colums: widened}", 6, "Load_DimStore.checks", "Extra inputs", id="slip"),
        pytest.param("checks: {not_empty: false}", 6, "Load_DimStore.checks", "no check is asked", id="none"),
    ],
)
def test_errors_name_file_line_and_key(tmp_path: Path, text: str, line: int, key: str, what: str) -> None:
    yaml = f"  source: ./workspace\n  notebooks:\n    Load_DimStore:\n      {text}\n"
    if not line:
        definitions(source=shop(tmp_path / "w"), notebooks={"Load_DimStore": {"checks": {"keys": []}}})
        return

    message = refusal(tmp_path, yaml)

    assert f"defs.yaml:{line}" in message, message
    assert key in message
    assert what in message


def test_checks_of_a_notebook_whose_table_is_not_known_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        dg.DagsterInvalidDefinitionError, match=r"notebooks\.X\.checks: it is not known which table"
    ):
        definitions(notebooks={"X": {"checks": {"keys": ["id"]}}})
    definitions(notebooks={"X": {"checks": {"not_empty": False, "row_count": 0.5}}})
